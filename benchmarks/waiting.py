"""How long a trainer waits for its batches, when its device is busy for 100 ms a step.

    python -m benchmarks.waiting [--steps 1000] [--captions flickr8k] [--workers 1] [--results benchmarks/results]

The device's time is slept. Batches come from the projection and the cache of pictures; then with pictures decoded
live; then with neighbourhoods asked of the embedded store for each batch. The pictures are those of --captions (a
folder that `python -m ingest captions` reads), else drawn ones. --results writes waiting.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ingest.__main__ import main as ingest
from kgstore import open_store
from kgstore.command import run_command
from kgstore.errors import KgError
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from kgstore.store import GraphStore
from model.live_sampler import LiveSampler
from model.sampler import Sampler
from model.stream import Samples, Stream
from model.tokens import Tokenizer
from model.views import Views

CONTEXT = 77


class Row(NamedTuple):
    """`first` is how many seconds the first batch took, which compiles and fills caches and is not in `wait_share`."""

    sampler: str
    pictures: str
    steps: int
    wait_share: float
    first: float


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        pictures = ["captions", "--path", arguments.captions] if arguments.captions else _drawn(folder)
        if ingest([*pictures, "--store", f"{folder}/graph"]):
            raise KgError("Without pictures nothing can be measured.")
        with open_store(f"{folder}/graph") as store:
            projection = project(store, load_recipe("all"), f"{folder}/projection")
            rows = []
            for row in measured(store, projection, Path(folder), arguments):
                print(
                    f"{row.sampler:12} pictures {row.pictures:6} {row.steps:6,} steps of {arguments.busy:g} s: "
                    f"waited {row.wait_share:7.2%} (first batch {row.first:.2f} s)"
                )
                rows.append(row)
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        found = {
            "machine": f"{os.cpu_count()} CPU cores, device time slept",
            "pictures": "captions" if arguments.captions else "drawn",
            "batch_size": arguments.batch_size,
            "side": arguments.side,
            "workers": arguments.workers,
            "busy_seconds": arguments.busy,
            "rows": [row._asdict() for row in rows],
        }
        (arguments.results / "waiting.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(store: GraphStore, projection: Projection, folder: Path, arguments: argparse.Namespace) -> Iterator[Row]:
    options: dict[str, Any] = {"batch_size": arguments.batch_size, "fanout": (4, 4)}
    drawing: dict[str, Samples] = {
        "projection": Sampler(projection, **options),
        "live": LiveSampler(store, projection, **options),
    }
    tokenizer = Tokenizer.of()
    for sampler, pictures in (("projection", "cache"), ("projection", "live"), ("live", "cache")):
        views = Views(
            projection,
            tokenizer,
            side=arguments.side,
            context=CONTEXT,
            cache=folder,
            live=pictures == "live",
            progress=True,
        )
        with Stream(drawing[sampler], views, workers=arguments.workers) as stream:
            steps = arguments.steps if (sampler, pictures) == ("projection", "cache") else arguments.live_steps
            first, share = waited(stream, steps, arguments.busy)
        yield Row(sampler, pictures, steps, round(share, 5), round(first, 3))


def waited(stream: Stream, steps: int, busy: float) -> tuple[float, float]:
    """Seconds until the first batch, and which part of the time of the steps after it went by in waiting."""
    next(stream)
    first = stream.waited
    time.sleep(busy)
    began = time.perf_counter()
    for _ in range(steps):
        next(stream)
        time.sleep(busy)
    return first, (stream.waited - first) / (time.perf_counter() - began)


def _drawn(folder: str) -> list[str]:
    return ["world", "--path", f"{folder}/world", "--pictures", "1024", "--scenes", "64"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50, help="steps that are timed (default %(default)s)")
    parser.add_argument("--live-steps", type=int, default=50, help="... of what is live (default %(default)s)")
    parser.add_argument("--busy", type=float, default=0.1, help="seconds the device takes a step (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="triples a step (default %(default)s)")
    parser.add_argument("--side", type=int, default=224, help="pixels of a picture's side (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="threads that make batches (default %(default)s)")
    parser.add_argument("--captions", metavar="DIR", help="pictures with captions (default: drawn ones)")
    parser.add_argument("--results", type=Path, metavar="DIR", help="write waiting.json there")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
