"""Flickr8k and Flickr30k: a token file, or the tables in which they are also handed on; split lists beside them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ingest.captioned import RELATIONS, SPLIT_WORDS, Asked, Captioned, captioned, picture_folder, source_of
from ingest.lines import read_lines
from ingest.records import BadSource, DataSet, Record, Skipped
from kgstore.images import ImageRoots
from kgstore.values import SPLITS

#: Names of the folder with Flickr's pictures, beside the token file or one folder above it.
PICTURES = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images", "flickr30k_images")

_SPLIT_LIST = re.compile(r"(?:.*[._-])?(train|dev|val|valid|test)_?(?:images)?\.txt\Z", re.IGNORECASE)
#: First lines of tables: what stands between columns, and how many there are.
_HEADERS = ((re.compile(r"image\w*,\s*caption\s*\Z"), ",", 2), (re.compile(r"image\w*\|\s*comment_number\|.*"), "|", 3))


@dataclass(frozen=True)
class _Line:
    """A caption as its line tells it; `number` is empty in a table that has none."""

    name: str
    number: str
    words: str


def token_file(path: Path) -> Path | None:
    """The file of captions that a path names or holds."""
    if path.is_file():
        return path
    patterns = ("*token*", "*/*token*", "captions.txt", "*/captions.txt", "results.csv", "*/results.csv")
    found = [file for pattern in patterns for file in sorted(path.glob(pattern)) if "lemma" not in file.name]
    return found[0] if found else None


def read_flickr(file: Path, pictures: Path | None, asked: Asked) -> DataSet:
    places = (file.parent, file.parent.parent)
    usual = next((place / name for place in places for name in PICTURES if (place / name).is_dir()), None)
    folder = picture_folder(pictures or usual, file)
    lists = _split_lists(file.parent)
    records = partial(_records, file, folder, _splits(lists), asked)
    return DataSet(source_of(asked, file, folder.parent), records, files=(file, *lists, folder))


def _split_lists(folder: Path) -> dict[Path, str]:
    matches = ((file, _SPLIT_LIST.match(file.name)) for file in sorted(folder.glob("*.txt")))
    return {file: SPLIT_WORDS[match[1].lower()] for file, match in matches if match}


def _splits(lists: dict[Path, str]) -> dict[str, str]:
    """Picture -> split; a picture in two lists keeps the more careful one (test)."""
    splits: dict[str, str] = {}
    for file, split in lists.items():
        names = (line.strip() for line in read_lines(file) if isinstance(line, str))
        for name in filter(None, names):
            splits[name] = max(split, splits.get(name, split), key=SPLITS.index)
    return splits


def _records(file: Path, folder: Path, splits: dict[str, str], asked: Asked) -> Iterator[Record]:
    yield from RELATIONS
    pictures: dict[str, Captioned] = {}
    for told, where in _lines(file):
        if isinstance(told, Skipped):
            yield told
        elif splits and told.name not in splits:
            yield Skipped("captions of a picture that is in no split list", where)
        elif splits.get(told.name, "train") not in asked.only:
            yield Skipped("captions of a split that was not asked for", where)
        elif not told.words:
            yield Skipped("captions without words", where)
        else:
            split = asked.split or splits.get(told.name, "train")
            reference = f"{asked.source}/{folder.name}/{told.name}"
            captions = pictures.setdefault(told.name, Captioned(told.name, reference, split)).captions
            key = f"{told.name}#{told.number or len(captions)}"
            if captions.setdefault(key, told.words) != told.words:
                yield Skipped("captions whose number another one bears", where)
    yield from captioned(pictures.values(), ImageRoots({asked.source: folder.parent}), asked)


def _lines(file: Path) -> Iterator[tuple[_Line | Skipped, str]]:
    first = next(iter(read_lines(file)), "")
    header = first.strip() if isinstance(first, str) else ""
    table = next(((mark, columns) for pattern, mark, columns in _HEADERS if pattern.match(header)), None)
    for number, row in enumerate(_rows(file, table[0]) if table else read_lines(file), 1):
        where = f"line {number}: {row!r}" if isinstance(row, bytes) else f"line {number}: {_shown(row)}"
        if isinstance(row, bytes):
            yield Skipped("lines that are not UTF-8", where), where
        elif isinstance(row, str):
            if row.strip():
                yield _token(row, where), where
        elif table and number > 1 and any(row):
            yield _row(row, table[1], where), where


def _rows(file: Path, mark: str) -> Iterator[list[str] | bytes]:
    broken: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in read_lines(file):
            if isinstance(line, str):
                yield line
            else:
                broken.append(line)

    try:
        # Only the table with commas quotes: in the other a quotation mark is one of the caption.
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if mark == "," else csv.QUOTE_NONE
        for row in csv.reader(lines(), delimiter=mark, skipinitialspace=True, quoting=quoting):
            yield from broken
            broken.clear()
            yield row
    except csv.Error as error:
        raise BadSource(f"{file} does not read as a table of captions ({error}).") from error
    yield from broken


def _token(line: str, where: str) -> _Line | Skipped:
    key, tab, words = line.partition("\t")
    name, mark, number = key.strip().rpartition("#")
    if not (tab and mark and name):
        return Skipped("lines that are not `NAME#k TAB caption`", where)
    return _Line(name, number, " ".join(words.split()))


def _row(row: list[str], columns: int, where: str) -> _Line | Skipped:
    cells = [" ".join(cell.split()) for cell in row]
    if len(cells) != columns or not cells[0]:
        return Skipped(f"rows that have not {columns} columns", where)
    return _Line(cells[0], cells[1] if columns == 3 else "", cells[-1])


def _shown(row: str | list[str]) -> str:
    return row if isinstance(row, str) else " | ".join(row)
