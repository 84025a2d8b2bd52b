"""Visual Genome as its files spell it, in both published versions: from JSON to objects, boxes and numbers."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ingest.records import BadSource
from kgstore.images import Box

#: What the files are called, without version and ending, in the order in which they are read.
KINDS = ("image_data", "objects", "scene_graphs", "attributes", "relationships", "region_descriptions")

#: Lists of an entry whose elements may name the picture.
INNER = ("regions", "objects", "attributes", "relationships")

_FILE = re.compile(rf"({'|'.join(KINDS)})(?:_v\d[\d_.]*)?\.json(?:\.gz|\.zip)?\Z")
_SYNSET = re.compile(r"\S+\.[a-z]\.\d+\Z")


class Thing(NamedTuple):
    """An object of a picture. `box` is None where there is none in numbers."""

    id: int
    names: tuple[str, ...]
    synsets: tuple[str, ...]
    attributes: tuple[str, ...]
    box: Box | None
    merged: tuple[int, ...]


class Statement(NamedTuple):
    """A relationship; ends and predicate as the file has them, an end None where it has none."""

    subject: int | None
    predicate: object
    object: int | None


def find_files(path: Path) -> dict[str, Path]:
    """Kind -> file: what lies in the folder, or in a folder in it; a plain file rather than a packed one."""
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = sorted(path.iterdir()) if _named(path.iterdir()) else sorted(path.glob("*/*.json*"))
    else:
        raise BadSource(f"{path} does not exist: give --path the folder with Visual Genome's JSON files.")
    files = _named(found)
    if not set(files) - {"image_data"}:
        raise BadSource(f"{path} holds none of {', '.join(f'{kind}.json' for kind in KINDS[1:])}: give --path another.")
    if len(folders := {file.parent for file in files.values()}) > 1:
        shown = ", ".join(sorted(str(folder) for folder in folders))
        raise BadSource(f"Files of Visual Genome lie in several folders ({shown}): give --path the one to load.")
    return {kind: files[kind] for kind in KINDS if kind in files}


def _named(files: Any) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (file.parent, len(file.name))):
        if match := _FILE.match(file.name):
            named.setdefault(match[1], file)
    return named


def listed(entry: object, *keys: str) -> list[object]:
    """The list below the first of the keys that has one."""
    found = entry if isinstance(entry, dict) else {}
    return next((found[key] for key in keys if isinstance(found.get(key), list)), [])


def image_number(entry: object) -> int | None:
    """The picture that an entry is about. Where it does not say so itself, what it holds does."""
    found = entry if isinstance(entry, dict) else {}
    told = [number(found, "image_id", "image", "id"), number(found.get("image"), "image_id", "id")]
    inner = (number(one, "image_id", "image") for key in INNER for one in listed(found, key))
    return next((one for one in chain(told, inner) if one is not None), None)


def image_file(entry: object) -> str:
    """The name of the picture's file where an entry gives it or its address; otherwise empty."""
    found = entry if isinstance(entry, dict) else {}
    told = (found.get(key) for key in ("image_url", "url", "file_name", "image"))
    return next((one.split("?")[0].rpartition("/")[2] for one in told if isinstance(one, str)), "")


def number(entry: object, *keys: str) -> int | None:
    """The whole number below the first of the keys that has one, also where it is written as a text."""
    found = entry if isinstance(entry, dict) else {}
    for key in keys:
        value = found.get(key)
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip()):
            return int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
            return int(value)
    return None


def box(entry: object) -> Box | None:
    """x, y and the size, outwards to whole pixels; it may lie anywhere."""
    found = entry if isinstance(entry, dict) else {}
    told = [found.get("x"), found.get("y"), found.get("w", found.get("width")), found.get("h", found.get("height"))]
    sides = [side for side in told if isinstance(side, int | float) and not isinstance(side, bool) and abs(side) < 1e9]
    if len(sides) < 4:
        return None
    x, y, width, height = sides
    left, top = math.floor(x), math.floor(y)
    return Box(left, top, math.ceil(x + width) - left, math.ceil(y + height) - top)


def thing(entry: object) -> Thing | None:
    """The object of an entry, or the one that an entry of attributes is about; None where it bears no number."""
    told = entry if isinstance(entry, dict) else {}
    own = _bearer(told)
    id = number(own, "object_id", "id")
    if id is None:
        return None
    merged = (number({"id": other}, "id") for other in listed(own, "merged_object_ids"))
    attributes = [one for key in ("attributes", "attribute") for one in _texts(told.get(key), "attribute", "name")]
    return Thing(
        id,
        words([one for key in ("names", "name", "object_names", "object_name") for one in _texts(own.get(key))]),
        synsets(own.get("synsets")),
        words(attributes),
        box(own) or box(told),
        tuple(other for other in merged if other is not None),
    )


def _bearer(entry: dict[str, Any]) -> dict[str, Any]:
    """The object that an entry of attributes is about: the entry itself, or its `subject`, an object or a number; then
    the entry's own number and synsets are the attribute's."""
    subject = entry.get("subject")
    if isinstance(subject, dict):
        return subject
    if (id := number(entry, "subject", "subject_id")) is None:
        return entry
    return {key: value for key, value in entry.items() if key not in ("id", "synsets")} | {"object_id": id}


def _texts(value: object, *keys: str) -> list[object]:
    """One value or a list of them; of an object, what stands below the first of the keys that it has."""
    values = value if isinstance(value, list) else [value]
    return [next((one[key] for key in keys if key in one), None) if isinstance(one, dict) else one for one in values]


def words(value: object) -> tuple[str, ...]:
    """Distinct words in lower case with single blanks, from a text or a list of texts."""
    texts = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(w for text in texts if isinstance(text, str) and (w := " ".join(text.lower().split()))))


def synsets(value: object) -> tuple[str, ...]:
    """Names such as `dog.n.01`, from a list, a text that holds a list, one name, or nothing."""
    texts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    names = (re.sub(r"^u?['\"]|['\"]$", "", text.strip(" []\t\n")) for text in texts if isinstance(text, str))
    return tuple(dict.fromkeys(name for name in names if _SYNSET.match(name)))


def statements(entry: object) -> Iterator[Statement]:
    """The relationships of an entry, with their ends by number or as objects."""
    for found in listed(entry, "relationships"):
        told = found if isinstance(found, dict) else {}
        ends = [
            number(told, f"{end}_id") if f"{end}_id" in told else number(told.get(end), "object_id", "id")
            for end in ("subject", "object")
        ]
        yield Statement(ends[0], told.get("predicate"), ends[1])


class Merged:
    """Which object another was merged into: 16 bytes each, since the published files merge a million."""

    def __init__(self) -> None:
        self._old, self._new = array("q"), array("q")

    def add(self, pairs: dict[int, int]) -> None:
        """They count from the next `settle` on."""
        self._old.extend(pairs.keys())
        self._new.extend(pairs.values())

    def settle(self) -> None:
        order = sorted(range(len(self._old)), key=self._old.__getitem__)
        self._old, self._new = (array("q", [column[at] for at in order]) for column in (self._old, self._new))

    def __getitem__(self, id: int) -> int:
        at = bisect_left(self._old, id)
        return self._new[at] if at < len(self._old) and self._old[at] == id else id


def merges(things: list[Thing]) -> dict[int, int]:
    """Which object of a picture was merged into which, followed to the end; a circle is cut."""
    into = {old: found.id for found in things for old in found.merged if old != found.id}
    followed: dict[int, int] = {}
    for old in into:
        seen, new = {old}, into[old]
        while new in into and new not in seen:
            seen.add(new)
            new = into[new]
        if new not in seen:
            followed[old] = new
    return followed
