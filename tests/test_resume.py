"""A run that was killed at any moment goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from kgstore import open_store
from kgstore.current import projection_for
from kgstore.recipes import load_recipe
from model.track import Run
from tests.coloured_graph import coloured_graph
from tests.training_batches import tiny_clip

ROOT = Path(__file__).resolve().parents[1]
KILLS = 20


def test_a_run_killed_at_twenty_moments_ends_bit_equal_and_holds_every_step_once(tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    with open_store(coloured_graph(tmp_path / "graph", valid=1)) as store:
        both = load_recipe("all", {"splits": ["train", "valid"]})
        folders = [projection_for(store, recipe, tmp_path / "projections") for recipe in (load_recipe("all"), both)]
    tiny_clip().save_pretrained(tmp_path / "start")
    flags = [
        *("--projection", str(folders[0].directory), "--valid-projection", str(folders[1].directory)),
        *("--init", str(tmp_path / "start"), "--runs", str(tmp_path / "runs"), "--threads", "1", "--device", "cpu"),
        *("--steps", "10", "--batch-size", "8", "--fanout", "2", "--warmup", "2", "--lr-towers", "1e-3"),
        *("--fusion-width", "16", "--fusion-heads", "2", "--fusion-layers", "1", "--image-pool", "1"),
        *(
            "--save-every",
            "2",
            "--log-every",
            "3",
            "--eval-every",
            "5",
            "--eval-samples",
            "8",
            "--ema",
            "0.9",
            "--patience",
            "9",
        ),
    ]
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.trainer_kills", "--kills", str(KILLS), "--out", str(report), "--", *flags]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    log = tmp_path / "runs" / "kills.log"
    assert done.returncode == 0, done.stderr + (log.read_text()[-3000:] if log.exists() else "")
    told = json.loads(report.read_text())
    assert told["kills"] == KILLS
    assert told["while_saving"] >= 3
    for name in told["runs"]:
        same_run(tmp_path / "runs" / "whole", tmp_path / "runs" / name)


def same_run(first: Path, second: Path) -> None:
    """Both ended with the same parameters, average, optimizer, random states, marks, measurements and rows."""
    one, other = Run(first), Run(second)
    assert one.status.state == other.status.state == "finished"
    assert one.best == other.best
    assert [path.name for path in one.checkpoints] == [path.name for path in other.checkpoints]
    for folder in one.checkpoints:
        for file in ("model.safetensors", "average.safetensors", "training.safetensors"):
            mine, theirs = load_file(folder / file), load_file(second / "checkpoints" / folder.name / file)
            assert mine.keys() == theirs.keys()
            assert [key for key, value in mine.items() if not torch.equal(value, theirs[key])] == []
    assert one.examples().rows == other.examples().rows
    rows, others = one.metrics().rows, other.metrics().rows
    assert [row["step"] for row in others] == list(range(1, len(rows) + 1))
    told = [name for name in sorted({*rows[-1], *rows[4]}) if name not in TIMES]
    assert [[row.get(name) for name in told] for row in rows] == [[row.get(name) for name in told] for row in others]


#: What of a row depends on the machine.
TIMES = ("seconds", "cpu_seconds", "samples_per_second", "wait_share", "memory_mb", "valid/seconds")
