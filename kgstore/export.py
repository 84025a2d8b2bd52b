"""A graph as files: for neo4j-admin's import, as Parquet or as N-Triples; streamed, in bounded memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from kgstore.errors import KgError
from kgstore.export_admin import write_admin_files
from kgstore.export_ntriples import write_ntriples
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS, GraphStore
from kgstore.values import Relation, Source

Format = Literal["neo4j-admin", "parquet", "ntriples"]
FORMATS: tuple[Format, ...] = ("neo4j-admin", "parquet", "ntriples")


@dataclass(frozen=True)
class Contents:
    """What an export writes; the columns can be read any number of times and hold each id and key once."""

    entities: Callable[[], Iterable[pa.RecordBatch]]
    triples: Callable[[], Iterable[pa.RecordBatch]]
    relations: Sequence[Relation]
    sources: Sequence[Source]

    @classmethod
    def of(cls, store: GraphStore) -> Contents:
        return cls(store.entity_columns, store.triple_columns, store.relations(), store.sources())


@dataclass(frozen=True)
class Exported:
    """How much an export wrote, and, for files of neo4j-admin, the command that imports them."""

    entities: int
    triples: int
    command: str = ""


def export(contents: Contents, format: Format, out: Path) -> Exported:
    """Writes the files into the folder `out`, which must not exist or be empty; it is there once it is complete."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KgError(f"{out} exists and is not empty; give a new folder.")
    if not out.absolute().parent.is_dir():
        raise KgError(f"{out} cannot be made: {out.absolute().parent} is no folder.")
    aside = out.with_name(out.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    entities, triples = _Counted(contents.entities), _Counted(contents.triples)
    command = ""
    try:
        if format == "neo4j-admin":
            command = write_admin_files(entities, triples, contents.relations, contents.sources, aside, out.absolute())
        elif format == "parquet":
            _write_parquet(aside / "entities.parquet", entities(), ENTITY_COLUMNS)
            _write_parquet(aside / "triples.parquet", triples(), TRIPLE_COLUMNS)
            _write_values(aside / "relations.parquet", Relation.__slots__, contents.relations)
            _write_values(aside / "sources.parquet", Source.__slots__, contents.sources)
        else:
            write_ntriples(entities(), triples(), contents.relations, aside)
        if out.is_dir():
            out.rmdir()
        aside.rename(out)
    except OSError as error:
        raise KgError(f"{out} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Exported(entities.rows, triples.rows, command)


class _Counted:
    """Columns that can be read again, and how many rows the last reading had."""

    def __init__(self, read: Callable[[], Iterable[pa.RecordBatch]]) -> None:
        self._read = read
        self.rows = 0

    def __call__(self) -> Iterator[pa.RecordBatch]:
        self.rows = 0
        for batch in self._read():
            self.rows += batch.num_rows
            yield batch


def _write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_values(path: Path, names: Sequence[str], values: Sequence[Relation] | Sequence[Source]) -> None:
    rows = [dict(zip(names, astuple(value), strict=True)) for value in values]
    example = dict(zip(names, astuple(values[0] if values else Source("")), strict=False))
    schema = pa.schema([(name, pa.infer_type([value])) for name, value in example.items()])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
