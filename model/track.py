"""The run folder, written by the trainer and read by the app; they share nothing else.

    config.json       what the run was told
    metrics.jsonl     one object a step: step, seconds, loss, its terms, samples_per_second, wait_share,
                      broken_pictures (met so far), memory_mb, lr; cpu_seconds of a run on a CPU; of steps that
                      were measured on the valid split also valid/..., named as in results.json, valid/loss and its
                      terms, valid/seconds
    examples.jsonl    one object a measurement: step, examples, in the form of results.json
    best.json         the step that was the best, the metric that says so, and its value
    status.json       state, step, steps, heartbeat, pid, host, message
    checkpoints/      step-N/, see model/checkpoint.py
    results.json      what the evaluation found
    README.md         the model card, written anew with each of these
    tensorboard/      the metrics again, if --report-to says so

No torch here: a page that shows a run must not wait for it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from kgstore.errors import KgError

METRICS, EXAMPLES = "metrics.jsonl", "examples.jsonl"

State = Literal["running", "finished", "stopped", "crashed"]

#: A run that says it is running and has been silent for longer than this is taken for dead.
SILENCE_SECONDS = 60.0
HEARTBEAT_SECONDS = 5.0


class BadRun(KgError):
    """A folder that is no run, or a run that lacks what is asked of it."""


@dataclass(frozen=True)
class Status:
    """Where a run stands. `heartbeat` is ISO 8601 in UTC."""

    state: State
    step: int = 0
    steps: int = 0
    heartbeat: str = ""
    pid: int = 0
    host: str = ""
    message: str = ""


@dataclass(frozen=True)
class Best:
    """The step whose model was the best on the valid split, the metric that says so, and its value."""

    step: int
    metric: str
    value: float


class Metrics(NamedTuple):
    """Rows of metrics.jsonl or examples.jsonl, and where to read on."""

    rows: list[dict[str, Any]]
    offset: int


class Run:
    """A run folder, read. Everything is read anew at each access, as the trainer may be writing."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        if not (self.directory / "config.json").is_file():
            raise BadRun(
                f"{self.directory} is no run folder: it has no config.json. Runs are made by python -m model.train."
            )

    @property
    def name(self) -> str:
        return self.directory.resolve().name

    @property
    def config(self) -> dict[str, Any]:
        """What the run was told: "model" and "train" are the fields of model/config.py."""
        return _read(self.directory / "config.json")

    @property
    def status(self) -> Status:
        """A run that says it is running but has been silent, or whose process is gone, has crashed."""
        path = self.directory / "status.json"
        if not path.is_file():
            return Status("stopped", message="The run has not begun.")
        status = Status(**_read(path))
        if status.state == "running" and not _alive(status):
            return replace(status, state="crashed", message=status.message or "The trainer is gone without a word.")
        return status

    def metrics(self, offset: int = 0) -> Metrics:
        """The rows from a byte offset on, without a last line that is still being written.

        A run that was resumed has lost the rows after its checkpoint and writes them again: an offset that comes back
        smaller says so, and of two rows with the same step the later one counts.
        """
        return _rows(self.directory / METRICS, offset)

    def examples(self, offset: int = 0) -> Metrics:
        """The measurements of examples.jsonl, read as `metrics` are."""
        return _rows(self.directory / EXAMPLES, offset)

    @property
    def best(self) -> Best | None:
        """The best measurement so far; None where nothing was measured."""
        path = self.directory / "best.json"
        return Best(**_read(path)) if path.is_file() else None

    @property
    def results(self) -> dict[str, Any]:
        """What the evaluation wrote; empty before it has."""
        path = self.directory / "results.json"
        return _read(path) if path.is_file() else {}

    @property
    def checkpoints(self) -> list[Path]:
        """Folders step-N, earliest first."""
        found = (self.directory / "checkpoints").glob("step-*")
        steps = {path: path.name.removeprefix("step-") for path in found}
        return sorted((path for path, step in steps.items() if step.isdigit()), key=lambda path: int(steps[path]))


def list_runs(directory: str | Path) -> list[Run]:
    """The runs in a folder, the most recently begun first."""
    folders = [path.parent for path in Path(directory).glob("*/config.json")]
    return [Run(path) for path in sorted(folders, key=lambda path: -(path / "config.json").stat().st_mtime)]


class RunWriter:
    """A run folder, written. `begin` makes it a context manager that beats while inside and says how the run ended."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.status = Status("running", pid=os.getpid(), host=socket.gethostname())
        self._write = threading.Lock()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def begin(self, steps: int, step: int = 0, message: str = "") -> Self:
        """Begins a run, or goes on with one at `step`: rows of later steps are taken back."""
        for name in (METRICS, EXAMPLES):
            _cut(self.directory / name, step)
        self.status = replace(self.status, step=step, steps=steps, message=message)
        return self

    def log(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Adds rows of metrics, one a step."""
        if not rows:
            return
        _append(self.directory / METRICS, rows)
        self.say(step=int(rows[-1]["step"]))

    def show(self, step: int, examples: Sequence[Mapping[str, object]]) -> None:
        """Adds the examples of a measurement."""
        _append(self.directory / EXAMPLES, [{"step": step, "examples": examples}])

    def say(self, **changes: Any) -> None:
        """Changes fields of the status and writes it."""
        with self._write:
            self.status = replace(self.status, **changes, heartbeat=datetime.now(UTC).isoformat(timespec="seconds"))
            write_json(self.directory / "status.json", asdict(self.status))

    def __enter__(self) -> Self:
        self.say()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heart.join()
        if isinstance(error, KeyboardInterrupt):
            self.say(state="stopped", message="Stopped by hand.")
        elif error is not None:
            self.say(state="crashed", message=f"{type(error).__name__}: {error}")
        elif self.status.state == "running":
            self.say(state="finished", message="")

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self.say()


def cost(row: Mapping[str, float]) -> float:
    """Seconds up to a row of metrics: the processor's where it computes, as others may use it too, else the clock's."""
    return row.get("cpu_seconds", row["seconds"])


def mark_best(directory: Path, best: Best | None) -> None:
    """Notes the best measurement, or that there is none."""
    if best is None:
        (directory / "best.json").unlink(missing_ok=True)
    else:
        write_json(directory / "best.json", asdict(best))


def write_json(path: Path, value: object) -> None:
    """Writes aside and renames, so that a reader sees the old file or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def _append(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _rows(path: Path, offset: int) -> Metrics:
    if not path.is_file():
        return Metrics([], 0)
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < offset:
            offset = 0
        file.seek(offset)
        text = file.read()
    text = text[: text.rfind(b"\n") + 1]
    return Metrics([json.loads(line) for line in text.splitlines()], offset + len(text))


def _cut(path: Path, step: int) -> None:
    """Takes back the rows of later steps, and one that was not written to its end."""
    kept = 0
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
                kept += len(line)
        os.truncate(path, kept)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadRun(f"{path} cannot be read ({error}); the run folder is damaged.") from error
    if not isinstance(value, dict):
        raise BadRun(f"{path} holds no JSON object; the run folder is damaged.")
    return value


def _alive(status: Status) -> bool:
    """Whether the process is there, where that can be seen, else whether it has spoken lately."""
    if status.host == socket.gethostname():
        try:
            os.kill(status.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    silence = datetime.now(UTC) - datetime.fromisoformat(status.heartbeat)
    return silence.total_seconds() < SILENCE_SECONDS
