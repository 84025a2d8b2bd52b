"""What crosses the store's border: frozen values, checked once when they are made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from kgstore.errors import BadRecord

KINDS = ("concept", "region", "image", "caption", "phrase")
SPLITS = ("train", "valid", "test")
ORIGINS = ("asserted", "predicted")
DECISIONS = ("", "accepted", "rejected")

#: The relation type of open-vocabulary predicates that are too rare for a type of their own.
COMMON_TYPE = "RELATED_BY_WORDS"

Decision = Literal["", "accepted", "rejected"]
Direction = Literal["in", "out"]
Origin = Literal["asserted", "predicted"]

_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\Z")


class TripleKey(NamedTuple):
    """What makes a triple unique. `words` is empty but for the common type."""

    head: str
    type: str
    tail: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing of the graph: a concept, a picture or its region, a caption, a phrase.

    `id` is `source:key` and never changes. `texts` are its descriptions in words, `images` references of the form
    `<source>/<path>` below that source's image root; a region adds the W3C media fragment `#xywh=x,y,w,h`.
    """

    id: str
    kind: str = "concept"
    name: str = ""
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    split: str = "train"

    def __post_init__(self) -> None:
        if not self.id.partition(":")[2]:
            raise BadRecord(f"Entity id {self.id!r} is not of the form source:key.")
        _check_member("kind", self.kind, KINDS, self.id)
        _check_member("split", self.split, SPLITS, self.id)

    def merged(self, other: Entity) -> Entity:
        """The entity that both records describe: lists are joined in order, the first kind, name and split stay."""
        return replace(
            self,
            name=self.name or other.name,
            texts=_union(self.texts, other.texts),
            images=_union(self.images, other.images),
            sources=_union(self.sources, other.sources),
        )


@dataclass(frozen=True, slots=True)
class Triple:
    """A relation (head, type, tail), asserted by sources or predicted by a run.

    A prediction carries `score` (higher is better), `run` and `when` (ISO 8601, UTC: the time of its last decision, or
    of its proposal); `decision` and `who`, the reviewer, are empty while it waits for review. `text` is a sentence in
    which the source says the fact ("a dog is a pet"): it names both ends, so it is never shown to a model that is asked
    for one of them.
    """

    head: str
    type: str
    tail: str
    words: str = ""
    weight: float = 1.0
    sources: tuple[str, ...] = ()
    origin: str = "asserted"
    split: str = "train"
    score: float | None = None
    run: str = ""
    when: str = ""
    decision: Decision = ""
    text: str = ""
    who: str = ""

    def __post_init__(self) -> None:
        if not _TYPE.match(self.type):
            raise BadRecord(f"Relation type {self.type!r} is not UPPER_SNAKE; make one with relation_type().")
        if not (math.isfinite(self.weight) and (self.score is None or math.isfinite(self.score))):
            raise BadRecord(f"Weight {self.weight} or score {self.score} of {tuple(self.key)} is no finite number.")
        _check_member("origin", self.origin, ORIGINS, self.key)
        _check_member("split", self.split, SPLITS, self.key)
        _check_member("decision", self.decision, DECISIONS, self.key)

    @property
    def key(self) -> TripleKey:
        return TripleKey(self.head, self.type, self.tail, self.words)

    def merged(self, other: Triple) -> Triple:
        """The triple that both records describe: an assertion outlives a prediction, the larger weight stays, and the
        first sentence."""
        first, second = (other, self) if (self.origin, other.origin) == ("predicted", "asserted") else (self, other)
        return replace(
            first,
            weight=max(first.weight, second.weight),
            sources=_union(first.sources, second.sources),
            text=first.text or second.text,
        )


@dataclass(frozen=True, slots=True)
class Relation:
    """A line of the catalogue: what a relation type is called in words."""

    type: str
    text: str

    @property
    def name(self) -> str:
        """What tells it from every other: its type, or its words where many share the common type."""
        return self.text if self.type == COMMON_TYPE else self.type


@dataclass(frozen=True, slots=True)
class Source:
    """What was loaded, from where, and how far.

    `done` counts the rows of `path` that are committed; a load that was killed goes on from there. `digest` tells the
    content of the source's files, of which the first held `bytes` bytes: the same ones need not be read again.
    """

    name: str
    path: str = ""
    image_root: str = ""
    done: int = 0
    complete: bool = False
    digest: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed: records that are new, and records that were there and differ now."""

    new_entities: int = 0
    changed_entities: int = 0
    new_triples: int = 0
    changed_triples: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(
            self.new_entities + other.new_entities,
            self.changed_entities + other.changed_entities,
            self.new_triples + other.new_triples,
            self.changed_triples + other.changed_triples,
        )


@dataclass(frozen=True, slots=True)
class Retracted:
    """What a source took back: removed is what nobody else asserts, spared what another source asserts too.

    `tied` are entities that nobody else asserts and that stay, since relations hang there.
    """

    removed_entities: int = 0
    spared_entities: int = 0
    removed_triples: int = 0
    spared_triples: int = 0
    tied: tuple[str, ...] = ()

    @property
    def written(self) -> Written:
        """The records that are gone or differ now."""
        return Written(
            changed_entities=self.removed_entities + self.spared_entities,
            changed_triples=self.removed_triples + self.spared_triples,
        )

    def __add__(self, other: Retracted) -> Retracted:
        return Retracted(
            self.removed_entities + other.removed_entities,
            self.spared_entities + other.spared_entities,
            self.removed_triples + other.removed_triples,
            self.spared_triples + other.spared_triples,
            self.tied + other.tied,
        )


class Extent(NamedTuple):
    """How far a graph reached at one moment, for whoever wants to read only what was added since.

    `changed` is the last revision that did more than add. `types` says of each relation type how many relations there
    were, and from where on later ones are numbered (0 where a store does not number them).
    """

    graph: str
    revision: int
    changed: int
    entities: int
    types: dict[str, tuple[int, int]]


class NeighbourCount(NamedTuple):
    """How many relations of one type an entity has in one direction."""

    type: str
    direction: Direction
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class Hit(NamedTuple):
    """A search result; scores order the hits of one search and mean nothing beside another's."""

    entity: Entity
    score: float


class Rows(NamedTuple):
    """The answer of an ad-hoc query: nodes are dicts with `id`, relationships dicts with head, type, tail.

    `truncated` says that the row limit cut the answer.
    """

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the graph holds. Counts by name, most frequent first."""

    entities: int
    triples: int
    kinds: dict[str, int]
    types: dict[str, int]
    sources: dict[str, int]
    waiting: int
    accepted: int
    rejected: int


def relation_type(words: str) -> str:
    """The UPPER_SNAKE type of a relation's words: `is a`, `IsA` and `/r/IsA` give IS_A.

    Words without an ASCII letter give COMMON_TYPE, under which the words themselves belong to the key.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words.removeprefix("/r/"))
    name = re.sub(r"[^A-Za-z0-9]+", "_", spaced).strip("_").upper()
    if not re.search(r"[A-Z]", name):
        return COMMON_TYPE
    return name if name[0].isalpha() else f"R_{name}"


def relation_text(type_: str) -> str:
    """The words of a type that has no line in the catalogue: IS_A gives `is a`."""
    return type_.replace("_", " ").lower()


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _check_member(field: str, value: str, allowed: tuple[str, ...], what: object) -> None:
    if value not in allowed:
        raise BadRecord(f"{field} {value!r} of {what} is none of: {', '.join(repr(a) for a in allowed)}.")
