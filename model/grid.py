"""The runs of an experiment as tasks that depend on one another: what is to be done, and in which order.

Names end in a digest of all that a run was told. So what has changed is another run, what has not is done once, and a
run that tuning tried is also the one of its seed that counts.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from kgstore.errors import KgError
from model.experiment import Arm, Experiment, Settings
from model.track import Run, cost, write_json

#: The two stages whose figures are evidence: with equal steps, and with the seconds of the reference.
STEPS, SECONDS = "equal steps", "equal seconds"


class NoChoice(KgError):
    """Tuning runs that do not tell which choice is the best."""


@dataclass(frozen=True)
class Machine:
    """Where everything is and what it runs on."""

    out: Path
    data: Path | None = None
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Task:
    """A command that is done when its stamp is there. `seconds` are an estimate."""

    name: str
    command: tuple[str, ...]
    stamp: Path
    needs: tuple[Path, ...] = ()
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        return self.stamp.is_file()

    @property
    def log(self) -> Path:
        return self.stamp.parent.with_name("logs") / f"{self.name}.log"


@dataclass(frozen=True)
class Trained:
    """A run of an arm: where it is, the tasks that train and measure it, and which stage it is of."""

    arm: str
    seed: int
    stage: str
    run: Path
    train: Task
    measure: Task


class Grid:
    """The tasks of an experiment, as far as what is done tells them."""

    def __init__(
        self, experiment: Experiment, machine: Machine, arms: Collection[str] = (), seeds: Collection[int] = ()
    ) -> None:
        self.experiment, self.machine = experiment, machine
        self.folder = machine.out / experiment.name / digest(experiment.graph)
        self.runs = self.folder / "runs"
        self.arms = [arm for arm in experiment.arms.values() if not arms or arm.name in arms]
        self.seeds = seeds
        self._projections: dict[str, str] = {}

    # What is to be done

    def tasks(self) -> list[Task]:
        """All that are known by now, those first on which others wait; a task stands here once."""
        named: dict[str, Task] = {}
        for task in self._tasks():
            named.setdefault(task.name, task)
        return list(named.values())

    def _tasks(self) -> Iterator[Task]:
        """A seed of all arms after the other, so that a grid whose time is up has compared what it has compared."""
        trained = self.trained(STEPS)
        tuned = [each for arm in self.arms for each in self.tried(self.experiment.arms[arm.tuner])]
        for seed in self.experiment.seeds:
            of_seed = [each for each in (*tuned, *trained) if each.seed == seed]
            if self.experiment.start and (of_seed or any(seed in self.seeds_of(arm) for arm in self.arms)):
                yield self.start(seed)
            for each in of_seed:
                yield from (each.train, each.measure)
        yield from self.baselines()
        for each in self.trained(SECONDS):
            yield from (each.train, each.measure)

    def undecided(self) -> dict[str, int]:
        """Arms whose runs wait for tuning, and how many runs that will be."""
        return {arm.name: len(self.seeds_of(arm)) for arm in self.arms if self.choice(arm) is None}

    def seeds_of(self, arm: Arm) -> list[int]:
        return [seed for seed in self.experiment.seeds_of(arm) if not self.seeds or seed in self.seeds]

    def loads(self) -> list[Task]:
        """The calls that make the graph, one after the other."""
        places = {"out": str(self.folder), "data": str(self.machine.data)}
        found: list[Task] = []
        for number, call in enumerate(self.experiment.graph):
            words = [word.format_map(places) for word in shlex.split(call)]
            command = (sys.executable, "-m", "ingest", *words, "--store", str(self.graph))
            found.append(Task(f"load-{number}", command, self._stamp(f"load-{number}"), _after(found)))
        return found

    def start(self, seed: int) -> Task:
        """The CLIP of a seed from which all arms continue."""
        return self._training("start", self.experiment.start, seed, "all", (), self.experiment.start_seconds_a_step)

    def tried(self, arm: Arm) -> list[Trained]:
        """The tuning runs of an arm, one a choice, on the first seed."""
        seed = self.experiment.seeds[0]
        return [self._of(arm, choice, seed, "tuning") for choice in arm.choices]

    def choice(self, arm: Arm) -> Settings | None:
        """The settings that tuning has chosen; None before it has. Raises NoChoice."""
        tried = self.tried(self.experiment.arms[arm.tuner])
        if not tried:
            return {}
        if not all(each.measure.done for each in tried):
            return None
        figures = [self._tuned(each) for each in tried]
        return self.experiment.arms[arm.tuner].choices[figures.index(max(figures))]

    def tuning(self, arm: Arm) -> list[tuple[Settings, float]]:
        """What was tried for an arm by now, and the figure by which it is chosen. Raises NoChoice."""
        tried = zip(arm.choices, self.tried(arm), strict=True)
        return [(choice, self._tuned(each)) for choice, each in tried if each.measure.done]

    def trained(self, stage: str) -> list[Trained]:
        """The runs of a stage, as far as they are decided."""
        found = []
        for arm in self.arms:
            choice = self.choice(arm)
            if choice is None or (stage == SECONDS and arm.name not in self.experiment.equal_seconds):
                continue
            if stage == SECONDS:
                steps = self.steps_in_equal_seconds(arm)
                if steps is None:
                    continue
                choice = {**choice, "steps": steps}
            found += [self._of(arm, choice, seed, stage) for seed in self.seeds_of(arm)]
        return found

    def steps_in_equal_seconds(self, arm: Arm) -> int | None:
        """How many steps of an arm take as long as the reference's; None before all runs of both are trained."""
        seconds = {}
        for each in (arm, self.experiment.arms[self.experiment.reference]):
            choice = self.choice(each)
            if choice is None:
                return None
            # Of all seeds, whichever a call names: it would be another run for each call.
            runs = [self._of(each, choice, seed, STEPS) for seed in self.experiment.seeds_of(each)]
            if not all(run.train.done for run in runs):
                return None
            rows = [Run(run.run).metrics().rows[-1] for run in runs]
            seconds[each.name] = (fmean(map(cost, rows)), fmean(row["step"] for row in rows))
        own, steps = seconds[arm.name]
        return max(round(steps * seconds[self.experiment.reference][0] / own), 1)

    def baselines(self) -> list[Task]:
        """One after the other, for each of them opens the graph."""
        found: list[Task] = []
        for name in self.experiment.baselines:
            call = ["--store", str(self.graph), "--runs", str(self.runs), "--only", name]
            call += [*self.experiment.baseline_flags, "--threads", str(self.machine.threads)]
            command = (sys.executable, "-m", "model.baselines", *call, "--device", self.machine.device)
            stamp = self._stamp(f"baseline-{name}-{digest(self.experiment.baseline_flags)}")
            found.append(Task(stamp.stem, command, stamp, _after(found), self.experiment.measuring_seconds * 10))
        return found

    # What they are made of

    @property
    def graph(self) -> Path:
        return self.folder / "graph.db"

    def project_to(self, recipe: str, parameters: Sequence[str], directory: Path) -> None:
        """Notes which projection answers a recipe."""
        self._projections[digest([recipe, *parameters])] = str(directory)

    def _of(self, arm: Arm, choice: Settings, seed: int, stage: str) -> Trained:
        settings = {**arm.settings, **choice}
        train = self._training(arm.name, settings, seed, arm.recipe, arm.parameters, self.seconds_a_step(arm))
        run = self.runs / train.name
        if stage == "tuning":
            parts = [*dict.fromkeys(metric.partition("/")[0] for metric in self.experiment.tuned_by)]
            measure = self._measuring(run, train, "valid", parts, self.experiment.tuning_limit)
        else:
            measure = self._measuring(run, train, "test", self.experiment.parts, self.experiment.limit)
        return Trained(arm.name, seed, stage, run, train, measure)

    def _training(
        self, name: str, settings: Settings, seed: int, recipe: str, parameters: Sequence[str], speed: float
    ) -> Task:
        settings, init = {**settings, "seed": seed}, ""
        needs: tuple[Path, ...] = ()
        if name != "start" and self.experiment.start:
            start = self.start(seed)
            init, needs = str(self.runs / start.name), (start.stamp,)
        told = {"settings": settings, "init": Path(init).name, "recipe": [recipe, *parameters]}
        full = f"{name}-s{seed}-{digest([self.experiment.graph, told])}"
        projection = self._projections.get(digest([recipe, *parameters]), "")
        call = ["--config", str(self.folder / "settings" / f"{full}.json"), "--projection", projection]
        call += ["--runs", str(self.runs), "--name", full, "--resume", "auto", "--device", self.machine.device]
        call += ["--threads", str(self.machine.threads), *(["--init", init] if init else [])]
        if projection:
            write_settings(self.folder / "settings" / f"{full}.json", settings)
        command = (sys.executable, "-m", "model.train", *call)
        return Task(full, command, self._stamp(full), needs, speed * settings.get("steps", 1000))

    def _measuring(self, run: Path, train: Task, split: str, parts: Sequence[str], limit: int) -> Task:
        call = ["--run", str(run), "--projection", str(self.runs / "projections" / "everything"), "--split", split]
        call += ["--only", ",".join(parts), "--limit", str(limit), "--checkpoint", "last"]
        call += ["--device", self.machine.device, "--threads", str(self.machine.threads)]
        stamp = self._stamp(f"{train.name}.{split}-{digest([list(parts), limit])}")
        command = (sys.executable, "-m", "model.evaluate", *call)
        return Task(stamp.stem, command, stamp, (train.stamp,), self.experiment.measuring_seconds)

    def seconds_a_step(self, arm: Arm) -> float:
        """Of this arm's runs so far, else what the experiment says."""
        for path in sorted((self.folder / "done").glob(f"{arm.name}-s*.json")):
            if ".test" not in path.name and ".valid" not in path.name:
                rows = Run(self.runs / path.stem).metrics().rows
                return cost(rows[-1]) / rows[-1]["step"]
        return arm.seconds_a_step

    def _tuned(self, tried: Trained) -> float:
        metrics = json.loads((tried.run / "results-valid.json").read_text(encoding="utf-8"))["metrics"]
        for name in self.experiment.tuned_by:
            if name not in metrics:
                raise NoChoice(
                    f"{self.experiment.name}: {tried.train.name} is tuned by {name}, which was not measured on the "
                    f"valid split; measured were {', '.join(metrics) or 'none'}."
                )
        return fmean(metrics[name] for name in self.experiment.tuned_by)

    def _stamp(self, name: str) -> Path:
        return self.folder / "done" / f"{name}.json"


def _after(tasks: Sequence[Task]) -> tuple[Path, ...]:
    return tuple(task.stamp for task in tasks[-1:])


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(settings))


def digest(told: object) -> str:
    """A few letters that change with what was told."""
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=list).encode()).hexdigest()[:8]
