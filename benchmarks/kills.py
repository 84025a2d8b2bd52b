"""Loads that are killed at random moments and started again end in the graph of an undisturbed one.

python -m benchmarks.kills                    100 kills on the embedded store, 30 on a Neo4j server of its own
python -m benchmarks.kills --store bolt://..  30 on that server, whose graph must be empty

Each load is `python -m ingest triples` in a process of its own, which SIGKILL ends after a random part of the time that
an undisturbed one takes. It is started again until it comes to its end; then the graph's digest is compared, and the
next round begins with an empty graph. A graph must open after every kill.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kgstore.digest import graph_digest
from kgstore.open import open_store
from kgstore.values import TripleKey

ROOT = Path(__file__).parent.parent
SOURCE = "killed"
#: Lines of the tables that are loaded: seconds on two idle cores, and on a server several transactions.
EMBEDDED_ROWS, NEO4J_ROWS = 150_000, 100_000


@dataclass
class Outcome:
    """What the kills did. A moment is a part of an undisturbed load's time."""

    digest: str
    moments: list[float] = field(default_factory=list)
    rounds: int = 0  # loads that came to their end
    written: int = 0  # kills that left something in the graph
    wrong: list[str] = field(default_factory=list)


def make_table(file: Path, rows: int, seed: int) -> None:
    """A table of triples with hubs, repeats, several types, weights, self-loops and rows that are cut off."""
    generator = random.Random(seed)
    with file.open("w", encoding="utf-8") as table:
        for _ in range(rows):
            head = int(generator.paretovariate(0.7)) % rows if generator.random() < 0.3 else generator.randrange(rows)
            tail = head if generator.random() < 0.01 else generator.randrange(rows)
            if generator.random() < 0.005:
                table.write(f"node {head}\tknows\n")
            else:
                kind = generator.choice(("knows", "is a", "part of", "犬"))
                table.write(f"node {head}\t{kind}\tnode {tail}\t{generator.randrange(1, 9)}\n")


def kill_loads(
    table: Path, uri: str, empty: Callable[[], None], kills: int, seed: int, say: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Kills loads of the table into the graph at `uri`, which `empty` empties, and compares each that ends.

    The graph is empty before and holds the table after.
    """
    generator = random.Random(seed)
    started = time.monotonic()
    if status := _load(table, uri).wait():
        raise SystemExit(f"The undisturbed load ends with status {status}: python -m ingest triples --path {table}")
    seconds = time.monotonic() - started
    outcome = Outcome(_digest(uri))
    empty()
    found = nothing = _digest(uri)
    say(f"undisturbed: {seconds:.1f} s, digest {outcome.digest}")
    while len(outcome.moments) < kills:
        moment = generator.uniform(0, 1.1)
        fresh, started = found == nothing, time.monotonic()
        process = _load(table, uri)
        try:
            status = process.wait(moment * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            status = process.wait()
        if status == -signal.SIGKILL:
            outcome.moments.append(round(moment, 3))
            found = _digest(uri)
            outcome.written += found != nothing
            say(f"kill {len(outcome.moments):3} at {moment:.3f} of a load: {found[:8]}")
        elif fresh:  # a machine may be busier at one time than at another
            seconds = time.monotonic() - started
        if status == 0 or len(outcome.moments) == kills:
            _finish(table, uri, outcome, say)
            if len(outcome.moments) < kills:
                empty()
                found = nothing
    return outcome


def _finish(table: Path, uri: str, outcome: Outcome, say: Callable[[str], None]) -> None:
    """One more load, undisturbed; after one that ended it has nothing to do."""
    status = _load(table, uri).wait()
    found = _digest(uri)
    outcome.rounds += 1
    say(f"round {outcome.rounds}: {found} {'as undisturbed' if found == outcome.digest else 'IS ANOTHER GRAPH'}")
    if status or found != outcome.digest:
        outcome.wrong.append(f"round {outcome.rounds} ended with status {status} and digest {found}")


def _load(table: Path, uri: str) -> subprocess.Popen[bytes]:
    arguments = ["--path", table, "--source", SOURCE, "--weight", "4", "--store", uri]
    return subprocess.Popen(
        [sys.executable, "-m", "ingest", "triples", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )


def _digest(uri: str) -> str:
    with open_store(uri) as store:
        return graph_digest(store)


def emptying(uri: str) -> Callable[[], None]:
    """What empties the graph: an embedded one by its files, one on a server by taking back what the table told."""

    def remove_files() -> None:
        for file in Path(uri).parent.glob(f"{Path(uri).name}*"):
            file.unlink()

    def take_back() -> None:
        with open_store(uri) as store:
            for batch in [*store.triple_columns()]:
                ends = (batch[name].to_pylist() for name in ("head", "type", "tail", "words"))
                store.retract(SOURCE, [], [TripleKey(*key) for key in zip(*ends, strict=True)])
            for batch in [*store.entity_columns()]:
                store.retract(SOURCE, batch["id"].to_pylist())
            [mark] = store.sources()
            store.write(source=type(mark)(mark.name))

    return take_back if "://" in uri else remove_files


@contextmanager
def _server(uri: str | None) -> Iterator[str]:
    if uri is not None:
        yield uri
        return
    from tests.neo4j_server import serving  # only here: who has a server needs neither Java nor the tests

    with serving() as server:
        os.environ |= {"NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": server.password}
        yield server.uri


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--store", metavar="URI", help="a Neo4j server with an empty graph (default: one of its own)")
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="on the embedded store (%(default)s)")
    parser.add_argument("--neo4j-kills", type=int, default=30, metavar="N", help="on the server (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the tables and the moments (%(default)s)")
    options = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.kills:
            make_table(folder / "embedded.tsv", EMBEDDED_ROWS, options.seed)
            uri = str(folder / "graph.db")
            wrong += _told("embedded", folder / "embedded.tsv", uri, options.kills, options.seed)
        if options.neo4j_kills:
            make_table(folder / "neo4j.tsv", NEO4J_ROWS, options.seed)
            with _server(options.store) as uri:
                wrong += _told("Neo4j", folder / "neo4j.tsv", uri, options.neo4j_kills, options.seed)
    print("\n".join(wrong) or "every load ended in the same graph")
    return bool(wrong)


def _told(what: str, table: Path, uri: str, kills: int, seed: int) -> list[str]:
    started = time.monotonic()
    print(f"{what}:", flush=True)
    outcome = kill_loads(table, uri, emptying(uri), kills, seed, lambda line: print(f"  {line}", flush=True))
    print(
        f"  {len(outcome.moments)} kills in {outcome.rounds} rounds, {outcome.written} of them with something written, "
        f"{time.monotonic() - started:.0f} s"
    )
    return [f"{what}: {line}" for line in outcome.wrong]


if __name__ == "__main__":
    sys.exit(main())
