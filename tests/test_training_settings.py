"""Settings of the trainer: from a file, what is frozen, number formats, compiled layers, TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kgstore.command import WrongCall, run_command
from kgstore.current import projection_for
from kgstore.open import open_store
from kgstore.recipes import load_recipe
from model.config import BadConfig, TrainConfig, from_json
from model.reporting import tag
from model.schedule import freeze, make_optimizer
from model.torch_compile import compile_layers
from model.track import Run
from model.train import main
from tests.coloured_graph import coloured_graph
from tests.training_batches import random_batch, tiny_clip, tiny_network

#: The losses of Eq. 14.
PAPERS = ("e2e", "e2r", "g2e", "kd")

SETTINGS = """
threads = 1
objective = "clip"
steps = 2

[train]
batch-size = 6
log_every = 1
shares = { IMAGE_OF = 1.0 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A projection in `projection`, and a tiny CLIP in `start`."""
    folder = tmp_path_factory.mktemp("settings")
    with open_store(coloured_graph(folder)) as store:
        made = projection_for(store, load_recipe("all"), folder / "projections")
    (folder / "projection").symlink_to(made.directory)
    tiny_clip().save_pretrained(folder / "start")
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def train(folder: Path, runs: Path, name: str, *flags: str) -> Run:
    common = ("--projection", str(folder / "projection"), "--init", str(folder / "start"), "--runs", str(runs))
    assert main([*common, "--name", name, "--config", str(folder / "settings.toml"), *flags]) == 0
    return Run(runs / name)


def losses(run: Run) -> list[float]:
    return [row["loss"] for row in run.metrics().rows]


def test_flags_win_over_a_file_and_a_run_tells_another_one_its_settings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(folder, tmp_path, "first", "--log-every", "2", "--seed", "3")
    settings = first.config["train"]
    assert (settings["batch_size"], settings["steps"], settings["log_every"], settings["seed"]) == (6, 2, 2, 3)
    assert settings["shares"] == {"IMAGE_OF": 1.0}
    again = train(folder, tmp_path, "again", "--config", str(first.directory / "config.json"))
    assert "graph, recipe and --init are said by flags" in capsys.readouterr().err
    assert again.config["train"] == settings
    assert losses(again) == losses(first)
    other = train(folder, tmp_path, "other", "--config", str(first.directory / "config.json"), "--seed", "4")
    assert losses(other) != losses(first)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", "learning-rate = 1", "there is no setting 'learning-rate'; there are accumulate, at"),
        ("a.toml", "[train]\nstep = 1", "'step' is no setting of TrainConfig; known are"),
        ("a.toml", "steps = 'many'", "steps is 'many' but must be of type int"),
        ("a.toml", "steps = ", "cannot be read as toml"),
        ("a.json", '{"region": "corner"}', "region is 'corner' but must be one of crop, place"),
        ("a.json", '{"name": ["a", "b"]}', "name is ['a', 'b'] but takes one value"),
        ("a.json", '{"train": 3}', "train must be a section of settings"),
        ("a.json", "[]", "holds no settings"),
        ("b.json", None, "cannot be read as json"),
    ],
)
def test_a_file_with_a_mistake_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, sentence: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    assert run_command(lambda: main(["--config", str(tmp_path / name), "--runs", str(tmp_path)])) == 2
    assert sentence in capsys.readouterr().err


def test_frozen_parts_stay_as_they_are(folder: Path, tmp_path: Path) -> None:
    run = train(folder, tmp_path, "frozen", "--freeze", "image", "--lr-towers", "0.01")
    start, end = (load_file(run.directory / name / "model.safetensors") for name in ("start", "checkpoints/step-2"))
    changed = {name for name, value in start.items() if not torch.equal(value, end[name])}
    assert "towers.clip.text_projection.weight" in changed
    assert not any("vision_model" in name or "visual_projection" in name for name in changed)
    model = tiny_network()
    freeze(model, ["towers"])
    trained = {each for group in make_optimizer(model, TrainConfig()).param_groups for each in group["params"]}
    assert {name.partition(".")[0] for name, each in model.named_parameters() if each not in trained} == {"towers"}
    with pytest.raises(BadConfig, match="--freeze towers,new leaves nothing to train"):
        freeze(model, ["towers", "new"])
    with pytest.raises(BadConfig, match=r"--freeze is .*'eyes'.* but must name parts of image, text, towers, new"):
        TrainConfig(freeze=("eyes",))


def test_bf16_comes_near_and_keeps_the_parameters_in_full(folder: Path, tmp_path: Path) -> None:
    full, half = (train(folder, tmp_path, name, "--precision", name) for name in ("fp32", "bf16"))
    assert losses(half) == pytest.approx(losses(full), rel=0.02)
    assert losses(half) != losses(full)
    kept = load_file(half.directory / "checkpoints/step-2/model.safetensors")
    assert {value.dtype for value in kept.values() if value.is_floating_point()} == {torch.float32}


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, of its guards
def test_compiled_layers_compute_the_same_under_their_old_names() -> None:
    plain, compiled = tiny_network(), tiny_network()
    compile_layers(compiled, backend="eager")  # traced, without the minutes of making machine code
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    terms = [model.losses(random_batch(), ["clip"])["clip"] for model in (plain, compiled)]
    torch.testing.assert_close(*terms)


def test_metrics_reach_tensorboard_and_a_missing_package_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(folder, tmp_path, "told", "--report-to", "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.directory / "tensorboard"))
    events.Reload()
    told = events.Scalars(tag("loss"))
    assert [event.step for event in told] == [1, 2]
    assert [event.value for event in told] == pytest.approx(losses(run))
    assert {"run/seconds", "train/lr", "train/clip"} <= set(events.Tags()["scalars"])
    assert tag("valid/tails/mrr") == "valid/tails/mrr"
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(WrongCall, match="needs the package tensorboard"):
        train(folder, tmp_path, "untold", "--report-to", "tensorboard")


def test_the_papers_sum_is_a_file_of_settings(folder: Path, tmp_path: Path) -> None:
    paper = Path(__file__).parent.parent / "model" / "paper.toml"
    flags = ("--steps", "1", "--batch-size", "6", "--threads", "1")
    run = train(folder, tmp_path, "paper", "--config", str(paper), *flags)
    assert run.config["model"]["gnn_gate"] == "elementwise"
    assert not run.config["model"]["e2e_symmetric"]
    assert set(from_json(TrainConfig, run.config["train"]).weights.items()) == {(name, 1.0) for name in PAPERS}
