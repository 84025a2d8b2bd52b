"""From a call of the trainer to all that its loop needs.

A new run is written to its folder first and then opened as a stopped one is, so that going on is no other way in:

    config.json   start/   tokenizer/   [teacher/]      written by `begin`
    checkpoints/step-N/                                 written by the loop; `open_job` takes the last one, or start/
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from transformers import CLIPModel

from kgstore.command import WrongCall
from kgstore.images import ImageRoots
from kgstore.projection import Projection, open_projection
from model.average import Average
from model.checkpoint import (
    AVERAGE,
    MODEL,
    damage,
    empty_model,
    find_checkpoint,
    load_parameters,
    load_run,
    load_training,
    part,
    read_state,
    read_tensors,
    write_checkpoint,
)
from model.config import (
    CHECKPOINT_TOWERS,
    CLIP_DEFAULTS,
    ModelConfig,
    TrainConfig,
    from_flags,
    from_json,
    given_flags,
    to_json,
)
from model.cut import Cut
from model.distributed import ALONE, Processes
from model.entity_vectors import read_entities, rows_of, write_entities
from model.knowledge_clip import KnowledgeClip
from model.projected import check_graph, project_graph
from model.run_sampler import open_sampler
from model.sampler import IMAGE_OF
from model.schedule import freeze, make_optimizer
from model.stream import Stream
from model.tokens import BadTokenizer, Tokenizer
from model.torch_compile import compile_layers
from model.towers import Towers, attention_for, clip_from_checkpoint, new_clip
from model.track import Run, list_runs, write_json
from model.validation import Validation
from model.views import Views

#: The parameter that holds vectors of entities.
VECTORS = "vectors.weight"


@dataclass(frozen=True)
class Job:
    """What the loop works on; `step` counts the steps that are done."""

    directory: Path
    config: TrainConfig
    model: KnowledgeClip
    optimizer: torch.optim.Optimizer
    average: Average | None
    teacher: Towers | None
    stream: Stream
    validation: Validation | None
    step: int

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Start:
    """What a run starts from: a CLIP, its tokenizer, and, from a run of Knowledge-CLIP, the rest of the network, and
    whose vectors it has."""

    towers: str
    clip: CLIPModel | None
    tokenizer: Tokenizer
    whole: KnowledgeClip | None = None
    entities: Sequence[str] = ()


def run_folder(args: argparse.Namespace) -> Path:
    """Where the run is or will be: --name below --runs, else the newest one to go on with, else a new one."""
    runs = Path(args.runs)
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongCall(f"--runs {runs} cannot be a folder of runs: {error}.") from error
    if args.name:
        if Path(args.name).name != args.name or args.name.startswith("."):
            raise WrongCall(f"--name {args.name!r} is no name for a folder below {runs}; leave slashes out.")
        return runs / args.name
    if args.resume == "auto":
        for run in list_runs(runs):
            if run.status.state in ("stopped", "crashed"):
                return run.directory
    return runs / f"{getattr(args, 'objective', TrainConfig.objective)}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def begin(directory: Path, args: argparse.Namespace, device: str, own: Processes = ALONE) -> None:
    """Writes a new run: reads the graph, makes or loads the first weights. config.json comes last."""
    asked = from_flags(TrainConfig, args, "")  # what is wrong with the call is told before anything slow
    check_graph(args, asked)
    start = read_start(args.init, getattr(args, "towers", None))
    train = train_config(args, start.towers, teacher=bool(args.init or args.teacher))
    check_parts(train, str(args.store or ""), own)
    shape = model_config(args, start)
    attention = attention_for(shape.attention, device)

    projection, valid = project_graph(args, train, directory.parent / "projections")  # what fails here leaves no run
    relations = relation_names(projection)
    if "kd" in train.weights or "clip" in train.weights:
        warn_without_pairs(projection)

    torch.manual_seed(train.seed)
    clip = start.clip or new_clip(start.towers, attention)
    classes = relations if train.objective != "clip" else ()
    model = KnowledgeClip(clip, shape, classes, attention, projection.entity_count)
    if start.whole is not None and model.fused:
        take_over(model, start.whole, rows_of(start.entities, projection))
    teacher = read_start(args.teacher, None).clip if args.teacher and "kd" in train.weights else None
    if teacher is not None:
        check_teacher(teacher, clip)
        teacher.save_pretrained(directory / "teacher")
    freeze(model, train.freeze)
    optimizer = make_optimizer(model, train)
    (start.tokenizer.cleaning() if train.clean_text else start.tokenizer).save(directory / "tokenizer")
    write_checkpoint(directory / "start", 0, model, optimizer)
    if model.vectors is not None:
        write_entities(directory, projection)
    write_json(
        directory / "config.json",
        {
            "model": to_json(shape),
            "train": to_json(train),
            "towers": clip.config.to_dict(),
            "store": str(args.store or ""),
            "recipe": projection.recipe.name,
            "parameters": dict(projection.recipe.parameters),
            "init": args.init or "",
            "teacher": args.teacher or "",
            "region": args.region or "crop",
            "relations": relations,
            "entities": projection.entity_count,
            "projection": os.path.relpath(projection.directory, directory),
            "valid_projection": os.path.relpath(valid.directory, directory) if valid else "",
            "fingerprint": projection.fingerprint,
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


@contextmanager
def open_job(directory: Path, images: Sequence[str], device: str, own: Processes = ALONE) -> Iterator[Job]:
    """Opens a run folder where it stands, with this process's parts of the batches flowing from its next step.

    What only the first process does, the others do not hold: averages and validation.
    """
    run = Run(directory)
    settings = run.config
    config = from_json(TrainConfig, part(settings, "train"))
    check_parts(config, part(settings, "store"), own)
    projection = open_projection(directory / part(settings, "projection"))
    folder = find_checkpoint(run, "last") if run.checkpoints else directory / "start"
    if problem := damage(folder):
        raise WrongCall(f"{problem} Remove the run folder and train it again.")
    state = read_state(folder)
    model = empty_model(settings, state["relations"], device)
    freeze(model, config.freeze)
    optimizer = make_optimizer(model, config)
    average = Average(model, config.ema) if config.ema and own.first else None
    entities = read_entities(directory) if model.vectors is not None else []
    tokenizer, roots = Tokenizer.of(directory / "tokenizer"), ImageRoots(projection.image_roots).replaced(images)
    views = Views(
        projection,
        tokenizer,
        side=model.towers.image_size,
        context=model.towers.context,
        cache=directory.parent / "projections",
        roots=roots,
        region=part(settings, "region"),
        live=config.pictures == "live",
        augment=config.augment,
        picture_share=config.picture_share,
        swaps="swap" in config.weights,
        heads="e2e_heads" in config.weights,
        vectors=rows_of(entities, projection) if entities else None,
        seed=config.seed,
        progress=True,
    )
    teacher = frozen_teacher(directory, settings, device) if "kd" in config.weights else None
    validation = None
    if config.eval_every and own.first:
        validation = Validation(
            run,
            open_projection(directory / part(settings, "valid_projection")),
            tokenizer,
            part(settings, "relations"),
            config,
            teacher,
            roots=roots,
            region=part(settings, "region"),
            side=model.towers.image_size,
            context=model.towers.context,
            entities=entities,
        )
    step = load_training(folder, model, optimizer)  # after all that draws random numbers: it sets their state
    if average is not None:
        load_parameters(average.model, folder, AVERAGE if AVERAGE in state["files"] else MODEL)
    if config.compile:
        compile_layers(model)
    cut = Cut(own.rank, own.count, config.accumulate, model.config.gnn_layers)
    with (
        open_sampler(projection, config, part(settings, "store")) as sampler,
        Stream(sampler, views, start_step=step, workers=config.workers, device=device, cut=cut) as stream,
    ):
        yield Job(directory, config, model, optimizer, average, teacher, stream, validation, step)
        if config.pictures == "live" and (failed := views.pictures.failed):  # of a cache it was said in the beginning
            print(
                f"{len(failed):,} pictures could not be opened while training, and something else showed their "
                f"entities. {next(iter(failed.values()))}",
                file=sys.stderr,
            )


def check_parts(config: TrainConfig, store: str, own: Processes) -> None:
    """Raises WrongCall for a batch that has not a triple for each part, and a graph that not all processes can ask."""
    if own.count > 1 and config.sampler == "live" and "://" not in store:
        raise WrongCall(
            "--sampler live asks the graph from every process, and an embedded one is open to one alone; use a Neo4j "
            "server, one process, or --sampler projection."
        )
    if config.batch_size < own.count * config.accumulate:
        raise WrongCall(
            f"--batch-size {config.batch_size} has fewer triples than the {own.count * config.accumulate} parts that "
            f"--accumulate {config.accumulate} and the number of processes, {own.count}, cut it into."
        )


def frozen_teacher(directory: Path, settings: Mapping[str, Any], device: str) -> Towers:
    """KD's teacher: the CLIP the run started from [P: the frozen original CLIP], or the one that --teacher named."""
    if settings.get("teacher"):
        teacher = Towers(clip_from_checkpoint(str(directory / "teacher"), attention_for("auto", device)))
    else:
        teacher = empty_model(settings, (), device).towers
        tensors = read_tensors(directory / "start" / MODEL)
        own = {name: value for name, value in tensors.items() if name.startswith("towers.")}
        teacher.load_state_dict({name.removeprefix("towers."): value for name, value in own.items()})
    return teacher.to(device).eval().requires_grad_(False)


def train_config(args: argparse.Namespace, towers: str, *, teacher: bool) -> TrainConfig:
    """How to train, as the call says it, with the defaults of its objective."""
    if getattr(args, "objective", TrainConfig.objective) == "clip":
        for name, value in CLIP_DEFAULTS.items():
            if not hasattr(args, name):
                setattr(args, name, value)
    config = from_flags(TrainConfig, args, towers)
    if "kd" in config.weights and not teacher:
        if getattr(args, "kd", 0):
            raise WrongCall("--kd needs a teacher: give --init or --teacher, or leave --kd out.")
        print("Without --init or --teacher there is no teacher, so the loss kd is left out.", file=sys.stderr)
        config = dataclasses.replace(config, kd=0.0)
    return config


def model_config(args: argparse.Namespace, start: Start) -> ModelConfig:
    """The network's shape: as the call says it, else as the Knowledge-CLIP has it that the run starts from."""
    if start.whole is None:
        shape = from_flags(ModelConfig, args, start.towers)
    else:
        shape = dataclasses.replace(start.whole.config, **given_flags(ModelConfig, args))
    return dataclasses.replace(shape, towers=start.towers)


def read_start(init: str | None, towers: str | None) -> Start:
    """A run of ours, a checkpoint of transformers in a folder or on a hub, or nothing."""
    if not init:
        return Start(towers or ModelConfig.towers, None, Tokenizer.of())
    if (Path(init) / "checkpoints").is_dir():
        trained = load_run(init)
        found, clip = trained.config.towers, trained.model.towers.clip
        start = Start(found, clip, trained.tokenizer, trained.model if trained.model.fused else None, trained.entities)
    else:
        found, clip = CHECKPOINT_TOWERS, clip_from_checkpoint(init)
        start = Start(found, clip, checkpoint_tokenizer(init))
    if towers not in (None, found):
        raise WrongCall(f"--towers {towers} contradicts --init {init}, which brings its own towers; leave it out.")
    return start


def checkpoint_tokenizer(name: str) -> Tokenizer:
    """The tokenizer beside a checkpoint, or CLIP's own where a folder has none."""
    try:
        return Tokenizer.of(name)
    except BadTokenizer:
        print(f"{name} holds no tokenizer; CLIP's original one is used.", file=sys.stderr)
        return Tokenizer.of()


def take_over(model: KnowledgeClip, whole: KnowledgeClip, vectors: Int64[np.ndarray, " n"]) -> None:
    """The fusion and what is around it from another Knowledge-CLIP of the same shape; E2R's classes by their names, and
    of each entity that it has a vector of, the vector, by its row there."""
    own, new = model.state_dict(), whole.state_dict()
    heads = ("relation_head.2.weight", "relation_head.2.bias")
    if model.vectors is not None and whole.vectors is not None:
        rows = own[VECTORS].clone()
        known = np.flatnonzero(vectors)
        rows[1 + known] = new[VECTORS][vectors[known]]
        new[VECTORS] = rows
    for name, value in own.items():
        if name not in heads and (name not in new or new[name].shape != value.shape):
            raise WrongCall("--init is a Knowledge-CLIP of another shape; leave out the flags that shape the network.")
    for name in heads:
        rows = own[name].clone()
        for row, relation in enumerate(model.relations):
            if relation in whole.relations:
                rows[row] = new[name][whole.relations.index(relation)]
        new[name] = rows
    model.load_state_dict(new)


def check_teacher(teacher: CLIPModel, clip: CLIPModel) -> None:
    taught, own = Towers(teacher), Towers(clip)
    if taught.image_size != own.image_size or taught.context < own.context:
        raise WrongCall(
            f"The teacher sees pictures of {taught.image_size} pixels and {taught.context} tokens, the model "
            f"{own.image_size} and {own.context}; choose a teacher of the same input."
        )


def relation_names(projection: Projection) -> list[str]:
    """E2R's classes: the type of each relation, and the words of those that share the common type."""
    return [relation.name for relation in projection.relations]


def warn_without_pairs(projection: Projection) -> None:
    if IMAGE_OF not in relation_names(projection):
        print(f"The graph has no {IMAGE_OF} triples, so that the losses kd and clip are 0.", file=sys.stderr)
