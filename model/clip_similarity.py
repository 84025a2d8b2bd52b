"""What similarity alone gets: tails and heads by how like their descriptions are, to a run's towers.

The only answer a CLIP has to (h, r, -): it ignores the relation. [D] A question is the mean of the entity's
descriptions, a candidate its best one, and an entity does not answer to itself, which it would always do best.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from model.embeddings import unit
from model.predict import Predictor


class ClipSimilarity:
    """A run's towers as a LinkScorer."""

    def __init__(self, subject: Predictor) -> None:
        self.subject = subject

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Cosines with the heads."""
        return self._like(heads)

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Cosines with the tails."""
        return self._like(tails)

    def _like(self, entities: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        embeddings = self.subject.embeddings
        width = max(rows.pooled.shape[1] for rows in (embeddings.pictures, embeddings.texts))
        total = np.zeros((len(entities), width), np.float32)
        for rows in (embeddings.pictures, embeddings.texts):
            starts, ends = np.searchsorted(rows.owner, entities), np.searchsorted(rows.owner, entities, "right")
            for place in range(int((ends - starts).max(initial=0))):
                own = np.flatnonzero(starts + place < ends)
                total[own] += rows.pooled[starts[own] + place]
        scores = embeddings.scores(unit(total), "pooled")
        scores[np.arange(len(entities)), entities] = -np.inf
        return scores
