"""Conceptual Captions as it is handed out: `caption TAB url`, with or without a header, and what one downloaded.

A row's picture is the file anywhere in its folder whose name without ending is, in this order,
  000000012      the row's number from 0, a header not counted, with any zeros before it (img2dataset, 10,000 a shard)
  12_3735928559  that number and the CRC-32 of the url (DownloadConceptualCaptions)
  5d41402abc...  the MD5, SHA-1 or SHA-256 of the url
A row without one is dead: its link answered nothing. A server that answered with a page is counted apart.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ingest.captioned import RELATIONS, Asked, Captioned, captioned, picture_folder, source_of, split_of
from ingest.lines import read_lines
from ingest.records import BadSource, DataSet, Record, Skipped
from kgstore.images import ImageRoots

#: Names of the folder with the pictures beside the table, after its own name.
PICTURES = {"train": ("training", "train"), "valid": ("validation", "val", "valid"), "test": ("test",)}

_NO_PICTURES = (".json", ".txt", ".parquet", ".tsv", ".csv", ".gz", ".part")
_HEADER = ("caption", "url")


def cc3m_files(path: Path) -> list[Path]:
    """The tables that a path names or holds."""
    if path.is_file():
        return [path] if path.name.removesuffix(".gz").endswith(".tsv") else []
    return sorted([*path.glob("*.tsv"), *path.glob("*.tsv.gz")])


def read_cc3m(tables: list[Path], pictures: Path | None, asked: Asked) -> DataSet:
    """One table or several, whose pictures lie in folders beside each other."""
    files: list[tuple[Path, Path, str]] = []
    for table in tables:
        split = split_of(table.name) or "train"
        if split in asked.only:
            names = (_stem(table), *PICTURES[split], "images")
            usual = next((table.parent / name for name in names if (table.parent / name).is_dir()), None)
            files.append((table, picture_folder(pictures or usual, table), asked.split or split))
    if not files:
        raise BadSource(f"{tables[0].parent} holds no captions of {', '.join(asked.only)}: leave --only out.")
    folders = {folder for _, folder, _ in files}
    if len(folders) < len(files):
        raise BadSource("Rows of several tables cannot share a folder of pictures: load one table at a time.")
    if len({folder.parent for folder in folders}) > 1:
        raise BadSource("The pictures of these tables lie under different folders: load one table at a time.")
    path = tables[0] if len(tables) == 1 else tables[0].parent
    source = source_of(asked, path, files[0][1].parent)
    read = (*(file for file, _, _ in files), *sorted(folders))  # a picture that is missing may come later
    return DataSet(source, partial(_records, files, asked), files=read)


def _records(files: list[tuple[Path, Path, str]], asked: Asked) -> Iterator[Record]:
    yield from RELATIONS
    for table, folder, split in files:
        found = _pictures(folder)
        roots = ImageRoots({asked.source: folder.parent})
        row = -1
        for number, line in enumerate(read_lines(table), 1):
            where = f"{table.name}, line {number}: {line!r}"
            cells = [cell.strip() for cell in line.split("\t")] if isinstance(line, str) else []
            if number == 1 and tuple(cell.lower() for cell in cells) == _HEADER:
                continue
            row += 1
            if isinstance(line, bytes):
                yield Skipped("lines that are not UTF-8", where)
            elif len(cells) != 2 or not cells[1]:
                yield Skipped("lines that are not `caption TAB url`", where)
            elif not cells[0]:
                yield Skipped("captions without words", where)
            else:
                key, (caption, url) = f"{_stem(table)}/{row}", cells
                file = next((found[name] for name in _names(row, url) if name in found), "")
                reference = f"{asked.source}/{folder.name}/{file}" if file else ""
                yield from captioned(
                    [Captioned(key, reference, split, {key: " ".join(caption.split())})], roots, asked
                )


def _stem(table: Path) -> str:
    return table.name.removesuffix(".gz").removesuffix(".tsv")


def _pictures(folder: Path) -> dict[int | str, str]:
    """Number or name without ending -> path below the folder, for all that may be pictures."""
    found: dict[int | str, str] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if not name.lower().endswith(_NO_PICTURES):
                stem = name.partition(".")[0]
                key = int(stem) if stem.isascii() and stem.isdecimal() else stem
                found.setdefault(key, Path(place, name).relative_to(folder).as_posix())
    return found


def _names(row: int, url: str) -> Iterator[int | str]:
    told = url.encode()
    yield row
    yield f"{row}_{zlib.crc32(told)}"
    yield from (hashlib.new(name, told).hexdigest() for name in ("md5", "sha1", "sha256"))
