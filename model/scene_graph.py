"""What a graph tells of the things in a picture: which picture they are in, what they are called, how they are."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from kgstore.projection import Projection
from kgstore.values import KINDS
from model.held_out import relation_numbers

IN_PICTURE, CALLED, ATTRIBUTES = "PART_OF", ("DEPICTS", "IS_A"), ("HAS_ATTRIBUTE", "HAS_COLOUR")


class SceneGraph:
    """The regions of a graph, by entity number."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        self._part_of = self._numbers((IN_PICTURE,))
        self._called = [self._numbers((type_,)) for type_ in CALLED]
        self._attributes = self._numbers(ATTRIBUTES)
        self.regions = np.flatnonzero(projection.kinds == KINDS.index("region"))
        self.names = lru_cache(maxsize=None)(self._names)
        self.attributes = lru_cache(maxsize=None)(self._of_attributes)

    def between_regions(self, edges: Int64[np.ndarray, " e"]) -> Int64[np.ndarray, " k"]:
        """Those edges that relate two regions."""
        region = KINDS.index("region")
        kinds = self.projection.kinds
        both = (kinds[self.projection.head[edges]] == region) & (kinds[self.projection.tail[edges]] == region)
        return edges[both]

    def picture(self, region: int) -> int:
        """The picture that a region is part of; -1 for none."""
        return next(iter(self._tails(region, self._part_of)), -1)

    def _names(self, region: int) -> tuple[str, ...]:
        """What it depicts, else which class it is of; empty if the graph does not say."""
        for relations in self._called:
            if tails := self._tails(region, relations):
                return tuple(self.projection.name(tail) for tail in tails)
        return ()

    def _of_attributes(self, region: int) -> tuple[str, ...]:
        return tuple(self.projection.name(tail) for tail in self._tails(region, self._attributes))

    def _numbers(self, types: tuple[str, ...]) -> Int64[np.ndarray, " r"]:
        return np.array([number for type_ in types for number in relation_numbers(self.projection, type_)], np.int64)

    def _tails(self, entity: int, relations: Int64[np.ndarray, " r"]) -> list[int]:
        start, end = self.projection.out_offsets[entity], self.projection.out_offsets[entity + 1]
        edges = self.projection.out_edges[start:end]
        return self.projection.tail[edges[np.isin(self.projection.relation[edges], relations)]].tolist()
