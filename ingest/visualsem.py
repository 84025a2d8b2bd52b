"""VisualSem: concepts of BabelNet with lemmas, glosses and pictures, and relations between them.

Source: VisualSem (Alberts et al. 2021), version 2. Licence: CC BY-NC 4.0 (BabelNet's, which most of it comes from).
To get it: from its authors, who send the password of the download by request. `--path` is the folder with
nodes.v2.json, tuples.v2.json, gloss_files/nodes.glosses.json (optional) and images/.

  nodes    BabelNet id -> `ms` (the main sense, "WN:EN:space_heater"), `se` (lemmas), `gl` (glosses), `ims` (SHA-1 of
           each picture, which lies in images/<first two letters>/<SHA-1>.jpg)
  tuples   BabelNet id of the **tail** -> its incoming edges: `s` the head, `r` the relation
  glosses  a list: first the languages, then one object a node: id -> language -> glosses

Entities   concept `visualsem:bn:00015267n`, named by its main sense; lemmas and glosses are its texts, and it carries
           its pictures, one of which may be several nodes'. Glosses of other languages than --language stay out.
           phrase `visualsem:word/space_heater.n`, where WordNet is the source of the main sense
           image `visualsem:image/<SHA-1>`, with --image-entities
Relations  IS_A, HAS_A, RELATED_TO, ... as the tuples name them; phrase HAS_SENSE concept, by which
           `python -m ingest link` finds WordNet's synset; with --image-entities image IMAGE_OF concept
Left out   edges of a node to itself, glosses of a node that is not there, pictures whose name is no SHA-1
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.json_stream import ENDINGS, elements, members
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from kgstore.values import COMMON_TYPE, Entity, Relation, Triple, relation_text, relation_type

HELP = "VisualSem: BabelNet concepts with glosses and pictures, and their relations"

ALL_LANGUAGES = "all"

IMAGE_OF = Relation("IMAGE_OF", "image of")
HAS_SENSE = Relation("HAS_SENSE", "has the sense")

_SHA1 = re.compile(r"[0-9a-f]{40}\Z")
_SENSE = re.compile(r"(?:([A-Z][A-Z0-9]*):([A-Z]{2,3}):)?(.*)\Z", re.DOTALL)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="DIR", help="the folder with nodes.v2.json")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="the folder above images/ (--path)")
    parser.add_argument("--source", default="visualsem", metavar="NAME", help="what to call it (%(default)s)")
    parser.add_argument("--language", default="en", metavar="CODE", help="of the gloss file (%(default)s), or all")
    parser.add_argument("--image-entities", action="store_true", help="make every picture an entity, too")


def from_options(options: argparse.Namespace) -> DataSet:
    return read_visualsem(
        options.path,
        options.source,
        pictures=options.pictures,
        language=options.language,
        image_entities=options.image_entities,
    )


def read_visualsem(
    path: Path,
    source: str = "visualsem",
    *,
    pictures: Path | None = None,
    language: str = "en",
    image_entities: bool = False,
) -> DataSet:
    nodes, tuples, glosses = (_file(path, name) for name in ("nodes", "tuples", "gloss_files/nodes.glosses"))
    if nodes is None or tuples is None:
        raise BadSource(f"{path} lacks nodes.v2.json or tuples.v2.json: give --path the folder of VisualSem.")
    root = (pictures or path).resolve()
    if not root.is_dir():
        raise BadSource(f"{root} is no folder: say by --pictures which one holds images/.")
    reader = _Reader(nodes, tuples, glosses, source, language.lower(), image_entities)
    mark = data_source(source, path, (language.lower(), image_entities), image_root=str(root))
    return DataSet(mark, reader.records, files=tuple(file for file in (nodes, tuples, glosses) if file))


def _file(folder: Path, name: str) -> Path | None:
    places = (folder / f"{name}{version}{ending}" for version in (".v2", "") for ending in ENDINGS)
    return next((place for place in places if place.is_file()), None)


@dataclass(frozen=True)
class _Reader:
    nodes: Path
    tuples: Path
    glosses: Path | None
    source: str
    language: str
    image_entities: bool

    def records(self) -> Iterator[Record]:
        yield HAS_SENSE
        if self.image_entities:
            yield IMAGE_OF
        known: set[str] = set()
        for id, node in members(self.nodes):
            if not id or not isinstance(node, dict):
                yield Skipped("nodes that are no object under an id", json.dumps({id: node}))
                continue
            known.add(id)
            yield from self._node(id, node)
        if self.glosses is not None:
            yield from self._glosses(self.glosses, known)
        types: set[str] = set()
        for tail, edges in members(self.tuples):
            for edge in edges if isinstance(edges, list) else [edges]:
                yield from self._edge(edge, tail, types)

    def _node(self, id: str, node: dict[str, object]) -> Iterator[Record]:
        origin, name = _sense(node.get("ms"))
        lemmas = [_sense(lemma)[1] for lemma in _texts(node.get("se"))]
        texts = tuple(dict.fromkeys(text for text in (name, *lemmas, *_texts(node.get("gl"))) if text))
        pictures = []
        for picture in _texts(node.get("ims")):
            if _SHA1.match(picture):
                pictures.append(f"{self.source}/images/{picture[:2]}/{picture}.jpg")
            else:
                yield Skipped("pictures whose name is no SHA-1", f"{picture} of {id}")
        images = tuple(dict.fromkeys(pictures))
        concept = self._id(id)
        yield Entity(concept, "concept", name or next(iter(texts), ""), texts, images, (self.source,))
        if origin == "WN" and name:
            word = f"{self.source}:word/{name.lower().replace(' ', '_')}.{id[-1]}"
            yield Entity(word, "phrase", name, (name,), (), (self.source,))
            yield Triple(word, HAS_SENSE.type, concept, sources=(self.source,))
        for image in images if self.image_entities else ():
            file = image.rpartition("/")[2]
            picture = f"{self.source}:image/{file.removesuffix('.jpg')}"
            yield Entity(picture, "image", file, (), (image,), (self.source,))
            yield Triple(picture, IMAGE_OF.type, concept, sources=(self.source,))

    def _glosses(self, file: Path, known: set[str]) -> Iterator[Record]:
        for entry in elements(file):
            if not isinstance(entry, dict):
                yield Skipped("glosses that are no object", json.dumps(entry))
                continue
            for id, languages in entry.items():
                if id == "available_languages":
                    continue
                if id not in known or not isinstance(languages, dict):
                    yield Skipped("glosses of a node that is not there", json.dumps({id: languages}))
                    continue
                wanted = (code for code in languages if self.language in (code.lower(), ALL_LANGUAGES))
                texts = tuple(dict.fromkeys(text for code in wanted for text in _texts(languages[code])))
                if texts:
                    yield Entity(self._id(id), texts=texts, sources=(self.source,))

    def _edge(self, edge: object, tail: str, types: set[str]) -> Iterator[Record]:
        """The relation's words where they are new, then the triple. `types` grows."""
        found = edge if isinstance(edge, dict) else {}
        head, relation = found.get("s"), found.get("r")
        if not (tail and isinstance(head, str) and head and isinstance(relation, str) and relation.strip()):
            yield Skipped("edges without a head, a tail or a relation", json.dumps({tail: edge}))
        elif head == tail:
            yield Skipped("edges of a node to itself", json.dumps({tail: edge}))
        else:
            type_ = relation_type(relation)
            if type_ not in types and type_ != COMMON_TYPE:
                types.add(type_)
                yield Relation(type_, relation_text(type_))
            words = relation.strip() if type_ == COMMON_TYPE else ""
            yield Triple(self._id(head), type_, self._id(tail), words, sources=(self.source,))

    def _id(self, node: str) -> str:
        return f"{self.source}:{node}"


def _texts(value: object) -> tuple[str, ...]:
    """The texts in a list, or a text alone, with single blanks."""
    texts = value if isinstance(value, list) else [value]
    return tuple(words for text in texts if isinstance(text, str) and (words := " ".join(text.split())))


def _sense(value: object) -> tuple[str, str]:
    """`WN:EN:space_heater` is (WN, space heater); what has no origin is a lemma as it stands."""
    match = _SENSE.match(value) if isinstance(value, str) else None
    return (match[1] or "", " ".join(match[3].replace("_", " ").split())) if match else ("", "")
