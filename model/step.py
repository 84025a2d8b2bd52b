"""One training step up to the gradients: representations, the named terms, their weighted sum, backward.

A batch may be cut into parts (model/cut.py), for several passes (`--accumulate`), for several processes (torchrun), or
for both. Its losses compare all of it with all of it whatever the form, and every form takes the same four stages
(cached gradients: Gao et al. 2021, arXiv 2101.06983; with one part they are plain backpropagation):

1. each part goes through the network to its representations, without a graph where several would not fit;
2. on the representations of all parts of all processes, joined, stand the losses, and the gradient of their sum
   with respect to these representations;
3. each part, again with a graph if it had none, is gone back through from its rows of that gradient;
4. the gradients of the parameters are summed over the processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.batch import Batch
from model.config import TrainConfig
from model.distributed import ALONE, Processes
from model.knowledge_clip import KnowledgeClip
from model.objectives import total_loss
from model.permutation import Purpose, mix
from model.representations import Representations, joined
from model.towers import Towers


def backward(
    model: KnowledgeClip,
    parts: Sequence[Batch],
    config: TrainConfig,
    step: int,
    teacher: Towers | None = None,
    processes: Processes = ALONE,
) -> dict[str, Tensor]:
    """Sets the gradients of a step's batch; returns its total as "loss" and the named terms, alike in all processes.

    `parts` are those of this process. Gradients of an earlier step must have been cleared.
    """
    weights = config.weights

    def represented(number: int) -> Representations:
        part = parts[number]
        seed_drop_path(config.seed, step, processes.rank * len(parts) + number)
        with torch.autocast(part.head.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            return model.representations(part, weights, teacher)

    with torch.set_grad_enabled(len(parts) == 1):
        seen = [represented(number) for number in range(len(parts))]
    whole, first = processes.gathered(joined([without_graph(part) for part in seen]))
    for value in whole.read.values():
        value.requires_grad_()
    terms = model.objectives(whole, weights, teacher)
    loss = total_loss(terms, weights)  # Eq. 14
    loss.backward()  # type: ignore[no-untyped-call]
    if not processes.first:  # every process has computed the losses: what they read themselves is to count once
        for scale in model.scales:
            scale.grad = None

    for number in range(len(parts)):
        part = seen[number] if len(parts) == 1 else represented(number)
        go_back(part, whole, first)
        first = {name: place + len(part.read[name]) for name, place in first.items() if name in part.read}
    processes.sum_gradients(list(model.parameters()))
    return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}}


def seed_drop_path(seed: int, step: int, part: int) -> None:
    """What drop path leaves out is a function of these numbers: the same in both passes over a part, other in every
    part, and the same in a run that goes on."""
    torch.manual_seed(int(mix(Purpose.DROP_PATH, seed, step, part)[0]))


def without_graph(part: Representations) -> Representations:
    """The numbers alone, in the losses' format."""
    return Representations({name: value.detach().float() for name, value in part.read.items()}, part.told)


def go_back(part: Representations, whole: Representations, first: Mapping[str, int]) -> None:
    """Backward through a part from the gradients that its rows have in the whole, of which they begin at `first`."""
    values, gradients = [], []
    for name, value in part.read.items():
        gradient = whole.read[name].grad
        if value.requires_grad and gradient is not None:  # frozen towers give representations without gradient
            values.append(value)
            gradients.append(gradient[first[name] : first[name] + len(value)].to(value.dtype))
    if values:
        torch.autograd.backward(values, gradients)
