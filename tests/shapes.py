"""What the test run checks at every call of a hooked module: the shapes and types of its signature.

conftest.py hands `checked` to jaxtyping's import hook, with the modules that are hooked.
"""

from __future__ import annotations

import re
from typing import Any

from beartype import BeartypeConf, beartype

#: An int may stand where a float is asked for, as for mypy.
_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))

#: A whole number will do for a float, as it does for mypy.
_beartyped = beartype(conf=BeartypeConf(is_pep484_tower=True))

_SELF = re.compile(r"\bSelf\b")


def checked(function: Any) -> Any:
    """The function with its signature checked, by beartype; one that speaks of Self is left as it is.

    jaxtyping hands over methods one by one, and beartype understands Self only when it sees their class.
    """
    if any(_SELF.search(str(hint)) for hint in getattr(function, "__annotations__", {}).values()):
        return function
    return _CHECK(function)
