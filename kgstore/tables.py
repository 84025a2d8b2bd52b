"""A graph's columns in a DuckDB file, for questions that take all of it and more memory than there may be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS, GraphStore

MEMORY = "1GB"


@contextmanager
def tables(
    store: GraphStore,
    entities: Sequence[str] = ENTITY_COLUMNS.names,
    triples: Sequence[str] = TRIPLE_COLUMNS.names,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables `entities` and `triples` with these columns, in a file that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "graph.duckdb")
        with duckdb.connect(path, config={"memory_limit": MEMORY, "temp_directory": folder, "threads": 1}) as database:
            _fill(database, "entities", ENTITY_COLUMNS, entities, store.entity_columns())
            _fill(database, "triples", TRIPLE_COLUMNS, triples, store.triple_columns())
            yield database


def _fill(
    database: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    names: Sequence[str],
    batches: Iterable[pa.RecordBatch],
) -> None:
    # Batch by batch rather than as one stream, out of which errors of the store would come as DuckDB's.
    chosen = pa.schema([schema.field(name) for name in names])
    database.register("arriving", chosen.empty_table())
    database.execute(f"CREATE TABLE {table} AS SELECT * FROM arriving")
    for batch in batches:
        database.register("arriving", pa.Table.from_batches([batch.select(list(names))]))
        database.execute(f"INSERT INTO {table} SELECT * FROM arriving")
    database.unregister("arriving")
