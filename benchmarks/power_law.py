"""The benchmarks' graph: any number of edges, a tenth as many entities, in-degrees that follow a power law.

    python -m benchmarks.power_law --edges 2000000 --store graph.db

Made block by block in bounded memory, the same for the same size, no edge twice. An embedded store takes it by COPY;
a Neo4j server of its own is filled by neo4j-admin's import, which no running server can do (`imported`).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from tqdm import tqdm

from kgstore import GraphStore, Relation, Source, open_store
from kgstore.command import run_command
from kgstore.errors import KgError
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from tests.neo4j_server import Server, serving

TYPES = ("IS_A", "PART_OF", "NEAR", "USED_FOR")
SOURCE = "b"
BLOCK = 500_000

#: The entity of rank i has in-degree c / i^0.75: the number of entities of degree d falls as d^(-7/3).
_EXPONENT = 0.75

#: What an import has to say of a store's columns: the words of neo4j-admin's headers.
_ENTITY_HEADER = {"id": "id:ID", "kind": "kind", "name": "name", "sources": "sources:string[]", "split": "split"}
_TRIPLE_HEADER = {
    "head": ":START_ID",
    "tail": ":END_ID",
    "words": "words",
    "weight": "weight:double",
    "sources": "sources:string[]",
    "origin": "origin",
    "split": "split",
    "run": "run",
    "when": "when",
    "decision": "decision",
}


@dataclass(frozen=True)
class PowerLaw:
    """Heads are spread evenly, tails by a power law; each of TYPES has its equal part of every entity's edges."""

    edges: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.edges < 100:
            raise KgError(f"--edges {self.edges} are too few for a power law; give 100 or more.")

    @property
    def entities(self) -> int:
        return self.edges // 10

    @cached_property
    def in_degrees(self) -> np.ndarray:
        """int64 [entities], together `edges`; which entities are the hubs is random."""
        shares = np.cumsum(np.arange(1, self.entities + 1) ** -_EXPONENT)
        ends = np.floor(shares / shares[-1] * self.edges).astype(np.int64)
        ends[-1] = self.edges
        return np.random.default_rng((self.seed, 0)).permutation(np.diff(ends, prepend=0))

    def entity_blocks(self) -> Iterator[pa.RecordBatch]:
        """ENTITY_COLUMNS."""
        for start in range(0, self.entities, BLOCK):
            numbers = np.arange(start, min(start + BLOCK, self.entities))
            names = pa.array(numbers).cast(pa.string())
            yield _block(ENTITY_COLUMNS, len(numbers), {"id": _ids(numbers), "name": names, "kind": "concept"})

    def triple_blocks(self) -> Iterator[pa.RecordBatch]:
        """TRIPLE_COLUMNS, one type a block, type by type."""
        for number, type_ in enumerate(TYPES):
            for head, tail in self.edge_blocks(number):
                columns = {"head": _ids(head), "tail": _ids(tail), "type": type_, "weight": 1.0, "origin": "asserted"}
                yield _block(TRIPLE_COLUMNS, len(head), columns)

    def edge_blocks(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Heads and tails of the type of this number, by tail.

        The heads of one tail are a walk around all other entities, from a random start by a step that meets each of
        them once before it meets one again: distinct, however many they are, without a list of what was drawn.
        """
        others = self.entities - 1
        turns = np.arange(self.entities)
        degrees = self.in_degrees // len(TYPES) + ((turns + number) % len(TYPES) < self.in_degrees % len(TYPES))
        ends = np.cumsum(degrees)
        first = np.random.default_rng((self.seed, 1, number)).integers(0, others, self.entities)
        step = _coprime(int(others * (math.sqrt(5) - 1) / 2), others)
        for start in range(0, int(ends[-1]), BLOCK):
            edges = np.arange(start, min(start + BLOCK, int(ends[-1])))
            tail = np.searchsorted(ends, edges, side="right")
            turn = edges - (ends[tail] - degrees[tail])
            head = (first[tail] + turn * step) % others
            yield head + (head >= tail), tail

    def relations(self) -> list[Relation]:
        return [Relation(type_, type_.lower().replace("_", " ")) for type_ in TYPES]


def load(store: GraphStore, graph: PowerLaw) -> None:
    """Writes the graph into an empty store."""
    if store.statistics().entities:
        raise KgError(f"{store.uri} is not empty; give a new graph.")
    with tqdm(total=graph.edges, desc=f"loading {graph.edges:,} edges", unit=" edges", unit_scale=True) as bar:

        def counted() -> Iterator[pa.RecordBatch]:
            for block in graph.triple_blocks():
                yield block
                bar.update(len(block))

        store.write_columns(graph.entity_blocks(), counted(), graph.relations(), Source(SOURCE))


def kept(graph: PowerLaw, folder: Path) -> Path:
    """The embedded store of the graph in a folder, loaded if it is not there."""
    path = folder / f"power-law-{graph.edges}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open_store(path) as store:
            load(store, graph)
    return path


@contextmanager
def imported(graph: PowerLaw, pagecache: str = "2g") -> Iterator[Server]:
    """A Neo4j server of its own that holds the graph; the environment says how to log in. Gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = _write_csv(graph, Path(folder))
        report = f"--report-file={Path(folder) / 'import.report'}"  # else it is left where this was called
        command = ["database", "import", "full", "neo4j", "--overwrite-destination", report, *arguments]
        with serving(before=[command], pagecache=pagecache) as server:
            os.environ |= {"NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": server.password}
            os.environ.pop("NEO4J_DATABASE", None)
            with open_store(server.uri) as store:  # which makes the constraints too
                store.write(relations=graph.relations(), source=Source(SOURCE))
            yield server


def _write_csv(graph: PowerLaw, folder: Path) -> list[str]:
    """Writes the files of neo4j-admin's import; its arguments that name them."""
    nodes = folder / "entities.csv"
    _write_rows(nodes, graph.entity_blocks(), _ENTITY_HEADER)
    arguments = [f"--nodes=Entity={nodes}"]
    blocks = graph.triple_blocks()
    block = next(blocks, None)
    with tqdm(total=graph.edges, desc=f"files of {graph.edges:,} edges", unit=" edges", unit_scale=True) as bar:
        for type_ in TYPES:

            def of_this_type(type_: str = type_) -> Iterator[pa.RecordBatch]:
                nonlocal block
                while block is not None and block["type"][0].as_py() == type_:
                    yield block
                    bar.update(len(block))
                    block = next(blocks, None)

            _write_rows(folder / f"{type_}.csv", of_this_type(), _TRIPLE_HEADER)
            arguments.append(f"--relationships={type_}={folder / type_}.csv")
    return arguments


def _write_rows(path: Path, blocks: Iterator[pa.RecordBatch], header: dict[str, str]) -> None:
    with path.open("wb") as file:
        file.write(",".join(header.values()).encode() + b"\n")
        for block in blocks:
            columns = [block[name] for name in header]
            flat = [pc.list_element(each, 0) if pa.types.is_list(each.type) else each for each in columns]
            table = pa.table(flat, names=list(header))
            csv.write_csv(table, file, csv.WriteOptions(include_header=False))


def _block(schema: pa.Schema, rows: int, columns: dict[str, object]) -> pa.RecordBatch:
    """A batch of the schema: columns as given, one value for all rows, or what a record has that says nothing."""
    given = {"sources": [SOURCE], "split": "train", "score": None, **columns}
    arrays = []
    for field in schema:
        value = given.get(field.name, [] if pa.types.is_list(field.type) else "")
        arrays.append(value if isinstance(value, pa.Array) else pa.repeat(pa.scalar(value, field.type), rows))
    return pa.record_batch(arrays, schema=schema)


def _ids(numbers: np.ndarray) -> pa.StringArray:
    return pc.binary_join_element_wise(f"{SOURCE}:", pa.array(numbers).cast(pa.string()), "")


def _coprime(number: int, size: int) -> int:
    """The first number from this one on that shares no factor with the size."""
    while math.gcd(number, size) != 1:
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", type=int, default=200_000, help="edges of the graph (default %(default)s)")
    parser.add_argument("--store", help="an empty store to load the graph into (default: an embedded one, for once)")
    arguments = parser.parse_args()
    graph = PowerLaw(arguments.edges)
    with tempfile.TemporaryDirectory() as folder, open_store(arguments.store or Path(folder) / "graph") as store:
        began = time.perf_counter()
        load(store, graph)
        seconds = time.perf_counter() - began
    degrees = graph.in_degrees
    print(f"{graph.entities:,} entities, {graph.edges:,} edges, loaded at {graph.edges / seconds:,.0f} edges/s")
    print(f"in-degree: median {np.median(degrees):.0f}, mean {degrees.mean():.1f}, largest {degrees.max():,}")


if __name__ == "__main__":
    sys.exit(run_command(main))
