"""What counts must not exceed, for tests of draws."""

from __future__ import annotations

import numpy as np


def critical(freedom: int) -> float:
    """What chi-square exceeds once in a thousand (Wilson and Hilferty's approximation)."""
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + 3.0902 * spread**0.5) ** 3)


def inclusion_statistic(counts: np.ndarray, draws: int, fanout: int) -> float:
    """Chi-square, of one degree of freedom less than there are edges, of how often each of an entity's edges was drawn.

    With the correction for drawing without replacement: counts of one draw are negatively correlated.
    """
    size, chance = len(counts), fanout / len(counts)
    spread = ((counts - draws * chance) ** 2).sum() / (draws * chance * (1 - chance))
    return float(spread * (size - 1) / size)
