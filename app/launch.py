"""Training runs as processes of their own: started from the graph as it stands, stopped, gone on with.

The app projects the graph with its own handle, in a thread, and the run reads the projection; so the store stays open
to all pages. A run belongs to no page and to no session, and who ends the app leaves it training: its folder says all
that there is to know of it, and the next app finds it there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.settings import current
from kgstore import GraphStore
from kgstore.command import INTERRUPTED
from kgstore.current import projection_for
from kgstore.errors import KgError
from kgstore.recipes import Recipe
from model.track import BadRun, Run

#: What the trainer says, in the run's folder.
LOG = "log.txt"
LOG_BYTES = 32_768
#: What a progress bar tells a terminal, such as to go up a line.
_TERMINAL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ROOT = Path(__file__).resolve().parent.parent


class CannotTrain(KgError):
    """A run that cannot be started, stopped or gone on with; the message says why."""


@dataclass
class Launch:
    """A start: what it is at, in words; or the sentence that says why it came to nothing."""

    name: str
    stage: str
    failure: str = ""
    begun: float = field(default_factory=time.monotonic)
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False

    @property
    def spoke(self) -> bool:
        """Whether the run speaks for itself by now: its status is of this start's process."""
        try:
            status = Run(current().runs / self.name).status
        except BadRun:
            return False
        return self.process is not None and status.pid == self.process.pid


_launches: dict[str, Launch] = {}
_lock = threading.Lock()


def launches() -> list[Launch]:
    """The starts of this app that go on or have failed, the latest first."""
    with _lock:
        return list(_launches.values())[::-1]


def still_training() -> list[str]:
    """The runs of this app that will go on without it."""
    return [launch.name for launch in launches() if launch.process is not None and launch.process.poll() is None]


def launch_of(name: str) -> Launch | None:
    with _lock:
        return _launches.get(name)


def forget(name: str) -> None:
    """A failure that was read."""
    with _lock:
        _launches.pop(name, None)


def start(store: GraphStore, name: str, flags: Sequence[str], recipes: Mapping[str, Recipe]) -> None:
    """Begins a run in the background. `recipes` is by flag, such as --projection, what each is to be a projection of.

    Raises CannotTrain where the name is taken.
    """
    problem = name_problem(name)
    launch = Launch(name, "The graph is projected")
    with _lock:
        if problem or (name in _launches and not _launches[name].failure):
            raise CannotTrain(problem or f"{name} is being started; choose another name.")
        _launches[name] = launch
    arguments = (launch, store, list(flags), recipes)
    threading.Thread(target=_start, args=arguments, name=f"start {name}", daemon=True).start()


def go_on(run: Run, flags: Sequence[str] = ()) -> None:
    """Goes on with a run that was stopped or has crashed."""
    if run.status.state == "running":
        raise CannotTrain(f"{run.name} is being trained already.")
    launch = Launch(run.name, "The run is opened where it stopped")
    with _lock:
        before = _launches.get(run.name)
        if before is not None and not before.failure and not before.spoke:
            raise CannotTrain(f"{run.name} is being started already.")
        _launches[run.name] = launch
    arguments = (launch, ["--resume", "auto", *flags], before.process if before else None)
    threading.Thread(target=_train, args=arguments, name=f"go on with {run.name}", daemon=True).start()


def stop(run: Run) -> None:
    """Asks a run to finish its step, write a checkpoint and end. Raises CannotTrain if it is not ours to ask."""
    status, launch = run.status, launch_of(run.name)
    if launch is not None:
        launch.stopping = True
    if status.state != "running":
        cancel(run.name)
        return
    if status.host != socket.gethostname():
        raise CannotTrain(f"{run.name} is trained on {status.host}, process {status.pid}; stop it there by Ctrl-C.")
    try:
        os.kill(status.pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # it has just ended by itself
    except PermissionError as error:
        raise CannotTrain(f"{run.name} belongs to another user, process {status.pid}; they can stop it.") from error


def cancel(name: str) -> None:
    """Ends a start that has not come to its first step."""
    launch = launch_of(name)
    if launch is not None:
        launch.stopping = True
        if launch.process is not None and launch.process.poll() is None:
            launch.process.terminate()


def name_problem(name: str) -> str:
    """Why no new run can have this name; nothing if one can."""
    if not name:
        return "A run needs a name."
    if Path(name).name != name or name.startswith(".") or not name.isprintable() or len(name.encode()) > 100:
        return "A name is that of a folder: no slashes, no dot in front, a hundred letters at most."
    if (current().runs / name).exists():
        return f"{name} is there already in {current().runs}; choose another name."
    return ""


def log_of(directory: Path) -> str:
    """The end of what a trainer said, its progress bars as they stood last; empty if no page started it."""
    path = directory / LOG
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - LOG_BYTES, 0))
        text = file.read().decode("utf-8", "replace")
    text = _TERMINAL.sub("", text)
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip())


def _start(launch: Launch, store: GraphStore, flags: list[str], recipes: Mapping[str, Recipe]) -> None:
    """The thread of a new run: projects, then stays with the run's process."""
    for flag, recipe in recipes.items():
        try:
            projection = projection_for(store, recipe, current().runs / "projections")
        except KgError as error:
            launch.failure = str(error)
            return
        except Exception as error:
            launch.failure = f"The graph could not be projected: {type(error).__name__}: {error}."
            return
        flags += [flag, str(projection.directory)]
    if launch.stopping:
        _end(launch)
    else:
        _train(launch, flags)


def _end(launch: Launch) -> None:
    """Unless another start has taken its place."""
    with _lock:
        if _launches.get(launch.name) is launch:
            del _launches[launch.name]


def _train(launch: Launch, flags: list[str], before: subprocess.Popen[bytes] | None = None) -> None:
    """Runs the trainer and waits for its end, so that its process does not linger; after the one `before`, which may
    have said its last word and not be gone yet."""
    if before is not None:
        before.wait()
    runs = current().runs
    directory = runs / launch.name
    images = [part for each in current().images for part in ("--images", each)]
    command = [sys.executable, "-m", "model.train", "--runs", str(runs), "--name", launch.name, *images, *flags]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / LOG).open("ab") as log:
            launch.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C in the app's terminal is for the app
            )
    except OSError as error:
        launch.failure = f"The trainer could not be started: {error}."
        return
    launch.stage = "Pictures, words and the network are made ready"
    code = launch.process.wait()
    if code in (0, INTERRUPTED) or launch.stopping or launch.spoke:
        _end(launch)  # the run's own status says the rest
    else:
        launch.failure = log_of(directory).rpartition("\n")[2] or f"The trainer ended with status {code}."
    if not (directory / "config.json").is_file():
        shutil.rmtree(directory, ignore_errors=True)  # made above; nothing was trained in it
