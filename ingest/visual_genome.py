"""Visual Genome: pictures with scene graphs, attributes, WordNet synsets and described regions.

Source: Visual Genome (Krishna et al. 2017), versions 1.0 to 1.4. Licence: annotations CC BY 4.0, pictures with their
photographers (Flickr). To get it: from the project's downloads page. `--path` is a folder with any of
image_data.json, objects.json, scene_graphs.json, attributes.json, relationships.json and region_descriptions.json (also
packed, .json.zip or .json.gz, and with a version: objects_v1_2.json), and with the pictures in VG_100K/ and
VG_100K_2/ or images/. A file that should not be loaded is named by --without.

Entities   image `vg:image/2410077`; region `vg:1058549`, an object as the crop of its box; region `vg:region/1382` and
           phrase `vg:phrase/1382`, a described region and its words; concepts: `vg:synset/dog.n.01`, `vg:name/bike`,
           `vg:attribute/red`
Relations  region PART_OF image, IS_A synset, DEPICTS name, HAS_ATTRIBUTE attribute; described region IMAGE_OF phrase,
           phrase CAPTION_OF region; and predicates between regions. A predicate that occurs --type-count times is a
           type of its own (WEARS, ON_TOP_OF), a rarer one keeps its words under RELATED_BY_WORDS; what an earlier load
           decided stays. In Cypher, [:`ON`], [:`IN`] and [:`WITH`] need their backticks.
           `python -m ingest link` joins the synsets to WordNet's entities.

The first of objects, scene_graphs, attributes and relationships that holds a picture says which objects it has, and
where; objects that were merged are one. Boxes are clipped to their picture.
Left out   objects and regions whose box holds no pixel of the picture, relationships of an object to itself
Memory does not grow with the files but for some hundred bytes a picture and 16 bytes for each merged object.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ingest.json_stream import elements
from ingest.lines import read_lines
from ingest.predicates import Decided, Vocabulary, candidate, decide, spelled
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from ingest.regions import Size, clipped, crop, picture_size
from ingest.visual_genome_files import (
    KINDS,
    Merged,
    Statement,
    Thing,
    box,
    find_files,
    image_file,
    image_number,
    listed,
    merges,
    number,
    statements,
    thing,
)
from kgstore.images import Box
from kgstore.values import SPLITS, Entity, Relation, Triple

HELP = "Visual Genome: scene graphs, attributes, synsets and region descriptions with their pictures"

RELATIONS = (
    Relation("PART_OF", "part of"),
    Relation("IS_A", "is a"),
    Relation("DEPICTS", "depicts"),
    Relation("HAS_ATTRIBUTE", "has the attribute"),
    Relation("IMAGE_OF", "image of"),
    Relation("CAPTION_OF", "caption of"),
)

TYPE_COUNT = 100

#: Where pictures may lie below the image root.
FOLDERS = ("VG_100K", "VG_100K_2", "images", "images/VG_100K", "images/VG_100K_2", "")

#: So many concepts are remembered as told; then they are told again, which changes nothing.
REMEMBERED = 100_000


class HeldOut(NamedTuple):
    """The pictures that are for tests, by Visual Genome's numbers and by COCO's."""

    images: frozenset[int] = frozenset()
    coco: frozenset[int] = frozenset()


class Picture(NamedTuple):
    id: str
    reference: str
    size: Size
    split: str


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="DIR", help="the folder of the JSON files, or one")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="the folder above VG_100K or images (--path)")
    parser.add_argument("--source", default="vg", metavar="NAME", help="what to call it in the graph (%(default)s)")
    parser.add_argument(
        "--type-count", type=int, default=TYPE_COUNT, metavar="N", help="of a predicate with a type (%(default)s)"
    )
    parser.add_argument("--without", action="append", default=[], choices=KINDS, help="leave a file out; repeatable")
    parser.add_argument("--split", choices=SPLITS, default="train", help="of all pictures (%(default)s)")
    parser.add_argument(
        "--test",
        type=Path,
        metavar="FILE",
        help="pictures to hold out: their numbers, one a line, or a COCO annotation file whose pictures are meant",
    )


def from_options(options: argparse.Namespace) -> DataSet:
    return read_visual_genome(
        options.path,
        options.source,
        pictures=options.pictures,
        type_count=options.type_count,
        without=options.without,
        split=options.split,
        test=options.test,
    )


def read_visual_genome(
    path: Path,
    source: str = "vg",
    *,
    pictures: Path | None = None,
    type_count: int = TYPE_COUNT,
    without: Collection[str] = (),
    split: str = "train",
    test: Path | None = None,
) -> DataSet:
    files = {kind: file for kind, file in find_files(path).items() if kind not in without}
    if not files:
        raise BadSource(f"Nothing of {path} is left: leave --without out.")
    root = pictures or (path if path.is_dir() else path.parent)
    if not root.is_dir():
        raise BadSource(f"{root} is no folder: say by --pictures which one holds VG_100K or images.")
    held_out = HeldOut() if test is None else _held_out(test)
    reader = _Reader(files, source, root.resolve(), split, held_out)
    mark = data_source(source, path, (sorted(files), type_count, split, test), image_root=str(root.resolve()))

    def settle(types: frozenset[str], words: frozenset[str]) -> DataSet:
        return replace(data, records=partial(reader.records, type_count, Decided(types, words)))

    read = (*files.values(), *([] if test is None else [test]))
    data = DataSet(mark, partial(reader.records, type_count, Decided()), files=read, settle=settle)
    return data


def _held_out(file: Path) -> HeldOut:
    if file.suffix == ".json":
        try:
            images = listed(json.loads(file.read_bytes()), "images")
        except (OSError, ValueError) as error:
            raise BadSource(f"{file} does not read as JSON: {error}.") from error
        held_out = HeldOut(coco=frozenset(id for image in images if (id := number(image, "id")) is not None))
    else:
        ids = (number({"id": line}, "id") for line in read_lines(file) if isinstance(line, str))
        held_out = HeldOut(images=frozenset(id for id in ids if id is not None))
    if not any(held_out):
        raise BadSource(f"{file} names no picture: give --test numbers, one a line, or a COCO annotation file.")
    return held_out


@dataclass
class _Reader:
    files: dict[str, Path]
    source: str
    root: Path
    split: str
    held_out: HeldOut

    def records(self, type_count: int, decided: Decided) -> Iterator[Record]:
        counts: Counter[str] = Counter()
        for kind in ("relationships", "scene_graphs"):  # which tell the same, so the larger count is the count
            counts |= self._counted(kind)
        vocabulary = decide(counts, type_count, decided, always=frozenset({"PART_OF"}))
        yield from RELATIONS
        yield from (relation for relation in vocabulary.relations() if relation not in RELATIONS)
        yield from _Telling(self, vocabulary).records()

    def _counted(self, kind: str) -> Counter[str]:
        entries = elements(self.files[kind]) if kind in self.files else iter(())
        return Counter(candidate(spelled(told.predicate)) for entry in entries for told in statements(entry))

    def picture(self, id: int, entry: object = None) -> Picture:
        """With what image_data says about it; without that, the file's header says how large it is."""
        told = entry if isinstance(entry, dict) else {}
        url = told["url"].split("?")[0].split("/")[-2:] if isinstance(told.get("url"), str) else []
        file = self._file(id, url)
        width, height = number(told, "width"), number(told, "height")
        size = (width, height) if width and height and min(width, height) > 0 else picture_size(self.root / file)
        held_out = id in self.held_out.images or number(told, "coco_id") in self.held_out.coco
        split = "test" if held_out else self.split
        return Picture(f"{self.source}:image/{id}", f"{self.source}/{file}", size, split)

    def _file(self, id: int, url: list[str]) -> str:
        """Below the root; where the URL says it should be if it is nowhere."""
        names = [name for name in dict.fromkeys((*url[-1:], f"{id}.jpg")) if name and name != ".."]
        folders = sorted(FOLDERS, key=lambda folder: folder.rpartition("/")[2] not in url[:1])
        places = [f"{folder}/{name}".lstrip("/") for folder in folders for name in names]
        return next((place for place in places if (self.root / place).is_file()), places[0])


class _Telling:
    """One reading of the files: what was told so far, as far as that must be known."""

    def __init__(self, reader: _Reader, vocabulary: Vocabulary) -> None:
        self.reader = reader
        self.source = reader.source
        self.vocabulary = vocabulary
        self.pictures: dict[int, Picture] = {}
        self.numbers: dict[str, int] = {}  # file -> picture, where an entry names only the file
        self.objects_from: dict[int, str] = {}  # picture -> the file that says which objects it has
        self.merged = Merged()
        self.concepts: set[str] = set()

    def records(self) -> Iterator[Record]:
        told = {
            "image_data": self._image,
            "objects": self._scene,
            "scene_graphs": self._scene,
            "attributes": self._scene,
            "relationships": self._scene,
            "region_descriptions": self._regions,
        }
        for kind, file in self.reader.files.items():
            for entry in elements(file):
                image = self._image_of(entry)
                if image is None:
                    yield Skipped(f"entries of {kind} that name no picture", json.dumps(entry)[:200])
                    continue
                yield from told[kind](kind, image, entry)
            self.merged.settle()
            self.numbers = {}

    def _image_of(self, entry: object) -> int | None:
        """By its number; else by its file, which is named by the number where image_data does not say otherwise."""
        if (image := image_number(entry)) is not None or not (name := image_file(entry)):
            return image
        if not self.numbers:
            self.numbers = {picture.reference.rpartition("/")[2]: id for id, picture in self.pictures.items()}
        return self.numbers.get(name, number({"id": name.partition(".")[0]}, "id"))

    def _image(self, kind: str, image: int, entry: object) -> Iterator[Record]:
        picture = self.pictures[image] = self.reader.picture(image, entry)
        yield self._image_entity(picture)

    def _image_entity(self, picture: Picture) -> Entity:
        name = picture.reference.rpartition("/")[2]
        return Entity(picture.id, "image", name, (), (picture.reference,), (self.source,), picture.split)

    def _picture_of(self, image: int) -> Iterator[Record]:
        """The picture's entity where image_data does not hold it."""
        if image not in self.pictures:
            self.pictures[image] = self.reader.picture(image)
            yield self._image_entity(self.pictures[image])

    def _scene(self, kind: str, image: int, entry: object) -> Iterator[Record]:
        """The objects of a picture, if no other file told them, their attributes and their relationships."""
        yield from self._picture_of(image)
        picture = self.pictures[image]
        things: list[Thing] = []
        for found in _objects(kind, entry):
            if (one := thing(found)) is not None:
                things.append(one)
            elif kind != "relationships":
                yield Skipped("objects without a number", json.dumps(found)[:200])
        merged = merges(things)
        if self.objects_from.setdefault(image, kind) == kind:
            self.merged.add(merged)
            for one in dict.fromkeys(things):
                yield from self._object(one, self._final(one.id, merged), picture)
        for one in (*things, *_described(kind, entry)):
            head = f"{self.source}:{self._final(one.id, merged)}"
            for words in one.attributes:
                yield from self._concept("attribute", words, words)
                yield self._triple(head, "HAS_ATTRIBUTE", self._concept_id("attribute", words), picture)
        for statement in statements(entry):
            yield self._relationship(statement, merged, picture)

    def _final(self, id: int, merged: dict[int, int]) -> int:
        return self.merged[merged.get(id, id)]

    def _object(self, one: Thing, id: int, picture: Picture) -> Iterator[Record]:
        place = one.box and clipped(one.box, picture.size)
        if place is None:
            yield Skipped(
                "objects whose box holds no pixel of the picture", f"object {one.id} of {picture.id}, {one.box}"
            )
            return
        region = f"{self.source}:{id}"
        named = (*one.names, *(_lemma(synset) for synset in one.synsets))
        yield self._region(region, next(iter(named), ""), place, picture)
        yield self._triple(region, "PART_OF", picture.id, picture)
        for synset in one.synsets:
            yield from self._concept("synset", synset, _lemma(synset))
            yield self._triple(region, "IS_A", self._concept_id("synset", synset), picture)
        for name in one.names:
            yield from self._concept("name", name, name)
            yield self._triple(region, "DEPICTS", self._concept_id("name", name), picture)

    def _relationship(self, statement: Statement, merged: dict[int, int], picture: Picture) -> Record:
        words = spelled(statement.predicate)
        example = f"{statement.subject} {statement.predicate!r} {statement.object} in {picture.id}"
        if statement.subject is None or statement.object is None:
            return Skipped("relationships without a subject or an object", example)
        if not any(letter.isalnum() for letter in words):
            return Skipped("relationships without a predicate", example)
        head, tail = self._final(statement.subject, merged), self._final(statement.object, merged)
        if head == tail:
            return Skipped("relationships of an object to itself", example)
        predicate = self.vocabulary.predicate(words)
        return self._triple(f"{self.source}:{head}", predicate.type, f"{self.source}:{tail}", picture, predicate.words)

    def _regions(self, kind: str, image: int, entry: object) -> Iterator[Record]:
        yield from self._picture_of(image)
        picture = self.pictures[image]
        for found in listed(entry, "regions"):
            id, told = number(found, "region_id", "id"), box(found)
            phrase = found.get("phrase") if isinstance(found, dict) else None
            words = " ".join(phrase.split()) if isinstance(phrase, str) else ""
            place = told and clipped(told, picture.size)
            example = f"region {id} of {picture.id}, {told}: {words}"
            if id is None:
                yield Skipped("regions without a number", example)
            elif not words:
                yield Skipped("regions without words", example)
            elif place is None:
                yield Skipped("regions whose box holds no pixel of the picture", example)
            else:
                region, phrase = f"{self.source}:region/{id}", f"{self.source}:phrase/{id}"
                yield self._region(region, words, place, picture)
                yield Entity(phrase, "phrase", words, (words,), (), (self.source,), picture.split)
                yield self._triple(region, "PART_OF", picture.id, picture)
                yield self._triple(region, "IMAGE_OF", phrase, picture)
                yield self._triple(phrase, "CAPTION_OF", region, picture)

    def _region(self, id: str, name: str, place: Box, picture: Picture) -> Entity:
        return Entity(id, "region", name, (), (crop(picture.reference, place),), (self.source,), picture.split)

    def _concept(self, kind: str, key: str, text: str) -> Iterator[Entity]:
        id = self._concept_id(kind, key)
        if id not in self.concepts:
            if len(self.concepts) >= REMEMBERED:
                self.concepts.clear()
            self.concepts.add(id)
            yield Entity(id, "concept", text, (text,), (), (self.source,))

    def _concept_id(self, kind: str, key: str) -> str:
        return f"{self.source}:{kind}/{key.replace(' ', '_')}"

    def _triple(self, head: str, type_: str, tail: str, picture: Picture, words: str = "") -> Triple:
        return Triple(head, type_, tail, words, sources=(self.source,), split=picture.split)


def _lemma(synset: str) -> str:
    """`fire_hydrant.n.01` is a fire hydrant."""
    return synset.rsplit(".", 2)[0].replace("_", " ")


def _objects(kind: str, entry: object) -> list[object]:
    """The objects that an entry tells of; in relationships they stand inside."""
    if kind != "relationships":
        return listed(entry, "objects") or listed(entry, "attributes")
    told = [found for found in listed(entry, "relationships") if isinstance(found, dict)]
    return [found[end] for found in told for end in ("subject", "object") if end in found]


def _described(kind: str, entry: object) -> list[Thing]:
    """The objects of attributes that an entry lists beside its objects."""
    found = listed(entry, "attributes") if kind != "relationships" and listed(entry, "objects") else []
    return [one for one in map(thing, found) if one is not None]
