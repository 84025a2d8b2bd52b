"""What the training benchmarks measure at."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Setting(NamedTuple):
    """`lengths`: how many tokens a text has, from and to, where texts are random."""

    towers: str
    context: int
    batch_size: int
    lengths: tuple[int, int]
    device: torch.device
    precision: str = "fp32"
    compiled: bool = False
