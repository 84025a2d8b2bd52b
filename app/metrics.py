"""The metrics of runs as columns, read on from where they were left: a long run is not read again at every look."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import numpy as np

from model.track import BadRun, Run

#: So many bytes before the place to read on at must be what they were: a resumed run has written them anew.
REMEMBERED = 256

#: What metrics are drawn against, and those that are read first.
ALONG = ("step", "seconds", "cpu_seconds")
FIRST = ("loss", "e2e", "e2r", "g2e", "kd", "clip")

Columns = Mapping[str, np.ndarray]


@dataclass
class _Reading:
    """How far a run's metrics were read, the bytes just before that place, and what they said."""

    columns: dict[str, array[float]] = field(default_factory=lambda: {"step": array("d")})
    offset: int = 0
    before: bytes = b""

    def add(self, rows: Iterable[Mapping[str, float]]) -> None:
        steps = self.columns["step"]
        for row in rows:
            if not steps or row["step"] > steps[-1]:
                for column in self.columns.values():
                    column.append(nan)
            for name, value in row.items():
                if name not in self.columns:
                    self.columns[name] = array("d", [nan] * len(steps))
                self.columns[name][-1] = nan if value is None else float(value)


_lock = threading.Lock()
_readings: dict[Path, _Reading] = {}


def columns_of(run: Run) -> Columns:
    """A column each metric over all steps so far, nan where a step does not have it; "step" is always there.

    Raises BadRun for metrics that cannot be read.
    """
    path = run.directory / "metrics.jsonl"
    with _lock:
        reading = _readings.get(path, _Reading())
        if _bytes_before(path, reading.offset) != reading.before:
            reading = _Reading()
        try:
            rows, reading.offset = run.metrics(reading.offset)
            reading.add(rows)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _readings.pop(path, None)
            raise BadRun(f"{path} cannot be read ({error}); the run folder is damaged.") from error
        reading.before = _bytes_before(path, reading.offset)
        _readings[path] = reading
        return {name: np.array(column) for name, column in reading.columns.items()}


def last_of(columns: Columns) -> dict[str, float]:
    """The latest value of each metric that has one."""
    found = {}
    for name, values in columns.items():
        known = values[np.isfinite(values)]
        if len(known):
            found[name] = float(known[-1])
    return found


def names_in_order(metrics: Mapping[str, Columns]) -> list[str]:
    """All metrics of these runs that are not 0 throughout, the loss and its terms first, the others as they came."""
    names = dict.fromkeys(name for columns in metrics.values() for name, values in columns.items() if values.any())
    return [*(name for name in FIRST if name in names), *(name for name in names if name not in (*FIRST, *ALONG))]


def recent(columns: Columns, names: Iterable[str], steps: int = 50) -> dict[str, float]:
    """The means of these metrics over the last steps, of those that have any."""
    parts = {name: columns[name][-steps:] for name in names if name in columns}
    return {name: float(np.nanmean(part)) for name, part in parts.items() if np.isfinite(part).any()}


def _bytes_before(path: Path, offset: int) -> bytes:
    if not offset or not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(max(offset - REMEMBERED, 0))
        return file.read(min(offset, REMEMBERED))
