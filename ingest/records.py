"""What a loader hands over: records in the order of its files, and a word for each one it left out."""

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


#: In any order: what a load writes is set aside first, and an entity may come after a triple that names it.
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

    `source.done` and what follows it is not the loader's business. `total` counts the records where that is known
    beforehand. `files` are those whose bytes decide the records (annotations, not pictures), and folders of which it
    matters what they hold, in a fixed order: while they and `format` stay, a load that ended is not read again; without
    files it is always. `format` is raised when a loader comes to make other records of the same bytes. `blocks`, where
    a loader has it, gives the same records as columns.

    `since(offset)` is what stands from that byte on in the first file, to which lines were added: only a format of
    plain lines has it, and it is asked at the beginning of a line. Where an entity keeps only the first of its texts,
    `most_texts` says how many.

    `settle(types, words)` is the same data set where the source asserts these relation types already, and these words
    below COMMON_TYPE: a source with open vocabulary lets them be (see ingest/predicates.py).

    `loops` keeps relations of an entity with itself, which are dirt but in a benchmark that counts them.
    """

    source: Source
    records: Callable[[], Iterator[Record]]
    total: int | None = None
    files: tuple[Path, ...] = ()
    blocks: Callable[[], Iterator[Block]] | None = None
    format: int = 1
    since: Callable[[int], DataSet] | None = None
    most_texts: int | None = None
    settle: Callable[[frozenset[str], frozenset[str]], DataSet] | None = None
    loops: bool = False


def data_source(name: str, path: Path, options: object = None, image_root: str = "") -> Source:
    """The source of a data set. Its path ends with a digest of the options that choose or change records.

    A load that was killed goes on only in the same sequence of records, so another path or other options start anew.
    """
    if not name or ":" in name or "/" in name:
        raise BadSource(f"{name!r} cannot be the name of a source: it must not be empty nor hold : or /.")
    digest = hashlib.sha256(repr(options).encode()).hexdigest()[:8]
    return Source(name, path=f"{path.resolve()} [options {digest}]", image_root=image_root)
