"""What counting alone gets: a majority baseline that ignores the question, and a frequency one that reads it.

Both answer like a run: tails, heads and relations, as scores over all candidates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, UInt8


class Facts(NamedTuple):
    """The triples a baseline learns from, by the numbers of a projection of n entities and r relations."""

    head: Int64[np.ndarray, " e"]
    relation: Int64[np.ndarray, " e"]
    tail: Int64[np.ndarray, " e"]
    kinds: UInt8[np.ndarray, " n"]
    relations: int


class Majority:
    """Always the entity that is a tail (a head) most often, whatever the relation; always the commonest relation."""

    def __init__(self, facts: Facts) -> None:
        count = len(facts.kinds)
        self._tails = np.bincount(facts.tail, minlength=count).astype(np.float64)
        self._heads = np.bincount(facts.head, minlength=count).astype(np.float64)
        self._relations = np.bincount(facts.relation, minlength=facts.relations).astype(np.float64)

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """How often each entity is a tail."""
        return np.tile(self._tails, (len(heads), 1))

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """How often each entity is a head."""
        return np.tile(self._heads, (len(tails), 1))

    def relations(self, heads: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b r"]:
        """How often each relation occurs."""
        return np.tile(self._relations, (len(heads), 1))


class Frequency:
    """The entity that is the relation's tail (head) most often; relations by naive Bayes from the two ends.

    An end that training does not know counts by its kind: a new picture stands in the relations that pictures stand in.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._of_head = _Ends(facts.head, facts)
        self._of_tail = _Ends(facts.tail, facts)
        self._prior = np.bincount(facts.relation, minlength=facts.relations) + 1e-9  # no logarithm of zero

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """How often each entity is a tail of the relation."""
        return self._counts(self._facts.tail, relations)

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """How often each entity is a head of the relation."""
        return self._counts(self._facts.head, relations)

    def relations(self, heads: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b r"]:
        """log p(r) + log p(h|r) + log p(t|r), as if every entity had been an end of every relation once more."""
        ends = np.log(self._of_head.counts(heads) + 1) + np.log(self._of_tail.counts(tails) + 1)
        return np.log(self._prior) + ends - 2 * np.log(self._prior + len(self._facts.kinds))

    def _counts(
        self, entities: Int64[np.ndarray, " e"], relations: Int64[np.ndarray, " b"]
    ) -> Float[np.ndarray, "b n"]:
        scores = np.zeros((len(relations), len(self._facts.kinds)))
        for relation in np.unique(relations):
            own = entities[self._facts.relation == relation]
            scores[relations == relation] = np.bincount(own, minlength=scores.shape[1])
        return scores


class _Ends:
    """How often an entity, or a new one of its kind, is an end of each relation."""

    def __init__(self, entities: Int64[np.ndarray, " e"], facts: Facts) -> None:
        self._order = np.argsort(entities, kind="stable")
        self._sorted = entities[self._order]
        self._relation = facts.relation[self._order]
        self._kinds, self._relations = facts.kinds, facts.relations
        self._of_kind = np.zeros((int(facts.kinds.max(initial=0)) + 1, facts.relations))
        np.add.at(self._of_kind, (facts.kinds[entities], facts.relation), 1)

    def counts(self, entities: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b r"]:
        counts = np.zeros((len(entities), self._relations))
        starts, ends = np.searchsorted(self._sorted, entities), np.searchsorted(self._sorted, entities, "right")
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if start == end:
                counts[row] = self._of_kind[self._kinds[entities[row]]]
            else:
                np.add.at(counts[row], self._relation[start:end], 1)
        return counts
