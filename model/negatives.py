"""Corrupted triples: a head or a tail replaced so that the projection does not hold what results."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

from model.batch import Negatives
from model.derived import Arrays, derived
from model.permutation import Purpose, uniform
from model.training_edges import TrainingEdges

#: Replacements that turned out true are drawn anew so many times; then what is false is counted out.
_TRIES = 8


class Corruption:
    """Draws `count` false heads and `count` false tails of each triple, evenly from all that are false.

    False is what the projection does not hold, in whatever split. With `typed` a head comes from the heads that its
    relation has among the triples for training, a tail from the tails. -1 stands where nothing false is left.
    """

    def __init__(self, edges: TrainingEdges, count: int, typed: bool) -> None:
        self._projection, self._count = edges.projection, count
        self._typed = derived(edges.projection, "ends", lambda: _ends(edges)) if typed else None

    def draw(
        self,
        head: Int64[np.ndarray, " b"],
        relation: Int64[np.ndarray, " b"],
        tail: Int64[np.ndarray, " b"],
        key: tuple[int, ...],
    ) -> Negatives:
        return Negatives(
            self._replaced("head", relation, tail, (Purpose.HEAD, *key)),
            self._replaced("tail", relation, head, (Purpose.TAIL, *key)),
        )

    def _replaced(
        self, side: str, relation: Int64[np.ndarray, " b"], other: Int64[np.ndarray, " b"], key: tuple[int, ...]
    ) -> Int64[np.ndarray, "b k"]:
        """Entities that, as heads or tails, stand in no such relation to the other end."""
        found = np.full((len(relation), self._count), -1, np.int64)
        open_ = np.arange(found.size)
        for attempt in range(_TRIES):
            row = open_ // max(self._count, 1)
            drawn = self._candidates(side, relation[row], uniform(*key, attempt, open_))
            true = self._is_true(side, drawn, relation[row], other[row])
            found.flat[open_[~true]] = drawn[~true]
            open_ = open_[true]
            if not len(open_):
                return found
        for row in np.unique(open_ // self._count):
            candidates = self._all(side, int(relation[row]))
            one = slice(row, row + 1)
            false = candidates[~self._is_true(side, candidates, relation[one], other[one])]
            mine = open_[open_ // self._count == row]
            if len(false):
                found.flat[mine] = false[(uniform(*key, _TRIES, mine) * len(false)).astype(np.int64)]
        return found

    def _candidates(self, side: str, relation: np.ndarray, chance: np.ndarray) -> Int64[np.ndarray, " c"]:
        if self._typed is None:
            return (chance * self._projection.entity_count).astype(np.int64)
        first = self._typed[f"{side}_first"]
        place = first[relation] + (chance * (first[relation + 1] - first[relation])).astype(np.int64)
        return self._typed[side][place].astype(np.int64)

    def _all(self, side: str, relation: int) -> Int64[np.ndarray, " c"]:
        if self._typed is None:
            return np.arange(self._projection.entity_count)
        first = self._typed[f"{side}_first"]
        return self._typed[side][first[relation] : first[relation + 1]].astype(np.int64)

    def _is_true(self, side: str, drawn: np.ndarray, relation: np.ndarray, other: np.ndarray) -> Bool[np.ndarray, " c"]:
        head, tail = (drawn, other) if side == "head" else (other, drawn)
        return self._projection.contains(head, relation, tail)


def _ends(edges: TrainingEdges) -> Arrays:
    """The distinct heads of each relation in a row, those of relation r from `head_first[r]` on; and the tails."""
    arrays: dict[str, np.ndarray] = {}
    entities, relations = edges.projection.entity_count, np.arange(len(edges.types) + 1)
    for side, ends in (("head", edges.head), ("tail", edges.tail)):
        packed = np.unique(edges.relation.astype(np.int64) * entities + ends)
        arrays[side] = (packed % entities).astype(np.int32)
        arrays[f"{side}_first"] = np.searchsorted(packed, relations * entities)
    return arrays
