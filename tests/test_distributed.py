"""Two processes, started by torchrun, train as one does: the same losses, gradients and parameters, and no hanging."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.track import Run
from model.train import main
from tests.steps import Steps, project_graph, trained
from tests.training_batches import tiny_clip

ROOT = Path(__file__).parent.parent
PATIENCE = 240


def torchrun(*command: object) -> subprocess.Popen[str]:
    """Two processes; standalone, so that nothing else on the machine is in the way."""
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    return subprocess.Popen(
        [*launcher, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the processes have that torchrun starts: several a process take turns on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    project_graph(folder)
    return folder


def test_two_processes_find_what_one_does_and_one_that_fails_ends_the_other(folder: Path, tmp_path: Path) -> None:
    together = torchrun("tests/steps.py", folder, tmp_path)
    wanted = trained(Steps(folder), 1)
    _, told = together.communicate(timeout=PATIENCE)
    for process in (0, 1):
        for passes in (1, 3):
            found = load_file(tmp_path / f"process-{process}-passes-{passes}")
            assert found.keys() == wanted.keys()
            for name, value in wanted.items():
                assert torch.allclose(found[name], value, atol=1e-5, rtol=1e-4), (process, passes, name)
    assert together.returncode != 0
    assert "The training ends because another of its processes did. Process 1: OSError: the disk is gone" in told


def wait_for_steps(run: Path, process: subprocess.Popen[str], count: int) -> None:
    end = time.monotonic() + PATIENCE
    while not (run / "metrics.jsonl").is_file() or len(Run(run).metrics().rows) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_of_two_processes_is_killed_goes_on_stops_and_ends_as_one_of_one_process(
    folder: Path, tmp_path: Path
) -> None:
    tiny_clip().save_pretrained(tmp_path / "clip")
    flags = ["--projection", folder / "projection", "--runs", tmp_path, "--init", tmp_path / "clip"]
    flags += ["--steps", 40, "--batch-size", 12, "--fanout", "2,2", "--drop-path", 0, "--fusion-layers", 1]
    flags += ["--fusion-width", 32, "--fusion-heads", 2, "--lr-new", 1e-4, "--save-every", 4, "--log-every", 1]
    flags += ["--gnn-gate", "elementwise"]  # as tests/training_batches.py says of TINY
    two = ["-m", "model.train", *flags, "--name", "two", "--resume", "auto"]

    killed = torchrun(*two)
    wait_for_steps(tmp_path / "two", killed, 4)
    os.kill(Run(tmp_path / "two").status.pid, signal.SIGKILL)  # the first process; the second does not wait for it
    killed.communicate(timeout=PATIENCE)
    there = len(Run(tmp_path / "two").metrics().rows)
    assert Run(tmp_path / "two").status.state == "crashed"

    stopped = torchrun(*two)
    wait_for_steps(tmp_path / "two", stopped, there + 4)
    os.kill(Run(tmp_path / "two").status.pid, signal.SIGTERM)
    _, told = stopped.communicate(timeout=PATIENCE)
    last = Run(tmp_path / "two").status.step
    assert f"Stopped at step {last}, saved in {tmp_path}/two/checkpoints/step-{last}. Go on with" in told
    assert Run(tmp_path / "two").status.state == "stopped"

    main([str(flag) for flag in [*flags, "--name", "one", "--accumulate", 2]])
    main([str(flag) for flag in two[2:]])  # in one process, from where two had come to
    one, both = (Run(tmp_path / name).metrics().rows for name in ("one", "two"))
    assert [row["step"] for row in both] == list(range(1, 41))
    for row, wanted in zip(both, one, strict=True):
        for name in ("loss", "e2e", "e2r", "g2e", "kd", "clip"):
            assert row[name] == pytest.approx(wanted[name], rel=1e-5, abs=1e-5), (row["step"], name)
    assert json.loads((tmp_path / "two" / "config.json").read_text())["train"]["accumulate"] == 1
