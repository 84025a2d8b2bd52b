"""Both stores on one random graph, side by side: write, write again, read back, project by a recipe.

    python -m benchmarks.stores [--store bolt://localhost:7687] [--triples 200000]

The embedded store in a temporary folder, and what --store names, which must be empty. Prints seconds and rates.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable

from kgstore import Entity, GraphStore, Triple, open_store
from kgstore.command import run_command
from kgstore.errors import KgError

RECIPE = "MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.weight AS weight"
TYPES = tuple(f"TYPE_{number}" for number in range(20))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="append", default=[], help="an empty graph beside; repeatable")
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--triples", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=20_000)
    arguments = parser.parse_args()
    entities, triples = graph(arguments.entities, arguments.triples)
    with tempfile.TemporaryDirectory() as folder:
        for uri in (f"{folder}/graph.db", *arguments.store):
            with open_store(uri) as store:
                if store.statistics().entities:
                    raise KgError(f"{uri} is not empty; give a new graph.")
                measure(store, entities, triples, arguments.batch)


def graph(entities: int, triples: int) -> tuple[list[Entity], list[Triple]]:
    """Random ends, a fifth of them among ten hubs."""
    generator = random.Random(0)
    things = [
        Entity(f"n:{at}", name=f"thing {at}", texts=(f"the thing {at}",), sources=("n",)) for at in range(entities)
    ]
    found: dict[object, Triple] = {}
    while len(found) < triples:
        head = generator.randrange(10 if generator.random() < 0.2 else entities)
        triple = Triple(f"n:{head}", generator.choice(TYPES), f"n:{generator.randrange(entities)}", sources=("n",))
        found[triple.key] = triple
    return things, list(found.values())


def measure(store: GraphStore, entities: list[Entity], triples: list[Triple], batch: int) -> None:
    print(store.uri)

    def in_batches(write: Callable[[int], object], count: int) -> None:
        for first in range(0, count, batch):
            write(first)

    for what, count, work in (
        (
            "write entities",
            len(entities),
            lambda: in_batches(lambda at: store.write(entities[at : at + batch]), len(entities)),
        ),
        (
            "write triples",
            len(triples),
            lambda: in_batches(lambda at: store.write(triples=triples[at : at + batch]), len(triples)),
        ),
        (
            "write again",
            len(triples),
            lambda: in_batches(lambda at: store.write(triples=triples[at : at + batch]), len(triples)),
        ),
        ("read entities", len(entities), lambda: sum(part.num_rows for part in store.entity_columns())),
        ("read triples", len(triples), lambda: sum(part.num_rows for part in store.triple_columns())),
        ("read a recipe", len(triples), lambda: sum(part.num_rows for part in store.columns(RECIPE))),
        ("read a recipe again", len(triples), lambda: sum(part.num_rows for part in store.columns(RECIPE))),
        ("first search", 1, lambda: store.search("thnig 123")),
        ("next search", 1, lambda: store.search("thnig 4567")),
        ("neighbours of a hub", 1, lambda: store.neighbours("n:1")),
        ("statistics", 1, store.statistics),
        ("predictions", 1, store.predictions),
    ):
        begun = time.perf_counter()
        work()
        seconds = time.perf_counter() - begun
        rate = f"{count / seconds:12,.0f}/s" if count > 1 else ""
        print(f"  {what:20} {seconds:8.2f} s {rate}", flush=True)


if __name__ == "__main__":
    sys.exit(run_command(main))
