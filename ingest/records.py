"""What a loader hands over: records in an order in which they can be written, and a word for each one it left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kgstore.errors import KgError
from kgstore.values import Entity, Relation, Source, Triple


class BadSource(KgError):
    """A path, a column or an option with which a source cannot be read."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that was left out: the reason is one of a few words per loader, the example says which record.

    In a block, where most lines of a file may be left out, one stands for `count` of them.
    """

    reason: str
    example: str
    count: int = 1


#: An entity stands before the triples that need it, a relation's words before its triples.
Record = Entity | Triple | Relation | Skipped


@dataclass(frozen=True)
class Block:
    """Many records of a very large file at once, as columns: ENTITY_COLUMNS and TRIPLE_COLUMNS, repeats allowed.

    The loader vouches for what the constructors of Entity and Triple check (ids, kinds, types, finite weights).
    `records` is how many records of the file these are, those counted in `skipped` included; at most three of `skipped`
    share a reason.
    """

    entities: pa.Table
    triples: pa.Table
    relations: tuple[Relation, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    records: int = 0


@dataclass(frozen=True)
class DataSet:
    """A source that can be read from the start any number of times, with the same records in the same order.

    `source.done` is not the loader's business. `total` counts the records where that is known beforehand. `files` are
    those whose bytes decide the records (annotations, not pictures), in a fixed order. `blocks`, where a loader has it,
    gives the same records as columns.
    """

    source: Source
    records: Callable[[], Iterator[Record]]
    total: int | None = None
    files: tuple[Path, ...] = ()
    blocks: Callable[[], Iterator[Block]] | None = None


def data_source(name: str, path: Path, options: object = None, image_root: str = "") -> Source:
    """The source of a data set. Its path ends with a digest of the options that choose or change records.

    A load that was killed goes on only in the same sequence of records, so another path or other options start anew.
    """
    if not name or ":" in name or "/" in name:
        raise BadSource(f"{name!r} cannot be the name of a source: it must not be empty nor hold : or /.")
    digest = hashlib.sha256(repr(options).encode()).hexdigest()[:8]
    return Source(name, path=f"{path.resolve()} [options {digest}]", image_root=image_root)
