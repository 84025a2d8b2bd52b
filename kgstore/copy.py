"""A graph from one store into another, exactly: entities, relations, catalogue and sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Never

import pyarrow as pa
from tqdm import tqdm

from kgstore.digest import graph_digest
from kgstore.errors import KgError
from kgstore.records import in_parts
from kgstore.store import GraphStore
from kgstore.values import Written


def copy(origin: GraphStore, target: GraphStore, *, resume: bool = False, progress: bool = True) -> Written:
    """Writes all of `origin` into `target`, which must be empty, in transactions of the size that suits the target.

    A copy that was interrupted leaves a part. With `resume` all is written again over it, which changes nothing in what
    is there already, and both graphs are compared at the end.
    """
    if not resume and (target.statistics().entities or target.sources()):
        raise KgError(
            f"{target.uri} is not empty; copy into an empty graph, or say --resume to go on with a copy that was "
            "interrupted."
        )
    statistics = origin.statistics()
    written = target.write(relations=origin.relations())  # first, since the first text of a type stays
    with tqdm(total=statistics.entities + statistics.triples, unit="row", disable=not progress) as bar:
        for entities in _parts(_counting(origin.entity_columns(), bar), target.transaction_rows):
            written += target.write_columns(entities=entities)
        for triples in _parts(_counting(origin.triple_columns(), bar), target.transaction_rows):
            written += target.write_columns(triples=triples)
    for source in origin.sources():
        target.write(source=source)
    if resume and graph_digest(origin) != graph_digest(target):
        raise KgError(
            f"{target.uri} holds something that {origin.uri} does not, so it is no copy; empty it and copy again."
        )
    return written


def _counting(batches: Iterable[pa.RecordBatch], bar: tqdm[Never]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        bar.update(batch.num_rows)


def _parts(batches: Iterator[pa.RecordBatch], rows: int | None) -> Iterable[Iterable[pa.RecordBatch]]:
    """The same rows, each part at most so many of them; with None all in one."""
    return [batches] if rows is None else in_parts(batches, rows)
