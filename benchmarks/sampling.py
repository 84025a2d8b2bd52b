"""Sampled edges a second: the projection's sampler beside Cypher for each batch and PyG's NeighborLoader, in one run.

    python -m benchmarks.sampling [--edges 200000 2000000] [--neo4j] [--graph FOLDER]
        [--results benchmarks/results]

Each graph (benchmarks/power_law.py) is loaded into an embedded store of its own, kept in --graph for another run,
and, with --neo4j, imported into a server of its own. --results writes sampling.json and a plot, sampling.svg.
NeighborLoader needs torch-sparse (or pyg-lib, which PyPI has not): pip install --no-build-isolation torch-scatter
torch-sparse, which takes a compiler and half an hour; without them its rows are missing and the reason is told.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd
import torch

# First, for it keeps torch_geometric from warning about itself.
from model.geometric import Data  # isort: skip
import torch_geometric
import torch_geometric.typing
from torch_geometric.loader import NeighborLoader

from benchmarks.cypher_sampling import Form, forms_on_embedded, forms_on_neo4j
from benchmarks.power_law import PowerLaw, imported, kept
from kgstore import open_store
from kgstore.command import run_command
from kgstore.errors import QueryStopped
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.live_sampler import LiveSampler
from model.sampler import Sampler

OURS = "model.sampler"
LIVE = "model.live_sampler"
_LIBRARY = "pyg-lib" if torch_geometric.typing.WITH_PYG_LIB else "torch-sparse"
#: Untimed batches of what reads mapped arrays: a training run has long paged them in.
WARMING = 50
LOADER = f"NeighborLoader (torch_geometric {torch_geometric.__version__}, {_LIBRARY})"


class Row(NamedTuple):
    """What one sampler did on one graph; `store` is what was asked for each batch."""

    sampler: str
    store: str
    edges: int
    seeds: int
    edges_per_second: float | None  # None: the store gave up


def main() -> None:
    arguments = _parser().parse_args()
    rows: list[Row] = []
    for edges in arguments.edges:
        for row in rows_of(PowerLaw(edges), arguments):
            speed = "the store gave up" if row.edges_per_second is None else f"{row.edges_per_second:14,.0f} edges/s"
            print(f"{row.edges:>12,} edges  {row.store:10}  {row.sampler:46} {speed}", flush=True)
            rows.append(row)
    found = {
        "machine": f"{os.cpu_count()} CPU cores, "
        + (torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"),
        "fanout": arguments.fanout,
        "rows": [row._asdict() for row in rows],
        "over_neighborloader": over(rows, lambda row: row.sampler == LOADER),
        "over_best_cypher": over(rows, lambda row: row.store != "projection"),
        "fall": fall(rows),
    }
    print(f"at least {found['over_neighborloader']} times NeighborLoader, {found['over_best_cypher']} times any Cypher")
    if found["fall"]:
        print(
            f"slower by a factor of {found['fall']} on the largest graph than on the first of 2 million edges or more"
        )
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        (arguments.results / "sampling.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        plot(rows).save(str(arguments.results / "sampling.svg"))


def rows_of(graph: PowerLaw, arguments: argparse.Namespace) -> Iterator[Row]:
    def row(sampler: str, store: str, work: Iterator[int]) -> Row:
        try:
            speed = round(_edges_per_second(work, WARMING if store == "projection" else 1))
        except QueryStopped as error:
            print(f"{graph.edges:,} edges, {store}, {sampler}: {error}", file=sys.stderr)
            speed = None
        return Row(sampler, store, graph.edges, arguments.seeds, speed)

    with tempfile.TemporaryDirectory() as folder:
        with open_store(kept(graph, Path(arguments.graph or folder))) as store:
            projection = project(store, load_recipe("all"), Path(folder) / "projection")
            batches = list(_seeds(projection, arguments))
            ours = Sampler(projection, batch_size=arguments.seeds, fanout=arguments.fanout)
            yield row(OURS, "projection", by_sampler(ours, batches))
            try:
                yield row(LOADER, "projection", by_loader(projection, arguments, batches))
            except ImportError as error:
                print(f"NeighborLoader does not run here: {error}.", file=sys.stderr)
            few = batches[: arguments.cypher_batches + 1]
            for form in forms_on_embedded(store, arguments.fanout):
                yield row(form.name, "embedded", by_cypher(form, projection, few))
            live = LiveSampler(store, projection, batch_size=arguments.seeds, fanout=arguments.fanout)
            yield row(LIVE, "embedded", by_sampler(live, few))
        if arguments.neo4j:
            with imported(graph) as server, open_store(server.uri) as store:
                for form in forms_on_neo4j(store, arguments.fanout):
                    yield row(form.name, "neo4j", by_cypher(form, projection, few))
                live = LiveSampler(store, projection, batch_size=arguments.seeds, fanout=arguments.fanout)
                yield row(LIVE, "neo4j", by_sampler(live, few))


def by_sampler(sampler: Sampler, batches: list[np.ndarray]) -> Iterator[int]:
    nothing = np.empty(0, np.int64)
    for step, seeds in enumerate(batches):
        yield len(sampler.neighbourhood(seeds, nothing, (0, step)).head)


def by_loader(projection: Projection, arguments: argparse.Namespace, batches: list[np.ndarray]) -> Iterator[int]:
    """Raises ImportError where torch-sparse and pyg-lib are missing."""
    edge_index = torch.from_numpy(np.stack([projection.head, projection.tail]).astype(np.int64))
    data = Data(edge_index=edge_index, num_nodes=projection.entity_count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it prefers pyg-lib
        loader = NeighborLoader(
            data, list(arguments.fanout), torch.from_numpy(np.concatenate(batches)), batch_size=arguments.seeds
        )
        for batch in loader:
            yield batch.num_edges


def by_cypher(form: Form, projection: Projection, batches: list[np.ndarray]) -> Iterator[int]:
    for seeds in batches:
        yield form.draw(projection.entity_ids(seeds))


def over(rows: Iterable[Row], others: Callable[[Row], bool]) -> float | None:
    """How many times faster ours was than the fastest of the others on the same graph, where that was the least."""
    ours = _ours(rows)
    ratios = [ours[row.edges] / row.edges_per_second for row in rows if row.edges_per_second and others(row)]
    return round(min(ratios), 1) if ratios else None


def _ours(rows: Iterable[Row]) -> dict[int, float]:
    return {row.edges: row.edges_per_second for row in rows if row.sampler == OURS and row.edges_per_second}


def fall(rows: Iterable[Row]) -> float | None:
    """How much slower ours was on the largest graph than on the smallest, of those of 2 million edges or more."""
    ours = {edges: speed for edges, speed in _ours(rows).items() if edges >= 2_000_000}
    return round(ours[min(ours)] / ours[max(ours)], 2) if len(ours) > 1 else None


def plot(rows: Iterable[Row]) -> alt.Chart:
    """What an edge costs, against the size of the graph."""
    measured = [(row, row.edges_per_second) for row in rows if row.edges_per_second]
    points = pd.DataFrame(
        {
            "edges": [row.edges for row, _ in measured],
            "microseconds": [1e6 / speed for _, speed in measured],
            "sampler": [r.sampler if r.store == "projection" else f"{r.store}: {r.sampler}" for r, _ in measured],
        }
    )
    chart: Any = alt.Chart(points, width=480, height=360).mark_line(point=True)
    return chart.encode(
        x=alt.X("edges:Q", title="edges of the graph", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")),
        y=alt.Y("microseconds:Q", title="microseconds a sampled edge", scale=alt.Scale(type="log")),
        color=alt.Color("sampler:N", title=None, legend=alt.Legend(labelLimit=400)),
    )


def _seeds(projection: Projection, arguments: argparse.Namespace) -> Iterator[np.ndarray]:
    """Distinct tails, the same ones for every sampler, drawn as training draws them: by edge."""
    rng = np.random.default_rng(1)
    for _ in range(WARMING + arguments.batches):
        yield np.unique(projection.tail[rng.integers(0, projection.edge_count, arguments.seeds)]).astype(np.int64)


def _edges_per_second(batches: Iterator[int], untimed: int = 1) -> float:
    """The first batches are not timed: they compile, plan, and fill caches."""
    for _ in range(untimed):
        next(batches)
    began = time.perf_counter()
    edges = sum(batches)
    return edges / (time.perf_counter() - began)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--edges", type=_positive, nargs="+", default=[200_000], help="edges of each graph (default 200000)"
    )
    parser.add_argument("--neo4j", action="store_true", help="on a Neo4j server too, made for this; needs java")
    parser.add_argument("--graph", help="a folder that keeps the embedded graphs (default: none)")
    parser.add_argument("--seeds", type=_positive, default=512, help="entities a batch starts from (default 512)")
    parser.add_argument(
        "--fanout", type=_positive, nargs="+", default=[15, 10], help="edges an entity, by hop (default 15 10)"
    )
    parser.add_argument("--batches", type=_positive, default=50, help="batches timed (default %(default)s)")
    parser.add_argument("--cypher-batches", type=_positive, default=5, help="... by Cypher (default %(default)s)")
    parser.add_argument("--results", type=Path, metavar="DIR", help="write sampling.json and sampling.svg there")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
