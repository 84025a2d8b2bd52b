"""Whether a run may go on as it is called again: with what it began from, and with settings that may change."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgstore.command import WrongCall
from kgstore.projection import open_projection
from kgstore.recipes import Recipe, load_recipe, parse_parameters
from model.checkpoint import part
from model.config import ModelConfig, TrainConfig, from_json
from model.track import Run, write_json

#: Settings that a run may change when it goes on.
MAY_CHANGE = ("steps", "log_every", "save_every", "keep", "pictures", "workers", "accumulate", "patience", "report_to")

#: Flags that name where a run began, and their entry in its config.json.
PLACES = ("store", "init", "teacher", "projection", "valid_projection")


def go_on(directory: Path, args: argparse.Namespace) -> None:
    """Checks that a run may go on as called, and notes what it may change."""
    run = Run(directory)
    status, config = run.status, run.config
    if status.state == "running":
        raise WrongCall(
            f"Run {run.name} is being trained by process {status.pid}; stop that one, or choose another --name."
        )
    if args.resume != "auto":
        raise WrongCall(f"Run {run.name} exists already; go on with it by --resume auto, or choose another --name.")
    check_origin(run, args)
    for kind, name in ((ModelConfig, "model"), (TrainConfig, "train")):
        for field in dataclasses.fields(kind):
            if not hasattr(args, field.name):
                continue
            asked, had = getattr(args, field.name), part(config, name).get(field.name, _default(field))
            if isinstance(had, list):
                had = tuple(had)
            if asked != had and field.name not in MAY_CHANGE:
                raise _another(run, field.name, had, asked)
            config[name][field.name] = asked
    from_json(ModelConfig, part(config, "model"))  # what cannot be is not noted
    from_json(TrainConfig, part(config, "train"))
    write_json(directory / "config.json", config)


def check_origin(run: Run, args: argparse.Namespace) -> None:
    """Raises WrongCall for a call that names another graph, recipe or start than the run began with.

    What the call leaves out is as it was. NEO4J_URI alone names no graph here: it is there for every command.
    """
    config = run.config
    for name in PLACES:
        asked = getattr(args, name)
        if asked is None or (name == "store" and asked == os.environ.get("NEO4J_URI")):
            continue
        had = config.get(name, "")
        if name.endswith("projection") and had:
            had = os.path.normpath(run.directory / had)
        if not _same_place(had, asked):
            raise _another(run, name, had, asked)
    if args.region not in (None, config.get("region", "crop")):
        raise _another(run, "region", config.get("region", "crop"), args.region)
    if args.recipe or args.param:
        had_recipe = open_projection(run.directory / part(config, "projection")).recipe
        asked_recipe = _asked_recipe(had_recipe, args)
        if asked_recipe.name != had_recipe.name:
            raise _another(run, "recipe", had_recipe.name, asked_recipe.name)
        if asked_recipe.cypher != had_recipe.cypher:
            raise WrongCall(
                f"Recipe {args.recipe} has changed since run {run.name} was begun with it, and the run goes on with "
                "what it had then; leave --recipe out, or choose another --name."
            )
        if dict(asked_recipe.parameters) != dict(had_recipe.parameters):
            raise _another(run, "param", _words(had_recipe.parameters), _words(asked_recipe.parameters))


def _asked_recipe(had: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe of a call, which may name parameters alone."""
    given = parse_parameters(args.param)
    if args.recipe:
        return load_recipe(args.recipe, given)
    return dataclasses.replace(had, parameters={**had.parameters, **given})


def _same_place(had: str, asked: str) -> bool:
    """Whether two addresses, names or paths are the same one."""
    return had == asked or bool(had and "://" not in had + asked and Path(had).resolve() == Path(asked).resolve())


def _another(run: Run, name: str, had: object, asked: object) -> WrongCall:
    flag = "--" + name.replace("_", "-")
    begun = f"with {flag} {had!r}" if had not in ("", None) else f"without {flag}"
    return WrongCall(
        f"Run {run.name} was begun {begun} and cannot go on with {asked!r}; leave the flag out, or choose another "
        "--name."
    )


def _words(parameters: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(parameters.items()))


def _default(field: dataclasses.Field[Any]) -> Any:
    """What a run of an earlier version had, which knew no such setting."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
