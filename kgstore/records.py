"""Entities and triples as Arrow columns and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kgstore.errors import BadRecord
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Entity, Triple

ENTITY_FIELDS = tuple(ENTITY_COLUMNS.names)
TRIPLE_FIELDS = tuple(TRIPLE_COLUMNS.names)


def entity_table(entities: Iterable[Entity]) -> pa.Table:
    """ENTITY_COLUMNS of the entities, in order."""
    return _table(list(entities), ENTITY_COLUMNS)


def triple_table(triples: Iterable[Triple]) -> pa.Table:
    """TRIPLE_COLUMNS of the triples, in order."""
    return _table(list(triples), TRIPLE_COLUMNS)


def entities_of(rows: Iterable[Sequence[Any]]) -> list[Entity]:
    """Entities from rows in the order of ENTITY_COLUMNS."""
    return [
        Entity(id, kind, name, tuple(texts), tuple(images), tuple(sources), split)
        for id, kind, name, texts, images, sources, split in rows
    ]


def triples_of(rows: Iterable[Sequence[Any]]) -> list[Triple]:
    """Triples from rows in the order of TRIPLE_COLUMNS."""
    return [
        Triple(head, type_, tail, words, weight, tuple(sources), origin, split, score, run, when, decision, text, who)
        for head, type_, tail, words, weight, sources, origin, split, score, run, when, decision, text, who in rows
    ]


def column_rows(batch: pa.RecordBatch | pa.Table) -> Iterable[tuple[Any, ...]]:
    """The rows of columns, as Python values."""
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def gathered(batches: Iterable[pa.RecordBatch], rows: int, schema: pa.Schema | None = None) -> Iterator[pa.Table]:
    """The same rows in tables of `rows` or somewhat more: small batches would make small statements."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= rows:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)


def in_parts(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """The same rows in batches that together have `rows` of them, the last ones fewer."""
    held: list[pa.RecordBatch] = []
    room = rows
    for batch in batches:
        while batch.num_rows:
            part = batch.slice(0, room)
            batch = batch.slice(part.num_rows)
            held.append(part)
            room -= part.num_rows
            if not room:
                yield held
                held, room = [], rows
    if held:
        yield held


def tables_by_type(triples: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each type, types in order of first mention."""
    for type_ in triples["type"].unique().to_pylist():
        yield type_, triples.filter(pc.equal(triples["type"], type_))


def _table(records: Sequence[Entity] | Sequence[Triple], schema: pa.Schema) -> pa.Table:
    try:
        return pa.table([[getattr(record, name) for record in records] for name in schema.names], schema=schema)
    except UnicodeEncodeError as error:
        raise BadRecord(f"A text holds half a surrogate pair and is no Unicode text: {error}.") from error
