"""A run that is measured while it trains: the best checkpoint is kept, and one that gets no better ends."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from kgstore.command import WrongCall
from model.checkpoint import load_run
from model.config import BadConfig, TrainConfig
from model.selection import Selection
from model.track import Best, Run
from model.train import main
from tests.coloured_graph import coloured_graph
from tests.training_batches import tiny_clip

SMALL = ("--threads", "1", "--log-every", "4", "--warmup", "2", "--batch-size", "12", "--fanout", "2,2")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_graph(tmp_path_factory.mktemp("graph"), valid=1)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP in the layout of transformers."""
    folder = tmp_path_factory.mktemp("start")
    tiny_clip().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(graph: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve steps, measured after every third."""
    runs = tmp_path_factory.mktemp("runs")
    train(graph, start, runs, "measured", "--steps", "12", "--eval-every", "3", "--ema", "0.9", "--keep", "1")
    return Run(runs / "measured")


def train(graph: Path, start: Path, runs: Path, name: str, *flags: str) -> int:
    shape = ("--fusion-width", "16", "--fusion-heads", "2", "--fusion-layers", "1", "--image-pool", "2")
    common = ("--store", str(graph), "--init", str(start), "--runs", str(runs), "--name", name, *SMALL, *shape)
    return main([*common, *flags])


def test_measurements_stand_in_the_rows_of_their_steps_with_examples(run: Run) -> None:
    rows = run.metrics().rows
    assert [row["step"] for row in rows] == list(range(1, 13))
    measured = [row for row in rows if "valid/loss" in row]
    assert [row["step"] for row in measured] == [3, 6, 9, 12]
    for row in measured:
        for name in ("loss", "e2e", "e2r", "g2e", "kd", "clip", "relations/top1", "tails/mrr", "seconds"):
            assert math.isfinite(row[f"valid/{name}"])
        assert 0 <= row["valid/retrieval/towers/image_retrieval_r@1"] <= 100
        assert 0 < row["valid/tails/mrr"] <= 100
    shown = run.examples().rows
    assert [each["step"] for each in shown] == [3, 6, 9, 12]
    first = shown[0]["examples"][0]
    assert first.keys() == {"head", "relation", "tail", "answers"}
    assert len(first["answers"]) == 5
