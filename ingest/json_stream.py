"""JSON files of any size, an element at a time: plain, gzip, or in a zip as they are fetched."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ijson

from ingest.records import BadSource

#: Ends of the names of files that can be read.
ENDINGS = (".json", ".json.gz", ".json.zip")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PEEKED = 512


def elements(path: Path) -> Iterator[object]:
    """The elements of the list that the file holds; memory for one at a time. Raises BadSource."""
    with _opened(path, b"[", "list") as file:
        yield from ijson.items(file, "item", use_float=True)


def members(path: Path) -> Iterator[tuple[str, object]]:
    """Keys and values of the object that the file holds; memory for one at a time. Raises BadSource."""
    with _opened(path, b"{", "object") as file:
        yield from ijson.kvitems(file, "", use_float=True)


@contextmanager
def _opened(path: Path, begins: bytes, what: str) -> Iterator[IO[bytes]]:
    try:
        with _unpacked(path) as file:
            if file.peek(_PEEKED).startswith(_BYTE_ORDER_MARK):
                file.read(len(_BYTE_ORDER_MARK))
            if not file.peek(_PEEKED).lstrip().startswith(begins):
                raise BadSource(f"{path} does not hold a JSON {what}: is it the right file?")
            yield file
    except ijson.JSONError as error:
        reason = " ".join(str(error).split())[:200]
        raise BadSource(f"{path} is no whole JSON file in UTF-8 ({reason}): fetch it again.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise BadSource(f"{path} is no whole {path.suffix[1:]} file ({error}): fetch it again.") from error
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[Any]:  # three classes of files that share read() and peek()
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            yield file
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith(".json")), None)
            if name is None:
                raise BadSource(f"{path} holds no .json file: fetch it again.")
            with archive.open(name) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file
