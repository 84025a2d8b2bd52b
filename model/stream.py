"""Batches made ahead of the trainer, by threads beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import torch

from kgstore.errors import KgError
from model.augment import augmented
from model.batch import Batch, TripleSample
from model.cut import Cut
from model.views import Views


class Samples(Protocol):
    """What draws a sample: a pure function of the step that several threads may call at once."""

    def sample(self, step: int) -> TripleSample: ...


class Made(NamedTuple):
    """The parts of a batch where the trainer wants them. On a GPU they are there once `copied` has come about."""

    parts: list[Batch]
    copied: torch.cuda.Event | None


class Failed(NamedTuple):
    """What a thread leaves behind when a batch cannot be made."""

    error: BaseException


class Stream:
    """Iterates (step, parts of the batch) from `start_step` on, without end, in the order of the steps.

    `workers` threads make batches, and up to `prefetch` of them are ready or in the making (default: 2 more than
    workers); without workers the loop makes each batch itself. Batches depend on neither number nor on timing: a run
    that goes on from a step gets what it would have got. They come on `device` with their crops carried out; to a
    GPU they are copied from pinned memory, in a queue of its own beside the computing. `cut` says which parts of the
    batches are made: a batch is one part unless it says otherwise.

    `waited` sums the seconds that the loop had to wait. What goes wrong in a thread is raised in the loop, when the
    batches before it have been given. A stream is a context manager; closing it ends its threads.
    """

    def __init__(
        self,
        sampler: Samples,
        views: Views,
        *,
        start_step: int = 0,
        workers: int = 1,
        prefetch: int | None = None,
        device: torch.device | str = "cpu",
        cut: Cut = Cut(),  # noqa: B008 - a frozen value
    ) -> None:
        if workers < 0:
            raise ValueError(f"workers {workers} cannot be; give 0 or more.")
        if prefetch is not None and prefetch < 1:
            raise ValueError(f"prefetch {prefetch} leaves no batch to wait for; give 1 or more.")
        self.waited = 0.0
        self.views = views
        self._sampler, self._cut = sampler, cut
        self._device = torch.device(device)
        self._copies = _queue(self._device) if self._device.type == "cuda" else None
        self._prefetch = prefetch or workers + 2
        self._turn = threading.Condition()  # held for what stands below
        self._begun = self._given = start_step  # the next step to be made, and to be given
        self._ready: dict[int, Made | Failed] = {}
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"stream-{i}", daemon=True) for i in range(workers)]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[tuple[int, list[Batch]]]:
        return self

    def __next__(self) -> tuple[int, list[Batch]]:
        began = time.perf_counter()
        with self._turn:
            step = self._given
            self._turn.wait_for(lambda: self._closed or not self._threads or step in self._ready)
            if self._closed:
                raise StopIteration
            made = self._ready.pop(step, None)
            self._given += 1
            self._turn.notify_all()
        made = made or self._make(step)
        self.waited += time.perf_counter() - began
        if isinstance(made, Failed):
            self.close()
            if isinstance(made.error, KgError) or not isinstance(made.error, Exception):  # or Ctrl-C
                raise made.error
            raise RuntimeError(f"The batch of step {step} could not be made.") from made.error
        return step, self._taken_over(made)

    def close(self) -> None:
        """Ends the threads; batches that were ready are dropped. May be called twice."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()
        self._ready.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or self._begun < self._given + self._prefetch)
                if self._closed:
                    return
                step = self._begun
                self._begun += 1
            made = self._make(step)
            with self._turn:
                self._ready[step] = made
                self._turn.notify_all()
            if isinstance(made, Failed):
                return

    def _make(self, step: int) -> Made | Failed:
        try:
            sample = self._sampler.sample(step)
            parts = [self.views.batch(sample, part) for part in self._cut.parts(sample)]
            if self._copies is None:
                return Made([augmented(part.to(self._device)) for part in parts], None)
            with torch.cuda.stream(self._copies):  # pinned for its GPU too, and not for the first one
                pinned = [part.changed(torch.Tensor.pin_memory) for part in parts]
                return Made([augmented(part.to(self._device)) for part in pinned], self._copies.record_event())
        except BaseException as error:  # raised in the loop
            return Failed(error)

    def _taken_over(self, made: Made) -> list[Batch]:
        """The parts for the queue in which the trainer computes, which waits for them; the loop does not."""
        if made.copied is not None:
            computing = torch.cuda.current_stream(self._device)
            computing.wait_event(made.copied)
            for part in made.parts:
                for tensor in part.tensors().values():
                    tensor.record_stream(computing)  # so that its memory is not given away while it is read
        return made.parts


def _queue(device: torch.device) -> torch.cuda.Stream:
    """A queue of the GPU beside the one in which the trainer computes."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
