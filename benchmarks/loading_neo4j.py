"""Into Neo4j and out of it, side by side in one run: the textbook's way, ours, and the files of neo4j-admin's import.

    python -m benchmarks.loading_neo4j [--entities 50000] [--triples 200000] [--rounds 3]

A server of its own on this machine, emptied before each writing. The graph has 24 relation types and hubs; the textbook
writes UNWIND of 10,000 rows, MERGE, and MATCH, MATCH, MERGE, type by type, in one session, and reads a row a relation.
Each figure is the best of the rounds; both ways of writing must leave the same graph, by its digest.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import neo4j
import pyarrow as pa

from kgstore import Entity, GraphStore, Triple, open_store
from kgstore.command import run_command
from kgstore.digest import graph_digest
from kgstore.errors import KgError
from kgstore.export import Contents, export
from kgstore.records import entity_table, triple_table
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from tests.neo4j_server import import_seconds, serving

TYPES = tuple(f"TYPE_{number}" for number in range(24))
BATCH = 10_000
#: Relations first: a hub with all of its own is more than a transaction holds.
EMPTY = (
    "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 20000 ROWS",
    "MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 20000 ROWS",
)
CONSTRAINT = "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE"
ENTITIES = "UNWIND $rows AS row MERGE (e:Entity {id: row.id}) SET e += row"
TRIPLES = (
    "UNWIND $rows AS row MATCH (h:Entity {id: row.head}) MATCH (t:Entity {id: row.tail}) "
    "MERGE (h)-[r:<type> {words: row.properties.words}]->(t) SET r += row.properties"
)
READ_ENTITIES = "MATCH (e:Entity) RETURN " + ", ".join(f"e.{name} AS {name}" for name in ENTITY_COLUMNS.names)
READ_TRIPLES = "MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, type(r) AS type, t.id AS tail, " + ", ".join(
    f"r.`{name}` AS `{name}`" for name in TRIPLE_COLUMNS.names[3:]
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading_neo4j", description=__doc__.splitlines()[0])
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--triples", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    entities, triples = graph(arguments.entities, arguments.triples)
    rows = entities.num_rows + triples.num_rows
    with serving() as server:
        os.environ |= {"NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": server.password}
        os.environ.pop("NEO4J_DATABASE", None)
        with (
            neo4j.GraphDatabase.driver(
                server.uri, auth=("neo4j", server.password), notifications_min_severity="OFF"
            ) as driver,
            driver.session() as session,
            open_store(server.uri) as store,
        ):
            session.run(CONSTRAINT).consume()
            textbook: list[float] = []
            ours: list[float] = []
            digests = set()
            for _ in range(arguments.rounds):
                for seconds, work in (
                    (textbook, lambda: write_textbook(session, entities, triples)),
                    (ours, lambda: write_ours(store, entities, triples)),
                ):
                    for statement in EMPTY:
                        session.run(statement).consume()
                    seconds.append(timed(work))
                    digests.add(graph_digest(store))
            if len(digests) != 1:
                raise KgError("The two ways of writing left different graphs.")
            by_rows: list[float] = []
            by_columns: list[float] = []
            for _ in range(arguments.rounds):
                by_rows.append(timed(lambda: read_rows(session)))
                by_columns.append(timed(lambda: read_columns(store)))
            bulk = import_seconds_of(store)
    print("writing")
    show("the textbook's loop", rows, min(textbook), min(textbook))
    show("write_columns", rows, min(ours), min(textbook))
    show("neo4j-admin import", rows, bulk, min(textbook))
    print("reading, all columns")
    show("a row an entity, a relation", rows, min(by_rows), min(by_rows))
    show("entity_ and triple_columns", rows, min(by_columns), min(by_rows))


def graph(entities: int, triples: int) -> tuple[pa.Table, pa.Table]:
    """A fifth of the tails and a tenth of the heads are ten hubs; a few types have most of the relations."""
    generator = random.Random(0)
    things = [
        Entity(f"n:/c/en/thing_{at}", name=f"thing {at}", texts=(f"the thing {at}",), sources=("n",))
        for at in range(entities)
    ]
    found: dict[object, Triple] = {}
    while len(found) < triples:
        head = generator.randrange(10) if generator.random() < 0.1 else int(entities * generator.random() ** 2)
        tail = generator.randrange(10) if generator.random() < 0.2 else int(entities * generator.random() ** 2)
        type_ = TYPES[int(len(TYPES) * generator.random() ** 2)]
        text = f"{things[head].name} is to {things[tail].name}" if generator.random() < 0.5 else ""
        weight = generator.choice((1.0, 2.0, 0.5))
        triple = Triple(things[head].id, type_, things[tail].id, weight=weight, sources=("n",), text=text)
        found[triple.key] = triple
    return entity_table(things), triple_table(found.values())


def write_textbook(session: neo4j.Session, entities: pa.Table, triples: pa.Table) -> None:
    for rows in batches(entities.to_pylist()):
        session.run(ENTITIES, rows=rows).consume()
    by_type: dict[str, list[dict[str, object]]] = {}
    for row in triples.to_pylist():
        properties = {name: row[name] for name in TRIPLE_COLUMNS.names[3:]}
        by_type.setdefault(row["type"], []).append({"head": row["head"], "tail": row["tail"], "properties": properties})
    for type_, group in by_type.items():
        for rows in batches(group):
            session.run(TRIPLES.replace("<type>", type_), rows=rows).consume()


def write_ours(store: GraphStore, entities: pa.Table, triples: pa.Table) -> None:
    """As a load does: in transactions of the store's size."""
    size = store.transaction_rows or len(triples)
    for first in range(0, len(entities), size):
        store.write_columns(entities=entities.slice(first, size).to_batches())
    for first in range(0, len(triples), size):
        store.write_columns(triples=triples.slice(first, size).to_batches())


def read_rows(session: neo4j.Session) -> None:
    """Into the same columns."""
    for cypher, schema in ((READ_ENTITIES, ENTITY_COLUMNS), (READ_TRIPLES, TRIPLE_COLUMNS)):
        pa.Table.from_pylist([record.data() for record in session.run(cypher)], schema)


def read_columns(store: GraphStore) -> None:
    for columns in (store.entity_columns, store.triple_columns):
        for _ in columns():
            pass


def import_seconds_of(store: GraphStore) -> float:
    """Export's files imported; the writing of the files is not counted, nor would a server's start be."""
    with tempfile.TemporaryDirectory() as folder:
        done = export(Contents.of(store), "neo4j-admin", Path(folder) / "files")
        return import_seconds(shlex.split(done.command)[1:])


def batches(rows: list[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(what: str, rows: int, seconds: float, against: float) -> None:
    print(f"  {what:28} {seconds:8.2f} s {rows / seconds:12,.0f} rows/s {against / seconds:8.1f} times", flush=True)


if __name__ == "__main__":
    sys.exit(run_command(main))
