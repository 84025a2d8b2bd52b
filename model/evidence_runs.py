"""What the evidence rests on: of each experiment the graph in numbers, its arms, what tuning tried, and what it took.

evidence-runs.json is {experiment: {...}}; with it and evidence.json the tables and the plot are made, with no run at
hand. `clock` says what seconds are: "processor" on a CPU, which others may use at the same time, "wall" on a GPU.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kgstore.projection import open_projection
from kgstore.values import SPLITS
from model.card import parameter_count
from model.config import ModelConfig
from model.grid import STEPS, Grid, Task, Trained
from model.track import Run, cost

PROCESSOR, WALL = "processor", "wall"


def runs_of(grid: Grid) -> dict[str, Any]:
    """By now."""
    experiment = grid.experiment
    trained = [each for each in grid.trained(STEPS) if each.measure.done]
    on_cpu = any("cpu_seconds" in Run(each.run).metrics().rows[-1] for each in trained)
    done = [task for task in (*grid.loads(), *grid.tasks()) if task.done]
    return {
        "about": experiment.about,
        "command": command_of(grid),
        "graph": list(experiment.graph),
        **sizes_of(grid.runs / "projections" / "everything"),
        "machine": machine_words(),
        "device": grid.machine.device,
        "date": time.strftime("%Y-%m-%d", time.gmtime(max((task.stamp.stat().st_mtime for task in done), default=0))),
        "clock": PROCESSOR if on_cpu else WALL,
        "seconds": round(sum(took(grid, task, on_cpu) for task in done)),
        "budget": experiment.budget,
        "shown": list(experiment.shown),
        "plotted": experiment.plotted,
        "chance": experiment.chance,
        "reference": experiment.reference,
        "tuned_by": list(experiment.tuned_by),
        "start": experiment.start,
        "arms": {arm: told_of(grid, arm, [each for each in trained if each.arm == arm]) for arm in _arms(trained)},
        "published": experiment.published,
    }


def told_of(grid: Grid, name: str, trained: list[Trained]) -> dict[str, Any]:
    """An arm: what it was trained with, what tuning tried for it and found, each seed's figures of the plot."""
    arm = grid.experiment.arms[name]
    run = Run(trained[0].run)
    results = {each.seed: Run(each.run).results["metrics"] for each in trained}
    return {
        "settings": arm.settings,
        "recipe": [arm.recipe, *arm.parameters],
        "towers": run.config["model"].get("towers", ModelConfig.towers),
        "parameters": parameter_count(run),
        "batch_size": run.config["train"]["batch_size"],
        "steps": run.config["train"]["steps"],
        "knowledge": run.config["train"]["objective"] != "clip",
        "seeds": len(grid.experiment.seeds_of(arm)),
        "tuned_like": arm.tuned_like,
        "tried": [{"choice": choice, "figure": figure} for choice, figure in grid.tuning(arm)],
        "chosen": grid.choice(arm),
        "by_seed": {
            metric: {str(seed): own[metric] for seed, own in results.items() if metric in own}
            for metric in grid.experiment.plotted
        },
    }


def sizes_of(folder: Path) -> dict[str, Any]:
    """Entities, pictures and triples by split, of the projection of a whole graph."""
    projection = open_projection(folder)
    offsets, _ = projection.all_images
    splits = np.bincount(projection.split, minlength=len(SPLITS)).tolist()
    return {
        "entities": projection.entity_count,
        "pictures": int(offsets[-1] - offsets[0]),
        "triples": dict(zip(SPLITS, splits, strict=True)),
    }


def took(grid: Grid, task: Task, on_cpu: bool) -> float:
    """Seconds of a task; of a run that was stopped on its way those of its steps, where they are more."""
    told = json.loads(task.stamp.read_text(encoding="utf-8"))
    seconds: float = told["cpu_seconds"] if on_cpu else told["seconds"]
    run = grid.runs / task.name
    return max(seconds, cost(Run(run).metrics().rows[-1])) if run.is_dir() else seconds


def command_of(grid: Grid) -> str:
    data = " --data SLICES" if any("{data}" in call for call in grid.experiment.graph) else ""
    return f"python -m model.ablate --out DIR{data} --only {grid.experiment.name}"


def machine_words() -> str:
    """Cores and what they are called."""
    named = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    name = next((line.partition(":")[2].strip() for line in named.splitlines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores, {name or platform.machine()}"


def _arms(trained: list[Trained]) -> Iterator[str]:
    yield from dict.fromkeys(each.arm for each in trained)
