"""What the loop tells of its steps: metrics of every step, measurements, a progress bar."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from kgstore.errors import KgError
from model.config import TrainConfig
from model.selection import VALID
from model.stream import Stream
from model.track import Run, RunWriter, cost
from model.validation import Measured

Report = Callable[[Sequence[dict[str, float]]], None]


class Diverged(KgError):
    """A loss that is no number any more."""


class Log:
    """Metrics of every step, fetched from the device and written some steps at a time, and the progress bar."""

    def __init__(
        self,
        run: RunWriter,
        config: TrainConfig,
        stream: Stream,
        report: Report | None = None,
        on_cpu: bool = False,
    ) -> None:
        self.run, self.stream, self.report, self.on_cpu = run, stream, report, on_cpu
        self.rows: list[dict[str, float]] = []
        self.losses: list[dict[str, Tensor]] = []
        self.before, self.cpu_before = _last_seconds(run)
        self.began = self.last = time.perf_counter()
        self.cpu_began = time.process_time()
        self.waited_before = stream.waited
        self.bar = tqdm(total=config.steps, initial=run.status.step, desc=config.objective, unit=" steps")

    def add(self, step: int, losses: dict[str, Tensor], samples: int, rate: float) -> None:
        """Notes a step; its losses stay on the device until `write`."""
        now, waited = time.perf_counter(), self.stream.waited
        self.losses.append({name: value.detach() for name, value in losses.items()})
        self.rows.append(
            {
                "step": step,
                "seconds": self.before + now - self.began,
                "samples_per_second": samples / (now - self.last),
                "wait_share": (waited - self.waited_before) / (now - self.last),
                "broken_pictures": len(self.stream.views.pictures.failed),
                "lr": rate,
            }
        )
        if self.on_cpu:
            self.rows[-1]["cpu_seconds"] = self.cpu_before + time.process_time() - self.cpu_began
        self.last, self.waited_before = now, waited
        self.bar.update()

    def measured(self, found: Measured) -> dict[str, float]:
        """Notes a measurement at the last step, whose row it returns; the time it took is not that of the next step."""
        row = self.rows[-1]
        row |= {VALID + name: value for name, value in found.figures.items()}
        if found.examples:
            self.run.show(int(row["step"]), found.examples)
        self.last = time.perf_counter()
        return row

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
        if self.report is not None:
            self.report(self.rows)
        speed = sum(row["samples_per_second"] for row in self.rows) / len(self.rows)
        shown = {"loss": f"{self.rows[-1]['loss']:.3f}", "samples/s": f"{speed:.0f}"}
        if broken := self.rows[-1]["broken_pictures"]:
            shown["broken pictures"] = f"{broken:,}"
        self.bar.set_postfix(shown)
        self.rows, self.losses = [], []

    def close(self) -> None:
        self.bar.close()


def _memory_mb() -> float:
    """The most that was in use so far: of the GPU, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _last_seconds(run: RunWriter) -> tuple[float, float]:
    """What the run's earlier steps took, by the clock and of the processor."""
    rows = Run(run.directory).metrics().rows
    return (rows[-1]["seconds"], cost(rows[-1])) if rows else (0.0, 0.0)
