"""Batches of triples and the incoming neighbourhoods of their tails, drawn from a projection.

A batch is a pure function of (seed, step): any number of workers, or a run that goes on after a stop, gets the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from kgstore.errors import KgError
from kgstore.projection import Projection
from kgstore.values import SPLITS
from model.batch import Neighbourhood, TripleSample
from model.permutation import permuted

#: The relation of a picture to its caption.
IMAGE_OF = "IMAGE_OF"

_TRAIN = SPLITS.index("train")


class BadSampling(KgError, ValueError):
    """A way of sampling that the projection cannot serve."""


class Sampler:
    """Draws training batches.

    `shares` gives a relation type its part of each batch, {"IMAGE_OF": 0.5}; the rest is drawn evenly from all other
    triples, and from all triples if `shares` is empty. Within an epoch (a pass over such a group) no triple comes
    twice. A share of IMAGE_OF goes through the pictures and takes one caption of each, so that a batch shows no
    picture twice.

    `fanout` bounds the incoming edges drawn per entity, hop by hop; an entity is expanded once, at the hop where it
    is first met. Triples held out of training are in no batch and in no neighbourhood, whatever the projection holds.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        batch_size: int,
        shares: Mapping[str, float] | None = None,
        fanout: Sequence[int] = (4, 4),
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise BadSampling(f"batch_size {batch_size} draws nothing; give 1 or more.")
        if any(count < 1 for count in fanout):
            raise BadSampling(f"fanout {tuple(fanout)} has a hop of less than 1; leave the hop out instead.")
        self.projection = projection
        self.batch_size = batch_size
        self.fanout = tuple(fanout)
        self.seed = seed
        self._edges = _TrainingEdges(projection)
        self._groups = _groups(projection, self._edges, shares or {}, batch_size)

    def sample(self, step: int) -> TripleSample:
        """The batch of one step; entities and relations in the projection's numbers."""
        drawn = [group.draw(self.seed, number, step) for number, group in enumerate(self._groups)]
        edges = np.concatenate(drawn)
        edges = edges[np.random.default_rng((self.seed, step, 0)).permutation(len(edges))]
        head, relation, tail = self._edges.triples(edges)
        seeds = np.unique(tail)
        excluded = self._edges.with_inverses(edges, head, tail)
        return TripleSample(step, head, relation, tail, self.neighbourhood(seeds, excluded, (self.seed, step)))

    def neighbourhood(
        self, seeds: Int64[np.ndarray, " k"], excluded: Int64[np.ndarray, " x"], key: tuple[int, ...]
    ) -> Neighbourhood:
        """The incoming edges of distinct `seeds`, hop by hop, without the training edges `excluded` (ascending)."""
        hops: list[np.ndarray] = []
        met = frontier = seeds
        for hop, fanout in enumerate(self.fanout, start=1):
            rng = np.random.default_rng((*key, hop))
            hops.append(draw_incoming(self._edges.offsets, frontier, fanout, excluded, rng))
            if hop < len(self.fanout):
                heads = np.unique(self._edges.head[hops[-1]])
                frontier = heads[~_contained(heads, met)].astype(np.int64)
                met = np.sort(np.concatenate([met, frontier]), kind="stable")
        return Neighbourhood(*self._edges.triples(np.concatenate(hops) if hops else np.empty(0, np.int64)))


def draw_incoming(
    offsets: Int64[np.ndarray, " n_1"],
    entities: Int64[np.ndarray, " k"],
    fanout: int,
    excluded: Int64[np.ndarray, " x"],
    rng: np.random.Generator,
) -> Int64[np.ndarray, " e"]:
    """At most `fanout` incoming edges of each entity: every set of that many is equally likely, no edge comes twice.

    Edges of an entity are numbered `offsets[n]` to `offsets[n + 1]`; `excluded` edges (ascending) are never drawn.
    Ranks among the edges that remain are drawn first, all of them or a sample by Floyd's algorithm; then each is moved
    past the excluded edges before it. Cost: edges drawn, plus fanout squared per entity of higher degree.
    """
    start = offsets[entities]
    before = np.searchsorted(excluded, start)  # excluded edges of all earlier entities
    free = offsets[entities + 1] - start - (np.searchsorted(excluded, offsets[entities + 1]) - before)
    few, many = np.flatnonzero(free <= fanout), np.flatnonzero(free > fanout)
    owner = np.concatenate([np.repeat(few, free[few]), np.repeat(many, fanout)])
    ranks = np.concatenate([_ranges(free[few]), _floyd(free[many], fanout, rng).ravel()])
    edges: Int64[np.ndarray, " e"] = start[owner] + ranks
    if len(excluded):
        # The i-th excluded edge x has x - i free edges before it: it stands before rank k of its entity's free ones
        # if it is not more than that many edges away.
        passed = np.searchsorted(excluded - np.arange(len(excluded)), edges - before[owner], side="right")
        edges = edges + passed - before[owner]
    return edges


def _floyd(sizes: Int64[np.ndarray, " k"], count: int, rng: np.random.Generator) -> Int64[np.ndarray, "k c"]:
    """`count` distinct numbers below each size (each larger than `count`), every set equally likely (Floyd 1987)."""
    picks = np.empty((count if len(sizes) else 0, len(sizes)), np.int64)
    for turn in range(len(picks)):
        last = sizes - count + turn
        pick = (rng.random(len(sizes)) * (last + 1)).astype(np.int64)
        taken = (picks[:turn] == pick).any(axis=0)
        picks[turn] = np.where(taken, last, pick)
    return picks.T


def _ranges(lengths: Int64[np.ndarray, " k"]) -> Int64[np.ndarray, " e"]:
    """0, 1, ... up to each length, one range after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _contained(numbers: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    if not len(ascending):
        return np.zeros(len(numbers), bool)
    return ascending[np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)] == numbers


class _TrainingEdges:
    """The projection's edges without those held out: its own mapped arrays if all are for training, else a copy.

    Edges keep the projection's order, so incoming edges of an entity are a range, as are those of one (head, tail).
    """

    def __init__(self, projection: Projection) -> None:
        kept = np.flatnonzero(projection.split == _TRAIN)
        if not len(kept):
            raise BadSampling("The projection holds no triple for training; project a recipe whose splits say train.")
        self.head: np.ndarray = projection.head
        self.relation: np.ndarray = projection.relation
        self.tail: np.ndarray = projection.tail
        self.keys: np.ndarray = projection.keys
        self.offsets: np.ndarray = projection.in_offsets
        self._projection = projection
        if len(kept) < projection.edge_count:
            self.head, self.relation, self.tail = self.head[kept], self.relation[kept], self.tail[kept]
            self.keys = self.keys[kept]
            self.offsets = np.searchsorted(kept, projection.in_offsets)

    def __len__(self) -> int:
        return len(self.keys)

    def triples(self, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return tuple(array[edges].astype(np.int64) for array in (self.head, self.relation, self.tail))

    def with_inverses(self, edges: np.ndarray, head: np.ndarray, tail: np.ndarray) -> Int64[np.ndarray, " x"]:
        """These edges and all that run from their tails to their heads, of whatever type, ascending and once each."""
        lowest = self._projection.packed(tail, 0, head)
        start = np.searchsorted(self.keys, lowest)
        lengths = np.searchsorted(self.keys, lowest + len(self._projection.relations)) - start
        inverses = np.repeat(start, lengths) + _ranges(lengths)
        return np.unique(np.concatenate([edges, inverses]))


class _Triples:
    """A group of triples of which each batch takes the same number, without repeats within an epoch."""

    def __init__(self, edges: np.ndarray | None, size: int, count: int) -> None:
        self.edges, self.size, self.count = edges, size, count

    def draw(self, seed: int, number: int, step: int) -> Int64[np.ndarray, " c"]:
        places = _places(self.size, self.count, (seed, number), step)
        return places if self.edges is None else self.edges[places]


class _Pictures:
    """A group of image-text triples, drawn by picture: each picture once in an epoch, with any one of its captions."""

    def __init__(self, edges: np.ndarray, pictures: np.ndarray, count: int) -> None:
        order = np.argsort(pictures, kind="stable")
        _, self.start, self.captions = np.unique(pictures[order], return_index=True, return_counts=True)
        self.edges, self.count = edges[order], count

    def draw(self, seed: int, number: int, step: int) -> Int64[np.ndarray, " c"]:
        places = _places(len(self.start), self.count, (seed, number), step)
        which = np.random.default_rng((seed, step, 0, number)).random(self.count) * self.captions[places]
        return self.edges[self.start[places] + which.astype(np.int64)]


def _places(size: int, count: int, key: tuple[int, ...], step: int) -> Int64[np.ndarray, " c"]:
    """`count` places below `size`. Steps walk through a new permutation per epoch and leave out what fills no batch."""
    if count > size:  # a group smaller than its part of one batch: as many passes as that takes
        turns = step * count + np.arange(count)
        return np.concatenate(
            [
                permuted(turns[turns // size == epoch] % size, size, (*key, int(epoch)))
                for epoch in np.unique(turns // size)
            ]
        )
    epoch, turn = divmod(step, size // count)
    return permuted(turn * count + np.arange(count), size, (*key, epoch))


def _groups(
    projection: Projection, edges: _TrainingEdges, shares: Mapping[str, float], batch_size: int
) -> list[_Triples | _Pictures]:
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise BadSampling(f"shares {dict(shares)} must be 0 or more each and 1 or less together.")
    types = np.array([relation.type for relation in projection.relations])
    groups: list[_Triples | _Pictures] = []
    for type_, count in _counts(shares, batch_size).items():
        members = np.flatnonzero(np.isin(edges.relation, np.flatnonzero(types == type_)))
        if not len(members):
            raise BadSampling(
                f"shares asks for {type_}, of which the projection has no triple; name some of {', '.join(types)}."
            )
        if count and type_ == IMAGE_OF:
            groups.append(_Pictures(members, edges.head[members], count))
        elif count:
            groups.append(_Triples(members, len(members), count))
    rest = batch_size - sum(group.count for group in groups)
    if rest and shares:
        others = np.flatnonzero(~np.isin(edges.relation, np.flatnonzero(np.isin(types, list(shares)))))
        if not len(others):
            raise BadSampling(
                f"shares {dict(shares)} leave a rest, but the projection has no other triples; make it 1."
            )
        groups.append(_Triples(others, len(others), rest))
    elif rest:
        groups.append(_Triples(None, len(edges), rest))
    return groups


def _counts(shares: Mapping[str, float], batch_size: int) -> dict[str, int]:
    """Whole numbers of triples by type, rounded so that together they keep to the sum of the shares."""
    ends = np.rint(np.cumsum([0.0, *shares.values()]) * batch_size).astype(int)
    return {type_: int(count) for type_, count in zip(shares, np.diff(ends), strict=True)}
