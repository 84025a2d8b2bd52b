"""The parts of a batch of triples: what each is drawn from, and how many of it there are."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from model.composed import OF_PICTURES, OF_TRIPLES, Grouping, groups_of
from model.derived import derived
from model.permutation import Purpose, permuted, uniform
from model.training_edges import BadSampling, TrainingEdges

#: The relation of a picture to its caption.
IMAGE_OF = "IMAGE_OF"

#: What kinds of groups of pictures are made of.
NEEDED = {
    "pictures": "scene graphs",
    "mentions": "captions that mention concepts (python -m ingest link --mentions)",
    "classes": "pictures that are IMAGE_OF concepts with hypernyms (python -m ingest wordnet-images)",
}


class Drawn(NamedTuple):
    """Edges of a batch, and of each the fact by which its group was composed, -1 for those of no group."""

    edges: Int64[np.ndarray, " c"]
    fact: Int64[np.ndarray, " c"]


class Triples:
    """A part that is drawn by triple."""

    kinds = OF_TRIPLES

    def __init__(self, edges: TrainingEdges, members: Int64[np.ndarray, " k"] | None, label: str) -> None:
        self.all, self.members, self.label = edges, members, label
        self.size = len(edges) if members is None else len(members)

    def items(self) -> Int64[np.ndarray, " k"]:
        """What the kinds of groups look at: edges."""
        return np.arange(self.size) if self.members is None else self.members

    def edges(self, items: Int64[np.ndarray, " c"], key: tuple[int, ...]) -> Int64[np.ndarray, " c"]:
        return items if self.members is None else self.members[items]


class Pictures:
    """A part that is drawn by picture, each with any one of its captions."""

    kinds = OF_PICTURES

    def __init__(self, edges: TrainingEdges, members: Int64[np.ndarray, " k"], label: str) -> None:
        order = np.argsort(edges.head[members], kind="stable")
        self.members, self.label = members[order], label
        self.pictures, self.start, self.captions = np.unique(
            edges.head[self.members], return_index=True, return_counts=True
        )
        self.size = len(self.pictures)

    def items(self) -> Int64[np.ndarray, " k"]:
        """What the kinds of groups look at: entities."""
        return self.pictures.astype(np.int64)

    def edges(self, items: Int64[np.ndarray, " c"], key: tuple[int, ...]) -> Int64[np.ndarray, " c"]:
        which = uniform(Purpose.CAPTION, *key, items) * self.captions[items]
        return self.members[self.start[items] + which.astype(np.int64)]


class Part:
    """`count` samples of each batch. Of them `composed` says how many come in groups of which kind; no item comes twice
    in a batch unless there are too few, nor in an epoch of what is drawn evenly."""

    def __init__(self, pool: Triples | Pictures, count: int, composed: Mapping[str, tuple[Grouping, int]]) -> None:
        self.pool, self.count, self.composed = pool, count, composed
        self.evenly = count - sum(share for _, share in composed.values())

    def draw(self, seed: int, number: int, step: int) -> Drawn:
        key = (seed, number)
        grouped = [self._grouped(kind, step, (*key, place)) for place, kind in enumerate(self.composed)]
        items = np.concatenate([np.empty(0, np.int64), *(items for items, _ in grouped)])
        fact = np.concatenate([np.empty(0, np.int64), *(fact for _, fact in grouped)])
        if self.composed:
            _, first = np.unique(items, return_index=True)  # a picture may be in several groups
            items, fact = items[np.sort(first)], fact[np.sort(first)]
        even = places(self.pool.size, self.evenly, (Purpose.EPOCH, *key), step) if self.evenly else items[:0]
        if self.composed:
            even = self._without(even, items, (*key, step))
        items = np.concatenate([items, even])
        return Drawn(self.pool.edges(items, (*key, step)), np.concatenate([fact, np.full(len(even), -1)]))

    def _grouped(self, kind: str, step: int, key: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        grouping, share = self.composed[kind]
        groups = max(round(share / grouping.mean_length), 1)
        epoch = step // max(len(grouping) // groups, 1)
        chosen = places(len(grouping), groups, (Purpose.GROUP, *key), step)
        whole = max(int((np.cumsum(grouping.length[chosen]) <= share).sum()), 1)  # groups that are not cut
        items, fact = (column[:share] for column in grouping.members(chosen[:whole], (*key, epoch)))
        return items, fact if kind in OF_PICTURES else np.full(len(fact), -1)

    def _without(self, even: np.ndarray, taken: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        """What is drawn evenly, made as many as the batch lacks and without what the groups hold already."""
        lacking = self.count - len(taken)
        some = np.arange(min(self.pool.size, 2 * self.count))
        more = permuted(some, self.pool.size, (Purpose.EXTRA, *key))
        offered = np.concatenate([even, more])
        _, first = np.unique(offered, return_index=True)
        offered = offered[np.sort(first)]
        return np.resize(np.concatenate([offered[~np.isin(offered, taken)], offered]), lacking)


def places(size: int, count: int, key: tuple[int, ...], step: int) -> Int64[np.ndarray, " c"]:
    """`count` places below `size`. Steps walk through a new permutation per epoch and leave out what fills no batch."""
    if count > size:  # a part smaller than what one batch takes of it: as many passes as that takes
        turns = step * count + np.arange(count)
        return permuted(turns % size, size, (*key, turns // size))
    epoch, turn = divmod(step, size // count)
    return permuted(turn * count + np.arange(count), size, (*key, epoch))


def parts_of(
    edges: TrainingEdges,
    batch_size: int,
    shares: Mapping[str, float],
    source_shares: Mapping[str, float],
    compose: Mapping[str, float],
    group_size: int,
) -> list[Part]:
    """A part for each relation type of `shares`, one for each source of `source_shares`, and one for all the rest."""
    for name, given in (("shares", shares), ("source_shares", source_shares)):
        if any(share < 0 for share in given.values()):
            raise BadSampling(f"{name} {dict(given)} must be 0 or more each and 1 or less together.")
    if sum(shares.values()) + sum(source_shares.values()) > 1 + 1e-9:
        named = " and ".join(f"{dict(given)}" for given in (shares, source_shares) if given)
        raise BadSampling(f"shares {named} must be 0 or more each and 1 or less together.")
    counts = _counts([*shares.values(), *source_shares.values()], batch_size)
    pools = _pools(edges, shares, source_shares, counts, batch_size)
    grouped = _groupings(edges, [pool for pool, _ in pools], compose, group_size)
    return [
        Part(pool, count, _composed(groupings, compose, count))
        for (pool, count), groupings in zip(pools, grouped, strict=True)
    ]


def _pools(
    edges: TrainingEdges,
    shares: Mapping[str, float],
    source_shares: Mapping[str, float],
    counts: list[int],
    batch_size: int,
) -> list[tuple[Triples | Pictures, int]]:
    pools: list[tuple[Triples | Pictures, int]] = []
    rest = None  # which edges belong to no share; None: all
    for type_, count in zip(shares, counts, strict=False):
        mine = edges.of_types([type_])
        if not mine.any():
            raise BadSampling(
                f"shares asks for {type_}, of which the projection has no triple; "
                f"name some of {', '.join(edges.types)}."
            )
        rest = ~mine if rest is None else rest & ~mine
        if count:
            kind = Pictures if type_ == IMAGE_OF else Triples
            pools.append((kind(edges, np.flatnonzero(mine), type_), count))
    typed = rest
    for source, count in zip(source_shares, counts[len(shares) :], strict=True):
        of_source = edges.of_source(source)
        rest = ~of_source if rest is None else rest & ~of_source
        mine = of_source if typed is None else of_source & typed
        if not mine.any():
            raise BadSampling(f"source_shares asks for {source}, all of whose triples are of types in shares.")
        if count:
            pools.append((Triples(edges, np.flatnonzero(mine), f"{source} {sorted(shares)}"), count))
    left = batch_size - sum(counts)
    if left and rest is not None and not rest.any():
        raise BadSampling(
            f"shares {dict(shares) | dict(source_shares)} leave a rest, but the projection has no other triples; "
            "make it 1."
        )
    if left:
        members = None if rest is None else np.flatnonzero(rest)
        pools.append((Triples(edges, members, f"rest {sorted(shares)} {sorted(source_shares)}"), left))
    return pools


def _groupings(
    edges: TrainingEdges, pools: list[Triples | Pictures], compose: Mapping[str, float], group_size: int
) -> list[dict[str, Grouping]]:
    """Of each pool its groupings by kind. Raises BadSampling for a kind of which none has any group."""
    known = [*OF_PICTURES, *OF_TRIPLES]
    for kind, share in compose.items():
        if kind not in known:
            raise BadSampling(f"compose asks for {kind}, which is no kind of group; known are {', '.join(known)}.")
        if not 0 <= share <= 1:
            raise BadSampling(f"compose {dict(compose)} must be 0 or more each and 1 or less together.")
    for of in (OF_PICTURES, OF_TRIPLES):
        if sum(share for kind, share in compose.items() if kind in of) > 1 + 1e-9:
            raise BadSampling(f"compose {dict(compose)} must be 0 or more each and 1 or less together.")
    if group_size < 2:
        raise BadSampling(f"group_size {group_size} groups nothing; give 2 or more.")
    found: list[dict[str, Grouping]] = []
    for pool in pools:
        mine = {kind: _grouping(edges, pool, kind, group_size) for kind in compose if kind in pool.kinds}
        found.append({kind: grouping for kind, grouping in mine.items() if len(grouping)})
    for kind in compose:
        if not any(kind in groupings for groupings in found):
            need = (
                f"{NEEDED[kind]}, and a part of the batch for IMAGE_OF in shares"
                if kind in OF_PICTURES
                else "other triples"
            )
            raise BadSampling(f"compose asks for {kind}, by which nothing here can be grouped; it needs {need}.")
    return found


def _grouping(edges: TrainingEdges, pool: Triples | Pictures, kind: str, group_size: int) -> Grouping:
    name = f"groups-{kind}-{group_size}-{zlib.crc32(pool.label.encode()):08x}"
    return Grouping(
        derived(edges.projection, name, lambda: groups_of(pool.kinds[kind](edges, pool.items()), group_size))
    )


def _composed(
    groupings: Mapping[str, Grouping], compose: Mapping[str, float], count: int
) -> dict[str, tuple[Grouping, int]]:
    counts = _counts([compose[kind] for kind in groupings], count)
    return {kind: (groupings[kind], share) for kind, share in zip(groupings, counts, strict=True) if share > 1}


def _counts(shares: list[float], total: int) -> list[int]:
    """Whole numbers, rounded so that together they keep to the sum of the shares."""
    ends = np.rint(np.cumsum([0.0, *shares]) * total).astype(int)
    return [int(count) for count in np.diff(ends)]
