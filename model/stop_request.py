"""Ctrl-C and termination signals, asked for between two steps."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Self


class StopRequest:
    """Ctrl-C or a termination signal while training: noted, so that the step is finished; a second one ends at once.

    What comes within a second is the same request: torchrun passes on the Ctrl-C that a terminal has sent to all.
    """

    def __init__(self) -> None:
        self.asked = False
        self._since = 0.0

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > 1:
            raise KeyboardInterrupt
