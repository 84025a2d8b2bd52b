"""What the test run checks at every call of a hooked module: the shapes and types of arrays in its signature.

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

_ARRAY = re.compile(r"\b(ndarray|Tensor)\b")
_SELF = re.compile(r"\bSelf\b")


def checked(function: Any) -> Any:
    """The function with its signature checked, by beartype, if arrays stand in it.

    One that speaks of Self is left as it is: jaxtyping hands over methods one by one, and beartype understands Self
    only when it sees their class.
    """
    hints = " ".join(str(hint) for hint in getattr(function, "__annotations__", {}).values())
    return _beartyped(function) if _ARRAY.search(hints) and not _SELF.search(hints) else function
