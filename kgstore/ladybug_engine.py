"""The only file that imports the embedded database: opening it, running Cypher, its errors in our words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import ladybug
import numpy as np
import pyarrow as pa

from kgstore.errors import KgError, QueryRefused, QueryStopped, StoreUnavailable

Parameters = Mapping[str, object]

#: A checkpoint rewrites the tables it touches, seconds for a million relations; a long write-ahead log makes it rare.
CHECKPOINT_BYTES = 256 * 2**20
ARROW_ROWS = 65_536
_SYNTAX = ("Parser exception", "Binder exception", "Catalog exception", "Conversion exception", "Overflow exception")
_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")
_FULL = ("Buffer manager exception", "bad allocation", "std::bad_alloc")


class LadybugEngine:
    """An open database file and one connection; one call at a time (the caller keeps it so)."""

    def __init__(self, path: Path, *, read_only: bool = False, memory: int | None = None) -> None:
        self.path = path
        self.read_only = read_only
        self.memory = memory or default_memory()
        self._database: Any = None
        self.open()

    def open(self) -> None:
        try:
            self._database = ladybug.Database(
                str(self.path),
                read_only=self.read_only,
                buffer_pool_size=self.memory,
                checkpoint_threshold=CHECKPOINT_BYTES,
            )
            self._connection = ladybug.Connection(self._database)
        except (RuntimeError, OSError) as error:
            raise StoreUnavailable(
                f"{self.path} cannot be opened as an embedded graph: {_sentence(str(error))} Give the path of a graph, "
                "or of a file that does not exist yet in a folder that does."
            ) from error

    def run(self, cypher: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        with self._result(cypher, parameters) as result:
            return [tuple(row) for row in result.get_all()]

    def first_rows(
        self, cypher: str, parameters: Parameters | None, limit: int
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns' names and the first rows of the answer."""
        with self._result(cypher, parameters) as result:
            rows: list[tuple[Any, ...]] = []
            while len(rows) < limit and result.has_next():
                rows.append(tuple(result.get_next()))
            return result.get_column_names(), rows

    def arrow(self, cypher: str, parameters: Parameters | None = None) -> pa.Table:
        """The answer as columns."""
        with self._result(cypher, parameters) as result:
            return result.get_as_arrow(ARROW_ROWS)

    def arrow_at_once(self, cypher: str) -> pa.Table:
        """The answer collected straight into columns, which is faster; this way takes no parameters."""
        with self._collected(cypher) as result:
            return result.get_as_arrow()

    def ends(self, cypher: str) -> pa.Table:
        """The numbers of the two ends, where a query asks for nothing else of one relation table, in two columns."""
        with self._collected(cypher) as result:
            try:
                adjacency = result.csr()
            except RuntimeError:  # not of every table (0.22): then as any other columns
                table = self.arrow_at_once(f"{cypher}, true").select([0, 1])
                return table.rename_columns(["start", "end"])
            degrees = np.diff(adjacency.indptr.to_numpy())
            starts = np.repeat(np.arange(len(degrees), dtype=np.int32), degrees)
            ends = adjacency.indices.to_numpy().astype(np.int32)
        # pa.array() looks for pandas first, whose files a reading process may not open
        columns = [pa.Array.from_buffers(pa.int32(), len(each), [None, pa.py_buffer(each)]) for each in (starts, ends)]
        return pa.Table.from_arrays(columns, names=["start", "end"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end. After a failure the database is opened anew: a COPY that follows one that was rolled
        back crashes the process (measured on 0.22)."""
        self.run("BEGIN TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(KgError):  # what failed may have rolled back already
                self.run("ROLLBACK")
            self.close()
            self.open()
            raise

    def copy(self, cypher: str) -> None:
        """A COPY as a transaction of its own: all or nothing, and compressed (see kgstore.ladybug_bulk)."""
        try:
            self.run(cypher)
        except BaseException:
            self.close()
            self.open()
            raise

    @contextmanager
    def larger(self, memory: int) -> Iterator[None]:
        """Meanwhile the database is open with more memory, at most most of the machine's."""
        usual, self.memory = self.memory, min(memory, _machine_memory() * 3 // 4)
        self.close()
        self.open()
        try:
            yield
        finally:
            self.memory = usual
            self.close()
            self.open()

    def checkpoint(self) -> None:
        self.run("CHECKPOINT")

    def close(self) -> None:
        self._connection.close()
        self._database.close()

    def _collected(self, cypher: str) -> AbstractContextManager[Any]:
        return _closing(lambda: self._connection.query_as_arrow(cypher, ARROW_ROWS))

    def _result(self, cypher: str, parameters: Parameters | None) -> AbstractContextManager[Any]:
        return _closing(lambda: self._connection.execute(cypher, dict(parameters or {})))


@contextmanager
def _closing(ask: Callable[[], Any]) -> Iterator[Any]:
    """An answer, closed in the end; what the engine says goes wrong is said in our words."""
    try:
        result = ask()
        try:
            yield result
        finally:
            result.close()
    except (RuntimeError, MemoryError) as error:
        raise _translated(error) from error


def default_memory() -> int:
    """A quarter of the machine's memory, at most 4 GiB: the database's own default is most of it."""
    return min(_machine_memory() // 4, 4 * 2**30)


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _translated(error: Exception) -> KgError:
    text = str(error)
    if text.startswith("Interrupted"):
        return QueryStopped("The query was interrupted.")
    if any(reason in text for reason in _NO_ROOM):
        # The database says here that what was committed is safe; columns of a COPY are not (measured on 0.22).
        return StoreUnavailable(
            "There is no room left on the disk of the graph, and what was being written is not all there. Make room, "
            "then run the same command again: it writes what is missing."
        )
    if isinstance(error, MemoryError) or text.startswith(_FULL):
        return QueryStopped("The query needed more memory than the embedded store has; ask for less at a time.")
    if text.startswith(_SYNTAX):
        return QueryRefused(f"The graph does not understand this query: {_sentence(text.split(':', 1)[-1])}")
    if "read-only" in text or "read only" in text:
        return QueryRefused(f"The embedded store does not run this query. {_sentence(text)}")
    return StoreUnavailable(f"The embedded store failed: {_sentence(text)}")


def _sentence(said: str) -> str:
    # What the parser would have taken is a list of all its keywords.
    text = re.sub(r" expecting \{[^}]*\}", "", said.strip())
    return text if text.endswith((".", "!", "?")) or "\n" in text else f"{text}."
