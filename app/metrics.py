"""The rows of runs' metrics, read on from where they were left: a long run is not read again at every look."""

from __future__ import annotations

import threading
from pathlib import Path

from model.track import Run

_lock = threading.Lock()
_read: dict[Path, tuple[float, dict[int, dict[str, float]], int]] = {}


def rows_of(run: Run) -> list[dict[str, float]]:
    """All rows so far, by step. A run that was begun anew is read anew."""
    path = run.directory / "metrics.jsonl"
    made = (run.directory / "config.json").stat().st_mtime
    with _lock:
        begun, steps, offset = _read.get(path, (made, {}, 0))
        if begun != made:
            steps, offset = {}, 0
        rows, after = run.metrics(offset)
        if after < offset or (rows and steps and rows[0]["step"] <= max(steps)):
            # Rows were taken back: a resumed run writes them again after its checkpoint.
            first = int(rows[0]["step"]) if rows else 0
            steps = {step: row for step, row in steps.items() if step < first}
        steps |= {int(row["step"]): row for row in rows}
        _read[path] = (made, steps, after)
        return list(steps.values())
