"""Pictures in folders of classes: which synset each shows, in which split it is, and the object's box where it is told.

  train/n01443537/images/n01443537_0.JPEG   a folder named by a wnid (tiny-imagenet, ImageNet, imagenet-mini)
  n01440764_tench.JPEG                      a name that begins with one, where no folder does
  val/images/val_0.JPEG                     a line of val/val_annotations.txt: `name TAB wnid TAB x1 y1 x2 y2`

The split is that of the outermost folder called train, val, valid, dev or test; without one all is for training.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.lines import read_lines
from ingest.records import Skipped
from ingest.synsets import WNID

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif")

_SPLITS = {"train": "train", "val": "valid", "valid": "valid", "dev": "valid", "test": "test"}
_NAMED = re.compile(r"([nvar]\d{8})(?:[_.-]|\Z)")


class ClassPicture(NamedTuple):
    """A picture of a class; `file` is its path below the folder, `words` what its name says beside the wnid."""

    file: str
    wnid: str
    split: str
    words: str = ""
    box: tuple[int, int, int, int] | None = None  # left, top, right, bottom; the last two belong to it

    @property
    def boxed(self) -> str:
        """The file, as its box alone where there is one."""
        if self.box is None:
            return self.file
        left, top, right, bottom = self.box
        return f"{self.file}#xywh={left},{top},{right - left + 1},{bottom - top + 1}"


class _Annotation(NamedTuple):
    wnid: str
    box: tuple[int, int, int, int] | None


def class_pictures(folder: Path) -> Iterator[ClassPicture | Skipped]:
    """All pictures below a folder, by path; a file that is no picture is passed over."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        below = Path(place).relative_to(folder).as_posix()
        parts = () if below == "." else tuple(below.split("/"))
        split = next((_SPLITS[part.lower()] for part in parts if part.lower() in _SPLITS), "train")
        of_folder = next((part for part in reversed(parts) if WNID.match(part)), "")
        pictures = [name for name in sorted(files) if name.lower().endswith(SUFFIXES)]
        annotations: dict[str, _Annotation] = {}
        if pictures:
            for told in _annotations(Path(place), folder):
                if isinstance(told, Skipped):
                    yield told
                else:
                    annotations[told[0]] = told[1]
        for name in pictures:
            file = name if not parts else f"{below}/{name}"
            annotation = annotations.get(name)
            named = _NAMED.match(name)
            wnid = of_folder or (annotation.wnid if annotation else "") or (named[1] if named else "")
            if wnid:
                yield ClassPicture(file, wnid, split, _words(name), annotation.box if annotation else None)
            else:
                yield Skipped("pictures without a wnid", file)


def _annotations(place: Path, top: Path) -> Iterator[tuple[str, _Annotation] | Skipped]:
    """What the text files beside the pictures, or one folder above them, tell of them by name."""
    folders = (place, place.parent) if place != top else (place,)
    files = [file for each in folders for file in (*each.glob("*annotations.txt"), *each.glob("*_boxes.txt"))]
    for file in sorted(files):
        of_file = _NAMED.match(file.name)
        for number, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            where = f"{file.name}, line {number}: {line!r}"
            columns = line.split() if isinstance(line, str) else []
            wnid = columns.pop(1) if len(columns) in (2, 6) else of_file[1] if of_file else ""
            if not columns or not WNID.match(wnid):
                yield Skipped("lines of annotations that name no picture and wnid", where)
                continue
            box = _box(columns[1:])
            if box is None and len(columns) > 1:
                yield Skipped("boxes that are empty or no four whole numbers", where)
            yield columns[0], _Annotation(wnid, box)


def _box(columns: list[str]) -> tuple[int, int, int, int] | None:
    """A box hangs over the left and upper edge no more; the picture cuts it at the others."""
    try:
        left, top, right, bottom = map(int, columns)
    except ValueError:
        return None
    left, top = max(left, 0), max(top, 0)
    return (left, top, right, bottom) if left <= right and top <= bottom else None


def _words(name: str) -> str:
    """`great white shark` of `n01484850_great_white_shark.JPEG`; numbers are no words."""
    parts = re.split(r"[_\s]+", _NAMED.sub("", name.rpartition(".")[0]))
    return " ".join(part for part in parts if not re.search(r"\d", part)).strip()
