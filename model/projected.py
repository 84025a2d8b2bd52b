"""The projections of a run: what it learns from, and what it is measured on while it trains.

A store is asked for both, or folders that somebody projected before: a run that is given those needs no store.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from kgstore import GraphStore, open_store
from kgstore.command import WrongCall
from kgstore.current import projection_for
from kgstore.projection import Projection, open_projection
from kgstore.recipes import Recipe, load_recipe, parse_parameters
from kgstore.values import SPLITS
from model.config import TrainConfig
from model.live_sampler import incoming_query
from model.run_sampler import sampler_of

DEFAULT_RECIPE = "all"


class Projected(NamedTuple):
    """What a run learns from, and what it is measured on; None where it is not."""

    train: Projection
    valid: Projection | None


def asked_recipe(args: argparse.Namespace) -> Recipe:
    """The recipe of a call. Raises QueryRefused."""
    return load_recipe(args.recipe or DEFAULT_RECIPE, parse_parameters(args.param))


def check_graph(args: argparse.Namespace, config: TrainConfig) -> None:
    """Raises WrongCall for a call that names no graph, or names it in ways that contradict each other."""
    if args.projection is None:
        if args.store is None:
            raise WrongCall(
                "Say which graph to train on: --store PATH, --neo4j-uri bolt://HOST:7687, or --projection DIR."
            )
        if args.valid_projection is not None:
            raise WrongCall("--valid-projection goes with --projection; with --store the valid split is projected too.")
        recipe = asked_recipe(args)
        if config.sampler == "live":
            incoming_query(recipe)
        return
    if args.recipe or args.param:
        raise WrongCall("--projection was made by a recipe of its own; leave --recipe and --param out.")
    if config.sampler == "live" and args.store is None:
        raise WrongCall("--sampler live asks the graph for every batch; say by --store which one it is.")


def project_graph(args: argparse.Namespace, config: TrainConfig, cache: Path) -> Projected:
    """The projections of a new run, and that its settings can be met by them.

    Raises WrongCall where the run is to be measured and there is nothing to measure it on, BadSampling where the graph
    lacks what the batches are to hold.
    """
    if args.projection is not None:
        train = open_projection(args.projection)
        if config.sampler == "live":
            with open_store(args.store) as store:
                sampler_of(train, config, store)
        else:
            sampler_of(train, config)
        folder = args.valid_projection or args.projection
        return Projected(train, held_out(open_projection(folder), config) if config.eval_every else None)
    with open_store(args.store) as store:
        train = projection_for(store, asked_recipe(args), cache, progress=True)
        sampler_of(train, config, store)
        return Projected(train, _projected_held_out(train, store, config, cache) if config.eval_every else None)


def held_out(projection: Projection, config: TrainConfig) -> Projection:
    """The projection, if it holds triples of the valid split. Raises WrongCall."""
    if not has_valid(projection):
        raise WrongCall(
            f"--eval-every {config.eval_every} needs triples of the valid split, and projection {projection.directory} "
            "holds none; name one that does by --valid-projection, or leave --eval-every out."
        )
    return projection


def has_valid(projection: Projection) -> bool:
    return bool((projection.split == SPLITS.index("valid")).any())


def _projected_held_out(train: Projection, store: GraphStore, config: TrainConfig, cache: Path) -> Projection:
    """A recipe that returns valid triples beside those for training is measured on them; else one that takes `splits`
    is asked for both. Training itself is the same with and without."""
    if has_valid(train):
        return train
    recipe = train.recipe
    if "splits" in recipe.parameters:
        recipe = replace(recipe, parameters={**recipe.parameters, "splits": ["train", "valid"]})
        projection = projection_for(store, recipe, cache, progress=True)
        if has_valid(projection):
            return projection
        problem = "the graph holds none; load a source that has such a split"
    else:
        problem = f"recipe {recipe.name} returns none; let it return the column split, or take a parameter splits"
    raise WrongCall(
        f"--eval-every {config.eval_every} needs triples of the valid split, and {problem}, or leave --eval-every out."
    )
