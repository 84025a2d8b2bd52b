"""Visual Relationship Detection (VRD): pictures with objects of 100 classes and 70 predicates between them.

Source: Visual Relationship Detection with Language Priors (Lu et al. 2016). Licence: research use only, pictures with
their photographers (Flickr). To get it: from the authors' project page, annotations and pictures apart. `--path` is the
folder with annotations_train.json and annotations_test.json (or one of them), objects.json and predicates.json, and
with the pictures in sg_train_images/ and sg_test_images/, also below sg_dataset/. Whatever begins with
annotations_train or annotations_test is read; the name gives the split.

The annotations list {predicate, subject, object} for a picture's file, by numbers in the other two files; a box is
[ymin, ymax, xmin, xmax], counted from 1, both ends inside. An object has no number: what has the same class and the
same box in a picture is the same.

Entities   image `vrd:image/NAME.jpg`; region `vrd:region/NAME.jpg/person/481,356,374,463`, the crop of its box (x, y,
           width, height, from 0); concept `vrd:class/person`
Relations  region PART_OF image, region DEPICTS class, and the predicates between regions (NEXT_TO, WEAR, ...)
Left out   relations whose numbers have no name, objects whose box holds no pixel of the picture, relations of an object
           to itself
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ingest.json_stream import elements, members
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from ingest.regions import Size, clipped, crop, picture_size
from kgstore.images import Box
from kgstore.values import COMMON_TYPE, SPLITS, Entity, Relation, Triple, relation_type

HELP = "Visual Relationship Detection: objects and predicates between them, with their pictures"

RELATIONS = (Relation("PART_OF", "part of"), Relation("DEPICTS", "depicts"))

#: Where pictures may lie below the image root.
FOLDERS = ("sg_train_images", "sg_test_images", "sg_dataset/sg_train_images", "sg_dataset/sg_test_images", "images", "")

_ANNOTATIONS = re.compile(r"annotations_(train|test)\b.*\.json(\.gz|\.zip)?\Z")


class Picture(NamedTuple):
    file: str
    reference: str
    size: Size
    split: str


class Object(NamedTuple):
    name: str
    box: Box


class Names(NamedTuple):
    classes: tuple[str, ...]
    predicates: tuple[str, ...]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="DIR", help="the folder, or one annotations file")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="the folder above sg_train_images (--path)")
    parser.add_argument("--source", default="vrd", metavar="NAME", help="what to call it in the graph (%(default)s)")
    parser.add_argument("--only", choices=("train", "test"), help="load one of the two files")
    parser.add_argument("--split", choices=SPLITS, help="give all pictures this split (by the file's name)")


def from_options(options: argparse.Namespace) -> DataSet:
    return read_vrd(options.path, options.source, pictures=options.pictures, only=options.only, split=options.split)


def read_vrd(
    path: Path,
    source: str = "vrd",
    *,
    pictures: Path | None = None,
    only: str | None = None,
    split: str | None = None,
) -> DataSet:
    if not path.exists():
        raise BadSource(f"{path} does not exist: give --path the folder with annotations_train.json.")
    folder = path if path.is_dir() else path.parent
    files: dict[Path, str] = {}
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if (match := _ANNOTATIONS.match(file.name)) and only in (None, match[1]):
            files[file] = split or match[1]
    if not files:
        raise BadSource(f"{path} holds no annotations_train.json or annotations_test.json: give --path their folder.")
    root = (pictures or folder).resolve()
    if not root.is_dir():
        raise BadSource(f"{root} is no folder: say by --pictures which one holds sg_train_images.")
    words = (folder / "objects.json", folder / "predicates.json")
    names = Names(*(_names(file) for file in words))
    mark = data_source(source, path, (only, split), image_root=str(root))
    return DataSet(mark, partial(_records, files, names, source, root), files=(*words, *files))


def _names(file: Path) -> tuple[str, ...]:
    found = list(elements(file))
    names = tuple(" ".join(name.split()) for name in found if isinstance(name, str))
    if not names or len(names) != len(found) or not all(names):
        raise BadSource(f"{file} is no list of names: it numbers VRD's objects or predicates.")
    return names


def _records(files: dict[Path, str], names: Names, source: str, root: Path) -> Iterator[Record]:
    yield from RELATIONS
    types = {predicate: relation_type(predicate) for predicate in names.predicates}
    yield from (Relation(type_, predicate) for predicate, type_ in types.items() if type_ != COMMON_TYPE)
    for name in names.classes:
        yield Entity(_class_id(source, name), "concept", name, (name,), sources=(source,))
    for part, split in files.items():
        for file, relations in members(part):
            if not file or "/" in file or not isinstance(relations, list):
                yield Skipped("entries that are no picture with a list of relations", json.dumps({file: relations}))
                continue
            picture = _picture(file, source, root, split)
            yield Entity(f"{source}:image/{file}", "image", file, (), (picture.reference,), (source,), split)
            yield from _relations(relations, picture, names, types, source)


def _picture(file: str, source: str, root: Path, split: str) -> Picture:
    usual = "sg_test_images" if split == "test" else "sg_train_images"
    places = [f"{folder}/{file}".lstrip("/") for folder in FOLDERS]
    place = next((place for place in places if (root / place).is_file()), f"{usual}/{file}")
    return Picture(file, f"{source}/{place}", picture_size(root / place), split)


def _relations(
    relations: list[object], picture: Picture, names: Names, types: dict[str, str], source: str
) -> Iterator[Record]:
    told: set[Object] = set()
    for relation in relations:
        found = relation if isinstance(relation, dict) else {}
        example = f"{picture.file}: {json.dumps(relation)}"
        predicate = _name(found.get("predicate"), names.predicates)
        subject, object_ = (_object(found.get(end), names) for end in ("subject", "object"))
        for end in (subject, object_):
            if end and end not in told and clipped(end.box, picture.size):
                told.add(end)
                yield from _region(end, picture, source)
        if predicate is None or subject is None or object_ is None:
            yield Skipped("relations whose predicate, class or box is not what the format says", example)
        elif not all(clipped(end.box, picture.size) for end in (subject, object_)):
            yield Skipped("relations of an object whose box holds no pixel of the picture", example)
        elif subject == object_:
            yield Skipped("relations of an object to itself", example)
        else:
            head, tail = (_region_id(end, picture, source) for end in (subject, object_))
            type_ = types[predicate]
            words = predicate if type_ == COMMON_TYPE else ""
            yield Triple(head, type_, tail, words, sources=(source,), split=picture.split)


def _region(end: Object, picture: Picture, source: str) -> Iterator[Record]:
    id = _region_id(end, picture, source)
    place = clipped(end.box, picture.size) or end.box
    yield Entity(id, "region", end.name, (), (crop(picture.reference, place),), (source,), picture.split)
    yield Triple(id, "PART_OF", f"{source}:image/{picture.file}", sources=(source,), split=picture.split)
    yield Triple(id, "DEPICTS", _class_id(source, end.name), sources=(source,), split=picture.split)


def _object(entry: object, names: Names) -> Object | None:
    """The class and the box of an end; None where they are not as the format says."""
    found = entry if isinstance(entry, dict) else {}
    name, sides = _name(found.get("category"), names.classes), found.get("bbox")
    if name is None or not isinstance(sides, list) or len(sides) != 4:
        return None
    if not all(isinstance(side, int | float) and not isinstance(side, bool) for side in sides):
        return None
    top, bottom, left, right = (round(side) for side in sides)
    return Object(name, Box(left - 1, top - 1, right - left + 1, bottom - top + 1))


def _name(number: object, names: tuple[str, ...]) -> str | None:
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(names):
        return names[number]
    return None


def _region_id(end: Object, picture: Picture, source: str) -> str:
    """By the box as the file has it, whether the picture is there to clip it or not."""
    return f"{source}:region/{picture.file}/{end.name.replace(' ', '_')}/{','.join(map(str, end.box))}"


def _class_id(source: str, name: str) -> str:
    return f"{source}:class/{name.replace(' ', '_')}"
