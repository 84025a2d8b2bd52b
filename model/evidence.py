"""What the runs of a grid found: mean and deviation over seeds.

evidence.json is {experiment: {arm: {metric: {mean, std, seeds}}}}; the deviation of one seed is null. Figures with the
reference's seconds stand under "EXPERIMENT, equal seconds". Beside what an evaluation measures there are of each arm
`seconds` of training, `seconds_a_step` and `steps`; model/evidence_runs.py says which seconds. Figures of single
relations stay in the run folders.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.evidence_runs import runs_of
from model.grid import SECONDS, STEPS, Grid, Task
from model.track import Run, cost, write_json

#: Figures by the number of their seed.
BySeed = dict[int, dict[str, float]]
Evidence = dict[str, dict[str, dict[str, dict[str, Any]]]]

#: The files of a folder of results.
FIGURES, RUNS = "evidence.json", "evidence-runs.json"

#: Parts of an evaluation that say of each relation what they say of all.
OF_RELATIONS = ("tails", "heads", "links", "relations")

#: What every arm costs.
COSTS = ("steps", "seconds", "seconds_a_step")


def gather(grids: Sequence[Grid], results: Path) -> tuple[Evidence, dict[str, Any]]:
    """Writes both files: what these grids hold by now, beside what the files hold of other experiments."""
    names = {grid.experiment.name for grid in grids}
    found = {grid: evidence_of(grid) for grid in grids}
    evidence, runs = (
        {name: own for name, own in _read(results / file).items() if name.partition(",")[0] not in names}
        for file in (FIGURES, RUNS)
    )
    for grid, own in found.items():
        if own:
            evidence |= own
            runs[grid.experiment.name] = runs_of(grid)
    if evidence:
        results.mkdir(parents=True, exist_ok=True)
        write_json(results / FIGURES, evidence)
        write_json(results / RUNS, runs)
    return evidence, runs


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
            found.setdefault(grid.experiment.name, {})[baseline] = _baseline(grid, baseline, task)
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


def seeds_of(figures: Mapping[str, Mapping[str, Any]]) -> int:
    """How many seeds an arm has."""
    return max(len(told["seeds"]) for told in figures.values())


def _figures(run: Path) -> dict[str, float]:
    metrics = _of_all_relations(Run(run).results["metrics"])
    last = Run(run).metrics().rows[-1]
    return metrics | {"steps": last["step"], "seconds": cost(last), "seconds_a_step": cost(last) / last["step"]}


def _baseline(grid: Grid, name: str, task: Task) -> dict[str, dict[str, Any]]:
    """Its seconds are those of the whole command, a seed, where it does not say what training took."""
    told = _read(grid.runs / "baselines" / f"{name}.json")
    seeds, stamp = told["settings"].get("seeds", [0]), _read(task.stamp)
    whole = stamp["cpu_seconds"] if grid.machine.device == "cpu" else stamp["seconds"]
    metrics = {"seconds": whole / len(seeds), **_of_all_relations(told["metrics"])}
    return {
        metric: {"mean": value, "std": told["spread"].get(metric), "seeds": seeds} for metric, value in metrics.items()
    }


def _of_all_relations(metrics: Mapping[str, float]) -> dict[str, float]:
    """PART/FIGURE, and of OF_RELATIONS not PART/RELATION/FIGURE."""
    single = {name for name in metrics if name.partition("/")[0] in OF_RELATIONS and name.count("/") > 1}
    return {name: value for name, value in metrics.items() if name not in single}


def _read(path: Path) -> dict[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return dict(found)
