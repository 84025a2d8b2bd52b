"""Trains a Knowledge-CLIP, or a CLIP, on the graph.

    python -m model.train --store URI --runs DIR --objective clip --name clip
    python -m model.train --store URI --runs DIR --init DIR/clip --name knowledge-clip

The run is a folder (model/track.py). Ctrl-C writes a checkpoint and ends; --resume auto goes on from the last one.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType, TracebackType
from typing import Self

import torch
from torch import Tensor
from tqdm import tqdm

from kgstore.command import INTERRUPTED, WrongCall, add_images_option, add_store_option, run_command
from kgstore.errors import KgError
from model.batch import Batch
from model.checkpoint import save_checkpoint
from model.config import ModelConfig, TrainConfig, add_flags
from model.device import usable_device
from model.going_on import go_on
from model.knowledge_clip import KnowledgeClip
from model.prepare import begin, open_job, run_folder
from model.projected import DEFAULT_RECIPE
from model.schedule import set_rates
from model.step import backward
from model.towers import Towers
from model.track import Run, RunWriter


class Diverged(KgError):
    """A loss that is no number any more."""


def train(
    model: KnowledgeClip,
    optimizer: torch.optim.Optimizer,
    teacher: Towers | None,
    batches: Iterable[tuple[int, Sequence[Batch]]],
    config: TrainConfig,
    run: RunWriter,
    *,
    waited: Callable[[], float] = lambda: 0.0,
    broken: Callable[[], int] = lambda: 0,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Trains until config.steps are done or `stopping`; returns how many are. A batch's step counts from 0.

    A batch comes in its parts, of which a step without accumulation has one (model/cut.py).

    `waited` are the seconds that the batches have been waited for so far, `broken` the pictures that did not decode.
    """
    device = next(model.parameters()).device
    log = Log(run, config, waited, broken)
    done = run.status.step
    model.train()
    for step, parts in batches:
        rate = set_rates(optimizer, config, step)
        optimizer.zero_grad()
        terms = backward(model, [part.to(device) for part in parts], config, step, teacher)  # Eq. 14
        if config.clip_grad:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        optimizer.step()
        model.clamp_temperatures()

        done = step + 1
        last = done == config.steps or stopping()
        log.add(done, terms, config.batch_size, rate)
        saves = last or done % config.save_every == 0
        if saves or done % config.log_every == 0:
            log.write()  # first: a killed run would go on without these rows, a diverged one be saved
        if saves:
            save_checkpoint(run.directory, done, model, optimizer, config.keep)
        if last:
            break
    log.close()
    return done


class Log:
    """Metrics of every step, fetched from the device and written some steps at a time, and the progress bar."""

    def __init__(
        self, run: RunWriter, config: TrainConfig, waited: Callable[[], float], broken: Callable[[], int]
    ) -> None:
        self.run, self.waited, self.broken = run, waited, broken
        self.rows: list[dict[str, float]] = []
        self.losses: list[dict[str, Tensor]] = []
        self.before = _last_seconds(run)
        self.began = self.last = time.perf_counter()
        self.waited_before = waited()
        self.bar = tqdm(total=config.steps, initial=run.status.step, desc=config.objective, unit=" steps")

    def add(self, step: int, losses: dict[str, Tensor], samples: int, rate: float) -> None:
        """Notes a step; its losses stay on the device until `write`."""
        now, waited = time.perf_counter(), self.waited()
        self.losses.append({name: value.detach() for name, value in losses.items()})
        self.rows.append(
            {
                "step": step,
                "seconds": self.before + now - self.began,
                "samples_per_second": samples / (now - self.last),
                "wait_share": (waited - self.waited_before) / (now - self.last),
                "broken_pictures": self.broken(),
                "lr": rate,
            }
        )
        self.last, self.waited_before = now, waited
        self.bar.update()

    def write(self) -> None:
        """Writes what was noted. Raises Diverged for a loss that is no number."""
        names = list(self.losses[0])
        values = torch.stack([torch.stack([each[name].float() for name in names]) for each in self.losses]).tolist()
        for row, numbers in zip(self.rows, values, strict=True):
            row |= dict(zip(names, numbers, strict=True), memory_mb=_memory_mb())
            if not abs(row["loss"]) < float("inf"):
                raise Diverged(
                    f"The loss at step {row['step']} is {row['loss']}: train with a lower --lr-new or --lr-towers, or "
                    "more --warmup."
                )
        self.run.log(self.rows)
        speed = sum(row["samples_per_second"] for row in self.rows) / len(self.rows)
        shown = {"loss": f"{self.rows[-1]['loss']:.3f}", "samples/s": f"{speed:.0f}"}
        if broken := self.rows[-1]["broken_pictures"]:
            shown["broken pictures"] = f"{broken:,}"
        self.bar.set_postfix(shown)
        self.rows, self.losses = [], []

    def close(self) -> None:
        self.bar.close()


class StopRequest:
    """Ctrl-C or a termination signal while training: noted, so that the step is finished; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    if args.threads < 0:
        raise WrongCall(f"--threads is {args.threads} but must be 0 or more.")
    if args.threads:
        torch.set_num_threads(args.threads)
    device = usable_device(args.device)
    directory = run_folder(args)
    if (directory / "config.json").exists():
        go_on(directory, args)
    else:
        begin(directory, args, device)
    with open_job(directory, args.images, device) as job:
        if job.step >= job.config.steps:
            print(f"Run {directory} is finished: {job.step} steps.", file=sys.stderr)
            return 0
        with StopRequest() as stop, RunWriter(directory).begin(job.config.steps, job.step) as run:
            done = train(
                job.model,
                job.optimizer,
                job.teacher,
                job.stream,
                job.config,
                run,
                waited=lambda: job.stream.waited,
                broken=lambda: len(job.stream.views.pictures.failed),
                stopping=stop,
            )
            if done < job.config.steps:
                run.say(state="stopped", message=f"Stopped at step {done}.")
    checkpoint = directory / "checkpoints" / f"step-{done}"
    if done < job.config.steps:
        print(f"Stopped at step {done}, saved in {checkpoint}. Go on with --resume auto.", file=sys.stderr)
        return INTERRUPTED
    print(directory)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.train",
        description=(__doc__ or "").split("\n")[0],
        epilog="[P]: stated in the paper; [D]: our choice where the paper is silent or we differ from it.",
        allow_abbrev=False,
    )
    add_store_option(parser, required=False)
    add_images_option(parser)
    parser.add_argument(
        "--projection",
        metavar="DIR",
        help="learn from this projection of a graph instead of a store, which stays free for others; made by "
        "python -m kgstore project, or by an earlier run in RUNS/projections",
    )
    parser.add_argument(
        "--valid-projection",
        metavar="DIR",
        help="... and measure on the valid triples of this one (default: on those that --projection holds)",
    )
    parser.add_argument("--runs", metavar="DIR", default="runs", help="where runs and their caches are (default: runs)")
    parser.add_argument("--name", help="the run's folder below --runs (default: the objective and the time)")
    parser.add_argument(
        "--resume",
        choices=("auto", "never"),
        default="never",
        help="auto: go on from the last checkpoint; without --name with the newest run that has not finished; begin "
        "where there is none. A run goes on with the graph, recipe and settings that it began with (default: never)",
    )
    parser.add_argument(
        "--recipe",
        "--sample-query",
        metavar="FILE",
        help=f"Cypher that returns head, relation, tail: the triples to learn from; a file, or one of queries/ "
        f"(default: {DEFAULT_RECIPE})",
    )
    parser.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the recipe")
    parser.add_argument(
        "--init", metavar="CHECKPOINT", help="a run of ours, a CLIP of transformers in a folder, or its name on a hub"
    )
    parser.add_argument(
        "--teacher", metavar="CHECKPOINT", help="the teacher of the loss kd (default: what --init names)"
    )
    parser.add_argument(
        "--region",
        choices=("crop", "place"),
        help="a region of a picture is shown by its crop [P], or in its place on a grey picture: relations in space "
        "need that (default: crop)",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads of a CPU (default: torch's)")
    add_flags(parser, ModelConfig)
    add_flags(parser, TrainConfig)
    return parser


def _memory_mb() -> float:
    """The most that was in use so far: of the GPU, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _last_seconds(run: RunWriter) -> float:
    """The seconds that the run's earlier steps took."""
    rows = Run(run.directory).metrics().rows
    return rows[-1]["seconds"] if rows else 0.0


if __name__ == "__main__":
    sys.exit(run_command(main))
