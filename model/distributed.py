"""Several processes that train one model, as torchrun starts them: `torchrun --nproc-per-node 2 -m model.train ...`.

Every process draws the same batch, makes its part of it, and holds the whole model. In a step they exchange
representations and gradients, so that all take the same step. The first process alone writes the run folder and says
how it goes; what it does alone, the others wait for. All of them have to see the run folder, the projection and the
pictures.

CPUs exchange by gloo; GPUs by NCCL, with gloo beside it for what the processes say to each other (NCCL is untested: no
machine with several GPUs was at hand). A process that ends closes its connections, and that ends the others: nobody
waits for one that is gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from kgstore.command import WRONG_CALL
from kgstore.errors import KgError
from model.representations import Representations

Value = TypeVar("Value")

#: How long a process waits for another: as long as the first may need to project a graph or to evaluate.
PATIENCE = timedelta(days=2)

_FAILED = "failed"


class ProcessLost(KgError):
    """Another process of this training has ended."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, seen from the one of number `rank`; alone, all of this does nothing."""

    rank: int = 0
    count: int = 1
    store: Store | None = None

    @property
    def first(self) -> bool:
        """Whether this one writes the run folder."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """A device of this process: of several processes on one machine each has its own GPU."""
        return f"cuda:{os.environ['LOCAL_RANK']}" if name == "cuda" and self.count > 1 else name

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process. All have to ask."""
        if self.count == 1:
            return flag
        flags = torch.tensor([int(flag)])
        with self._together():
            dist.all_reduce(flags)
        return bool(flags)

    def wait(self) -> None:
        """Until all processes have come here."""
        self.any(False)

    def shared(self, make: Callable[[], Value]) -> Value:
        """What the first process makes, and it alone, in all of them."""
        if self.count == 1:
            return make()
        box = [make() if self.first else None]
        with self._together():
            dist.broadcast_object_list(box, 0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process goes through before the others, who find made what it had to make, and say nothing."""
        if not self.first:
            self.wait()
        with self.quiet():
            yield
        if self.first:
            self.wait()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """What all processes would say is said by the first."""
        if self.first:
            yield
        else:
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
                yield

    def gathered(self, own: Representations) -> tuple[Representations, dict[str, int]]:
        """The representations of all processes, in the order of their numbers, without their graphs, and the first of
        this one's rows by name."""
        if self.count == 1:
            return own, dict.fromkeys(own.read, 0)
        named = {**own.read, **own.told}
        with self._together():
            rows = [torch.zeros(len(named), dtype=torch.int64) for _ in range(self.count)]
            dist.all_gather(rows, torch.tensor([len(value) for value in named.values()]))
            whole = {
                name: _gathered(value, [int(each[place]) for each in rows])
                for place, (name, value) in enumerate(named.items())
            }
        before = torch.stack(rows)[: self.rank].sum(0).tolist()
        return (
            Representations({name: whole[name] for name in own.read}, {name: whole[name] for name in own.told}),
            dict(zip(named, before, strict=True)),
        )

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums the gradients over the processes; a parameter that has none in any process keeps none."""
        if self.count == 1:
            return
        learnt = [parameter for parameter in parameters if parameter.requires_grad]
        there = torch.tensor([int(parameter.grad is not None) for parameter in learnt])
        flat = torch.cat([(torch.zeros_like(each) if each.grad is None else each.grad).flatten() for each in learnt])
        with self._together():
            dist.all_reduce(there)
            dist.all_reduce(flat)
        sums = torch.split(flat, [parameter.numel() for parameter in learnt])
        for parameter, total, somewhere in zip(learnt, sums, there.tolist(), strict=True):
            parameter.grad = total.view_as(parameter) if somewhere else None

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Raises ProcessLost where another process does not take part any more."""
        try:
            yield
        except RuntimeError as error:
            raise ProcessLost(f"The training ends because another of its processes did. {self._told()}") from error

    def _told(self) -> str:
        """What a process that failed has left behind."""
        try:
            if self.store and self.store.check([_FAILED]):
                return self.store.get(_FAILED).decode()
        except RuntimeError:  # the store went with the process that held it
            pass
        return "It did not say why."


ALONE = Processes()


@contextmanager
def processes() -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone. All leave together, unless one fails."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    store, rank, count = next(iter(rendezvous("env://", timeout=PATIENCE)))
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    own = Processes(rank, count, store)
    try:
        yield own
        own.wait()
    except BaseException as error:
        if not isinstance(error, ProcessLost):
            store.set(_FAILED, f"Process {rank}: {type(error).__name__}: {error}")
        if isinstance(error, KgError) and not own.first:
            raise SystemExit(WRONG_CALL) from None  # the first process says it
        raise
    finally:
        dist.destroy_process_group()


def _gathered(value: Tensor, rows: Sequence[int]) -> Tensor:
    """The rows of all processes, of which each has so many; booleans as bytes, which every backend takes."""
    sent = value.new_zeros((max(rows), *value.shape[1:]), dtype=torch.uint8 if value.dtype == torch.bool else None)
    sent[: len(value)] = value
    received = [torch.empty_like(sent) for _ in rows]
    dist.all_gather(received, sent)
    return torch.cat([each[:count] for each, count in zip(received, rows, strict=True)]).to(value.dtype)
