"""Trainers killed by SIGKILL at random moments: in a process that is warm, forks each of them, and opens no store.

    python -m tests.trainer_kills --kills 20 --seed 0 --out REPORT.json -- FLAGS OF THE TRAINER, with --runs

trains the run "whole" undisturbed, then runs "killed-0", "killed-1", ... with --resume auto until so many trainers were
killed, every second one while it writes a checkpoint, and lets the last of them end. A trainer of its own costs
seconds to start; a forked one a fraction.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from tqdm import tqdm

from model.train import main as train


class Killer:
    """Kills trainers of one call, and counts."""

    def __init__(self, flags: Sequence[str], runs: Path, seed: int) -> None:
        self.flags, self.runs, self.random = flags, runs, random.Random(seed)
        self.kills = self.while_saving = 0

    def started(self, name: str) -> int:
        """A trainer in a process of its own."""
        pid = os.fork()
        if pid == 0:
            self._train(name)
        return pid

    def ended(self, pid: int) -> bool:
        """Whether it has ended by itself. Raises RuntimeError where it failed."""
        done, status = os.waitpid(pid, os.WNOHANG)
        if done and status:
            raise RuntimeError(f"A trainer failed; see {self.runs}/kills.log.")
        return bool(done)

    def kill_once(self, name: str, seconds: float) -> bool:
        """Whether a trainer was killed before it had ended: within `seconds`, or when it next begins a checkpoint."""
        pid, began = self.started(name), time.monotonic()
        checkpoints, saving = self.runs / name / "checkpoints", self.kills % 2 == 1
        delay = self.random.uniform(0, 0.02) if saving else self.random.uniform(0, seconds)
        while not (any(checkpoints.glob(".step-*")) if saving else time.monotonic() - began > delay):
            if self.ended(pid):
                return False
            time.sleep(0.0005)
        if saving:
            time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            return False
        self.kills += 1
        self.while_saving += any(checkpoints.glob(".step-*"))
        return True

    def finish(self, name: str) -> None:
        pid = self.started(name)
        while not self.ended(pid):
            time.sleep(0.01)

    def _train(self, name: str) -> NoReturn:
        log = os.open(self.runs / "kills.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = 1
        try:
            status = train([*self.flags, "--name", name, "--resume", "auto"])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("flags", nargs="+")
    args = parser.parse_args()
    runs = Path(args.flags[args.flags.index("--runs") + 1])
    tqdm.monitor_interval = 0  # no thread that a fork would lose
    torch.set_num_threads(1)
    train([*args.flags, "--name", "whole"])  # here, so that all that is slow to begin with is done before the forks
    killer = Killer(args.flags, runs, args.seed)
    began = time.monotonic()
    killer.finish("again")
    seconds = time.monotonic() - began
    names = ["killed-0"]
    while killer.kills < args.kills:
        if not killer.kill_once(names[-1], seconds):
            names.append(f"killed-{len(names)}")
    killer.finish(names[-1])
    found = {"kills": killer.kills, "while_saving": killer.while_saving, "runs": ["again", *names], "seconds": seconds}
    args.out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
