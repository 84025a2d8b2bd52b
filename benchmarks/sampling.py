"""Sampled edges a second: the projection's sampler beside Cypher for each batch and PyG's NeighborLoader, in one run.

    python -m benchmarks.sampling [--edges 200000] [--store bolt://localhost:7687]

The graph has a tenth as many entities as edges and in-degrees that follow a power law. It is loaded into an embedded
store of its own in a temporary folder, or, with --store, into that store, which must be empty.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader
from tqdm import tqdm

from kgstore import Entity, GraphStore, Triple, open_store
from kgstore.projection import Projection, project
from kgstore.recipes import load_recipe
from model.sampler import Sampler

T = TypeVar("T")

TYPES = ("IS_A", "PART_OF", "NEAR", "USED_FOR")
WRITTEN_AT_ONCE = 200_000

#: All incoming relations of the frontier; the fan-out is drawn from them here. The fastest exact form found that runs
#: on both stores: rand() has another name on each, and subqueries exist on one only. On the embedded store the form
#: with `t.id IN $ids` takes 25 times as long for 6,000 ids.
INCOMING = """
UNWIND $ids AS id MATCH (t:Entity)<-[r]-(h:Entity) WHERE t.id = id
RETURN h.id AS head, t.id AS tail
"""

#: Neo4j draws in the database, seed by seed.
INCOMING_DRAWN = """
UNWIND $ids AS id MATCH (t:Entity {id: id})
CALL (t) { MATCH (t)<-[r]-(h:Entity) RETURN h ORDER BY rand() LIMIT $fanout }
RETURN h.id AS head, t.id AS tail
"""


class Measured(NamedTuple):
    name: str
    edges_per_second: float


def main() -> None:
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(arguments.store or Path(folder) / "graph") as store:
        load(store, arguments.edges)
        projection, projected = _timed(lambda: project(store, load_recipe("all"), Path(folder) / "projection"))
        _, reopened = _timed(lambda: Projection.open(projection.directory))
        rows = [sample_projection(projection, arguments), *sample_by_cypher(store, projection, arguments)]
        rows += sample_by_loader(projection, arguments)
    print(f"{projection.entity_count:,} entities, {projection.edge_count:,} edges, seeds {arguments.seeds}, ", end="")
    print(f"fan-out {arguments.fanout}, {arguments.batches} batches")
    print(
        f"projected at {projection.edge_count / projected:,.0f} edges/s, entities and all; reopened in {reopened:.4f} s"
    )
    for row in rows:
        ratio = rows[0].edges_per_second / row.edges_per_second
        print(f"{row.name:40} {row.edges_per_second:14,.0f} edges/s   1/{ratio:,.1f}")


def load(store: GraphStore, edges: int) -> None:
    """A graph of a tenth as many entities, random heads, and tails of a power law."""
    rng = np.random.default_rng(0)
    entities = max(edges // 10, 2)
    tails = (
        (rng.pareto(1.1, edges) * entities / 1000).astype(np.int64) + rng.integers(0, entities, edges) // 50
    ) % entities
    heads, types = rng.integers(0, entities, edges), rng.integers(0, len(TYPES), edges)
    with tqdm(total=edges, desc="loading", unit=" triples", unit_scale=True) as bar:
        for start in range(0, entities, WRITTEN_AT_ONCE):
            store.write([Entity(f"b:{i}", name=f"{i}") for i in range(start, min(start + WRITTEN_AT_ONCE, entities))])
        for start in range(0, edges, WRITTEN_AT_ONCE):
            part = zip(*(each[start : start + WRITTEN_AT_ONCE].tolist() for each in (heads, types, tails)), strict=True)
            store.write((), [Triple(f"b:{head}", TYPES[type_], f"b:{tail}") for head, type_, tail in part])
            bar.update(min(WRITTEN_AT_ONCE, edges - start))


def sample_projection(projection: Projection, arguments: argparse.Namespace) -> Measured:
    sampler = Sampler(projection, batch_size=arguments.seeds, fanout=arguments.fanout)
    nothing = np.empty(0, np.int64)

    def batches() -> Iterator[int]:
        for step, seeds in enumerate(_seeds(projection, arguments)):
            yield len(sampler.neighbourhood(seeds, nothing, (0, step)).head)

    return _measured("projection (model.sampler)", batches())


def sample_by_cypher(store: GraphStore, projection: Projection, arguments: argparse.Namespace) -> Iterator[Measured]:
    """The same neighbourhoods, each hop asked of the store."""

    def batches(hop: Callable[[list[str], int], tuple[np.ndarray, np.ndarray]]) -> Iterator[int]:
        for seeds in _seeds(projection, arguments):
            met = set(frontier := projection.entity_ids(seeds))
            drawn = 0
            for fanout in arguments.fanout:
                heads, _ = hop(frontier, fanout)
                drawn += len(heads)
                frontier = [head for head in dict.fromkeys(heads.tolist()) if head not in met]
                met.update(frontier)
            yield drawn

    def ask(cypher: str, **parameters: object) -> tuple[np.ndarray, np.ndarray]:
        parts = list(store.columns(cypher, parameters))
        columns = ([batch[name].to_numpy(zero_copy_only=False) for batch in parts] for name in ("head", "tail"))
        heads, tails = (np.concatenate(column) if column else np.empty(0, object) for column in columns)
        return heads, tails

    def drawn_here(ids: list[str], fanout: int) -> tuple[np.ndarray, np.ndarray]:
        heads, tails = ask(INCOMING, ids=ids)
        _, tails = np.unique(tails.astype(str), return_inverse=True)
        order = np.lexsort((np.random.default_rng(0).random(len(tails)), tails))
        starts = np.searchsorted(tails[order], tails[order])
        kept = order[np.arange(len(order)) - starts < fanout]
        return heads[kept], tails[kept]

    yield _measured("Cypher a hop, drawn in NumPy", batches(drawn_here))
    if arguments.store and "://" in arguments.store:
        yield _measured(
            "Cypher a hop, drawn by the server", batches(lambda ids, k: ask(INCOMING_DRAWN, ids=ids, fanout=k))
        )


def sample_by_loader(projection: Projection, arguments: argparse.Namespace) -> list[Measured]:
    """PyG's NeighborLoader; it needs pyg-lib or torch-sparse, which PyPI has not for every platform."""
    edge_index = torch.from_numpy(np.stack([projection.head, projection.tail]).astype(np.int64))
    data = Data(edge_index=edge_index, num_nodes=projection.entity_count)
    seeds = torch.from_numpy(np.concatenate(list(_seeds(projection, arguments))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it prefers pyg-lib
            loader = NeighborLoader(data, list(arguments.fanout), seeds, batch_size=arguments.seeds)
            return [_measured("NeighborLoader (torch_geometric)", (batch.num_edges for batch in loader))]
    except ImportError as error:
        print(f"NeighborLoader does not run here: {error}.", file=sys.stderr)
        return []


def _seeds(projection: Projection, arguments: argparse.Namespace) -> Iterator[np.ndarray]:
    """Distinct tails, the same ones for every sampler, drawn as training draws them: by edge."""
    rng = np.random.default_rng(1)
    for _ in range(arguments.batches):
        yield np.unique(projection.tail[rng.integers(0, projection.edge_count, arguments.seeds)]).astype(np.int64)


def _measured(name: str, batches: Iterator[int]) -> Measured:
    """The first batch warms up."""
    next(batches)
    edges, seconds = _timed(lambda: sum(batches))
    return Measured(name, edges / seconds)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=200_000, help="edges of the graph (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=512, help="entities a batch starts from (default %(default)s)")
    parser.add_argument(
        "--fanout", type=int, nargs="+", default=[15, 10], help="edges an entity, by hop (default 15 10)"
    )
    parser.add_argument("--batches", type=int, default=20, help="batches drawn, one more than is timed")
    parser.add_argument("--store", help="an empty store to load the graph into (default: an embedded one, for once)")
    return parser


if __name__ == "__main__":
    main()
