"""What the files of a source held when they were read: by that an unchanged one is recognised, and one that grew."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ingest.records import BadSource, DataSet
from kgstore.values import Source

#: Raised when a load comes to write something else of the same records.
LOAD_FORMAT = 1
_PIECE = 2**22


@dataclass(frozen=True)
class Content:
    """The files of a data set. `digest` is empty where it names none; `grown` where only lines were added since."""

    digest: str
    bytes: int = 0
    grown: bool = False


def content_of(data: DataSet, mark: Source | None = None, *, progress: bool = True) -> Content:
    """Reads all bytes of the files once. `mark` says what they held at an earlier load, for `grown`.

    Raises BadSource for a file that cannot be read.
    """
    if not data.files:
        return Content("")
    try:
        sizes = [0 if file.is_dir() else file.stat().st_size for file in data.files]
        with tqdm(
            total=sum(sizes), desc="comparing the files", unit="B", unit_scale=True, leave=False, disable=not progress
        ) as bar:
            before = mark.bytes if mark and 0 < mark.bytes < sizes[0] else 0
            first, prefix = _first(data.files[0], before, bar)
            others = _others(data.files[1:], bar)
    except OSError as error:
        raise BadSource(f"{error.filename} cannot be read: {error.strerror or error}.") from error
    grown = bool(prefix and mark and mark.digest == _digest(data, prefix, others))
    return Content(_digest(data, first, others), sizes[0], grown)


def _digest(data: DataSet, first: str, others: str) -> str:
    """The path at its end holds a digest of the options that choose records."""
    options = data.source.path.rpartition(" ")[2]
    return hashlib.sha256(f"{LOAD_FORMAT} {data.format} {options} {first} {others}".encode()).hexdigest()[:32]


def _first(file: Path, before: int, bar: tqdm[Any]) -> tuple[str, str]:
    """The hashes of the whole file, and of its first `before` bytes if a line ends there."""
    hashed, prefix, read = hashlib.sha256(), "", 0
    for piece in _pieces(file, before):
        hashed.update(piece)
        read += len(piece)
        if read == before and piece.endswith(b"\n"):
            prefix = hashed.hexdigest()
        bar.update(len(piece))
    return hashed.hexdigest(), prefix


def _others(files: Sequence[Path], bar: tqdm[Any]) -> str:
    """A file that has moved together with the others is the same: its name counts, its folder does not."""
    hashed = hashlib.sha256()
    for file in files:
        own = hashlib.sha256()
        for piece in _pieces(file):
            own.update(piece)
            bar.update(len(piece))
        hashed.update(f"{file.name}\n{own.hexdigest()}\n".encode())
    return hashed.hexdigest()


def _pieces(file: Path, cut: int = 0) -> Iterator[bytes]:
    """The bytes of a file, one piece ending at `cut`; of a folder the names and sizes of the files below it."""
    if file.is_dir():
        for folder, folders, names in os.walk(file):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                yield os.fsencode(f"{path.relative_to(file)} {path.stat().st_size}\n")
        return
    with file.open("rb") as stream:
        while piece := stream.read(min(_PIECE, cut - stream.tell()) if stream.tell() < cut else _PIECE):
            yield piece
