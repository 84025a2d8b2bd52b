"""What is set aside, in pieces that are written in one transaction each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from ingest.staging import Staging
from kgstore.records import in_parts


@dataclass(frozen=True)
class Piece:
    """Columns for one write; up to its end so many rows are written, entities counted before triples."""

    entities: Iterable[pa.RecordBatch]
    triples: Iterable[pa.RecordBatch]
    upto: int


def pieces(staging: Staging, size: int | None, done: int, bar: tqdm[Any]) -> Iterator[Piece]:
    """The rows behind the first `done`, `size` at a time or all at once: in the same order for the same records.

    What is in a piece may be read only once. At least one comes: the words of relations are written with it.
    """
    many, more = staging.entity_count, staging.triple_count
    entities = _behind(staging.entities(), min(done, many), bar)
    triples = _behind(staging.triples(), max(done - many, 0), bar)
    if size is None:
        yield Piece(entities, triples, many + more)
        return
    upto = min(done, many + more)
    if upto == many + more:
        yield Piece([], [], upto)
    for rows in in_parts(entities, size):
        upto += sum(batch.num_rows for batch in rows)
        yield Piece(rows, [], upto)
    for rows in in_parts(triples, size):
        upto += sum(batch.num_rows for batch in rows)
        yield Piece([], rows, upto)


def _behind(batches: Iterable[pa.RecordBatch], skip: int, bar: tqdm[Any]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if skip < batch.num_rows:
            yield batch.slice(skip)
            bar.update(batch.num_rows - skip)
        skip = max(skip - batch.num_rows, 0)
