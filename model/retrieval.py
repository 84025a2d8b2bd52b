"""Image-text retrieval: R@k in both directions, several captions for a picture and pictures for a caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64

RECALL_AT = (1, 5, 10)

#: Kinds of what a picture's IMAGE_OF leads to when it is a caption; a concept is a class (see model/zero_shot.py).
CAPTIONS = ("caption", "phrase")


def best_true_ranks(
    similarity: Float[np.ndarray, "query candidate"],
    true_query: Int64[np.ndarray, " true"],
    true_candidate: Int64[np.ndarray, " true"],
) -> Float[np.ndarray, " query"]:
    """For each query the rank of its best true candidate among the false ones, realistic under ties (see ranking.py).

    The pairs (true_query[j], true_candidate[j]) may repeat. A query without any true candidate has rank inf.
    """
    similarity = np.where(np.isnan(similarity), -np.inf, similarity)
    true = np.zeros(similarity.shape, dtype=bool)
    true[true_query, true_candidate] = True
    best = np.where(true, similarity, -np.inf).max(axis=1, initial=-np.inf)[:, None]
    above = ((similarity > best) & ~true).sum(axis=1)
    level = ((similarity == best) & ~true).sum(axis=1)
    return np.where(true.any(axis=1), 1.0 + above + level / 2.0, np.inf)


def recall(
    similarity: Float[np.ndarray, "image text"],
    true_image: Int64[np.ndarray, " true"],
    true_text: Int64[np.ndarray, " true"],
    at: Sequence[int] = RECALL_AT,
) -> dict[str, float]:
    """Text retrieval (a picture asks for its captions) and image retrieval (a caption asks for its pictures), R@k.

    Queries without a true candidate are no queries.
    """
    directions = {
        "text": best_true_ranks(similarity, true_image, true_text),
        "image": best_true_ranks(similarity.T, true_text, true_image),
    }
    return {
        f"{name}_retrieval_r@{k}": float(np.mean(ranks[np.isfinite(ranks)] <= k))
        for name, ranks in directions.items()
        for k in at
        if np.isfinite(ranks).any()
    }


def average_precision(
    similarity: Float[np.ndarray, "query candidate"],
    true_query: Int64[np.ndarray, " true"],
    true_candidate: Int64[np.ndarray, " true"],
) -> float:
    """Mean over queries of the precision at each true candidate (mAP); tied candidates share their mean place.

    Queries without a true candidate are no queries; without any query it is NaN.
    """
    values = []
    for query in np.unique(true_query):
        wanted = np.unique(true_candidate[true_query == query])
        scores = similarity[query, wanted]
        values.append(float(np.mean(_place(scores, scores) / _place(scores, similarity[query]))))
    return float(np.mean(values)) if values else float("nan")


def chance_precision(truth: Bool[np.ndarray, "query candidate"]) -> float:
    """What `average_precision` of random scores is, on average.

    The candidate at place k, if it is true, has (R - 1) (k - 1) / (N - 1) other true ones above it, of R among N.
    """
    places = 1 / np.arange(1, truth.shape[1] + 1)
    others = (truth.sum(axis=1) - 1) / max(truth.shape[1] - 1, 1)
    return float(np.mean(places.mean() + others * (1 - places.mean())))


def _place(scores: Float[np.ndarray, " k"], among: Float[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """The place of each score among these, of which it is one, from 1; those that are level share their mean place."""
    ordered = np.sort(among)
    below, not_above = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return len(ordered) - not_above + (not_above - below + 1) / 2
