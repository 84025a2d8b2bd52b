"""Settings from a file: TOML or JSON with the names of the flags, which win over it.

    store = "graph.db"
    init = "runs/clip"
    steps = 2000
    lr-towers = 1e-5

Settings may stand below `train` and `model`, as in a run's config.json, or beside each other, as flags do; names with
dashes or underscores. The config.json of a run is taken too: its settings, not what it was begun with.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.config import BadConfig, ModelConfig, TrainConfig, checked

_KINDS: dict[str, type[ModelConfig] | type[TrainConfig]] = {"model": ModelConfig, "train": TrainConfig}

#: Entries of a run's config.json that say what it was begun with, or found: what a new run is told by its own flags.
_OF_A_RUN = {
    "towers",
    "store",
    "recipe",
    "parameters",
    "init",
    "teacher",
    "relations",
    "entities",
    "projection",
    "valid_projection",
    "fingerprint",
    "begun",
}


def parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of a call whose --config names a file. Raises BadConfig for what the file says wrongly."""
    args = parser.parse_args(argv)
    if args.config:
        parser.set_defaults(**_defaults(parser, Path(args.config)))
        args = parser.parse_args(argv)
    return args


def _defaults(parser: argparse.ArgumentParser, path: Path) -> dict[str, Any]:
    told = _read(path)
    if {"fingerprint", "model", "train"} <= told.keys():  # a run's own
        told = {name: value for name, value in told.items() if name not in _OF_A_RUN}
        print(f"Of {path} the settings are taken; graph, recipe and --init are said by flags.", file=sys.stderr)
    values: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        section = told.pop(name, {})
        if not isinstance(section, Mapping):
            raise BadConfig(f"{path}: {name} must be a section of settings.")
        values |= checked(kind, _underscored(section), str(path))
    kinds = {field.name: kind for kind in _KINDS.values() for field in dataclasses.fields(kind)}
    flags = {action.dest: action for action in parser._actions if action.dest not in ("help", "config")}
    for name, value in _underscored(told).items():
        if name in kinds:
            values |= checked(kinds[name], {name: value}, str(path))
        elif name in flags:
            values[name] = _of_flag(flags[name], value, path)
        else:
            known = ", ".join(sorted(flag.replace("_", "-") for flag in flags))
            raise BadConfig(f"{path}: there is no setting {name.replace('_', '-')!r}; there are {known}.")
    return values


def _of_flag(flag: argparse.Action, value: object, path: Path) -> object:
    """A value as the flag would have given it: text, or a list of texts for one that may be repeated."""
    name = flag.dest.replace("_", "-")
    repeated = isinstance(flag.default, list)
    texts = value if isinstance(value, list) else [value]
    if (isinstance(value, list) and not repeated) or isinstance(value, Mapping):
        raise BadConfig(f"{path}: {name} is {value!r} but takes one value.")
    for text in texts:
        if flag.choices and text not in flag.choices:
            raise BadConfig(f"{path}: {name} is {text!r} but must be one of {', '.join(map(str, flag.choices))}.")
    try:
        made = [flag.type(str(text)) if callable(flag.type) else str(text) for text in texts]
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise BadConfig(f"{path}: {name} is {value!r}: {error}.") from error
    return made if repeated else made[0]


def _underscored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in values.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        told = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"--config {path} cannot be read as {path.suffix[1:] or 'TOML'}: {error}.") from error
    if not isinstance(told, dict):
        raise BadConfig(f"--config {path} holds no settings; write them as NAME = VALUE (TOML) or an object (JSON).")
    return told
