"""The optimizer and its learning rates, which are a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from model.config import BadConfig, TrainConfig
from model.knowledge_clip import KnowledgeClip

#: How the parameters of each part begin; "new" is all that does not begin with "towers.".
_PREFIXES = {
    "image": ("towers.clip.vision_model.", "towers.clip.visual_projection."),
    "text": ("towers.clip.text_model.", "towers.clip.text_projection."),
    "towers": ("towers.",),
    "new": (),
}


def rate_factor(step: int, steps: int, warmup: int, schedule: str = "cosine") -> float:
    """Linear warm-up, then one of config.SCHEDULES; `step` counts from 0. A warm-up is at most a fifth of a run."""
    warmup = min(warmup, steps // 5)
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
    if schedule == "stable":
        return min(1.0, (steps - step) / max(1, steps // 5))
    return 1.0


def freeze(model: KnowledgeClip, parts: Sequence[str]) -> None:
    """Leaves parts of FREEZABLE as they are. Raises BadConfig where that is everything."""
    for name, parameter in model.named_parameters():
        if any(name.startswith(prefix) for part in parts for prefix in _PREFIXES[part]) or (
            "new" in parts and not name.startswith("towers.")
        ):
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise BadConfig(f"--freeze {','.join(parts)} leaves nothing to train in this network; name fewer parts.")


def make_optimizer(model: KnowledgeClip, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW [D] with a rate for the towers, one for vectors of entities and one for what else is new; norms, biases and
    single vectors do not decay."""
    rates = {"towers": config.lr_towers, "vectors": config.lr_vectors}
    groups: dict[tuple[str, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        part = next((part for part in rates if name.startswith(f"{part}.")), "new")
        groups.setdefault((part, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": rates.get(part, config.lr_new),
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (part, decays), parameters in groups.items()
        ],
        fused=True,  # a fifth of the time of the others, on a CPU too: most parameters are the vocabulary's
    )


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int) -> float:
    """Sets the rates of a step; returns the highest."""
    factor = rate_factor(step, config.steps, config.warmup, config.schedule)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return max(group["lr"] for group in optimizer.param_groups)
