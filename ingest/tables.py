"""Rows of a table as it lies on the disk: TSV, CSV, columns between blanks, plain or gzip, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.lines import read_lines
from ingest.records import BadSource, Skipped

DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}


@dataclass(frozen=True)
class Columns:
    """Where a row has what: a name from the first line, or a position from 1. Without `relation` words say it all."""

    head: str = "1"
    tail: str = "3"
    relation: str = "2"
    weight: str = ""

    @property
    def named(self) -> bool:
        return any(column and not column.isdecimal() for column in (self.head, self.tail, self.relation, self.weight))


BY_POSITION = Columns()


#: What tables call the columns of facts, in the first line of a file that has one.
_NAMES = {
    "head": {"head", "subject", "node1", "from", "source", "start"},
    "relation": {"relation", "predicate", "label", "rel", "property", "type"},
    "tail": {"tail", "object", "node2", "to", "target", "end"},
}


@dataclass(frozen=True)
class Positions:
    """Which cells of a row are what, from 0."""

    head: int
    tail: int
    relation: int | None
    weight: int | None
    header: bool  # the first row holds the names of the columns
    guessed: bool = False  # nobody said so, but it reads like that

    @property
    def width(self) -> int:
        """So many cells a row must have."""
        return 1 + max(self.head, self.tail, self.relation or 0, self.weight or 0)


def is_parquet(file: Path) -> bool:
    return file.suffix.lower() in (".parquet", ".pq")


def delimiter_of(file: Path, told: str = "") -> str:
    """What was told, or what the file's name says."""
    return told or ("," if file.name.removesuffix(".gz").endswith(".csv") else "\t")


def rows(file: Path, delimiter: str = "", start: int = 0) -> Iterator[list[str] | Skipped]:
    """All rows from that byte on, the first line too; empty ones are passed over. Of Parquet the names come first."""
    if is_parquet(file):
        yield from _parquet_rows(file)
        return
    delimiter = delimiter_of(file, delimiter)
    broken: list[Skipped] = []

    def lines() -> Iterator[str]:
        for line in read_lines(file, start):
            if isinstance(line, str):
                yield line
            else:
                broken.append(Skipped("lines that are not UTF-8", repr(line)))

    if delimiter == " ":
        found: Iterator[list[str]] = (line.split() for line in lines())
    elif delimiter == "\t":
        found = (line.rstrip("\r\n").split("\t") for line in lines())
    else:
        found = csv.reader(lines(), delimiter=delimiter)
    try:
        for row in found:
            yield from broken
            broken.clear()
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise BadSource(f"{file} does not read as CSV ({error}): is --delimiter right?") from error
    yield from broken


def _parquet_rows(file: Path) -> Iterator[list[str]]:
    """Cells as text, an empty one for null."""
    try:
        with pq.ParquetFile(file) as parquet:
            yield list(parquet.schema_arrow.names)
            for batch in parquet.iter_batches():
                columns = [column.to_pylist() for column in batch.columns]
                for row in zip(*columns, strict=True):
                    yield ["" if cell is None else str(cell) for cell in row]
    except (pa.ArrowException, OSError) as error:
        raise BadSource(f"{file} cannot be read as Parquet ({error}): give --path a whole file.") from error


def positions(file: Path, columns: Columns, *, relation: bool, delimiter: str = "", header: bool = False) -> Positions:
    """Raises BadSource when the first row has no such columns. Without `relation` that column is not looked for."""
    first = next((row for row in rows(file, delimiter) if not isinstance(row, Skipped)), None)
    if first is None:
        raise BadSource(f"{file} holds no row.")
    by_name = columns.named or is_parquet(file)
    cells = [cell.strip() for cell in first]

    def position(option: str, column: str) -> int:
        if by_name and column in cells:
            return cells.index(column)
        if column.isdecimal() and 1 <= int(column) <= len(cells):
            return int(column) - 1
        shown = ", ".join(repr(cell[:30]) for cell in cells[:12])
        raise BadSource(
            f"{file} has no column {column!r} for --{option}; its first line has {len(cells)}: {shown}. "
            "Give a name from there or a position from 1; --delimiter says what stands between columns."
        )

    at = {name: position(name, getattr(columns, name)) for name in _NAMES if relation or name != "relation"}
    like_names = relation and all(cells[place].lower() in _NAMES[name] for name, place in at.items())
    return Positions(
        at["head"],
        at["tail"],
        at.get("relation"),
        position("weight", columns.weight) if columns.weight else None,
        header=by_name or header or like_names,
        guessed=like_names and not (by_name or header),
    )
