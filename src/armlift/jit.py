"""The one place where numba is configured, with types that survive it.

Compiled code is kept on disk. Numba tells stale code by the caller's file alone, although it holds the
callees' code too, so the folder is named after the sources of all compiled modules.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_COMPILED_PACKAGES = ("bandits", "simulation", "statistics")
_STALE_SECONDS = 24 * 3600.0  # younger folders may belong to a running process


def _cache_folder() -> str:
    """Folder for compiled code, made on the way; numba's own choice where the package is read-only."""
    package = Path(__file__).parent
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in _COMPILED_PACKAGES:
        for source in sorted((package / name).glob("*.py")):
            digest.update(source.read_bytes())
    shelf = package / "__pycache__"
    folder = shelf / f"compiled-{digest.hexdigest()[:16]}"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for other in shelf.glob("compiled-*"):
                if other.stat().st_mtime < time.time() - _STALE_SECONDS:
                    shutil.rmtree(other, ignore_errors=True)
    except OSError:
        return str(numba.config.CACHE_DIR)
    return str(folder) if os.access(folder, os.W_OK) else str(numba.config.CACHE_DIR)


_FOLDER = _cache_folder()


def _compile(function: Callable[_Arguments, _Result], **options: object) -> Callable[_Arguments, _Result]:
    before = numba.config.CACHE_DIR  # read at decoration, so other packages keep theirs
    numba.config.CACHE_DIR = _FOLDER
    try:
        compiled: Callable[_Arguments, _Result]
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


def jit(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile a function on first use, free of the interpreter's lock; the result is kept on disk.

    The function must not allocate arrays: numba's memory management is off, because counting references to
    arguments would cost more than the arithmetic of small functions.
    """
    return _compile(function, _nrt=False)


def jit_fusing(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `jit`, and free to multiply and add in one instruction, with one rounding instead of two."""
    return _compile(function, _nrt=False, fastmath={"contract"})


def jit_inlined(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `jit_fusing`, for functions that a call would slow down.

    They are arithmetic inside a loop that is to be vectorised, and functions that take tuples of many arrays,
    because a call copies every field of every array.
    """
    return _compile(function, _nrt=False, forceinline=True, fastmath={"contract"})


def jit_reordering(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `jit`, for functions whose sums may be taken in any order, which lets them be vectorised."""
    return _compile(function, _nrt=False, fastmath={"reassoc", "contract"})


def jit_allocating(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """As `jit`, for functions that allocate arrays."""
    return _compile(function)
