from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.track import BadRun, Run, RunWriter, list_runs, write_json


def new_run(directory: Path, steps: int = 10, step: int = 0) -> RunWriter:
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", {"train": {"steps": steps}})
    return RunWriter(directory).begin(steps, step)


def test_a_folder_that_is_no_run_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"is no run folder: it has no config\.json"):
        Run(tmp_path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as writer:
        writer.log([{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0}])
        run = Run(tmp_path / "a")
        status = run.status
        assert (status.state, status.step, status.steps, status.pid) == ("running", 2, 10, os.getpid())
    assert run.status.state == "finished"
    assert run.config == {"train": {"steps": 10}}
    assert run.metrics().rows == [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0}]
    assert run.results == {}
    write_json(run.directory / "results.json", {"metrics": {"tails/mrr": 0.5}})
    assert run.results == {"metrics": {"tails/mrr": 0.5}}


def test_metrics_are_read_on_from_an_offset(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as writer:
        writer.log([{"step": 1}])
        rows, offset = Run(tmp_path / "a").metrics()
        assert [row["step"] for row in rows] == [1]
        assert Run(tmp_path / "a").metrics(offset) == ([], offset)
        writer.log([{"step": 2}, {"step": 3}])
        rows, after = Run(tmp_path / "a").metrics(offset)
        assert [row["step"] for row in rows] == [2, 3]
        assert after > offset


def test_a_line_that_is_still_being_written_is_left_for_the_next_reading(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as writer:
        writer.log([{"step": 1}])
    path = tmp_path / "a" / "metrics.jsonl"
    whole = path.stat().st_size
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    rows, offset = Run(tmp_path / "a").metrics()
    assert [row["step"] for row in rows] == [1]
    assert offset == whole


def test_going_on_takes_back_the_rows_after_the_checkpoint(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as writer:
        writer.log([{"step": step} for step in range(1, 8)])
    _, offset = Run(tmp_path / "a").metrics()
    with (tmp_path / "a" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "torn')
    with new_run(tmp_path / "a", step=4) as writer:
        rows, after = Run(tmp_path / "a").metrics(offset)
        assert after < offset
        assert [row["step"] for row in rows] == [1, 2, 3, 4]
        writer.log([{"step": 5}])
    assert [row["step"] for row in Run(tmp_path / "a").metrics().rows] == [1, 2, 3, 4, 5]


def test_an_error_makes_the_run_crashed_and_keeps_its_message(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_run(tmp_path / "a"):
        1 / 0  # noqa: B018
    status = Run(tmp_path / "a").status
    assert status.state == "crashed"
    assert "division by zero" in status.message


def test_a_run_whose_process_was_killed_has_crashed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from model.track import RunWriter\n"
        "with RunWriter(sys.argv[1]).begin(10) as run:\n"
        "    run.log([{'step': 3}])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    new_run(tmp_path / "a")
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], check=False, cwd=Path(__file__).parents[1])
    status = Run(tmp_path / "a").status
    assert (status.state, status.step) == ("crashed", 3)


def test_a_run_on_another_machine_that_is_silent_has_crashed(tmp_path: Path) -> None:
    new_run(tmp_path / "a")
    status = {"state": "running", "step": 1, "steps": 2, "pid": 1, "host": "elsewhere", "message": ""}
    write_json(tmp_path / "a" / "status.json", {**status, "heartbeat": "2020-01-01T00:00:00+00:00"})
    assert Run(tmp_path / "a").status.state == "crashed"


def test_runs_are_listed_and_other_folders_are_not(tmp_path: Path) -> None:
    for age, name in ((20, "old"), (10, "new")):
        new_run(tmp_path / name)
        config = tmp_path / name / "config.json"
        os.utime(config, (config.stat().st_mtime - age,) * 2)
    (tmp_path / "projections").mkdir()
    assert [run.name for run in list_runs(tmp_path)] == ["new", "old"]
    assert list_runs(tmp_path / "nothing") == []


def test_checkpoints_are_ordered_by_step_and_unfinished_ones_left_out(tmp_path: Path) -> None:
    new_run(tmp_path / "a")
    for name in ("step-9", "step-10", ".step-11"):
        (tmp_path / "a" / "checkpoints" / name).mkdir(parents=True)
    assert [path.name for path in Run(tmp_path / "a").checkpoints] == ["step-9", "step-10"]


def test_a_damaged_status_gets_a_sentence(tmp_path: Path) -> None:
    new_run(tmp_path / "a")
    (tmp_path / "a" / "status.json").write_text('{"state": ')
    with pytest.raises(BadRun, match="the run folder is damaged"):
        _ = Run(tmp_path / "a").status


def test_reading_runs_needs_no_torch() -> None:
    script = "import sys, model.track, model.config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[1])


def test_config_is_readable_json(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"name": "ärger 犬"})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"name": "ärger 犬"}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
