"""The training page by Streamlit's own test driver: runs that come and go, their metrics, the form that starts one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from app.curves import MOST_POINTS, curve_points, thinned, thinned_around
from app.launch import CannotTrain, log_of, name_problem, stop
from app.metrics import columns_of, last_of
from app.run_examples import answer_rows, examples_of
from app.run_form import checked, fields_of
from app.run_tables import csv_of, result_rows
from app.runs import trained_runs
from model.config import ModelConfig, TrainConfig
from model.track import BadRun, Run, RunWriter, write_json
from tests.app_graph import write_settings
from tests.app_pages import page


def write_run(empty: Path, steps: int, name: str = "first", **changes: float) -> Run:
    write_settings(empty / "runs" / name)
    with RunWriter(empty / "runs" / name).begin(steps) as writer:
        writer.log([row(n) | changes for n in range(1, steps + 1)])
    return Run(empty / "runs" / name)


def test_a_finished_run_answers_before_a_newer_one_that_was_stopped(empty: Path) -> None:
    for age, (name, state) in enumerate((("stopped", "stopped"), ("new", "finished"), ("old", "finished"))):
        write_settings(run := empty / "runs" / name, "knowledge-clip")
        (run / "checkpoints" / "step-1").mkdir(parents=True)
        with RunWriter(run).begin(9) as writer:
            writer.say(state=state)
        begun = (run / "config.json").stat().st_mtime - 60 * age
        os.utime(run / "config.json", (begun, begun))
    assert [run.name for run in trained_runs()] == ["new", "old", "stopped"]


def row(step: int) -> dict[str, float]:
    return {"step": step, "seconds": step / 10, "loss": 5.0 / step, "clip": 5.0 / step}


def test_a_run_is_shown_with_its_state_and_curves(empty: Path) -> None:
    write_run(empty, 50)
    test = page("training", run="first")
    assert "step 50 of 50" in test.get("progress")[0].proto.text
    assert len(test.get("vega_lite_chart")) == 2


def test_runs_are_laid_over_each_other_and_compared_with_a_pinned_one(empty: Path) -> None:
    write_run(empty, 20)
    second = write_run(empty, 20, "second", loss=9.0)
    write_json(
        second.directory / "results.json", {"metrics": {"retrieval/image_r@1": 81.04, "retrieval/pictures": 442}}
    )
    test = page("training", run="second")
    test.selectbox(key="baseline").set_value("first").run()
    assert not test.exception
    charts = test.get("vega_lite_chart")
    assert all("first" in chart.proto.spec and "second" in chart.proto.spec for chart in charts)
    numbers = test.dataframe[0].value.set_index(["metric", "run"])
    assert numbers.loc[("loss", "second"), "last"] == 9.0
    assert numbers.loc[("loss", "second"), "against baseline"] == pytest.approx(9.0 - 5 / 20)
    assert test.dataframe[1].value["second"].tolist() == ["81.0", "442"]


def test_a_damaged_run_is_a_sentence_and_the_others_are_shown(empty: Path) -> None:
    write_run(empty, 5, "whole")
    run = write_run(empty, 5)
    (run.directory / "status.json").write_text("{", encoding="utf-8")
    (run.directory / "results.json").write_text("nonsense", encoding="utf-8")
    (run.directory / "metrics.jsonl").write_text("[1\n", encoding="utf-8")
    (run.directory / "examples.jsonl").write_text("{}\n", encoding="utf-8")
    test = page("training", run="first")
    assert all("damaged" in error.value for error in test.error)
    assert test.error
    test.multiselect(key="runs").set_value(["first", "whole"]).run()
    assert not test.exception
    assert len(test.get("vega_lite_chart")) == 2


def test_a_run_that_is_not_there_is_a_sentence(empty: Path) -> None:
    write_run(empty, 5)
    assert "no run" in page("training", run="gone").warning[0].value


# --- metrics and curves ---


def test_metrics_are_read_on_and_a_resumed_run_takes_rows_back(tmp_path: Path) -> None:
    run = write_run(tmp_path, 20)
    assert len(columns_of(run)["step"]) == 20
    with RunWriter(run.directory).begin(60, step=10) as writer:
        # Beyond where reading had stopped, so that only what stands before that place gives it away.
        writer.log([row(n) | {"loss": 0.5} for n in range(11, 41)])
        columns = columns_of(run)
        assert columns["step"].tolist() == list(range(1, 41))
        assert set(columns["loss"][10:]) == {0.5}
        writer.log([row(41) | {"valid/loss": 3.0}])
    columns = columns_of(run)
    assert columns["step"][-1] == 41
    assert np.isnan(columns["valid/loss"][:-1]).all()
    assert last_of(columns)["valid/loss"] == 3.0


def test_a_row_of_the_same_step_adds_to_it(tmp_path: Path) -> None:
    run = write_run(tmp_path, 3)
    with RunWriter(run.directory).begin(5, step=3) as writer:
        writer.log([{"step": 3, "valid/loss": 7.0}])
    columns = columns_of(run)
    assert columns["step"].tolist() == [1, 2, 3]
    assert last_of(columns) | {"valid/loss": 7.0} == last_of(columns)
    assert np.isfinite(columns["loss"]).all()


def test_metrics_that_are_none_are_a_sentence(tmp_path: Path) -> None:
    run = write_run(tmp_path, 3)
    (run.directory / "metrics.jsonl").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(BadRun, match=r"metrics\.jsonl"):
        columns_of(run)


def test_thinning_keeps_the_ends_and_the_extremes_and_a_zoom_shows_more() -> None:
    steps = np.arange(100_000, dtype=float)
    values = np.sin(steps / 5000)
    values[40_123], values[70_001] = 9.0, -9.0
    x, y = thinned(steps, values)
    assert len(x) <= 1100
    assert (x[0], x[-1], y.max(), y.min()) == (0, 99_999, 9.0, -9.0)
    assert (np.diff(x) > 0).all()
    near, y = thinned_around(steps, values, (40_000.0, 40_500.0))
    assert ((near >= 40_000) & (near <= 40_500)).sum() == 501
    assert (near[0], near[-1], y.max(), y.min()) == (0, 99_999, 9.0, -9.0)
    assert len(near) < 2 * MOST_POINTS
    assert (np.diff(near) > 0).all()


def test_curves_leave_out_runs_without_the_metric_and_are_drawn_against_minutes() -> None:
    step = np.array([1.0, 2.0])
    metrics = {"a": {"step": step, "seconds": step * 60, "kd": step}, "b": {"step": step}}
    points = curve_points(metrics, "kd", smoothing=0.5, axis="minutes")
    assert points["run"].tolist() == ["a", "a"]
    assert points["x"].tolist() == [1.0, 2.0]


def test_all_steps_are_exported() -> None:
    text = csv_of({"a": {"step": np.array([1.0, 2.0]), "loss": np.array([0.5, np.nan])}})
    assert text.splitlines() == ["run,step,loss", "a,1.0,0.5", "a,2.0,"]


# --- what was measured and asked ---


def test_figures_stand_side_by_side_with_their_difference_and_counts_as_counts() -> None:
    first = {"metrics": {"names/synonym": 50.0, "names/asked": 16}, "counts": ["names/asked"]}
    second = {"metrics": {"names/synonym": 61.26, "names/asked": 16, "tails/mrr": 7.0}, "counts": ["names/asked"]}
    rows = result_rows({"first": first, "second": second}, "first")
    assert rows[0] == {"part": "names", "metric": "synonym", "first": "50.0", "second": "61.3 (+11.3)"}
    assert rows[1]["second"] == "16"
    assert rows[2]["first"] == ""


def test_examples_are_told_over_time_and_the_right_answer_is_marked(tmp_path: Path) -> None:
    run = write_run(tmp_path, 3)
    example = {"head": "t:a", "relation": "IS_A", "tail": "t:b", "answers": [{"id": "t:c", "score": 0.5}]}
    better = example | {"answers": [{"id": "t:b", "score": 0.75}]}
    (run.directory / "examples.jsonl").write_text(
        f'{{"step": 1000, "examples": [{json.dumps(example)}]}}\n{{"step": 2000, "exam', encoding="utf-8"
    )
    write_json(run.directory / "results.json", {"checkpoint": "step-3", "metrics": {}, "examples": [better]})
    ((question, answered),) = examples_of(run).items()
    assert (question.head, question.tail) == ("t:a", "t:b")
    assert answer_rows(answered, "t:b", {}) == [
        {"when": "step 1,000", "1.": "t:c  0.50"},
        {"when": "measured, step-3", "1.": "✓ t:b  0.75"},
    ]


# --- starting ---


def test_fields_show_the_defaults_that_objective_and_towers_bring() -> None:
    defaults = {field.name: field.default for field in fields_of(TrainConfig, "clip", "small")}
    assert (defaults["batch_size"], defaults["shares"], defaults["lr_towers"]) == ("64", "IMAGE_OF=1.0", "0.001")
    assert {field.name for field in fields_of(TrainConfig, "", "")} == set(TrainConfig.__dataclass_fields__)


def test_what_was_typed_becomes_flags() -> None:
    found = checked({"steps": " 20 ", "by_weight": "no", "fanout": "2,2", "shares": "", "freeze": "image"}, "small")
    assert found.problems == {}
    assert found.flags == ["--steps=20", "--no-by-weight", "--fanout=2,2", "--freeze=image"]
    assert found.train is not None
    assert (found.train.steps, found.train.lr_towers, found.train.freeze) == (20, 1e-3, ("image",))


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("steps", "many", "whole number"),
        ("steps", "0", "must be 1 or more"),
        ("lr_new", "fast", "number"),
        ("shares", "IMAGE_OF", "NAME=SHARE"),
        ("picture_share", "2", "must lie in"),
        ("fusion_heads", "5", "must divide"),
    ],
)
def test_what_cannot_be_is_a_sentence_at_its_field(field: str, text: str, sentence: str) -> None:
    found = checked({field: text}, "small")
    assert list(found.problems) == [field]
    assert sentence in found.problems[field]


def test_every_default_that_a_field_shows_can_be_typed() -> None:
    for kind in (TrainConfig, ModelConfig):
        typed = {field.name: field.default for field in fields_of(kind, "knowledge-clip", "small")}
        assert checked(typed, "small").problems == {}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "first", "a\nb"])
def test_a_name_that_cannot_be_a_new_folder_is_refused(empty: Path, name: str) -> None:
    write_run(empty, 1)
    assert name_problem(name)
    assert not name_problem("second")


def test_a_log_shows_progress_bars_as_they_stood_last(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"tokens: 1%\rtokens: 100%\nclip: 5%\r\x1b[A\nclip: 9%\r")
    assert log_of(tmp_path).splitlines() == ["tokens: 100%", "clip: 5%", "clip: 9%"]
    assert log_of(tmp_path / "none") == ""


def test_a_run_on_another_machine_is_not_stopped_from_here(empty: Path) -> None:
    run = write_run(empty, 1)
    with RunWriter(run.directory).begin(5, step=1) as writer:
        writer.say(host="elsewhere")
        with pytest.raises(CannotTrain, match="elsewhere"):
            stop(run)
