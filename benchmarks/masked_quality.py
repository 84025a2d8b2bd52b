"""What a network learns when masked positions are dropped, and when they are zeros that can be attended to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ingest.load import load
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import open_store
from kgstore.errors import KgError
from model.evaluate import main as evaluate
from model.track import Run
from model.train import main as train

#: What is asked of the runs: names that only the graph explains, the relation, the tail, and retrieval.
PARTS = ("names", "relations", "tails", "retrieval")


def what_is_learnt(steps: int, seeds: list[int]) -> dict[str, Any]:
    """Both arms continue from one CLIP of 4 times as many steps; metrics by arm, a figure for each seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_world(folder / "world", Settings(pictures=2048, scenes=128), progress=False)
        store, runs = str(folder / "graph.db"), str(folder / "runs")
        with open_store(store) as opened:
            load(opened, read_world(folder / "world"), progress=False)
        common = ["--store", store, "--runs", runs, "--device", "cpu", "--threads", "1"]
        _call(train, [*common, "--objective", "clip", "--name", "clip", "--steps", str(4 * steps)])
        arms: dict[str, dict[str, list[float]]] = {"drop": {}, "zero": {}}
        for seed in seeds:
            for masked, found in arms.items():
                run = f"{masked}-{seed}"
                arm = ["--masked", masked, "--seed", str(seed), "--steps", str(steps)]
                _call(train, [*common, "--init", f"{runs}/clip", "--name", run, *arm])
                _call(
                    evaluate, ["--store", store, "--run", f"{runs}/{run}", "--only", ",".join(PARTS), "--threads", "1"]
                )
                done = Run(f"{runs}/{run}")
                for metric, value in done.results["metrics"].items():
                    if metric.count("/") == 1 or metric.startswith(("names/", "retrieval/")):  # not those by relation
                        found.setdefault(metric, []).append(round(value, 2))
                took = done.metrics().rows[-1]["seconds"] / steps
                found.setdefault("seconds a step", []).append(round(took, 4))
    for metric in arms["drop"]:
        print(f"  {metric:44} drop {arms['drop'][metric]}  zero {arms['zero'].get(metric)}")
    return {"steps": steps, "seeds": seeds, "arms": arms}


def _call(command: Any, argv: list[str]) -> None:
    if command(argv):
        raise KgError(f"{' '.join(argv)} has failed.")
