"""Several reading processes on one embedded file: a slow query keeps nobody from asking, or from changing it.

While the file changes, nobody reads it. A change waits a moment for queries to end; those that go on are stopped and
asked again afterwards, so that ten seconds of one person's query are not ten seconds of another one's click.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kgstore.errors import QueryStopped, StoreUnavailable
from kgstore.ladybug_reader import LadybugReader

#: Processes at once; each may take as much memory as one alone could.
MOST = 3
#: Seconds that a change waits for queries to end by themselves.
GRACE = 0.5
LOOKS_EVERY = 0.05

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Turn:
    """One use of a reader; a change may stop it where it `yields`."""

    yields: bool
    reader: LadybugReader | None = None
    stopped: bool = False


class LadybugReaders:
    """Readers of a file, lent one by one. Used by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gate = threading.Condition()
        self._changing = self._closed = False
        self._turns: set[_Turn] = set()
        self._idle: list[LadybugReader] = []

    @contextmanager
    def reading(self) -> Iterator[LadybugReader]:
        """A reader of its own, during whose use the file does not change."""
        with self._turn(_Turn(yields=False)) as reader:
            yield reader

    def ask(self, question: Callable[[LadybugReader, float], Answer], seconds: float) -> Answer:
        """What `question` gives, which is told how many seconds are left; raises QueryStopped after them.

        A change of the file stops it, and it is asked again.
        """
        until = time.monotonic() + seconds
        left = seconds
        while left > 0:
            turn = _Turn(yields=True)
            with self._turn(turn) as reader:
                try:
                    return question(reader, left)
                except StoreUnavailable:
                    if not turn.stopped:
                        raise
            left = until - time.monotonic()
        raise QueryStopped("The query was stopped because the graph was changed meanwhile; ask again.")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Alone with the file: no reader has it open."""
        with self._gate:
            self._gate.wait_for(lambda: not self._changing)
            self._changing = True
            wait = GRACE
            while not self._gate.wait_for(lambda: not self._turns, wait):
                for turn in self._turns:
                    if turn.yields and turn.reader is not None:
                        turn.stopped = True
                        turn.reader.kill()
                wait = LOOKS_EVERY  # a process that was only starting is stopped later
        try:
            self._idle = [reader for reader in self._idle if reader.alive]
            for reader in self._idle:
                reader.rest()
            yield
        finally:
            with self._gate:
                self._changing = False
                self._gate.notify_all()

    def close(self) -> None:
        """Ends the processes, within `changing`; whoever asks later is told StoreUnavailable."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _turn(self, turn: _Turn) -> Iterator[LadybugReader]:
        with self._gate:
            self._gate.wait_for(lambda: not self._changing and len(self._turns) < MOST)
            if self._closed:
                raise StoreUnavailable(f"The graph in {self._path} was closed; open it again.")
            self._turns.add(turn)
            reader = self._idle.pop() if self._idle else None
        try:
            if reader is None or not reader.alive:
                reader = LadybugReader(self._path)  # outside of the gate: a process takes a while to start
            with self._gate:
                turn.reader = reader
            yield reader
        finally:
            with self._gate:
                self._turns.remove(turn)
                if reader is not None and reader.alive and not turn.stopped:
                    self._idle.append(reader)
                self._gate.notify_all()
            if reader is not None and turn.stopped:
                reader.close()
