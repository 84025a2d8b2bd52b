"""Entities and triples as Arrow columns and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

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
        Triple(head, type_, tail, words, weight, tuple(sources), origin, split, score, run, when, decision, text)
        for head, type_, tail, words, weight, sources, origin, split, score, run, when, decision, text in rows
    ]


def column_rows(batch: pa.RecordBatch | pa.Table) -> Iterable[tuple[Any, ...]]:
    """The rows of columns, as Python values."""
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _table(records: Sequence[Entity] | Sequence[Triple], schema: pa.Schema) -> pa.Table:
    try:
        return pa.table([[getattr(record, name) for record in records] for name in schema.names], schema=schema)
    except UnicodeEncodeError as error:
        raise BadRecord(f"A text holds half a surrogate pair and is no Unicode text: {error}.") from error
