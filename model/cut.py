"""A drawn batch cut into parts, for several processes or several passes, before pictures are read.

Every process draws the same sample and makes only its parts of it. Parts follow one another: put together in their
order they are the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int64

from model.batch import Neighbourhood, Part, TripleSample


@dataclass(frozen=True)
class Cut:
    """Which parts of every batch are made here: `passes` after one another, by process `rank` of `processes`.

    `hops` are the layers of the graph network: how far a part's neighbourhood has to reach. None: as far as was drawn.
    """

    rank: int = 0
    processes: int = 1
    passes: int = 1
    hops: int | None = None

    def parts(self, sample: TripleSample) -> list[Part]:
        """The parts of this process, of about equal numbers of triples."""
        bounds = np.arange(self.processes * self.passes + 1) * len(sample.head) // (self.processes * self.passes)
        mine = bounds[self.rank * self.passes : (self.rank + 1) * self.passes + 1]
        return [part_of(sample, int(first), int(end), self.hops) for first, end in pairwise(mine)]


def part_of(sample: TripleSample, first: int, end: int, hops: int | None = None) -> Part:
    """Triples `first` to `end` of a sample, and the edges that reach their tails within `hops`.

    A tail that stands in several triples is the seed of the part in which it stands first.
    """
    edges = sample.neighbourhood
    distinct, at = np.unique(sample.tail, return_index=True)
    seeds = distinct[(at >= first) & (at < end) & np.isin(distinct, edges.tail)]
    kept = _reaching(edges, seeds, hops)
    return Part(
        sample,
        np.arange(first, end),
        seeds,
        Neighbourhood(edges.head[kept], edges.relation[kept], edges.tail[kept]),
    )


def _reaching(edges: Neighbourhood, seeds: Int64[np.ndarray, " k"], hops: int | None) -> Bool[np.ndarray, " e"]:
    """Which edges lie on a way of at most `hops` edges to one of the seeds."""
    kept = np.zeros(len(edges.tail), bool)
    met = seeds
    while hops is None or hops > 0:
        more = np.isin(edges.tail, met) & ~kept
        if not more.any():
            break
        kept |= more
        met = np.unique(edges.head[more])
        hops = None if hops is None else hops - 1
    return kept
