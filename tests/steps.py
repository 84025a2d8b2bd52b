"""Training steps on a small random graph, in any number of parts; run by torchrun, also in several processes.

python -m torch.distributed.run --nproc-per-node 2 tests/steps.py FOLDER OUT
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from kgstore import open_store
from kgstore.command import run_command
from kgstore.projecting import project
from kgstore.projection import open_projection
from kgstore.recipes import load_recipe
from model.batch import Batch
from model.config import OF_THE_GRAPH, TrainConfig
from model.cut import Cut
from model.distributed import ALONE, Processes, processes
from model.knowledge_clip import KnowledgeClip
from model.sampler import Sampler
from model.step import backward
from model.tokens import Tokenizer
from model.towers import Towers
from model.views import Views
from tests.sampling_graph import random_graph
from tests.training_batches import TINY, tiny_clip, tiny_network

LOSSES = OF_THE_GRAPH
CONFIG = TrainConfig(batch_size=22, steps=3, e2e_heads=1.0, swap=1.0, told=1.0, regions=1.0)


def project_graph(folder: Path) -> None:
    """The graph, its projection and its pictures, below `folder`."""
    (folder / "pictures").mkdir()
    with open_store(folder / "graph") as store:
        random_graph().load(store, folder / "pictures")
        project(store, load_recipe("all"), folder / "projection")


class Steps:
    """Whole batches, and their parts, of a projected graph."""

    def __init__(self, folder: Path) -> None:
        self.projection = open_projection(folder / "projection")
        # Few distinct tails, half of the triples pictures with captions: parts share tails, neighbours and pictures.
        self.sampler = Sampler(self.projection, batch_size=CONFIG.batch_size, shares={"IMAGE_OF": 0.5}, fanout=(3, 2))
        self.views = Views(
            self.projection, Tokenizer.of(), side=16, context=12, cache=folder, picture_share=0.6, heads=True
        )

    def parts(self, cut: Cut, step: int = 0) -> list[Batch]:
        sample = self.sampler.sample(step)
        return [with_swapped(self.views.batch(sample, part)) for part in cut.parts(sample)]

    def network(self) -> KnowledgeClip:
        return tiny_network(TINY, relations=len(self.projection.relations)).train()


def with_swapped(part: Batch) -> Batch:
    """With other captions for every second pair, as if they told of two things; of the others none is known."""
    rows = part.row[part.tail[part.pairs]]
    lengths = torch.where(part.place[part.pairs] % 2 == 0, part.lengths[rows], 0)
    return dataclasses.replace(part, swapped=part.tokens[rows].clamp(max=400), swapped_lengths=lengths)


def teacher() -> Towers:
    return Towers(tiny_clip(9)).eval().requires_grad_(False)


def gradients(model: KnowledgeClip) -> dict[str, Tensor]:
    """Of every parameter that has one."""
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def trained(steps: Steps, passes: int, own: Processes = ALONE, config: TrainConfig = CONFIG) -> dict[str, Tensor]:
    """Losses and clipped gradients of some optimizer steps, by "STEP/NAME", and the parameters after them."""
    model, taught = steps.network(), teacher()
    # Not AdamW: keys' biases have no gradient but rounding (softmax forgets them), which it would scale up to a step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    found: dict[str, Tensor] = {}
    for step in range(config.steps):
        optimizer.zero_grad()
        cut = Cut(own.rank, own.count, passes, model.config.gnn_layers)
        terms = backward(model, steps.parts(cut, step), config, step, taught, own)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        found |= {f"{step}/{name}": value for name, value in {**terms, **gradients(model)}.items()}
        optimizer.step()
        model.clamp_temperatures()
    return found | {f"after/{name}": value.detach().clone() for name, value in model.named_parameters()}


def main(folder: Path, out: Path) -> None:
    """Writes what each process found; in the end the second one fails where the first one waits for it."""
    with processes() as own:
        with own.first_before_others():
            steps = Steps(folder)
        found = {f"passes-{passes}": trained(steps, passes, own) for passes in (1, 3)}
        save_file(found["passes-1"], out / f"process-{own.rank}-passes-1")
        save_file(found["passes-3"], out / f"process-{own.rank}-passes-3")
        assert own.any(own.rank == 1)
        assert not own.any(False)
        assert own.shared(lambda: own.rank) == 0
        if not own.first:
            raise OSError("the disk is gone")
        own.wait()


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(Path(sys.argv[1]), Path(sys.argv[2]))))
