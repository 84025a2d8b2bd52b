"""The running average of a network's parameters (EMA)."""

from __future__ import annotations

import copy

import torch

from model.knowledge_clip import KnowledgeClip


class Average:
    """A network of its own, that follows the trained one: a = d a + (1 - d) p after every step.

    The decay d begins low, (1 + step) / (10 + step), so that the first weights are soon forgotten [D].
    """

    def __init__(self, model: KnowledgeClip, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: KnowledgeClip, step: int) -> None:
        """Takes in the parameters after `step`, which counts from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
