"""A run's metrics for TensorBoard, beside metrics.jsonl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kgstore.command import WrongCall
from model.config import LOSSES, TrainConfig
from model.run_log import Report
from model.selection import VALID

FOLDER = "tensorboard"


@contextmanager
def reporting(config: TrainConfig, directory: Path, step: int) -> Iterator[Report | None]:
    """What takes the rows of a run that goes on after `step`; None where nothing was asked for.

    What was written of later steps before a kill is taken back: the files say so, and TensorBoard does it.
    """
    if config.report_to == "none":
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter  # optional, and slow to import
    except ImportError as error:
        raise WrongCall(
            "--report-to tensorboard needs the package tensorboard, which is not installed: pip install tensorboard, "
            "or leave the flag out; metrics.jsonl is written anyway."
        ) from error
    writer = SummaryWriter(str(directory / FOLDER), purge_step=step + 1)

    def report(rows: Sequence[Mapping[str, float]]) -> None:
        for row in rows:
            for name, value in row.items():
                if name != "step":
                    writer.add_scalar(tag(name), value, int(row["step"]))
        writer.flush()

    try:
        yield report
    finally:
        writer.close()


def tag(name: str) -> str:
    """How a metric is called there: what is before the slash groups the charts."""
    if name.startswith(VALID):
        return name
    return f"train/{name}" if name in (*LOSSES, "lr") else f"run/{name}"
