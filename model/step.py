"""One training step up to the gradients: representations, named terms, their weighted sum, backward."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from model.batch import Batch
from model.config import TrainConfig
from model.knowledge_clip import KnowledgeClip
from model.objectives import total_loss
from model.towers import Towers


def backward(
    model: KnowledgeClip, parts: Sequence[Batch], config: TrainConfig, step: int, teacher: Towers | None = None
) -> dict[str, Tensor]:
    """Adds the gradients of a step's batch to the parameters; returns the total as "loss" and the named terms."""
    (batch,) = parts
    weights = config.weights
    with torch.autocast(next(model.parameters()).device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        terms = model.losses(batch, weights, teacher)
        loss = total_loss(terms, weights)  # Eq. 14
    loss.backward()  # type: ignore[no-untyped-call]
    return {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}}
