"""One process owns an embedded file: an advisory lock beside it, which says who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kgstore.errors import StoreBusy, StoreUnavailable


class FileLock:
    """Held from the making to close(); the system frees it when the process ends, however it ends."""

    def __init__(self, path: Path, what: Path) -> None:
        try:
            self._file = path.open("a+")
        except OSError as error:
            raise StoreUnavailable(
                f"{what} cannot be opened: {error.strerror}. Give a path in a folder that exists "
                "and that you may write to."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise StoreBusy(f"{what} is in use by {holder}; close that first, or use another path.") from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}")
        self._file.flush()

    def close(self) -> None:
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
