"""What a loader hands over: records in an order in which they can be written, and a word for each one it left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kgstore.errors import KgError
from kgstore.values import Entity, Relation, Source, Triple


class BadSource(KgError):
    """A path, a column or an option with which a source cannot be read."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was left out: the reason is one of a few words per loader, the example says which record."""

    reason: str
    example: str


#: An entity stands before the triples that need it, a relation's words before its triples.
Record = Entity | Triple | Relation | Skipped


@dataclass(frozen=True)
class DataSet:
    """A source that can be read from the start any number of times, with the same records in the same order.

    `source.path` says where it came from **and** with which options, since a load that was killed goes on only in the
    same sequence of records. `source.done` is not the loader's business. `total` counts the records where that is known
    beforehand.
    """

    source: Source
    records: Callable[[], Iterator[Record]]
    total: int | None = None
