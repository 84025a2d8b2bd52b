"""Real training on a real embedded graph, small enough to finish in seconds."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kgstore.command import WrongCall, run_command
from model.checkpoint import load_run
from model.config import SCHEDULES, BadConfig, ModelConfig, TrainConfig, add_flags, from_flags, from_json, to_json
from model.prepare import open_job
from model.sampler import BadSampling
from model.schedule import make_optimizer, rate_factor
from model.selection import Selection
from model.track import BadRun, Run, RunWriter
from model.train import main, train
from model.train_flags import arguments
from tests.coloured_graph import coloured_graph
from tests.training_batches import tiny_clip, tiny_network

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("--threads", "1", "--log-every", "5", "--warmup", "5")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_graph(tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def clip_run(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of CLIP."""
    runs = tmp_path_factory.mktemp("runs")
    call(graph, runs, "clip", "--objective", "clip", "--steps", "60", "--batch-size", "6")
    return runs / "clip"


def call(graph: Path, runs: Path, name: str, *flags: str) -> int:
    return main(["--store", str(graph), "--runs", str(runs), "--name", name, *SMALL, *flags])


def command(graph: Path, runs: Path, name: str, *flags: str) -> list[str]:
    program = [sys.executable, "-m", "model.train", "--store", str(graph), "--runs", str(runs), "--name", name]
    return [*program, *SMALL, *flags]


def steps_of(run: Path) -> list[int]:
    return [int(row["step"]) for row in Run(run).metrics().rows]


def mean_of(run: Path, name: str, part: slice) -> float:
    values = [row[name] for row in Run(run).metrics().rows[part]]
    return sum(values) / len(values)


def same_files(first: Path, second: Path) -> None:
    for name in ("model.safetensors", "training.safetensors"):
        one, other = load_file(first / name), load_file(second / name)
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert torch.equal(value, other[key]), key


def test_clip_learns_its_pairs(clip_run: Path) -> None:
    assert mean_of(clip_run, "clip", slice(-10, None)) < 0.6 * mean_of(clip_run, "clip", slice(10))
    assert steps_of(clip_run) == list(range(1, 61))
    assert Run(clip_run).status.state == "finished"
    trained = load_run(clip_run)
    assert not trained.model.fused
    assert trained.checkpoint == "step-60"


def test_knowledge_clip_trains_all_its_losses_from_a_clip(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    call(graph, tmp_path, "kc", "--init", str(clip_run), "--steps", "30", "--batch-size", "24", "--fanout", "3,2")
    run = tmp_path / "kc"
    for name in ("loss", "e2e", "e2r", "g2e"):
        assert mean_of(run, name, slice(-5, None)) < mean_of(run, name, slice(5)), name
    row = Run(run).metrics().rows[-1]
    told = ("kd", "clip", "seconds", "cpu_seconds", "memory_mb", "wait_share", "lr")
    assert all(math.isfinite(row[name]) for name in told)
    assert row["loss"] == pytest.approx(sum(row[name] for name in ("e2e", "e2r", "g2e", "kd", "clip")), rel=1e-4)
    assert row["samples_per_second"] > 0
    trained = load_run(run)
    assert set(trained.relations) == {"IS_A", "HAS_COLOUR", "IMAGE_OF", "CAPTION_OF"}
    assert (trained.config.fusion_layers, trained.config.fusion_width) == (2, 96)
    assert (trained.projection_dir / "projection.json").is_file()
    tokens, lengths = trained.tokenizer.encode(["a red picture"], trained.model.towers.context)
    encoding = trained.model.encode_texts(torch.from_numpy(tokens), torch.from_numpy(lengths))
    assert trained.model.represent(tail=encoding.elements).shape == (1, 96)


def test_the_teacher_is_the_clip_the_run_started_from(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    call(graph, tmp_path, "kc", "--init", str(clip_run), "--steps", "5", "--batch-size", "12")
    first = load_run(clip_run).model.towers.state_dict()
    with open_job(tmp_path / "kc", (), "cpu") as job:
        assert job.teacher is not None
        taught, own = job.teacher.state_dict(), job.model.towers.state_dict()
        assert all(torch.equal(value, first[name]) for name, value in taught.items())
        assert any(not torch.equal(value, first[name]) for name, value in own.items())
        assert not any(parameter.requires_grad for parameter in job.teacher.parameters())


def test_another_teacher_can_be_named(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    call(graph, tmp_path, "kc", "--teacher", str(clip_run), "--steps", "2", "--batch-size", "12")
    first = load_run(clip_run).model.towers.state_dict()
    with open_job(tmp_path / "kc", (), "cpu") as job:
        assert job.teacher is not None
        assert all(torch.equal(value, first[name]) for name, value in job.teacher.state_dict().items())


def test_without_a_teacher_there_is_no_distillation(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(graph, tmp_path, "kc", "--steps", "1", "--batch-size", "12")
    assert "there is no teacher, so the loss kd is left out" in capsys.readouterr().err
    assert "kd" not in Run(tmp_path / "kc").metrics().rows[-1]


def test_going_on_ends_equal_to_not_having_stopped(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    flags = ("--init", str(clip_run), "--steps", "12", "--batch-size", "16", "--save-every", "5", "--resume", "auto")
    call(graph, tmp_path, "whole", *flags)

    call(graph, tmp_path, "stopped", *flags, "--steps", "1")
    shutil.rmtree(tmp_path / "stopped" / "checkpoints")  # back to the start, with all 12 steps ahead
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    (tmp_path / "stopped" / "config.json").write_text(json.dumps(config))
    with (
        open_job(tmp_path / "stopped", (), "cpu") as job,
        RunWriter(job.directory).begin(job.config.steps, job.step) as run,
    ):
        looks = iter(range(100))
        done = train(job, run, Selection("loss", 0), stopping=lambda: next(looks) >= 6)
        run.say(state="stopped")
    assert done == 7
    torch.manual_seed(12345)  # whatever this process drew meanwhile
    call(graph, tmp_path, "stopped", *flags)
    same_files(tmp_path / "whole" / "checkpoints" / "step-12", tmp_path / "stopped" / "checkpoints" / "step-12")
    assert steps_of(tmp_path / "stopped") == list(range(1, 13))
    whole, stopped = (Run(tmp_path / name).metrics().rows for name in ("whole", "stopped"))
    assert [row["loss"] for row in whole] == [row["loss"] for row in stopped]


def wait_for_steps(run: Path, process: subprocess.Popen[str], count: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if (run / "metrics.jsonl").is_file() and len(steps_of(run)) >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("The run did not get under way.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_a_checkpoint_and_a_sentence(graph: Path, tmp_path: Path, number: signal.Signals) -> None:
    flags = ("--objective", "clip", "--steps", "5000", "--batch-size", "6")
    process = subprocess.Popen(command(graph, tmp_path, "clip", *flags), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    run = tmp_path / "clip"
    wait_for_steps(run, process, 5)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    step = steps_of(run)[-1]
    assert f"Stopped at step {step}, saved in {run}/checkpoints/step-{step}. Go on with --resume auto." in stderr
    assert Run(run).status.state == "stopped"
    assert load_run(run).checkpoint == f"step-{step}"


def test_a_finished_run_is_left_as_it_is(graph: Path, clip_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.stat().st_mtime_ns for path in clip_run.rglob("*.safetensors"))
    flags = ("--objective", "clip", "--steps", "60", "--batch-size", "6")
    assert call(graph, clip_run.parent, "clip", *flags, "--resume", "auto") == 0
    assert "is finished: 60 steps" in capsys.readouterr().err
    assert sorted(path.stat().st_mtime_ns for path in clip_run.rglob("*.safetensors")) == before


def test_a_name_that_is_taken_and_a_setting_that_changed_get_a_sentence(graph: Path, clip_run: Path) -> None:
    with pytest.raises(WrongCall, match="exists already; go on with it by --resume auto"):
        call(graph, clip_run.parent, "clip", "--objective", "clip")
    with pytest.raises(WrongCall, match="begun with --batch-size 6 and cannot go on with 8"):
        call(graph, clip_run.parent, "clip", "--objective", "clip", "--batch-size", "8", "--resume", "auto")
    with pytest.raises(BadConfig, match="--steps is 0 but must be 1 or more"):
        call(graph, clip_run.parent, "clip", "--steps", "0", "--resume", "auto")
    assert Run(clip_run).config["train"]["steps"] == 60


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def test_a_checkpoint_that_was_cut_short_gives_way_to_the_one_before(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--objective", "clip", "--batch-size", "6", "--save-every", "3", "--resume", "auto")
    call(graph, tmp_path, "clip", *flags, "--steps", "6")
    run = tmp_path / "clip"
    cut(run / "checkpoints" / "step-6" / "model.safetensors")
    assert load_run(run).checkpoint == "step-3"
    assert "step-6 was cut short" in capsys.readouterr().err
    with pytest.raises(BadRun, match=r"step-6 was cut short.*Choose another"):
        load_run(run, checkpoint="step-6")
    call(graph, tmp_path, "clip", *flags, "--steps", "6")
    assert load_run(run).checkpoint == "step-6"
    for step in ("step-3", "step-6"):
        cut(run / "checkpoints" / step / "training.safetensors")
    with pytest.raises(BadRun, match="no checkpoint that is complete"):
        load_run(run)


def test_the_only_checkpoint_cut_short_is_one_sentence(
    clip_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(clip_run, tmp_path / "run"))
    for weights in (run / "checkpoints").rglob("model.safetensors"):
        cut(weights)
    with pytest.raises(BadRun, match=r"was cut short.*no checkpoint that is complete; remove its folder"):
        load_run(run)
    assert capsys.readouterr().err == ""


def test_settings_that_the_graph_cannot_meet_leave_no_run(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSampling, match="shares asks for LIKES"):
        call(graph, tmp_path, "clip", "--objective", "clip", "--steps", "1", "--shares", "LIKES=0.5")
    assert call(graph, tmp_path, "clip", "--objective", "clip", "--batch-size", "6", "--steps", "1") == 0


def test_a_mistyped_graph_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WrongCall, match=r"no graph at .*nowhere"):
        call(tmp_path / "nowhere.lbug", tmp_path, "clip", "--steps", "1")
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_does_not_push_out_a_good_one(graph: Path, tmp_path: Path) -> None:
    flags = ("--objective", "clip", "--batch-size", "6", "--save-every", "3", "--resume", "auto")
    call(graph, tmp_path, "clip", *flags, "--steps", "9")
    run = tmp_path / "clip"
    cut(run / "checkpoints" / "step-9" / "model.safetensors")
    call(graph, tmp_path, "clip", *flags, "--steps", "8", "--keep", "1")
    assert [path.name for path in Run(run).checkpoints] == ["step-8"]
    assert load_run(run).checkpoint == "step-8"


def test_runs_that_cannot_be_used_get_a_sentence(clip_run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="is no run folder"):
        load_run(tmp_path)
    with pytest.raises(BadRun, match="no checkpoint 'step-7'; there are step-60"):
        load_run(clip_run, checkpoint="step-7")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text("{}")
    with pytest.raises(BadRun, match="no checkpoint yet"):
        load_run(bare)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--steps", "0"), "--steps is 0 but must be 1 or more."),
        (("--seed", "-1"), "--seed is -1 but must be 0 or more."),
        (("--threads", "-1"), "--threads is -1 but must be 0 or more."),
        (("--init", "/nowhere/at/all"), "No CLIP can be loaded from the name '/nowhere/at/all'"),
        (("--recipe", "nothing"), "There is no recipe 'nothing'"),
        (("--shares", "LIKES=0.5"), "shares asks for LIKES"),
        (("--compose", "picturs=0.5"), "--compose is {'picturs': 0.5} but must name kinds of groups: pictures, "),
        (("--compose", "head=0.6,siblings=0.6"), "must sum to 1 or less over head, relation, siblings"),
        (("--shares", "IS_A=0.6", "--source-shares", "world=0.6"), "more than 1 together with --shares {'IS_A': 0.6}"),
        (("--init", "/nowhere", "--fanout", "2,0"), "--fanout is (2, 0) but must be numbers of 1 or more."),
        (("--sampler", "live", "--recipe", "ego", "--param", "seeds=[]"), "Recipe ego cannot be asked of some"),
        (("--kd", "1"), "--kd needs a teacher"),
        (("--device", "abacus"), "--device abacus cannot be used here"),
        (("--name", "a/b"), "is no name for a folder"),
    ],
)
def test_a_wrong_call_exits_with_2_and_a_sentence(
    graph: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: Sequence[str],
    sentence: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run_command(lambda: call(graph, tmp_path, "x", *flags)) == 2
    assert sentence in capsys.readouterr().err


def test_a_run_that_diverged_saves_nothing_of_it(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--objective",
        "clip",
        "--batch-size",
        "6",
        "--lr-towers",
        "1e30",
        "--log-every",
        "50",
        "--save-every",
        "3",
    )
    assert run_command(lambda: call(graph, tmp_path, "x", *flags)) == 2
    assert "train with a lower --lr-new or --lr-towers" in capsys.readouterr().err
    assert not Run(tmp_path / "x").checkpoints


def test_a_projection_trains_as_its_store_does_and_needs_none(
    graph: Path, clip_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)
    projected = str(clip_run.parent / "projections" / Run(clip_run).config["fingerprint"])
    flags = ("--objective", "clip", "--steps", "60", "--batch-size", "6")
    main(["--projection", projected, "--runs", str(tmp_path), "--name", "clip", *SMALL, *flags])
    losses = [[row["loss"] for row in Run(run).metrics().rows] for run in (clip_run, tmp_path / "clip")]
    assert losses[0] == losses[1]
    assert load_run(tmp_path / "clip").projection_dir == Path(projected)
    assert Run(tmp_path / "clip").config["recipe"] == "all"
    for wrong, sentence in (
        (("--recipe", "multimodal"), "was made by a recipe of its own"),
        (("--sampler", "live"), "say by --store which one"),
        (("--eval-every", "5"), "holds none; name one that does by --valid-projection"),
    ):
        with pytest.raises(WrongCall, match=sentence):
            main(["--projection", projected, "--runs", str(tmp_path), "--name", "wrong", *wrong])


def test_a_run_goes_on_only_with_what_it_began_with(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"")
    for wrong, sentence in (
        (("--init", str(clip_run)), r"was begun without --init and cannot go on with"),
        (("--store", str(other)), r"was begun with --store '.*graph.db' and cannot go on with"),
        (("--recipe", "multimodal"), "was begun with --recipe 'all' and cannot go on with 'multimodal'"),
        (("--param", "predicted=[]"), r"was begun with --param .*and cannot go on with \"predicted=\[\] splits="),
        (("--region", "place"), "was begun with --region 'crop' and cannot go on with 'place'"),
        (("--projection", str(tmp_path)), "was begun with --projection"),
    ):
        with pytest.raises(WrongCall, match=sentence):
            call(graph, clip_run.parent, "clip", "--resume", "auto", *wrong)
    assert call(graph, clip_run.parent, "clip", "--resume", "auto", "--region", "crop", "--recipe", "all") == 0


def test_an_unknown_flag_is_fatal(graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(graph, tmp_path, "x", "--learning-rate", "1")
    assert "unrecognized arguments: --learning-rate" in capsys.readouterr().err


def test_training_starts_from_a_checkpoint_of_transformers(graph: Path, tmp_path: Path) -> None:
    tiny_clip().save_pretrained(tmp_path / "checkpoint")
    flags = ("--init", str(tmp_path / "checkpoint"), "--steps", "2", "--batch-size", "8", "--fusion-width", "32")
    call(graph, tmp_path, "kc", *flags, "--fusion-heads", "2", "--lr-towers", "0")
    trained = load_run(tmp_path / "kc")
    assert (trained.config.towers, trained.config.fusion_layers, trained.train.lr_new) == ("checkpoint", 4, 1e-3)
    first = tiny_clip().state_dict()
    for name, value in trained.model.towers.clip.state_dict().items():
        torch.testing.assert_close(value, first[name], msg=name)


def test_relation_classes_are_taken_over_by_name(graph: Path, clip_run: Path, tmp_path: Path) -> None:
    flags = ("--steps", "2", "--batch-size", "8")
    call(graph, tmp_path, "first", "--init", str(clip_run), *flags, "--fusion-width", "32")
    recipe = tmp_path / "fewer.cypher"
    recipe.write_text(
        "MATCH (h:Entity)-[r]->(t:Entity) WHERE type(r) = 'IS_A' OR type(r) = 'IMAGE_OF' "
        "RETURN h.id AS head, type(r) AS relation, t.id AS tail"
    )
    call(graph, tmp_path, "second", "--init", str(tmp_path / "first"), *flags, "--recipe", str(recipe))
    first = load_run(tmp_path / "first").model
    with open_job(tmp_path / "second", (), "cpu") as job:
        assert set(job.model.relations) == {"IS_A", "IMAGE_OF"}
        assert job.model.config == first.config  # its shape need not be said again
    start = load_file(tmp_path / "second" / "start" / "model.safetensors")
    for row, relation in enumerate(job.model.relations):
        taken = first.state_dict()["relation_head.2.weight"][first.relations.index(relation)]
        assert torch.equal(start["relation_head.2.weight"][row], taken)


def test_the_rate_warms_up_and_falls_as_a_cosine() -> None:
    rates = [rate_factor(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001
    assert rate_factor(0, 1, 10) == 1.0


def test_a_rate_can_stay_constant_or_fall_in_the_last_fifth_alone() -> None:
    for schedule in SCHEDULES:
        assert [rate_factor(step, 100, 10, schedule) for step in range(10)] == [(step + 1) / 10 for step in range(10)]
    assert {rate_factor(step, 100, 10, "constant") for step in range(10, 100)} == {1.0}
    stable = [rate_factor(step, 100, 10, "stable") for step in range(10, 100)]
    assert set(stable[:71]) == {1.0}
    assert stable[71:] == pytest.approx([1 - fall / 20 for fall in range(1, 20)])
    assert rate_factor(0, 1, 10, "stable") == 1.0


def test_norms_and_biases_do_not_decay_and_towers_have_their_own_rate() -> None:
    model, config = tiny_network(), TrainConfig(lr_towers=1e-5, lr_new=1e-3, weight_decay=0.1)
    groups = {}
    for group in make_optimizer(model, config).param_groups:
        for parameter in group["params"]:
            groups[parameter] = (group["peak"], group["weight_decay"])
    named = dict(model.named_parameters())
    assert groups[named["towers.clip.visual_projection.weight"]] == (1e-5, 0.1)
    assert groups[named["towers.clip.logit_scale"]] == (1e-5, 0.0)
    assert groups[named["fusion.norm.weight"]] == (1e-3, 0.0)
    assert groups[named["graph.layers.0.gate.weight"]] == (1e-3, 0.1)


def test_configurations_survive_their_file_and_unknown_settings_are_fatal() -> None:
    config = TrainConfig(shares={"IMAGE_OF": 0.5}, fanout=(3,))
    assert from_json(TrainConfig, json.loads(json.dumps(to_json(config)))) == config
    with pytest.raises(BadConfig, match="'learning_rate' is no setting of TrainConfig"):
        from_json(TrainConfig, {"learning_rate": 1})
    with pytest.raises(BadConfig, match=r"--drop-path is 2\.0 but must lie in"):
        ModelConfig(drop_path=2.0)
    with pytest.raises(BadConfig, match="steps is 'many' but must be of type int"):
        from_json(TrainConfig, {"steps": "many"})
    with pytest.raises(BadConfig, match="must be one of drop, zero"):
        ModelConfig(masked="gone")


def test_flags_come_before_presets_and_presets_before_defaults() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, ModelConfig)
    args = parser.parse_args(["--fusion-width", "64", "--no-mask-known"])
    config = from_flags(ModelConfig, args, "small")
    assert (config.fusion_width, config.fusion_layers, config.drop_path, config.mask_known) == (64, 2, 0.1, False)
    assert from_flags(ModelConfig, args, "vit-b-32").fusion_layers == 4


def test_every_setting_has_help() -> None:
    text = arguments().format_help()
    for kind in (ModelConfig, TrainConfig):
        for name in kind.__dataclass_fields__:
            assert "--" + name.replace("_", "-") in text


def test_a_run_that_asks_the_graph_for_each_batch_learns_what_the_projection_teaches(
    graph: Path, tmp_path: Path
) -> None:
    flags = ("--steps", "3", "--batch-size", "8", "--fanout", "2")
    call(graph, tmp_path, "fast", *flags)
    call(graph, tmp_path, "live", *flags, "--sampler", "live")
    losses = [[row["loss"] for row in Run(tmp_path / name).metrics().rows] for name in ("fast", "live")]
    assert losses[0] == losses[1]


def test_a_run_that_asks_the_graph_does_not_go_on_where_there_is_none(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (tmp_path / "elsewhere").mkdir()
    here.mkdir()
    shutil.copy(graph, here / "graph.db")
    flags = ("--batch-size", "8", "--fanout", "2", "--sampler", "live")
    monkeypatch.chdir(here)
    call(Path("graph.db"), tmp_path, "live", *flags, "--steps", "2")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(WrongCall, match=r"no graph at graph\.db"):
        main(["--runs", str(tmp_path), "--name", "live", "--resume", "auto", "--steps", "3"])
    assert not list((tmp_path / "elsewhere").iterdir())
