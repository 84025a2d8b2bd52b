"""Checkpoints of a run: safetensors and JSON only, complete or not there at all.

    checkpoints/step-N/model.safetensors      parameters
    checkpoints/step-N/average.safetensors    their running average, if there is one: what is used of the run then
    checkpoints/step-N/training.safetensors   optimizer and random states, for going on bit for bit
    checkpoints/step-N/state.json             step, relation types in the order of the relation head, sizes of the files

A checkpoint is written aside and renamed when it is on the disk. state.json says how long the other files are, so that
one cut short afterwards (a full disk, a broken copy) is seen without reading it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPConfig

from model.config import ModelConfig, TrainConfig, from_json
from model.entity_vectors import read_entities
from model.knowledge_clip import KnowledgeClip
from model.tokens import Tokenizer
from model.towers import attention_for, clip_of_config
from model.track import BadRun, Best, Run, mark_best, write_json

MODEL, AVERAGE, TRAINING, STATE = "model.safetensors", "average.safetensors", "training.safetensors", "state.json"


@dataclass(frozen=True)
class TrainedModel:
    """A checkpoint of a run, ready to be asked."""

    name: str
    directory: Path
    checkpoint: str
    model: KnowledgeClip
    tokenizer: Tokenizer
    config: ModelConfig
    train: TrainConfig
    projection_dir: Path
    entities: tuple[str, ...] = ()  # those that the model has vectors of, in the order of their rows

    @property
    def relations(self) -> tuple[str, ...]:
        """The relation types in the order of the relation head; empty for a CLIP alone."""
        return self.model.relations


def load_run(run_dir: str | Path, device: str = "cpu", checkpoint: str = "best") -> TrainedModel:
    """The model of a run: checkpoint "last", "step-N", or "best", which is the last where nothing was measured.

    It has the averaged parameters, where the run has an average. Raises BadRun. A checkpoint that was cut short gives
    way to the last complete one, with a sentence on stderr.
    """
    run = Run(run_dir)
    config = run.config
    folder = find_checkpoint(run, checkpoint)
    state = read_state(folder)
    model = empty_model(config, state["relations"], device)
    load_parameters(model, folder, AVERAGE if AVERAGE in state["files"] else MODEL)
    return TrainedModel(
        name=run.name,
        directory=run.directory,
        checkpoint=folder.name,
        model=model.eval(),
        tokenizer=Tokenizer.of(run.directory / "tokenizer"),
        config=model.config,
        train=from_json(TrainConfig, part(config, "train")),
        projection_dir=Path(os.path.normpath(run.directory / part(config, "projection"))),
        entities=tuple(read_entities(run.directory)) if model.vectors is not None else (),
    )


def empty_model(config: Mapping[str, Any], relations: Sequence[str], device: str) -> KnowledgeClip:
    """A model of random weights in the shape that a run's config.json tells."""
    shape = from_json(ModelConfig, part(config, "model"))
    attention = attention_for(shape.attention, device)
    clip = clip_of_config(CLIPConfig.from_dict(part(config, "towers")), attention)
    return KnowledgeClip(clip, shape, relations, attention, config.get("entities", 0)).to(device)


def part(config: Mapping[str, Any], name: str) -> Any:
    """A part of a run's config.json that must be there. Raises BadRun."""
    if name not in config:
        raise BadRun(f"config.json of the run has no {name!r}; the run folder is damaged, so train it again.")
    return config[name]


def save_checkpoint(
    run_dir: Path,
    step: int,
    model: KnowledgeClip,
    optimizer: torch.optim.Optimizer,
    keep: int,
    average: KnowledgeClip | None = None,
    best: Best | None = None,
) -> Path:
    """Writes checkpoints/step-N, the last of at most `keep`, beside which the best is kept and marked.

    Later ones can only be damaged: the run went on from before them, and they must not count among those kept.
    """
    folder = write_checkpoint(run_dir / "checkpoints" / f"step-{step}", step, model, optimizer, average)
    if best is not None:
        mark_best(run_dir, best)
    keep_checkpoints(run_dir, folder, keep, best)
    return folder


def keep_checkpoints(run_dir: Path, last: Path, keep: int, best: Best | None = None) -> None:
    """Removes what is not among the `keep` checkpoints that end with `last`, and not the best."""
    there = Run(run_dir).checkpoints
    end = there.index(last) + 1
    for other in (*there[: max(0, end - keep)], *there[end:]):
        if best is None or other.name != f"step-{best.step}":
            shutil.rmtree(other)


def write_checkpoint(
    folder: Path,
    step: int,
    model: KnowledgeClip,
    optimizer: torch.optim.Optimizer,
    average: KnowledgeClip | None = None,
) -> Path:
    """Writes a checkpoint aside and puts it in place when it is on the disk."""
    aside = folder.with_name(f".{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tensors = {MODEL: model.state_dict(), TRAINING: dict(training_tensors(model, optimizer))}
    if average is not None:
        tensors[AVERAGE] = average.state_dict()
    for name, named in tensors.items():
        save_file({key: value.contiguous() for key, value in named.items()}, aside / name)
    sizes = {name: (aside / name).stat().st_size for name in tensors}
    write_json(aside / STATE, {"step": step, "relations": list(model.relations), "files": sizes})
    for path in (*aside.iterdir(), aside):
        _sync(path)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    _sync(folder.parent)
    return folder


def find_checkpoint(run: Run, which: str) -> Path:
    """The folder of "step-N", of the one that was marked as the best, or the last complete one. Raises BadRun."""
    available = run.checkpoints
    if not available:
        raise BadRun(f"Run {run.directory} has no checkpoint yet; train it for longer, or choose another run.")
    if which == "best" and (best := run.best):
        folder = run.directory / "checkpoints" / f"step-{best.step}"
        problem = damage(folder)
        if not problem:
            return folder
        print(f"{problem} It was the best; the last one is used.", file=sys.stderr)
    if which not in ("last", "best"):
        folder = run.directory / "checkpoints" / which
        if folder not in available:
            names = ", ".join(path.name for path in available)
            raise BadRun(f"Run {run.directory} has no checkpoint {which!r}; there are {names}.")
        problem = damage(folder)
        if problem:
            raise BadRun(f"{problem} Choose another checkpoint.")
        return folder
    problems: list[str] = []
    for folder in reversed(available):
        problem = damage(folder)
        if not problem:
            for each in problems:
                print(f"{each} The one before it is used.", file=sys.stderr)
            return folder
        problems.append(problem)
    raise BadRun(f"{problems[0]} The run has no checkpoint that is complete; remove its folder and train it again.")


def damage(folder: Path) -> str:
    """A sentence about what is wrong with a checkpoint's files, or nothing."""
    try:
        sizes = json.loads((folder / STATE).read_text(encoding="utf-8"))["files"]
        for name, size in sizes.items():
            if (folder / name).stat().st_size != size:
                return f"Checkpoint {folder} was cut short: {name} is not {size} bytes long."
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"Checkpoint {folder} is incomplete ({error})."
    return ""


def read_state(folder: Path) -> dict[str, Any]:
    """state.json of a checkpoint."""
    state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return state


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or BadRun."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadRun(f"{path} cannot be read ({error}); choose another checkpoint.") from error


def load_parameters(model: nn.Module, folder: Path, name: str = MODEL) -> None:
    """The parameters of a checkpoint, or their AVERAGE, into a model of the same shape. Raises BadRun."""
    try:
        model.load_state_dict(read_tensors(folder / name))
    except RuntimeError as error:
        raise BadRun(f"Checkpoint {folder} does not fit the run's configuration: {error}") from error


def load_training(folder: Path, model: KnowledgeClip, optimizer: torch.optim.Optimizer) -> int:
    """Parameters, optimizer and random states as they were; returns the step."""
    load_parameters(model, folder)
    tensors = read_tensors(folder / TRAINING)
    torch.set_rng_state(tensors.pop("random.cpu"))
    if "random.cuda" in tensors:
        random = tensors.pop("random.cuda")
        if torch.cuda.is_available():
            torch.cuda.set_rng_state(random)
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in tensors.items():
        name, _, field = key.rpartition("/")
        # Adam's counter stays where it was made: the fused optimizer wants it on the parameter's device.
        optimizer.state[parameters[name]][field] = value.to(parameters[name].device)
    return int(read_state(folder)["step"])


def training_tensors(model: KnowledgeClip, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Optimizer state by parameter name, `NAME/exp_avg`, and the random states."""
    states: Mapping[Tensor, Mapping[str, Tensor]] = optimizer.state
    for name, parameter in model.named_parameters():
        for field, value in states.get(parameter, {}).items():
            yield f"{name}/{field}", value.contiguous()
    yield "random.cpu", torch.get_rng_state()
    if torch.cuda.is_available():
        yield "random.cuda", torch.cuda.get_rng_state()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
