"""What a form says about a new run: its fields out of the settings' own names, help and choices, checked as they are
typed, and the flags that come of them."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from app.runs import towers_of
from kgstore.errors import KgError
from model.config import (
    CHECKPOINT_TOWERS,
    CLIP_DEFAULTS,
    PRESETS,
    READ_AS,
    BadConfig,
    ModelConfig,
    TrainConfig,
    from_flags,
)
from model.track import Run

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name, its help, what it may be (anything, if no choices), what it is if nothing is said."""

    name: str
    help: str
    choices: tuple[str, ...]
    default: str


def fields_of(kind: type[ModelConfig] | type[TrainConfig], objective: str, towers: str) -> Iterator[Field]:
    """The settings with the defaults that this objective and these towers bring."""
    brought = PRESETS.get(towers, {}) | (CLIP_DEFAULTS if objective == "clip" else {})
    hints = get_type_hints(kind)
    for each in dataclasses.fields(kind):
        factory = each.default_factory
        default = each.default if factory is dataclasses.MISSING else factory()
        choices = (YES, NO) if hints[each.name] is bool else each.metadata["choices"]
        yield Field(each.name, each.metadata["help"], choices, shown(brought.get(each.name, default)))


def shown(value: object) -> str:
    """A setting's value as it is typed."""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, Mapping):
        return ",".join(f"{name}={share}" for name, share in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


@dataclass(frozen=True)
class Checked:
    """The flags of a form, and a sentence for each field that cannot be so."""

    flags: list[str]
    problems: dict[str, str]
    train: TrainConfig | None = None


def checked(typed: Mapping[str, str], towers: str) -> Checked:
    """Checks what was typed into the fields, by their names; an empty one is not said. `towers` are those to start
    from: "small" and the like for a network from nothing."""
    said = {name: text.strip() for name, text in typed.items() if text.strip()}
    hints = get_type_hints(TrainConfig) | get_type_hints(ModelConfig)
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in said.items():
        try:
            values[name] = parsed(text, hints[name])
        except ValueError as error:
            problems[name] = str(error)
    train = None
    brought = CLIP_DEFAULTS if values.get("objective") == "clip" else {}
    asked = argparse.Namespace(**{**brought, **values})
    if not problems:
        try:
            from_flags(ModelConfig, asked, towers)
            train = from_flags(TrainConfig, asked, towers)
        except BadConfig as error:
            problems |= at_field(error)
    return Checked([flag for name, text in said.items() for flag in flag_of(name, text, hints[name])], problems, train)


def parsed(text: str, hint: Any) -> Any:
    """The value of a field. Raises ValueError with a sentence."""
    if hint is bool:
        return text == YES
    try:
        return READ_AS[hint][0](text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{error}.") from None
    except ValueError:
        wanted = {int: "whole number, such as 100", float: "number, such as 0.001"}[hint]
        raise ValueError(f"{text!r} is no {wanted}.") from None


def flag_of(name: str, text: str, hint: Any) -> list[str]:
    flag = name.replace("_", "-")
    if hint is bool:
        return [f"--{flag}" if text == YES else f"--no-{flag}"]
    return [f"--{flag}={text}"]  # joined: a value may begin with a dash


def at_field(error: KgError) -> dict[str, str]:
    """A sentence of the settings, by the field that it is about."""
    named = re.match(r"--([\w-]+) ", str(error))
    return {named[1].replace("-", "_") if named else "": str(error)}


def towers_to_start_from(init: str, run: Run | None, towers: str) -> str:
    """What towers a run has that begins with this checkpoint: those of the run, of a CLIP, or the ones asked for."""
    if run is not None:
        return towers_of(run)
    return CHECKPOINT_TOWERS if init else towers or ModelConfig.towers
