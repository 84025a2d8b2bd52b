"""Ways to do the same, timed side by side: in turns, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def seconds(ways: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """The median seconds of each way over the rounds; the first round, which compiles and warms up, is not counted.

    Each round does every way once, beginning with another one each time. On a CPU with one thread it is that thread's
    time, so that waiting for a busy machine does not count.
    """
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    names = list(ways)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            _wait(device)
            began = clock()
            ways[name]()
            _wait(device)
            if number:
                times[name].append(clock() - began)
    return {name: statistics.median(each) for name, each in times.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
