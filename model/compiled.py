"""Functions compiled to machine code, once for a machine."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numba
from numba.core import types

P = ParamSpec("P")
R = TypeVar("R")

#: Types of arguments. Arrays may be mapped read-only, and are then not written to.
INT = types.int64
WORD = types.uint64
INTS = types.Array(types.int64, 1, "C", readonly=True)
SHORT_INTS = types.Array(types.int32, 1, "C", readonly=True)
FLOATS = types.Array(types.float32, 1, "C", readonly=True)
DOUBLES = types.Array(types.float64, 1, "C", readonly=True)


def compiled(*arguments: types.Type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function over arguments of these types, compiled at its first call and never for other types.

    The machine code is kept beside the source, else in the user's cache folder, so that another process only loads it;
    where neither can be written, as in a read-only installation without a home, each process compiles for itself.
    It runs without the interpreter's lock, so threads run it side by side.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        plain = inspect.unwrap(function)  # a test run wraps functions to check their signatures
        made: list[Callable[P, R]] = []
        making = threading.Lock()

        @wraps(plain)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not made:
                with making:
                    if not made:
                        made.append(_compile(plain, arguments))
            return made[0](*args, **kwargs)

        return call

    return decorate


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A function that compiled ones call; it becomes part of them."""
    dispatcher: Callable[P, R] = numba.njit(nogil=True)(inspect.unwrap(function))
    return dispatcher


def _compile(function: Callable[P, R], arguments: tuple[types.Type, ...]) -> Callable[P, R]:
    ready: Any
    try:
        ready = numba.njit([arguments], nogil=True, cache=True)(function)
    except (RuntimeError, OSError) as error:
        if isinstance(error, RuntimeError) and "no locator" not in str(error):
            raise
        ready = numba.njit([arguments], nogil=True)(function)
    return ready
