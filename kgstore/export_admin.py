"""The files of neo4j-admin's import, which fills a server that is not running several times faster than any client.

The files hold all that our store keeps: entities, relations, the catalogue, the sources and the node by which the
store knows its graph. Texts may hold any character: values are quoted, and lists are joined by one that no text holds.
One thing neo4j-admin cannot be told: a list of nothing but one empty text arrives as an empty list.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from kgstore.errors import KgError
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Relation, Source

#: Candidates for the character between the elements of a list: control characters, then ones that mean nothing.
DELIMITERS = (*map(chr, range(0x1F, 0x1B, -1)), *map(chr, range(0xFDD0, 0xFDF0)), *map(chr, range(0xE000, 0xE100)))
#: neo4j-admin reads a value within one buffer of this size, unless it is told of a larger one.
BUFFER = 4 * 2**20
_ENDS = {"head": ":START_ID", "tail": ":END_ID", "type": ":TYPE"}
#: Columns that the store leaves out where they are empty, see neo4j_bulk.
_LEFT_OUT = ("run", "when", "text", "who")
#: What the store makes before its first write; a graph that is only read needs it as well.
SCHEMA = "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE;\n"

Columns = Callable[[], Iterable[pa.RecordBatch]]


def write_admin_files(
    entities: Columns,
    triples: Columns,
    relations: Sequence[Relation],
    sources: Sequence[Source],
    folder: Path,
    lies_at: Path,
) -> str:
    """Writes the files into `folder`; the command that imports them once they lie at `lies_at`."""
    writer = _write_columns(entities, triples, folder)
    _write_nodes(folder / "relations.csv", ["type", "text"], [(one.type, one.text) for one in relations])
    _write_nodes(
        folder / "sources.csv",
        ["name", "path", "image_root", "done:long", "complete:boolean", "digest", "bytes:long"],
        [(one.name, one.path, one.image_root, one.done, one.complete, one.digest, one.bytes) for one in sources],
    )
    # A graph of its own, though it begins as a copy: what both become must not be taken for the same.
    _write_nodes(folder / "graph.csv", ["name", "id", "revision:long"], [("graph", uuid.uuid4().hex, 1)])
    (folder / "schema.cypher").write_text(SCHEMA)
    files = (
        ("nodes", "Entity", "entities"),
        ("nodes", "Relation", "relations"),
        ("nodes", "Source", "sources"),
        ("nodes", "Graph", "graph"),
    )
    arguments = [
        *(f"--{what}={label}={lies_at / name}.csv" for what, label, name in files),
        f"--relationships={lies_at / 'triples'}.csv",
        f"--array-delimiter=U+{ord(writer.delimiter):04X}",
        "--multiline-fields=true",
        "--bad-tolerance=0",
        f"--report-file={lies_at / 'import.report'}",
    ]
    if writer.longest > BUFFER // 4:
        arguments.append(f"--read-buffer-size={writer.longest * 4}")
    return shlex.join(["neo4j-admin", "database", "import", "full", "neo4j", "--overwrite-destination", *arguments])


def _write_columns(entities: Columns, triples: Columns, folder: Path) -> _Rows:
    """Begins again, with another delimiter, when a text holds the one that was tried; nearly always once."""
    for delimiter in DELIMITERS:
        writer = _Rows(delimiter)
        try:
            writer.write(folder / "entities.csv", entities(), ENTITY_COLUMNS, {"id": "id:ID"})
            writer.write(folder / "triples.csv", triples(), TRIPLE_COLUMNS, _ENDS)
            return writer
        except _DelimiterFound:
            continue
    raise KgError("The texts hold every character that could stand between elements of a list; export Parquet.")


class _DelimiterFound(Exception):
    """A text holds the character that was to stand between texts."""


class _Rows:
    """Writes rows of columns; `longest` is the longest value so far, in bytes."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.longest = 0

    def write(self, path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, headers: dict[str, str]) -> None:
        with path.open("wb") as file:
            _write_header(file, [headers.get(field.name, _header(field)) for field in schema])
            for batch in batches:
                columns = [self._column(name, column) for name, column in zip(schema.names, batch.columns, strict=True)]
                table = pa.table(columns, names=schema.names)
                csv.write_csv(table, file, csv.WriteOptions(include_header=False))

    def _column(self, name: str, column: pa.Array) -> pa.Array:
        if pa.types.is_list(column.type):
            column = self._joined(column)
        elif name in _LEFT_OUT:
            column = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
        if pa.types.is_string(column.type) and len(column):
            self.longest = max(self.longest, pc.max(pc.binary_length(column)).as_py() or 0)
        return column

    def _joined(self, lists: pa.Array) -> pa.Array:
        """Each list as one string, which for an empty list is empty."""
        if pc.any(pc.match_substring(pc.list_flatten(lists), self.delimiter)).as_py():
            raise _DelimiterFound
        return pc.binary_join(lists, self.delimiter)


def _header(field: pa.Field) -> str:
    if pa.types.is_list(field.type):
        return f"{field.name}:string[]"
    return f"{field.name}:double" if pa.types.is_floating(field.type) else field.name


def _write_header(file: IO[bytes], names: Sequence[str]) -> None:
    file.write((",".join(names) + "\n").encode())


def _write_nodes(path: Path, header: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("wb") as file:
        _write_header(file, header)
        if rows:
            columns = [pa.array(values) for values in zip(*rows, strict=True)]
            csv.write_csv(pa.table(columns, names=list(header)), file, csv.WriteOptions(include_header=False))
