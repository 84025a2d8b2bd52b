"""Open-vocabulary predicates: which become relation types of their own, decided once.

A predicate that is frequent in the file becomes a type; a rare one keeps its words under COMMON_TYPE. What the source
asserts in a graph already was decided by an earlier load and stays as it is, however often it occurs this time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ingest.records import DataSet
from kgstore.store import GraphStore
from kgstore.values import COMMON_TYPE, Relation, relation_text, relation_type

#: Types with a meaning of their own, which no predicate may take on: a picture of a man that hangs on a wall is no
#: picture with a caption, and "is a" between two regions names no class.
RESERVED = frozenset({"IMAGE_OF", "CAPTION_OF", "DEPICTS", "HAS_ATTRIBUTE", "IS_A", "SAME_AS", COMMON_TYPE})

#: What one source asserts: types, and words below COMMON_TYPE.
ASSERTED = """
MATCH (:Entity)-[r]->(:Entity) WHERE $source IN r.sources
RETURN DISTINCT type(r) AS type, CASE WHEN type(r) = $common THEN r.words ELSE '' END AS words
"""


@dataclass(frozen=True)
class Decided:
    """What earlier loads of the source decided: types, and predicates that got none."""

    types: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


class Predicate(NamedTuple):
    """What a triple says: its type, and its words where they belong to the key."""

    type: str
    words: str


@dataclass(frozen=True)
class Vocabulary:
    """The predicates that are types."""

    types: frozenset[str]

    def predicate(self, words: str) -> Predicate:
        """Of words as `spelled` gives them."""
        type_ = candidate(words)
        return Predicate(type_, "") if type_ in self.types else Predicate(COMMON_TYPE, words)

    def relations(self) -> list[Relation]:
        """The lines of the catalogue."""
        return [Relation(type_, relation_text(type_)) for type_ in sorted(self.types)]


def spelled(predicate: object) -> str:
    """One spelling of a predicate: ` ON ` and `on` are `on`; empty for what is no words."""
    return " ".join(predicate.lower().split()) if isinstance(predicate, str) else ""


@lru_cache(maxsize=1 << 16)
def candidate(words: str) -> str:
    """The type that a predicate would have; COMMON_TYPE where its letters cannot be a type's."""
    type_ = relation_type(words) if words.isascii() else COMMON_TYPE
    return COMMON_TYPE if type_ in RESERVED else type_


def decide(counts: Mapping[str, int], least: int, decided: Decided, always: frozenset[str] = frozenset()) -> Vocabulary:
    """The vocabulary of a file whose predicates occur as `counts` says, by `candidate`; `always` are types anyway."""
    below = {candidate(words) for words in decided.words} - decided.types
    frequent = {type_ for type_, count in counts.items() if count >= least and type_ not in below}
    return Vocabulary(frozenset((frequent | (counts.keys() & decided.types) | always) - {COMMON_TYPE}))


def settled(data: DataSet, store: GraphStore) -> DataSet:
    """The data set as it is to be loaded into this graph: with what was decided there before, if it asks for that."""
    if data.settle is None:
        return data
    if all(mark.name != data.source.name for mark in store.sources()):
        return data
    parameters = {"source": data.source.name, "common": COMMON_TYPE}
    found = [row for batch in store.columns(ASSERTED, parameters) for row in batch.to_pylist()]
    return data.settle(
        frozenset(row["type"] for row in found if row["type"] != COMMON_TYPE),
        frozenset(row["words"] for row in found if row["type"] == COMMON_TYPE),
    )
