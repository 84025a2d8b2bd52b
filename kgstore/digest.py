"""One word for all that a graph holds: two graphs with the same entities and triples have the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from kgstore.records import column_rows
from kgstore.store import GraphStore

_BITS = 128


def graph_digest(store: GraphStore) -> str:
    """A hash over every column of all entities and triples, whatever their order and whichever the store.

    The order within a list (texts, images, sources) counts. A row that is there twice changes it.
    """
    total = _sum("entity", store.entity_columns()) + _sum("triple", store.triple_columns())
    return f"{total % 2**_BITS:032x}"


def _sum(what: str, batches: Iterable[pa.RecordBatch]) -> int:
    """The sum of the hashes of all rows: it has no order, and unlike an exclusive or it counts repeats."""
    total = 0
    for batch in batches:
        for row in column_rows(batch):
            total += int.from_bytes(hashlib.blake2b(repr((what, *row)).encode(), digest_size=_BITS // 8).digest())
    return total
