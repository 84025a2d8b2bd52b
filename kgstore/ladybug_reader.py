"""Ad-hoc queries on the embedded store run in a process of their own, which can be killed at any moment.

The database's own interrupt and time limit are not enough: some operators look at them after seconds or never, and
one call of a function may take all memory. The process opens the file for reading only, and can open no other file or
socket while a query runs, so that what slips through the guard finds neither files nor network.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from kgstore.errors import KgError, QueryStopped, StoreUnavailable
from kgstore.ladybug_cypher import type_of
from kgstore.ladybug_engine import LadybugEngine, default_memory

STARTS_WITHIN = 60.0
LOOKS_EVERY = 0.05

Way = Literal["columns", "at once", "ends"]


class LadybugReader:
    """The parent's side: a reading process on a file that nobody changes meanwhile (the caller keeps it so).

    Before the file changes, rest() closes it there; the next query opens it anew, in some milliseconds.
    """

    def __init__(self, path: Path) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).parent.parent)
        known = os.environ.get("PYTHONPATH", "")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kgstore.ladybug_reader", str(path.resolve()), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(part for part in (package, known) if part)},
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        self._memory = 2 * _memory()
        self._open = False
        try:
            self._receive(time.monotonic() + STARTS_WITHIN)
        except BaseException:
            self.close()
            raise

    def rows(
        self, cypher: str, parameters: Mapping[str, object], seconds: float, limit: int
    ) -> tuple[list[str], list[tuple[object, ...]]]:
        """Names of the columns and at most `limit` rows. Raises QueryStopped, after which the process is gone."""
        self._wake()
        self._connection.send(("rows", cypher, dict(parameters), limit))
        return self._answer(seconds)

    def columns(self, cypher: str, parameters: Mapping[str, object], way: Way = "columns") -> Iterator[pa.RecordBatch]:
        """The answer without a time limit; Ctrl-C ends it, and so does leaving it half read. What has no parameters
        can be asked for `at once`, which is faster, and what asks for two ends alone for these `ends`."""
        self._wake()
        self._connection.send((way, cypher, dict(parameters), 0))
        whole = False
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(self._answer(None)))
            while batch := self._answer(None):
                yield pa.ipc.read_record_batch(pa.py_buffer(batch), schema)
            whole = True
        except KgError:
            whole = True
            raise
        finally:
            if not whole:
                self.close()

    def rest(self) -> None:
        """Closes the file there; what changed in it is seen by the next query."""
        if self._open and self.alive:
            self._open = False
            self._connection.send(("close", "", {}, 0))
            self._answer(STARTS_WITHIN)

    def _wake(self) -> None:
        if not self._open:
            self._connection.send(("open", "", {}, 0))
            self._answer(None)
            self._open = True

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Stops what another thread is asking; it is told StoreUnavailable, and has to close()."""
        self._process.kill()

    def close(self) -> None:
        """Kills the process; it holds nothing that could be lost."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _answer(self, seconds: float | None) -> Any:
        until = None if seconds is None else time.monotonic() + seconds
        try:
            return self._receive(until)
        except TimeoutError:
            self.close()
            raise QueryStopped(
                f"The query was stopped after {seconds:g} s; ask for less, or allow more time."
            ) from None
        except MemoryError:
            self.close()
            raise QueryStopped("The query was stopped because it took too much memory; ask for less.") from None
        except BaseException as error:
            if not isinstance(error, KgError) or isinstance(error, StoreUnavailable):
                self.close()
            raise

    def _receive(self, until: float | None) -> Any:
        while not self._connection.poll(LOOKS_EVERY):
            if until is not None and time.monotonic() > until:
                raise TimeoutError
            if _resident(self._process.pid) > self._memory:
                raise MemoryError
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise StoreUnavailable("The reading process of the embedded store ended by itself; try again.") from error
        if isinstance(answer, KgError):
            raise answer
        return answer


def _memory() -> int:
    return min(default_memory(), 2**30)


def _resident(process: int) -> int:
    """Bytes in memory, where the system says so (Linux); else nothing."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def serve(path: Path, connection: Connection) -> None:
    """The child's side: answers until the parent goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing can be written to a file
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    connection.send("ready")
    engine: LadybugEngine | None = None
    tables: dict[int, str] = {}
    fillers: list[int] = []
    while True:
        try:
            what, cypher, parameters, limit = connection.recv()
        except EOFError:
            return
        try:
            if what == "open":
                engine = LadybugEngine(path, read_only=True, memory=_memory())
                tables = dict(engine.run("CALL show_tables() RETURN id, name"))
                limit, fillers = _fill_files()
                _allow_files(limit)
                connection.send("open")
            elif what == "close" and engine is not None:
                _allow_files(most_files)
                for filler in fillers:
                    os.close(filler)
                engine.close()
                connection.send("closed")
            elif what == "rows" and engine is not None:
                names, rows = engine.first_rows(cypher, parameters, limit)
                connection.send((names, _Plain(engine, tables).rows(rows)))
            elif what == "at once" and engine is not None:
                _send_columns(engine.arrow_at_once(cypher), connection)
            elif what == "ends" and engine is not None:
                _send_columns(engine.ends(cypher), connection)
            elif engine is not None:
                _send_columns(engine.arrow(cypher, parameters), connection)
        except KgError as error:
            connection.send(error)


def _end_with(parent: int) -> None:
    """A query that runs away must not outlive a parent that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _send_columns(table: pa.Table, connection: Connection) -> None:
    connection.send(table.schema.serialize().to_pybytes())
    for batch in table.to_batches():
        connection.send(batch.serialize().to_pybytes())
    connection.send(b"")


def _fill_files() -> tuple[int, list[int]]:
    """A limit that admits no other file than those which are open, and what fills the gaps in their numbers."""
    highest = max(int(file.name) for file in Path("/dev/fd").iterdir())
    fillers = [os.open(os.devnull, os.O_RDONLY)]
    while fillers[-1] < highest:
        fillers.append(os.dup(fillers[0]))
    return max(highest, fillers[-1]) + 1, fillers


def _allow_files(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


class _Plain:
    """Rows in plain values: nodes as their properties, relations with head, type and tail."""

    def __init__(self, engine: LadybugEngine, tables: Mapping[int, str]) -> None:
        self._engine = engine
        self._tables = tables
        self._ids: dict[int, str] = {}

    def rows(self, rows: list[tuple[Any, ...]]) -> list[tuple[object, ...]]:
        offsets: set[int] = set()
        for row in rows:
            for value in row:
                self._collect_ends(value, offsets)
        entity = next((table for table, name in self._tables.items() if name == "Entity"), 0)
        if offsets:
            found = self._engine.run(
                "UNWIND $offsets AS o MATCH (e:Entity) WHERE id(e) = internal_id($number, o) RETURN o, e.id",
                {"offsets": sorted(offsets), "number": entity},
            )
            self._ids = dict(found)
        return [tuple(self._plain(value) for value in row) for row in rows]

    def _collect_ends(self, value: Any, offsets: set[int]) -> None:
        if isinstance(value, dict):
            if "_SRC" in value:
                offsets.update((value["_SRC"]["offset"], value["_DST"]["offset"]))
            else:
                for inner in value.values():
                    self._collect_ends(inner, offsets)
        elif isinstance(value, list):
            for inner in value:
                self._collect_ends(inner, offsets)

    def _plain(self, value: Any) -> object:
        if isinstance(value, list):
            return [self._plain(inner) for inner in value]
        if not isinstance(value, dict):
            return value if isinstance(value, (str, int, float, bool, bytes, type(None))) else str(value)
        if "_NODES" in value:
            return {"nodes": self._plain(value["_NODES"]), "relationships": self._plain(value["_RELS"])}
        # A column of another table comes as None; a property that is missing is missing.
        inner = {name: self._plain(part) for name, part in value.items() if name[:1] != "_" and part is not None}
        if "_SRC" in value:
            ends = {"head": self._ids[value["_SRC"]["offset"]], "type": type_of(value["_LABEL"])}
            return {**ends, "tail": self._ids[value["_DST"]["offset"]], **inner}
        return inner


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Connection(int(sys.argv[2])))
