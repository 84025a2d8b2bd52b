"""Rows of many tables on their way into a database: a few of each in memory, more in a Parquet file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

#: Rows of one table that are written together, and rows that are held in memory altogether.
GROUP = 50_000
HELD = 400_000


class RowsAside:
    """Tables by name, in the order in which their rows were added. The folder is the caller's to remove."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, list[pa.Table]] = {}
        self._rows: dict[str, int] = {}  # of those held
        self._counts: dict[str, int] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._files: dict[str, Path] = {}

    def add(self, name: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        self._counts[name] = self.count(name) + rows.num_rows
        self._held.setdefault(name, []).append(rows)
        self._rows[name] = self._rows.get(name, 0) + rows.num_rows
        if self._rows[name] >= GROUP:
            self._put(name)
        if sum(self._rows.values()) > HELD:
            self._put(max(self._rows, key=self._rows.__getitem__))

    def count(self, name: str) -> int:
        return self._counts.get(name, 0)

    def file(self, name: str) -> Path:
        """The file of all rows of the name, to which no more are added."""
        if self._rows.get(name):
            self._put(name)
        if name in self._writers:
            self._writers.pop(name).close()
        return self._files[name]

    def pieces(self, name: str, rows: int) -> Iterator[pa.Table]:
        """All rows of the name, at most so many at a time."""
        if name not in self._files:
            table = pa.concat_tables(self._held.get(name, []) or [pa.table({})])
            for first in range(0, table.num_rows, rows):
                yield table.slice(first, rows)
            return
        with pq.ParquetFile(self.file(name)) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch])

    def drop(self, name: str) -> None:
        """Forgets the rows of the name, but for their number."""
        self._held.pop(name, None)
        self._rows.pop(name, None)
        if name in self._files:
            self.file(name).unlink()
            del self._files[name]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _put(self, name: str) -> None:
        rows = pa.concat_tables(self._held.pop(name))
        del self._rows[name]
        if name not in self._writers:
            self._files[name] = self._folder / f"{len(self._counts)}-{len(self._files)}.parquet"
            self._writers[name] = pq.ParquetWriter(self._files[name], rows.schema, compression="none")
        self._writers[name].write_table(rows, row_group_size=rows.num_rows)
