"""The one place where numba is configured, with types that survive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def jit(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile a function on first use, free of the interpreter's lock; the result is kept on disk.

    The function must not allocate arrays: numba's memory management is off, because counting references to
    arguments would cost more than the arithmetic of small functions.
    """
    compiled: Callable[_Arguments, _Result]
    compiled = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    return compiled


def jit_allocating(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `jit`, for functions that allocate arrays."""
    compiled: Callable[_Arguments, _Result]
    compiled = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
