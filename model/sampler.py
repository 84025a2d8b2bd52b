"""Batches of triples and the incoming neighbourhoods of their tails, drawn from a projection.

A batch is a pure function of (seed, step): any number of workers, or a run that goes on after a stop, gets the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from kgstore.projection import Projection, open_projection
from model.batch import Neighbourhood, TripleSample
from model.derived import derived
from model.graph_batches import GraphBatches, graph_of, typed_graph_of
from model.negatives import Corruption
from model.neighbours import draw_by_weight, draw_evenly, looked_up, running_sums, unmet
from model.parts import IMAGE_OF, parts_of
from model.permutation import Purpose, mix, permuted
from model.training_edges import BadSampling, TrainingEdges, check_weights

__all__ = ["IMAGE_OF", "BadSampling", "GraphBatches", "Sampler", "graph_of", "typed_graph_of"]

_NONE = np.empty(0, np.int64)

#: From entities, a fan-out and a key to the heads, relations and tails of drawn edges.
Incoming = Callable[[np.ndarray, int, np.uint64], tuple[np.ndarray, np.ndarray, np.ndarray]]


class Sampler:
    """Draws training batches.

    `shares` gives a relation type its part of each batch, {"IMAGE_OF": 0.5}, and `source_shares` what a source
    asserts, of other types; the rest is drawn evenly from all other triples, and from all triples if there are no
    shares. Within an epoch (a pass over such a part) no triple comes twice. A share of IMAGE_OF goes through the
    pictures and takes one caption of each, so that a batch shows no picture twice.

    `compose` says how much of a part comes in groups of about `group_size` samples that the graph says are easily
    confused. Of the part of IMAGE_OF: "pictures", in which two things of the same looks stand in different relations.
    Of the other parts: "head", triples of one head; "relation", of one relation; "siblings", of one relation whose
    heads are of one class. The rest of a part is drawn evenly.

    `fanout` bounds the incoming edges drawn per entity, hop by hop; an entity is expanded once, at the hop where it
    is first met. With `by_weight` edges are drawn one after the other with chances in proportion to their weights,
    else evenly; without replacement either way. Triples held out of training are in no batch and in no neighbourhood,
    whatever the projection holds.

    `negatives` heads and as many tails are drawn of each triple that would make it false, with `typed_negatives` from
    the heads and tails that its relation has.

    A sampler may be used by several threads. Pickled, it opens its projection anew where it is unpickled, and raises
    BadSampling if another one stands there by then.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        batch_size: int,
        shares: Mapping[str, float] | None = None,
        source_shares: Mapping[str, float] | None = None,
        compose: Mapping[str, float] | None = None,
        group_size: int = 3,
        fanout: Sequence[int] = (4, 4),
        by_weight: bool = False,
        negatives: int = 0,
        typed_negatives: bool = False,
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise BadSampling(f"batch_size {batch_size} draws nothing; give 1 or more.")
        if any(count < 1 for count in fanout):
            raise BadSampling(f"fanout {tuple(fanout)} has a hop of less than 1; leave the hop out instead.")
        if negatives < 0:
            raise BadSampling(f"negatives {negatives} cannot be drawn; give 0 or more.")
        self.projection = projection
        self.batch_size = batch_size
        self.fanout = tuple(fanout)
        self.seed = seed
        self._options: dict[str, Any] = {
            "batch_size": batch_size,
            "shares": dict(shares or {}),
            "source_shares": dict(source_shares or {}),
            "compose": dict(compose or {}),
            "group_size": group_size,
            "fanout": self.fanout,
            "by_weight": by_weight,
            "negatives": negatives,
            "typed_negatives": typed_negatives,
            "seed": seed,
        }
        self._edges = TrainingEdges(projection)
        self._parts = parts_of(self._edges, batch_size, shares or {}, source_shares or {}, compose or {}, group_size)
        self._sums = _sums(self._edges) if by_weight else None
        self._corruption = Corruption(self._edges, negatives, typed_negatives) if negatives else None

    def sample(self, step: int) -> TripleSample:
        """The batch of one step; entities and relations in the projection's numbers."""
        edges, fact = self._triples(step)
        head, relation, tail = self._edges.triples(edges)
        excluded = self._edges.with_inverses(edges, head, tail)
        neighbourhood = self.neighbourhood(tail, excluded, (self.seed, step))
        negatives = self._corruption.draw(head, relation, tail, (self.seed, step)) if self._corruption else None
        return TripleSample(step, head, relation, tail, neighbourhood, fact, negatives)

    def neighbourhood(
        self,
        seeds: Int64[np.ndarray, " k"],
        excluded: Int64[np.ndarray, " x"] = _NONE,
        key: tuple[int, ...] = (0,),
    ) -> Neighbourhood:
        """The incoming edges of `seeds`, hop by hop, without the training edges `excluded` (ascending).

        What is drawn for an entity is a function of `key` and the entity alone. Raises BadSampling for a seed that is
        no entity's number.
        """
        self._check(seeds)
        return self._walk(seeds, key, lambda frontier, fanout, word: self._incoming(frontier, fanout, excluded, word))

    def _check(self, seeds: Int64[np.ndarray, " k"]) -> None:
        beyond = np.flatnonzero((seeds < 0) | (seeds >= self.projection.entity_count))
        if len(beyond):
            raise BadSampling(
                f"Seed {seeds[beyond[0]]} is no entity: the projection numbers its entities from 0 to "
                f"{self.projection.entity_count - 1}; projection.numbers(ids) tells their numbers."
            )

    def _walk(self, seeds: Int64[np.ndarray, " k"], key: tuple[int, ...], incoming: Incoming) -> Neighbourhood:
        """Hop by hop, the edges that `incoming` draws for entities that are met for the first time."""
        word = mix(Purpose.NEIGHBOURS, *key)[0]
        hops = [(_NONE, _NONE, _NONE)]
        met = frontier = unmet(np.ascontiguousarray(seeds), _NONE)
        for hop, fanout in enumerate(self.fanout, start=1):
            hops.append(incoming(frontier, fanout, word))
            if hop < len(self.fanout):
                frontier = unmet(hops[-1][0], met)
                met = np.concatenate([met, frontier])
        return Neighbourhood(*(np.concatenate(column) for column in zip(*hops, strict=True)))

    def _triples(self, step: int) -> tuple[Int64[np.ndarray, " b"], Int64[np.ndarray, " b"]]:
        """The training edges of a batch, shuffled, and the fact that each was grouped by."""
        drawn = [part.draw(self.seed, number, step) for number, part in enumerate(self._parts)]
        edges, fact = (np.concatenate(column) for column in zip(*drawn, strict=True))
        order = permuted(np.arange(len(edges)), len(edges), (Purpose.SHUFFLE, self.seed, step))
        return edges[order], fact[order]

    def _incoming(
        self, frontier: Int64[np.ndarray, " k"], fanout: int, excluded: Int64[np.ndarray, " x"], word: np.uint64
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Heads, relations and tails of the edges drawn for entities that are expanded."""
        graph = self._edges
        if self._sums is None:
            edges, tail = draw_evenly(graph.offsets, frontier, frontier, fanout, excluded, word)
        else:
            edges, tail = draw_by_weight(
                graph.offsets, frontier, frontier, graph.weight, self._sums, fanout, excluded, word
            )
        return (*looked_up(graph.head, graph.relation, edges), tail)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (type(self), str(self.projection.directory), self.projection.fingerprint, self._options)


def _reopened(kind: type[Sampler], directory: str, fingerprint: str, options: Mapping[str, Any]) -> Sampler:
    projection = open_projection(directory)
    if projection.fingerprint != fingerprint:
        raise BadSampling(
            f"Projection {directory} was replaced since the sampler was made, and other processes would draw from "
            "another one; make the sampler anew."
        )
    return kind(projection, **options)


def _sums(edges: TrainingEdges) -> np.ndarray:
    """Running sums of the weights of each entity's edges. Raises BadSampling for a weight that cannot be a chance."""
    check_weights(
        edges.weight, lambda edge: edges.projection.entity_ids([int(edges.head[edge]), int(edges.tail[edge])])
    )
    return derived(edges.projection, "sums", lambda: {"sums": running_sums(edges.offsets, edges.weight)})["sums"]
