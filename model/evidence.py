"""What the runs of a grid found: mean and deviation over seeds, as JSON and as Markdown tables.

evidence.json is {experiment: {arm: {metric: {mean, std, seeds}}}}; the deviation of one seed is null. Figures with the
reference's seconds stand under "EXPERIMENT, equal seconds". Beside what an evaluation measures there are of each arm
`seconds` of training, `seconds_a_step` and `steps`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.experiment import Experiment
from model.grid import SECONDS, STEPS, Grid
from model.results_table import is_percent
from model.track import Run

#: Figures by the number of their seed.
BySeed = dict[int, dict[str, float]]
Evidence = dict[str, dict[str, dict[str, dict[str, Any]]]]

#: What every table ends with.
COSTS = ("steps", "seconds", "seconds_a_step")


def evidence_of(grid: Grid) -> Evidence:
    """What is measured by now."""
    found: Evidence = {}
    for stage, name in ((STEPS, grid.experiment.name), (SECONDS, f"{grid.experiment.name}, {SECONDS}")):
        arms: dict[str, BySeed] = {}
        for trained in grid.trained(stage):
            if trained.measure.done:
                arms.setdefault(trained.arm, {})[trained.seed] = _figures(trained.run)
        if arms:
            found[name] = {arm: spread(by_seed) for arm, by_seed in arms.items()}
    for task, baseline in zip(grid.baselines(), grid.experiment.baselines, strict=True):
        if task.done:
            found.setdefault(grid.experiment.name, {})[baseline] = _baseline(grid.runs, baseline, task.stamp)
    return found


def spread(by_seed: BySeed) -> dict[str, dict[str, Any]]:
    """Mean, deviation and seeds of each metric, over the seeds that have it."""
    found = {}
    for metric in dict.fromkeys(name for figures in by_seed.values() for name in figures):
        values = {seed: figures[metric] for seed, figures in sorted(by_seed.items()) if metric in figures}
        found[metric] = {
            "mean": statistics.fmean(values.values()),
            "std": statistics.stdev(values.values()) if len(values) > 1 else None,
            "seeds": list(values),
        }
    return found


def table(experiment: Experiment, arms: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """A row an arm, a column a metric that the experiment shows; the best mean of a column is bold."""
    measured = {metric for own in arms.values() for metric in own}
    columns = [name for name in (*experiment.shown, *COSTS) if name in measured]
    best = {
        name: max(own[name]["mean"] for own in arms.values() if name in own)
        for name in columns
        if name not in COSTS and is_percent(name)
    }
    rows = [["arm", *columns], ["---", *("---:" for _ in columns)]]
    for arm, own in arms.items():
        rows.append([arm, *(_cell(own.get(name), name, best.get(name)) for name in columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def report(grids: Sequence[Grid], found: Evidence, command: str, machine: str) -> str:
    """The tables of all experiments as one Markdown text."""
    lines = [
        "# The evidence",
        "",
        f"`{command}` on {machine}. Means and standard deviations over seeds; in percent.",
        "",
    ]
    for grid in grids:
        experiment = grid.experiment
        for name in (experiment.name, f"{experiment.name}, {SECONDS}"):
            if name not in found:
                continue
            seeds = {len(metric["seeds"]) for own in found[name].values() for metric in own.values()}
            told = f"{min(seeds)} to {max(seeds)} seeds" if len(seeds) > 1 else f"{max(seeds)} seeds"
            lines += [f"## {name}", "", f"{experiment.about} {told}.".strip(), "", table(experiment, found[name]), ""]
        if chosen := _chosen(grid):
            lines += [f"Chosen on the valid split of {experiment.name}: {chosen}.", ""]
    return "\n".join(lines)


def joined(path: Path, found: Evidence, experiments: Sequence[str]) -> Evidence:
    """With what the file holds of other experiments."""
    before: Evidence = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: own for name, own in before.items() if name.partition(",")[0] not in experiments} | found


def _figures(run: Path) -> dict[str, float]:
    metrics: dict[str, float] = dict(Run(run).results["metrics"])
    last = Run(run).metrics().rows[-1]
    return metrics | {
        "steps": last["step"],
        "seconds": last["seconds"],
        "seconds_a_step": last["seconds"] / last["step"],
    }


def _baseline(runs: Path, name: str, stamp: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((runs / "baselines" / f"{name}.json").read_text(encoding="utf-8"))
    seeds = told["settings"].get("seeds", [0])
    found = {
        metric: {"mean": value, "std": told["spread"].get(metric), "seeds": seeds}
        for metric, value in told["metrics"].items()
    }
    seconds = json.loads(stamp.read_text(encoding="utf-8"))["seconds"] / len(seeds)
    return found | {"seconds": {"mean": seconds, "std": None, "seeds": seeds}}


def _chosen(grid: Grid) -> str:
    told = []
    for arm in grid.arms:
        if arm.choices and (choice := grid.choice(arm)) is not None:
            told.append(f"{arm.name} " + " ".join(f"{name}={value}" for name, value in choice.items()))
    return "; ".join(told)


def _cell(told: Mapping[str, Any] | None, name: str, best: float | None) -> str:
    if told is None:
        return ""
    digits = 3 if name == "seconds_a_step" else 0 if name in COSTS else 1
    mean, std = f"{told['mean']:,.{digits}f}", told["std"]
    mean = f"**{mean}**" if told["mean"] == best else mean
    return mean if std is None or name == "steps" else f"{mean} ± {std:.{digits}f}"
