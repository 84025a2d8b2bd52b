"""An experiment as data: a graph, the arms that are compared on it, how they are tuned and what is measured.

A TOML file an experiment, in model/experiments/ or wherever --experiments says:

    about = "..."                         a sentence for the table
    budget = 2700                         seconds that all of it may take, for the table: the processor's, on a CPU
    graph = ["world --path {out}/world"]  calls of python -m ingest, in order; {out}: the experiment's own folder,
                                          {data}: what --data names
    seeds = [0, 1, 2]
    [start]      settings of the CLIP that all arms of a seed continue from; without it each begins with the weights
                 that its seed draws
    [common]     settings of all arms
    [tuning]     metrics: part/name of an evaluation, whose mean over the valid split decides; limit, and
                 choices: a list of settings, each tried once by each arm, with the first seed
    [measure]    parts of python -m model.evaluate on the test split, its limit, the metrics that are shown in tables,
                 plotted: those of the plot with their names in words, chance: what guessing gives of a metric, and
                 seconds: about how long that takes
    [seconds]    reference: the arm whose seconds the others get in a second table; arms: those of it
    [baselines]  names and flags of python -m model.baselines
    [published.NAME]  what others report of a baseline: metrics, and source: who, where
    [arms.NAME]  settings, and beside them: like (an arm whose settings these change), recipe and parameters of the
                 triples to learn from, choices of its own (as many as the others have), tuned_like (an arm whose choice
                 it takes instead of tuning), seeds (how many of them), seconds_a_step (about)
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgstore.command import WrongCall
from model.config import BadConfig, ModelConfig, TrainConfig, checked

#: Where the experiments are that come along.
SHIPPED = Path(__file__).parent / "experiments"

Settings = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One of what is compared; `settings` hold all that it is trained with, but for its choice and its seed."""

    name: str
    settings: Settings
    choices: tuple[Settings, ...] = ()
    recipe: str = "all"
    parameters: tuple[str, ...] = ()
    tuned_like: str = ""
    seeds: int = 0  # so many of the experiment's, 0: all
    seconds_a_step: float = 0.2

    @property
    def tuner(self) -> str:
        """The arm whose tuning decides."""
        return self.tuned_like or self.name


@dataclass(frozen=True)
class Experiment:
    name: str
    about: str
    graph: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: dict[str, Arm]
    start: Settings = field(default_factory=dict)
    start_seconds_a_step: float = 0.1
    tuned_by: tuple[str, ...] = ()
    tuning_limit: int = 0
    parts: tuple[str, ...] = ()
    limit: int = 0
    shown: tuple[str, ...] = ()
    measuring_seconds: float = 60
    reference: str = ""
    equal_seconds: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    baseline_flags: tuple[str, ...] = ()
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    plotted: dict[str, str] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    budget: float = 0.0

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        return self.seeds[: arm.seeds] if arm.seeds else self.seeds


def experiments(folder: Path, names: Collection[str] = ()) -> dict[str, Experiment]:
    """Those of a folder, or some, in the order of their names. Raises WrongCall, and BadConfig for a wrong file."""
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if not known:
        raise WrongCall(f"{folder} holds no experiments; they are TOML files.")
    for name in names:
        if name not in known:
            raise WrongCall(f"There is no experiment {name!r}; there are {', '.join(known)}.")
    return {name: read_experiment(known[name]) for name in dict.fromkeys(names or known)}


def read_experiment(path: Path) -> Experiment:
    """One file. Raises BadConfig."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path} cannot be read as TOML: {error}.") from error
    known = {"about", "budget", "graph", "seeds", "arms"}
    _only(told, known | {"start", "common", "tuning", "measure", "seconds", "baselines", "published"}, str(path))
    start, common = dict(told.get("start", {})), told.get("common", {})
    tuning, measure = told.get("tuning", {}), told.get("measure", {})
    seconds, baselines = told.get("seconds", {}), told.get("baselines", {})
    _only(tuning, {"metrics", "limit", "choices"}, f"{path}, tuning")
    _only(measure, {"parts", "limit", "shown", "plotted", "chance", "seconds"}, f"{path}, measure")
    _only(seconds, {"reference", "arms"}, f"{path}, seconds")
    _only(baselines, {"names", "flags"}, f"{path}, baselines")
    start_seconds = start.pop("seconds_a_step", Experiment.start_seconds_a_step)
    arms = {
        name: _arm(name, told["arms"], common, tuple(tuning.get("choices", ())), path) for name in told.get("arms", {})
    }
    experiment = Experiment(
        path.stem,
        told.get("about", ""),
        tuple(told.get("graph", ())),
        tuple(told.get("seeds", (0, 1, 2))),
        arms,
        start,
        start_seconds,
        tuple(tuning.get("metrics", ())),
        tuning.get("limit", 0),
        tuple(measure.get("parts", ())),
        measure.get("limit", 0),
        tuple(measure.get("shown", ())),
        measure.get("seconds", Experiment.measuring_seconds),
        seconds.get("reference", ""),
        tuple(seconds.get("arms", ())),
        tuple(baselines.get("names", ())),
        tuple(baselines.get("flags", ())),
        told.get("published", {}),
        measure.get("plotted", {}),
        measure.get("chance", {}),
        told.get("budget", 0.0),
    )
    _check(experiment, path)
    return experiment


def _arm(name: str, arms: Mapping[str, Any], common: Settings, choices: tuple[Settings, ...], path: Path) -> Arm:
    own: Settings = dict(common)
    line, at = [name], name
    while like := arms[at].get("like"):
        if like not in arms or like in line:
            raise BadConfig(f"{path}: arm {at} is like {like!r}, which is no other arm.")
        line.append(like)
        at = like
    for each in reversed(line):
        own |= arms[each]
    tuned_like = arms[name].get("tuned_like", "")
    about = {field.name for field in dataclasses.fields(Arm)} - {"name", "settings"}
    said = {key: own.pop(key) for key in [*own] if key in about | {"like"}}
    said |= {"choices": () if tuned_like else tuple(said.get("choices", choices)), "tuned_like": tuned_like}
    said["parameters"] = tuple(said.get("parameters", ()))
    said.pop("like", None)
    return Arm(name, own, **said)


def _check(experiment: Experiment, path: Path) -> None:
    arms = experiment.arms
    for arm in arms.values():
        for settings in (arm.settings, *arm.choices):
            check_settings(settings, f"{path}, arm {arm.name}")
        if arm.tuned_like and arm.tuned_like not in arms:
            raise BadConfig(f"{path}: arm {arm.name} is tuned like {arm.tuned_like!r}, which is no arm.")
    check_settings(experiment.start, f"{path}, start")
    numbers = {arm.name: len(arm.choices) for arm in arms.values() if not arm.tuned_like}
    if len(set(numbers.values())) > 1:
        raise BadConfig(f"{path}: arms are tuned by unequal numbers of runs, {numbers}.")
    if any(numbers.values()) and not experiment.tuned_by:
        raise BadConfig(f"{path}: there are choices, and tuning names no metrics to choose by.")
    for name in experiment.published.keys() - {*experiment.baselines}:
        raise BadConfig(f"{path}: published names {name!r}, which is none of the baselines.")
    for name in {*experiment.equal_seconds, *filter(None, [experiment.reference])} - arms.keys():
        raise BadConfig(f"{path}: seconds names {name!r}, which is no arm.")


def check_settings(settings: Settings, where: str) -> None:
    """Raises BadConfig for a setting that there is not, or a value that it cannot have."""
    of_model = {each.name for each in dataclasses.fields(ModelConfig)}
    for kind, mine in ((ModelConfig, True), (TrainConfig, False)):
        named = {name: value for name, value in settings.items() if (name in of_model) is mine}
        kind(**checked(kind, named, where))


def _only(told: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(told.keys() - known):
        raise BadConfig(f"{where}: there is no {unknown[0]!r}; there are {', '.join(sorted(known))}.")
