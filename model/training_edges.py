"""The edges of a projection that are for training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int64

from kgstore.errors import KgError
from kgstore.projection import Projection
from kgstore.values import SPLITS
from model.derived import Arrays, derived

_COPIED = ("head", "relation", "tail", "weight", "source", "keys")


class BadSampling(KgError, ValueError):
    """A way of sampling that the projection cannot serve."""


class TrainingEdges:
    """The projection's edges without those held out: its own mapped arrays if all are for training, else a copy.
    With another `split`, the edges of that one.

    Edges keep the projection's order, (tail, head, relation), so incoming edges of an entity are a range, as are those
    of one (head, tail).
    """

    head: np.ndarray  # int32 [e]
    relation: np.ndarray  # int32 [e]
    tail: np.ndarray  # int32 [e]
    weight: np.ndarray  # float32 [e]
    keys: np.ndarray  # int64 [e], ascending
    offsets: np.ndarray  # int64 [n + 1]
    source: np.ndarray  # uint16 [e], a number of the projection's sources

    def __init__(self, projection: Projection, split: str = "train") -> None:
        self.projection = projection
        self.types = np.array([relation.type for relation in projection.relations])
        arrays: Arrays = {name: getattr(projection, name) for name in _COPIED}
        self.offsets = projection.in_offsets
        wanted = SPLITS.index(split)
        if (projection.split != wanted).any():
            name = "training" if split == "train" else split
            arrays = derived(projection, name, lambda: _of_split(projection, arrays, wanted))
            self.offsets = arrays["offsets"]
        if not len(arrays["keys"]):
            for_what = "for training" if split == "train" else f"of the split {split}"
            raise BadSampling(f"The projection holds no triple {for_what}; project a recipe whose splits say {split}.")
        for name in _COPIED:
            setattr(self, name, arrays[name])

    def __len__(self) -> int:
        return len(self.keys)

    def triples(self, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return tuple(array[edges].astype(np.int64) for array in (self.head, self.relation, self.tail))

    def with_inverses(self, edges: np.ndarray, head: np.ndarray, tail: np.ndarray) -> Int64[np.ndarray, " x"]:
        """These edges and all that run from their tails to their heads, of whatever type, ascending and once each."""
        lowest = self.projection.packed(tail, 0, head)
        start = np.searchsorted(self.keys, lowest)
        lengths = np.searchsorted(self.keys, lowest + len(self.types)) - start
        inverses = np.repeat(start, lengths) + counted(lengths)
        return np.unique(np.concatenate([edges, inverses]))

    def of_types(self, types: Sequence[str]) -> np.ndarray:
        """Which edges have one of these relation types."""
        return np.isin(self.types, list(types))[self.relation]

    def of_source(self, name: str) -> np.ndarray:
        """Which edges that source asserts."""
        sources = list(self.projection.sources)
        if name not in sources:
            known = ", ".join(filter(None, sources)) or "no sources; a recipe tells them by a column `source`"
            raise BadSampling(f"source_shares asks for {name}, of which the projection has no triple; it has {known}.")
        return np.asarray(self.source == sources.index(name))


def check_weights(weight: np.ndarray, ends: Callable[[int], Sequence[str]]) -> None:
    """Raises BadSampling for a weight that cannot be a chance; `ends` tells the ids of an edge's ends."""
    bad = np.flatnonzero(~((weight >= 0) & (weight < np.inf)))
    if len(bad):
        head, tail = ends(int(bad[0]))
        raise BadSampling(
            f"{len(bad):,} triples have a weight that is negative or no number, such as {weight[bad[0]]} from {head} "
            f"to {tail}; filter them in the recipe (WHERE r.weight >= 0), or draw evenly."
        )


def counted(lengths: Int64[np.ndarray, " k"]) -> Int64[np.ndarray, " e"]:
    """0, 1, ... up to each length, one range after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _of_split(projection: Projection, arrays: Arrays, split: int) -> Arrays:
    kept = np.flatnonzero(projection.split == split)
    offsets = np.searchsorted(kept, projection.in_offsets).astype(np.int64)
    return {**{name: array[kept] for name, array in arrays.items()}, "offsets": offsets}
