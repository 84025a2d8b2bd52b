"""Training runs as the pages show them, and the models they offer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from app.escape import one_line
from app.metrics import Columns
from app.settings import current
from app.shared import predictor
from app.words import duration
from model.track import BadRun, Run, Status, list_runs

if TYPE_CHECKING:
    from model.predict import Predictor

STATE_COLOURS: dict[str, Literal["blue", "green", "orange", "red"]] = {
    "running": "blue",
    "finished": "green",
    "stopped": "orange",
    "crashed": "red",
}
STATE_ICONS = {
    "running": ":material/sync:",
    "finished": ":material/check_circle:",
    "stopped": ":material/pause_circle:",
    "crashed": ":material/error:",
}
#: Steps by which the speed is judged.
LATELY = 200


def runs_of(folder: Path) -> list[Run]:
    """The runs in the folder, newest first; a folder that is not there holds none."""
    return list_runs(folder) if folder.is_dir() else []


def objective_of(run: Run) -> str:
    """clip or knowledge-clip, or an empty word where the run does not say."""
    try:
        return str(run.config.get("train", {}).get("objective", ""))
    except BadRun:
        return ""


def run_line(run: Run) -> str:
    """A run in one line: what it is, its state, how far it came."""
    try:
        status = run.status
    except BadRun as error:
        return f"{one_line(run.name)} · {error}"
    parts = (one_line(run.name), objective_of(run), status.state, progress_text(status))
    return " · ".join(part for part in parts if part)


def progress_text(status: Status) -> str:
    return f"step {status.step:,} of {status.steps:,}" if status.steps else ""


def towers_of(run: Run) -> str:
    """What towers the run has, as the settings call them."""
    try:
        return str(run.config.get("model", {}).get("towers", ""))
    except BadRun:
        return ""


def time_left(status: Status, columns: Columns) -> str:
    """How long a running run still needs, by its last steps."""
    steps, seconds = columns["step"][-LATELY:], columns.get("seconds", np.empty(0))[-LATELY:]
    if status.state != "running" or len(seconds) < 2 or steps[-1] <= steps[0]:
        return ""
    a_step = (seconds[-1] - seconds[0]) / (steps[-1] - steps[0])
    return duration(a_step * (status.steps - steps[-1])) if np.isfinite(a_step) else ""


def trained_runs() -> list[Run]:
    """Runs with a checkpoint to ask: those with relations first, of these the finished, of these the newest."""
    able = [run for run in runs_of(current().runs) if run.checkpoints]
    return sorted(able, key=lambda run: (objective_of(run) != "knowledge-clip", not is_finished(run)))


def is_finished(run: Run) -> bool:
    try:
        return run.status.state == "finished"
    except BadRun:
        return False


def start_of(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run whose CLIP this one started from, if it is among `runs`."""
    try:
        init = str(run.config.get("init") or "")
    except BadRun:
        return None
    parts = Path(init).parts if init else ()
    return next((other for other in runs if other.name != run.name and other.name in parts), None)


def choose_run(runs: Sequence[Run], key: str, label: str = "Answered by run") -> Run:
    """A box to choose one of `runs` (not none)."""
    names = {run.name: run for run in runs}
    words = {run.name: f"{one_line(run.name)} · {objective_of(run)}" for run in runs}
    chosen = st.selectbox(label, list(names), key=key, format_func=lambda name: words[name])
    return names[chosen]


def no_run() -> None:
    """What stands where an answer of a model would, while there is none."""
    st.info("This asks a trained model, and there is none among the runs yet:", icon=":material/info:")
    st.code(f"python -m model.train --store {current().store} --runs {current().runs}", language=None)
    st.page_link("views/training.py", label="Train one here", icon=":material/show_chart:")


def model_of(run: Run) -> Predictor:
    """The run's model, loaded once for its newest checkpoint."""
    return predictor(run.directory, run.checkpoints[-1].name)
