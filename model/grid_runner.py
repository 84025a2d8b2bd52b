"""Tasks as processes, a few side by side, until all are done or the time is up."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from model.grid import Task
from model.track import write_json

#: How long a task may take to write a checkpoint once it is asked to stop.
PATIENCE = 120.0

_POLL = 0.1


class Outcome(NamedTuple):
    """The logs of what could not be done, with their last words; and whether the time was up."""

    failed: dict[Path, str]
    stopped: bool


class Running(NamedTuple):
    task: Task
    process: subprocess.Popen[bytes]
    began: float


def run_tasks(
    pending: Callable[[], Sequence[Task]],
    jobs: int,
    until: float,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Runs what `pending` gives, which is asked again whenever a task is done; stops at `until` (time.monotonic).

    A task begins when all that it needs is done, and not when it would probably not end in time if others would.
    Stopped ones are asked to end, as by Ctrl-C, and go on when they are called again.
    """
    running: list[Running] = []
    failed: dict[Path, str] = {}
    try:
        tasks = pending()
        while True:
            for task in _ready(tasks, running, failed):
                if len(running) >= jobs or time.monotonic() + task.seconds > until:
                    break
                say(f"{task.name} begins, about {task.seconds:,.0f} s")
                running.append(Running(task, _begun(task), time.monotonic()))
            if not running:
                left = [task for task in tasks if not task.done and task.log not in failed]
                return Outcome(failed, any(_may_begin(task) for task in left))
            time.sleep(_POLL)
            begun = len(running)
            for each in list(running):
                cpu_seconds = _ended_children()
                if each.process.poll() is None:
                    continue
                running.remove(each)
                took, cpu_seconds = time.monotonic() - each.began, _ended_children() - cpu_seconds
                if each.process.returncode:
                    failed[each.task.log] = last_words(each.task.log)
                    say(f"{each.task.name} failed: {failed[each.task.log]}")
                else:
                    each.task.stamp.parent.mkdir(parents=True, exist_ok=True)
                    told = {"seconds": took, "cpu_seconds": cpu_seconds, "command": each.task.command[1:]}
                    write_json(each.task.stamp, told)
                    say(f"{each.task.name} took {took:,.0f} s")
            if len(running) < begun:
                tasks = pending()
            if time.monotonic() > until:
                return Outcome(failed, True)
    finally:
        _stop(running)


def _ready(tasks: Sequence[Task], running: Sequence[Running], failed: dict[Path, str]) -> list[Task]:
    busy = {each.task.log for each in running}
    return [task for task in tasks if task.log not in busy and task.log not in failed and _may_begin(task)]


def _may_begin(task: Task) -> bool:
    return not task.done and all(need.is_file() for need in task.needs)


def _begun(task: Task) -> subprocess.Popen[bytes]:
    task.log.parent.mkdir(parents=True, exist_ok=True)
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with task.log.open("ab") as log:
        return subprocess.Popen(
            task.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **threads},
            start_new_session=True,  # Ctrl-C is ours to pass on
            preexec_fn=_ends_with_us if sys.platform == "linux" else None,
        )


def _ends_with_us() -> None:
    """A killed grid leaves nothing behind that a new one would train beside: prctl(PR_SET_PDEATHSIG, SIGTERM)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _stop(running: Sequence[Running]) -> None:
    for each in running:
        each.process.terminate()
    for each in running:
        try:
            each.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait()


def _ended_children() -> float:
    """Processor seconds of all processes begun here that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
