"""Batches made ahead of the trainer, by a thread beside it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from types import TracebackType
from typing import NamedTuple, Self

import torch

from kgstore.errors import KgError
from model.batch import Batch
from model.sampler import Sampler
from model.views import Views

#: Seconds between two looks at whether the stream was closed, while the queue is full.
_PATIENCE = 0.1


class Stopped(NamedTuple):
    """What the thread leaves behind when a batch cannot be made."""

    step: int
    error: BaseException


class Stream:
    """Iterates (step, batch) from `start_step` on, without end; up to `prefetch` batches wait ready.

    Batches do not depend on timing: a run that goes on from a step gets what it would have got. Batches lie in pinned
    memory where there is a GPU. `waited` sums the seconds that the loop had to wait. What goes wrong in the thread is
    raised in the loop. A stream is a context manager; closing it ends its thread.
    """

    def __init__(self, sampler: Sampler, views: Views, *, start_step: int = 0, prefetch: int = 3) -> None:
        if prefetch < 1:
            raise ValueError(f"prefetch {prefetch} leaves no batch to wait for; give 1 or more.")
        self.waited = 0.0
        self._sampler, self._views = sampler, views
        self._ready: queue.Queue[tuple[int, Batch] | Stopped] = queue.Queue(prefetch)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(start_step,), name="stream", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        return self

    def __next__(self) -> tuple[int, Batch]:
        if self._closing.is_set():
            raise StopIteration
        began = time.perf_counter()
        item = self._ready.get()
        self.waited += time.perf_counter() - began
        if isinstance(item, Stopped):
            self.close()
            if isinstance(item.error, KgError):
                raise item.error
            raise RuntimeError(f"The batch of step {item.step} could not be made.") from item.error
        return item

    def close(self) -> None:
        """Ends the thread; batches that were ready are dropped. May be called twice."""
        self._closing.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _work(self, step: int) -> None:
        while not self._closing.is_set():
            item: tuple[int, Batch] | Stopped
            try:
                item = step, _pinned(self._views.batch(self._sampler.sample(step)))
            except BaseException as error:  # raised in the loop
                item = Stopped(step, error)
            self._hand_over(item)
            if isinstance(item, Stopped):
                return
            step += 1

    def _hand_over(self, item: tuple[int, Batch] | Stopped) -> None:
        while not self._closing.is_set():
            try:
                return self._ready.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue


def _pinned(batch: Batch) -> Batch:
    """The batch in memory from which a GPU copies while it computes."""
    if not torch.cuda.is_available():
        return batch
    return replace(batch, **{each.name: getattr(batch, each.name).pin_memory() for each in fields(batch)})
