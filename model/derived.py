"""Arrays made from a projection, kept in its folder and mapped from then on by every process that needs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kgstore.errors import BadProjection
from kgstore.projection import Projection

Arrays = Mapping[str, np.ndarray]

#: Raised whenever some such arrays change their meaning; those of another format are made anew.
_FORMAT = 1


def derived(projection: Projection, name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of that name, made if they are not there. Where the folder cannot be written they stay in memory."""
    directory = projection.directory / f"{name}-{_FORMAT}-{projection.fingerprint}"
    if not directory.is_dir():
        arrays = make()
        if not _kept(directory, arrays):
            return arrays
    return {path.stem: mapped(path) for path in _files(directory)}


def mapped(path: Path) -> np.ndarray:
    """The array in a file, read-only. Raises BadProjection where it was cut short, as by a power cut."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadProjection(f"{path} is incomplete ({error}); remove {path.parent}, and it is made again.") from error
    return array.view(np.ndarray)


def _kept(directory: Path, arrays: Arrays) -> bool:
    aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name, array in arrays.items():
            np.save(aside / f"{name}.npy", array, allow_pickle=False)
        if not directory.is_dir():  # another process may have been faster
            aside.rename(directory)
    except OSError:
        pass
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return directory.is_dir()


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.npy"))
