"""A grid is what its file says, goes on where it stood, and tells means and deviations of what was measured."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kgstore.command import run_command
from model import ablate
from model.config import BadConfig
from model.evidence import spread
from model.evidence_plot import save
from model.evidence_table import report
from model.experiment import SHIPPED, experiments, read_experiment
from model.grid import STEPS, Grid, Machine, Task
from model.grid_runner import run_tasks
from model.track import Run, write_json

TINY = """
about = "A tiny drawn world."
graph = ["world --path {out}/world --pictures 128 --scenes 8"]
seeds = [0]
[start]
objective = "clip"
steps = 1
batch_size = 8
[common]
steps = 2
batch_size = 8
[measure]
parts = ["retrieval"]
shown = ["retrieval/towers/image_retrieval_r@1"]
plotted = {"retrieval/towers/image_retrieval_r@1" = "image retrieval"}
[arms.clip]
objective = "clip"
[arms.full]
shares = {IMAGE_OF = 0.5}
"""

TUNED = """
[tuning]
metrics = ["retrieval/towers/image_retrieval_r@1"]
choices = [{lr_towers = 1e-3}, {lr_towers = 1e-4}]
[arms.again]
like = "full"
tuned_like = "full"
kd = 0.0
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_experiments_compare_what_can_be_compared(path: Path, tmp_path: Path) -> None:
    experiment = read_experiment(path)
    assert experiment.about
    assert experiment.shown
    names = [task.name for task in Grid(experiment, Machine(tmp_path, tmp_path)).tasks()]
    assert len(names) == len(set(names)) > 3


def test_an_arm_is_another_one_but_for_what_it_changes(tmp_path: Path) -> None:
    arms = read_experiment(written(tmp_path, TINY + TUNED)).arms
    assert arms["again"].settings == {**arms["full"].settings, "kd": 0.0}
    assert arms["again"].choices == ()
    assert len(arms["full"].choices) == len(arms["clip"].choices) == 2


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("[arms.other]\nstep = 3", "'step' is no setting"),
        ("[arms.other]\nsteps = 0", "--steps is 0"),
        ("[arms.other]\nlike = 'none'", "'none', which is no other arm"),
        ("[arms.other]\nchoices = [{steps = 3}]\n[tuning]\nmetrics = ['x/y']", "unequal numbers"),
        ("[mesure]\nparts = []", "no 'mesure'"),
    ],
)
def test_what_a_file_says_wrongly_is_named(said: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=wrong):
        read_experiment(written(tmp_path, f"{TINY}\n{said}"))


def test_tuning_takes_what_is_best_on_the_valid_split_and_its_run_counts(tmp_path: Path) -> None:
    grid = Grid(read_experiment(written(tmp_path, TINY + TUNED)), Machine(tmp_path))
    assert grid.undecided() == {"clip": 1, "full": 1, "again": 1}
    for k, tried in enumerate(grid.tried(grid.experiment.arms["full"])):
        tried.run.mkdir(parents=True)
        write_json(tried.run / "results-valid.json", {"metrics": {"retrieval/towers/image_retrieval_r@1": k}})
        tried.measure.stamp.parent.mkdir(exist_ok=True)
        write_json(tried.measure.stamp, {})
    assert grid.undecided() == {"clip": 1}
    assert grid.choice(grid.experiment.arms["again"]) == {"lr_towers": 1e-4}
    full, again = grid.trained(STEPS)
    assert full.train == tried.train
    assert again.train.name.startswith("again-s0-")


def test_tasks_wait_for_what_they_need_and_are_not_done_twice(tmp_path: Path) -> None:
    def task(name: str, code: str, *needs: Path) -> Task:
        return Task(name, (sys.executable, "-c", code), tmp_path / "done" / f"{name}.json", needs)

    write = f"open({str(tmp_path / 'said')!r}, 'a').write"
    first = task("first", f"{write}('a')")
    tasks = [
        task("second", f"{write}('b')", first.stamp),
        first,
        task("wrong", "raise SystemExit('no luck')"),
        task("never", f"{write}('c')", tmp_path / "done" / "wrong.json"),
    ]
    for _ in range(2):
        outcome = run_tasks(lambda: tasks, 2, float("inf"))
        assert outcome == ({tmp_path / "logs" / "wrong.log": "no luck"}, False)
        assert (tmp_path / "said").read_text() == "ab"


def test_time_that_is_up_ends_what_runs_and_begins_nothing(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    long = Task("long", (sys.executable, "-c", code), tmp_path / "done" / "long.json")
    later = Task("later", (sys.executable, "-c", ""), tmp_path / "done" / "later.json", (), 10_000)
    outcome = run_tasks(lambda: [long, later], 2, time.monotonic() + 3)
    assert outcome == ({}, True)
    assert not long.done
    assert not later.done
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_means_and_deviations_are_over_the_seeds_that_have_a_figure() -> None:
    found = spread({0: {"a/b": 1.0, "c": 4.0}, 2: {"a/b": 3.0}})
    assert found["a/b"] == {"mean": 2.0, "std": pytest.approx(2**0.5), "seeds": [0, 2]}
    assert found["c"] == {"mean": 4.0, "std": None, "seeds": [0]}


def test_the_report_tells_what_guessing_gives_and_whether_a_baseline_counts(tmp_path: Path) -> None:
    def figures(mrr: float, seeds: int) -> dict[str, dict[str, Any]]:
        return {"links/mrr": {"mean": mrr, "std": 0.5 if seeds > 1 else None, "seeds": [*range(seeds)]}}

    evidence = {"links": {"ours": figures(31.0, 3), "less": figures(12.0, 1), "rotate": figures(30.0, 3)}}
    arm: dict[str, Any] = {
        "towers": "drawn",
        "parameters": 5,
        "steps": 3,
        "batch_size": 2,
        "tuned_like": "",
        "knowledge": True,
    }
    arm["seeds"] = 3
    tried = [{"choice": {"kd": 0.0}, "figure": 20.0}, {"choice": {"kd": 1.0}, "figure": 30.0}]
    arm |= {"tried": tried, "chosen": {"kd": 1.0}, "by_seed": {"links/mrr": {"0": 30.5, "1": 31.5}}}
    own: dict[str, Any] = {"about": "Links.", "shown": ["links/mrr"], "plotted": {"links/mrr": "MRR"}}
    own |= {"chance": {"links/mrr": 0.1}}
    own |= {"entities": 9, "pictures": 0, "triples": {"train": 8}, "start": {}, "seconds": 100, "budget": 200}
    own |= {"clock": "processor", "machine": "2 cores", "device": "cpu", "date": "", "command": "", "tuned_by": ["x"]}
    own |= {"published": {"rotate": {"links/mrr": 33.0, "source": "a paper"}}, "arms": {"ours": arm, "less": arm}}
    text = report(evidence, {"links": own})
    for line in (
        "| ours | **31.0** ± 0.5 |",
        "| less (1 seed) | 12.0 |",
        "| rotate, published | 33.0 |",
        "| chance | 0.1 |",
        "rotate: 30.0 here, 33.0 published (a paper): the published figure is the bar.",
        "| ours | drawn | 5 | 3 | 2 | kd=0.0: 20.0; **kd=1.0: 30.0** |",
    ):
        assert line in text.splitlines()
    assert "took 100 s of 200" in text
    save(evidence, {"links": own}, tmp_path / "evidence.svg")
    assert "prefers-color-scheme:dark" in (tmp_path / "evidence.svg").read_text()


def test_a_grid_trains_measures_and_tells(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, TINY)
    call = ["--out", str(tmp_path / "out"), "--experiments", str(tmp_path), "--results", str(tmp_path / "results")]
    call += ["--device", "cpu", "--arms", "full"]
    assert run_command(lambda: ablate.main([*call, "--dry-run"])) == 0
    planned = capfd.readouterr().out
    assert "start-s0-" in planned
    assert not (tmp_path / "out").exists()
    assert run_command(lambda: ablate.main(call)) == 0
    evidence = json.loads((tmp_path / "results/evidence.json").read_text())
    figures = evidence["tiny"]["full"]
    assert figures["retrieval/towers/image_retrieval_r@1"]["seeds"] == [0]
    assert figures["steps"]["mean"] == 2
    assert "| full |" in capfd.readouterr().out
    assert "image retrieval" in (tmp_path / "results/evidence.svg").read_text()
    rests_on = json.loads((tmp_path / "results/evidence-runs.json").read_text())["tiny"]
    assert rests_on["pictures"] >= 128
    assert rests_on["clock"] == "processor"
    assert rests_on["seconds"] > figures["seconds"]["mean"] > 0
    assert rests_on["arms"]["full"]["steps"] == 2
    [run] = (tmp_path / "out/tiny").glob("*/runs/full-s0-*")
    begun = Run(run).config
    assert "start-s0-" in begun["init"]
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/tiny").glob("*/done/*")}
    assert run_command(lambda: ablate.main(call)) == 0
    assert run_command(lambda: ablate.main([*call[:-1], "clip", "--tables"])) == 0
    assert json.loads((tmp_path / "results/evidence.json").read_text()) == evidence
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/tiny").glob("*/done/*")} == stamps


def test_a_graph_that_cannot_be_loaded_is_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, TINY.replace("world --path {out}/world", "conceptnet --path {out}/none.csv.gz"))
    call = ["--out", str(tmp_path / "out"), "--experiments", str(tmp_path), "--device", "cpu"]
    assert run_command(lambda: ablate.main(call)) == 2
    assert "The graph of tiny cannot be loaded: " in capfd.readouterr().err


def test_an_experiment_that_there_is_not_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "world-names" in experiments(SHIPPED)
    assert run_command(lambda: ablate.main(["--out", str(tmp_path), "--only", "nothing"])) == 2
    assert "no experiment 'nothing'" in capfd.readouterr().err
