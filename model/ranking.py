"""Filtered ranking over all candidates: where does the true answer stand?

A rank here is the **realistic** one: the mean of the optimistic rank (ties go to the true answer) and the pessimistic
one (ties go against it), so that a model which scores everything alike stands in the middle and not at the top.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

HITS = (1, 3, 10)


def filtered_ranks(
    scores: Float[np.ndarray, "b n"],
    target: Int64[np.ndarray, " b"],
    known_row: Int64[np.ndarray, " k"],
    known_column: Int64[np.ndarray, " k"],
) -> Float[np.ndarray, " b"]:
    """The rank of candidate `target[i]` in row i, best is 1, where the other answers known to be true do not count.

    (known_row[j], known_column[j]) are the true answers, in any order and as often as they like; the target may be one
    of them. A score that is not a number stands last, never first.
    """
    rows = np.arange(len(target))
    scores = np.where(np.isnan(scores), -np.inf, scores)
    true_score = scores[rows, target][:, None]
    competes = np.ones(scores.shape, dtype=bool)
    competes[known_row, known_column] = False
    competes[rows, target] = False
    above = ((scores > true_score) & competes).sum(axis=1)
    level = ((scores == true_score) & competes).sum(axis=1)
    return np.asarray(1.0 + above + level / 2.0, dtype=np.float64)


def summary(ranks: Float[np.ndarray, " b"], hits: Sequence[int] = HITS) -> dict[str, float]:
    """Mean reciprocal rank, mean rank and the share of ranks within k, for at least one rank."""
    if not len(ranks):
        raise ValueError("A summary needs at least one rank.")
    measured = {"mrr": float(np.mean(1.0 / ranks)), "mean_rank": float(np.mean(ranks))}
    return measured | {f"hits@{k}": float(np.mean(ranks <= k)) for k in hits}


def top(scores: Float[np.ndarray, " n"], count: int) -> Int64[np.ndarray, " top"]:
    """The numbers of the best `count` candidates, best first, ties by number; -inf and NaN are no candidates."""
    usable = np.flatnonzero(scores > -np.inf)
    if 0 < count < len(usable):
        cut = np.partition(scores[usable], len(usable) - count)[len(usable) - count]
        usable = usable[scores[usable] >= cut]
    order = np.lexsort((usable, -scores[usable]))
    return usable[order][: max(count, 0)].astype(np.int64)
