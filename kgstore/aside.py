"""A folder in which a write or a load sets records aside, and which a later one takes away if this one is killed."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "knowledge-clip-aside-"
#: A folder is made a moment before it is locked: one so young belongs to somebody.
_YOUNG = 60.0


@contextmanager
def folder_aside() -> Iterator[Path]:
    """An empty folder below the system's for temporary files (TMPDIR names another one), gone at the end."""
    _clear(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _clear(place: Path) -> None:
    """Takes away what killed processes have left: the system lets go of a lock whatever ends the process."""
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG:
                continue
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody else's, in use, or gone meanwhile
            continue
        shutil.rmtree(folder, ignore_errors=True)
