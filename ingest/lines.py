"""Text files as they lie on disks: plain or gzip, with lines that may not be UTF-8."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ingest.records import BadSource


def read_lines(path: Path, start: int = 0) -> Iterator[str | bytes]:
    """The lines with their ends; one that is not UTF-8 comes as its bytes. A byte order mark is dropped.

    With `start` from that byte on, where a line must begin. Raises BadSource for what is no file, or no whole gzip
    file.
    """
    with _opened(path) as lines:
        lines.seek(start)
        for number, line in enumerate(lines):
            try:
                yield line.decode("utf-8-sig" if start + number == 0 else "utf-8")
            except UnicodeDecodeError:
                yield line


def read_pieces(path: Path, size: int) -> Iterator[bytes]:
    """The file in pieces of whole lines, about `size` bytes each; the last line ends as the others do. A byte order
    mark is dropped. Raises BadSource as read_lines does."""
    with _opened(path) as file:
        held = [file.read(3).removeprefix(b"\xef\xbb\xbf")]
        while data := file.read(size):
            end = data.rfind(b"\n") + 1
            if end:
                yield b"".join((*held, data[:end]))
                held = []
            held.append(data[end:])
        if rest := b"".join(held):
            yield rest if rest.endswith(b"\n") else rest + b"\n"


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.is_dir():
        raise BadSource(f"{path} is a folder: give the file.")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(IO[bytes], file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(f"{path} is no whole gzip file ({error}): fetch it again.") from error
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror or error}. Give --path an existing file.") from error


def read_table(path: Path) -> dict[str, str]:
    """A file of `key TAB text`; the first text of a key counts, lines without a tab or a text are passed over."""
    table: dict[str, str] = {}
    for line in read_lines(path):
        if isinstance(line, str):
            key, _, text = line.partition("\t")
            if (text := " ".join(text.split())) and key.strip():
                table.setdefault(key.strip(), text)
    if not table:
        raise BadSource(f"{path} holds no line of the form `key TAB text`.")
    return table
