"""The sampler that a run's settings ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kgstore import GraphStore, open_store
from kgstore.command import WrongCall
from kgstore.projection import Projection
from model.config import TrainConfig
from model.live_sampler import LiveSampler
from model.sampler import Sampler


@contextmanager
def open_sampler(projection: Projection, config: TrainConfig, address: str) -> Iterator[Sampler]:
    """What draws the batches; a live one keeps the graph open, and tells in the end what it had to leave out."""
    if config.sampler != "live":
        yield sampler_of(projection, config)
        return
    if "://" not in address and not Path(address).exists():  # it would become an empty graph
        raise WrongCall(f"There is no graph at {address}, which this run asks; go on in the folder that it began in.")
    with open_store(address) as store:
        sampler = sampler_of(projection, config, store)
        assert isinstance(sampler, LiveSampler)
        yield sampler
    if sampler.gone or sampler.unnumbered:
        print(
            f"While training, {sampler.gone:,} triples of batches had gone from the graph, and {sampler.unnumbered:,} "
            "times a relation was met that is of an entity or a type newer than the projection; a new run takes those.",
            file=sys.stderr,
        )


def sampler_of(projection: Projection, config: TrainConfig, store: GraphStore | None = None) -> Sampler:
    """The sampler of these settings. Raises BadSampling for what this projection cannot meet."""
    options: dict[str, Any] = {
        "batch_size": config.batch_size,
        "shares": config.shares,
        "source_shares": config.source_shares,
        "compose": config.compose,
        "group_size": config.group_size,
        "fanout": config.fanout,
        "by_weight": config.by_weight,
        "seed": config.seed,
    }
    if store is not None and config.sampler == "live":
        return LiveSampler(store, projection, **options)
    return Sampler(projection, **options)
