"""A small drawn world in an embedded store and two runs trained on it, for the tests of evaluation and prediction."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import NamedTuple

from ingest.load import load
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import open_store
from model.train import main as train


class World(NamedTuple):
    """Paths: the store, the runs of a CLIP and of the Knowledge-CLIP that began with it, the pictures."""

    store: Path
    clip: Path
    knowledge_clip: Path
    pictures: Path

    def with_own_store(self, folder: Path) -> World:
        """The same with a copy of the store, to be written to."""
        return self._replace(store=Path(shutil.copy(self.store, folder / "graph.db")))


@functools.cache
def trained_world(folder: Path, pictures: int = 128, scenes: int = 16, steps: int = 6) -> World:
    """Draws, loads and trains, once a process; a few steps, so that the runs know next to nothing."""
    draw_world(folder / "world", Settings(pictures=pictures, scenes=scenes), progress=False)
    uri = str(folder / "graph.db")
    with open_store(uri) as store:
        load(store, read_world(folder / "world"), progress=False)
    common = [
        "--store",
        uri,
        "--runs",
        str(folder / "runs"),
        "--steps",
        str(steps),
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    assert train([*common, "--objective", "clip", "--name", "clip"]) == 0
    assert train([*common, "--init", str(folder / "runs/clip"), "--name", "both", "--batch-size", "24"]) == 0
    return World(folder / "graph.db", folder / "runs/clip", folder / "runs/both", folder / "world")
