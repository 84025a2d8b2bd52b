"""A run that is measured while it trains: the best checkpoint is kept, and one that gets no better ends."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kgstore.command import WrongCall
from model.average import Average
from model.card import write_card
from model.checkpoint import load_run
from model.config import BadConfig
from model.selection import Selection
from model.track import Best, Run, write_json
from model.train import main
from tests.coloured_graph import coloured_graph
from tests.training_batches import tiny_clip, tiny_network

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


def test_the_best_checkpoint_is_kept_and_is_what_is_loaded(run: Run, graph: Path, start: Path, tmp_path: Path) -> None:
    losses = {row["step"]: row["valid/loss"] for row in run.metrics().rows if "valid/loss" in row}
    step = min(losses, key=lambda each: losses[each])
    assert run.best == Best(step, "valid/loss", losses[step])
    assert load_run(run.directory).checkpoint == f"step-{step}"
    select = ("--select", "retrieval/towers/text_retrieval_r@10", "--steps", "6", "--eval-every", "2", "--keep", "1")
    train(graph, start, tmp_path, "selected", *select, "--save-every", "1", "--lr-towers", "0")
    selected = Run(tmp_path / "selected")
    assert [path.name for path in selected.checkpoints] == ["step-2", "step-6"]  # of equally good ones the first
    assert load_run(selected.directory).checkpoint == "step-2"
    assert load_run(selected.directory, checkpoint="last").checkpoint == "step-6"


def test_measuring_and_averaging_change_nothing_in_training(run: Run, graph: Path, start: Path, tmp_path: Path) -> None:
    train(graph, start, tmp_path, "plain", "--steps", "12")
    plain, measured = (each.metrics().rows for each in (Run(tmp_path / "plain"), run))
    assert [row["loss"] for row in plain] == [row["loss"] for row in measured]
    assert not any(name.startswith("valid/") for row in plain for name in row)


def test_the_average_is_used_and_the_parameters_go_on(run: Run) -> None:
    folder = run.checkpoints[-1]
    average, trained = (load_file(folder / name) for name in ("average.safetensors", "model.safetensors"))
    used = load_run(run.directory, checkpoint=folder.name).model.state_dict()
    assert all(torch.equal(used[name], value) for name, value in average.items())
    assert any(not torch.equal(trained[name], value) for name, value in average.items())
    model = tiny_network()
    mean = Average(model, 0.5)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    mean.update(model, step=1000)
    for name, value in mean.model.named_parameters():
        torch.testing.assert_close(value, first[name] + 0.5)
    mean.update(model, step=0)  # a tenth of it is kept at first
    for name, value in mean.model.named_parameters():
        torch.testing.assert_close(value, first[name] + 0.95)


def test_a_run_that_gets_no_better_ends_and_is_finished(
    graph: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--steps", "50", "--eval-every", "2", "--patience", "2", "--select", "retrieval/towers/text_retrieval_r@5")
    assert train(graph, start, tmp_path, "early", *flags, "--lr-towers", "0") == 0
    early = Run(tmp_path / "early")
    assert (early.status.state, early.status.step) == ("finished", 6)
    assert "Ended early: 2 measurements were not better" in early.status.message
    assert early.best is not None
    assert early.best.step == 2
    assert train(graph, start, tmp_path, "early", *flags, "--lr-towers", "0", "--resume", "auto") == 0
    assert "is finished: 6 steps. Ended early" in capsys.readouterr().err
    assert len(early.metrics().rows) == 6


def test_what_a_selection_needs_is_said_before_training(graph: Path, start: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="--select is 'accuracy' but must be of loss, e2e"):
        train(graph, start, tmp_path, "x", "--eval-every", "2", "--select", "accuracy")
    with pytest.raises(BadConfig, match="--select is 'tails/mr' but must be of loss, e2e"):
        train(graph, start, tmp_path, "x", "--eval-every", "2", "--select", "tails/mr")
    with pytest.raises(BadConfig, match="--patience is 3 but needs --eval-every"):
        train(graph, start, tmp_path, "x", "--patience", "3")
    with pytest.raises(WrongCall, match="--select tails/mrr is not measured on this graph; measured are loss, e2e"):
        Selection("tails/mrr", 0).note(1, {"valid/loss": 1.0, "valid/e2e": 1.0})
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(WrongCall, match="--eval-every 2 needs triples of the valid split, and the graph holds none"):
        train(coloured_graph(bare), start, tmp_path, "x", "--eval-every", "2")
    assert not (tmp_path / "x").exists()


def test_losses_fall_and_shares_rise() -> None:
    rows = [{"step": step, "valid/loss": loss, "valid/tails/mrr": 10 * loss} for step, loss in enumerate([3, 1, 2])]
    assert Selection("loss", 0, rows).best == Best(1, "valid/loss", 1)
    rising = Selection("tails/mrr", 2, rows)
    assert rising.best == Best(0, "valid/tails/mrr", 30)
    assert rising.over
    rising.note(3, {"valid/tails/mrr": math.nan})
    assert rising.since == 3
    nowhere = Selection("loss", 1, [{"step": 1, "valid/loss": math.nan}])
    assert nowhere.verdict == "Ended early: of 1 measurements none gave a number for valid/loss."


def test_the_card_tells_data_settings_and_results(run: Run) -> None:
    write_json(run.directory / "results.json", {"checkpoint": "step-12", "metrics": {"tails/mrr": 12.5}})
    write_card(run.directory)
    card = (run.directory / "README.md").read_text()
    for words in (
        "| CAPTION_OF | 18 |",
        f"fingerprint of graph and recipe `{run.config['fingerprint']}`",
        "MATCH (h:Entity)-[r]->(t:Entity)",
        "| ema | 0.9 | * |",
        "Best on the valid split: valid/loss",
        "### tails",
        "| all | 12.5 |",
        "load_run('measured')",
    ):
        assert words in card
