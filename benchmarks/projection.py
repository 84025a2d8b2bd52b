"""How fast a recipe becomes a projection, beside reading its answer row by row, and what memory that takes.

    python -m benchmarks.projection [--edges 2000000] [--graph FOLDER] [--neo4j]

The recipe is `all`, the graph that of benchmarks.power_law in an embedded store, kept in --graph for another run, and
with --neo4j in a server of its own as well. Entities are timed apart: what is compared is edges alone. Ways take turns,
and of each the fastest of --rounds counts: a server compiles what it runs, and others may use the machine. Therefore
seconds of the processors are told too: of this process, of what reads for it and of the server.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.power_law import PowerLaw, imported, kept
from kgstore import GraphStore, open_store
from kgstore.command import run_command
from kgstore.errors import KgError, QueryStopped
from kgstore.neo4j_store import Neo4jStore
from kgstore.plain_recipe import first_rows
from kgstore.projecting import numbered_entities, project
from kgstore.projection import open_projection
from kgstore.recipes import load_recipe

T = TypeVar("T")

RECIPE = load_recipe("all")
#: Rows of the naive form, which is as slow for any number of them.
NAIVE_ROWS = 200_000
LOOKS_EVERY = 0.02


class Measured(NamedTuple):
    store: str
    edges: int
    edges_per_second: float
    rows_per_second: float | None  # None: the store gave up
    edges_per_processor_second: float
    rows_per_processor_second: float | None
    entities_seconds: float
    reopened_seconds: float
    memory_bytes: int
    load: float  # processes that wanted a core in the last minute, ours among them


class Spent(NamedTuple):
    seconds: float
    processor: float


def main() -> None:
    arguments = _parser().parse_args()
    graph = PowerLaw(arguments.edges)
    with tempfile.TemporaryDirectory() as folder:
        with open_store(kept(graph, Path(arguments.graph or folder))) as store:
            rows = [measure("embedded", store, Path(folder), arguments.rounds)]
        if arguments.neo4j:
            with imported(graph) as server, open_store(server.uri) as store:
                rows.append(measure("neo4j", store, Path(folder), arguments.rounds, server.process.pid))
    for row in rows:
        beside = "the store gave up"
        if row.rows_per_second:
            beside = f"{row.rows_per_second:,.0f} ({row.edges_per_second / row.rows_per_second:.1f} times)"
        if row.rows_per_processor_second:
            times = row.edges_per_processor_second / row.rows_per_processor_second
            beside += f", {times:.1f} times by processor seconds"
        print(
            f"{row.store:9} {row.edges:>11,} edges: {row.edges_per_second:>10,.0f} edges/s, "
            f"{row.edges_per_processor_second:,.0f} a processor second, row by row {beside}; load {row.load:.1f}; "
            f"entities {row.entities_seconds:.1f} s; reopened in {row.reopened_seconds * 1000:.1f} ms; "
            f"{row.memory_bytes / 2**20:,.0f} MiB beyond the mapped arrays"
        )
    if arguments.out:
        Path(arguments.out).write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n", encoding="utf-8")


def measure(name: str, store: GraphStore, folder: Path, rounds: int, server: int = 0) -> Measured:
    edges: list[Spent] = []
    rows: list[Spent] = []
    entities: list[Spent] = []
    most_memory = 0
    for _ in range(rounds):
        entities.append(_spent(lambda: numbered_entities(store), server)[1])
        if len(rows) == len(edges):  # else the store gave up
            rows += _row_by_row(store, server)
        with _watching() as memory:
            projection, whole = _spent(lambda: project(store, RECIPE, folder / name), server)
        edges.append(Spent(whole.seconds - entities[-1].seconds, whole.processor - entities[-1].processor))
        most_memory = max(most_memory, memory[0])
    _, reopened = _spent(lambda: open_projection(projection.directory), server)
    many = projection.edge_count
    return Measured(
        name,
        many,
        many / min(spent.seconds for spent in edges),
        NAIVE_ROWS / min(spent.seconds for spent in rows) if rows else None,
        many / min(spent.processor for spent in edges),
        NAIVE_ROWS / min(spent.processor for spent in rows) if rows else None,
        min(spent.seconds for spent in entities),
        reopened.seconds,
        most_memory,
        os.getloadavg()[0],
    )


def _row_by_row(store: GraphStore, server: int) -> list[Spent]:
    """Reading NAIVE_ROWS rows, if the store does not give up."""
    try:
        rows, spent = _spent(lambda: sum(1 for _ in _rows(store)), server)
    except QueryStopped as error:
        print(f"row by row: {error}", file=sys.stderr)
        return []
    if rows != NAIVE_ROWS:
        raise KgError(f"The graph has {rows:,} edges; give --edges {NAIVE_ROWS} or more.")
    return [spent]


def _rows(store: GraphStore) -> Iterator[object]:
    """The naive form: the recipe's rows as objects, one after the other."""
    cypher = first_rows(RECIPE.cypher, NAIVE_ROWS)
    if isinstance(store, Neo4jStore):
        yield from store._driver.stream(cypher, RECIPE.parameters)
    else:
        yield from store.query(cypher, RECIPE.parameters, seconds=600, rows=NAIVE_ROWS).rows


@contextmanager
def _watching() -> Iterator[list[int]]:
    """The most memory that this process and its children took meanwhile, without files that are mapped."""
    most, ended = [0], threading.Event()
    before = _own_memory()

    def watch() -> None:
        while not ended.wait(LOOKS_EVERY):
            most[0] = max(most[0], _own_memory() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def _own_memory() -> int:
    """Bytes of anonymous memory of this process and those that it started; a server is none of them."""
    return sum(map(_anonymous, (os.getpid(), *_readers())))


def _readers() -> list[int]:
    """The processes that read an embedded store for this one."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        found += [int(child) for child in children if _is_reader(int(child))]
    return found


def _is_reader(process: int) -> bool:
    try:
        return b"kgstore.ladybug_reader" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _anonymous(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def _spent(work: Callable[[], T], server: int) -> tuple[T, Spent]:
    began, before = time.perf_counter(), _processor_seconds(server)
    result = work()
    return result, Spent(time.perf_counter() - began, _processor_seconds(server) - before)


def _processor_seconds(server: int) -> float:
    """What this process, its readers and the server took of the processors so far."""
    ticks = 0
    for process in (os.getpid(), *_readers(), *([server] if server else [])):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # user and system
    return ticks / os.sysconf("SC_CLK_TCK")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=2_000_000, help="edges of the graph (default %(default)s)")
    parser.add_argument("--graph", help="a folder that keeps the embedded graph (default: none)")
    parser.add_argument("--neo4j", action="store_true", help="measure a Neo4j server too")
    parser.add_argument("--rounds", type=int, default=5, help="times that each way is timed (default %(default)s)")
    parser.add_argument("--out", help="write the figures to this file, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
