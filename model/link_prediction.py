"""Ranks of held-out triples' tails and heads over all entities, filtered, and what is said about them.

What answers the questions is anything that scores all entities: a run, an embedding of PyKEEN, or a count; all are
measured by this file, over the same entities and with the same answers left out.

A relation is 1-1, 1-N, N-1 or N-N as in TransE's paper (Bordes et al. 2013): a side is N if an entity of the other side
has at least MANY partners on average. 1-N is a relation whose heads have many tails. Counted over all splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64
from tqdm import tqdm

from kgstore.projection import Projection
from model.held_out import Edges, Figures, known_heads, known_tails, triples_of
from model.ranking import filtered_ranks, summary

#: Scores that are held at once.
MOST_SCORES = 64_000_000

#: Questions asked at once.
BATCH = 256

#: Partners on average from which a side of a relation is N [TransE].
MANY = 1.5

CARDINALITIES = ("1-1", "1-N", "N-1", "N-N")


@runtime_checkable
class LinkScorer(Protocol):
    """Whatever can say of all n entities how well they answer; a higher score is better, -inf is no answer.

    Relations come in ascending order over all calls for tails, and over all calls for heads.
    """

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Answers to (h_i, r_i, -)."""

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Answers to (-, r_i, t_i)."""


def tail_ranks(projection: Projection, edges: Edges, scorer: LinkScorer) -> Float[np.ndarray, " e"]:
    """The rank of each edge's tail over all entities; what is true in any split does not compete."""
    ranks = np.zeros(len(edges))
    order = np.argsort(projection.relation[edges], kind="stable")
    for rows in _blocks(projection, order, "tails"):
        heads, relations, tails = triples_of(projection, edges[rows])
        scores = scorer.tails(heads, relations)
        ranks[rows] = filtered_ranks(scores, tails, *known_tails(projection, heads, relations))
    return ranks


def head_ranks(projection: Projection, edges: Edges, scorer: LinkScorer) -> Float[np.ndarray, " e"]:
    """The rank of each edge's head, likewise."""
    ranks = np.zeros(len(edges))
    order = np.argsort(projection.relation[edges], kind="stable")
    for rows in _blocks(projection, order, "heads"):
        heads, relations, tails = triples_of(projection, edges[rows])
        scores = scorer.heads(relations, tails)
        ranks[rows] = filtered_ranks(scores, heads, *known_heads(projection, relations, tails))
    return ranks


def link_figures(projection: Projection, edges: Edges, ranks: Float[np.ndarray, " e"]) -> Figures:
    """Percents over all edges, and `TYPE/...` and `1-N/...` over those of a type or a cardinality; and mean ranks."""
    figures = {"entities": float(projection.entity_count)} | rank_figures(ranks)
    relations = np.asarray(projection.relation[edges])
    many = cardinalities(projection)
    for name in CARDINALITIES:
        figures |= _named(name, ranks[np.array([many.get(int(each)) == name for each in relations], bool)])
    types = np.array([projection.relations[number].type for number in relations])
    for name in np.unique(types).tolist():
        figures |= _named(name, ranks[types == name])
    return figures


def rank_figures(ranks: Float[np.ndarray, " e"]) -> Figures:
    """How many, MRR and Hits@k in percent, and the mean rank."""
    percents = {name: value if name == "mean_rank" else 100 * value for name, value in summary(ranks).items()}
    return {"triples": float(len(ranks))} | percents


def cardinalities(projection: Projection) -> dict[int, str]:
    """Relation number -> 1-1, 1-N, N-1 or N-N, for the relations that have edges."""
    heads, relations, tails = (np.asarray(each) for each in (projection.head, projection.relation, projection.tail))
    found = {}
    for number in np.unique(relations).tolist():
        own = relations == number
        edges = int(own.sum())
        tails_of_a_head = edges / len(np.unique(heads[own]))
        heads_of_a_tail = edges / len(np.unique(tails[own]))
        found[number] = f"{'N' if heads_of_a_tail >= MANY else '1'}-{'N' if tails_of_a_head >= MANY else '1'}"
    return found


def both_sides(tails: Figures, heads: Figures) -> Figures:
    """The means of what was found of tails and of heads; they are of the same triples, and so are the counts."""
    return {name: (tails[name] + heads[name]) / 2 for name in tails if name in heads}


def _named(name: str, ranks: Float[np.ndarray, " e"]) -> Figures:
    return {f"{name}/{figure}": value for figure, value in rank_figures(ranks).items()} if len(ranks) else {}


def _blocks(projection: Projection, order: Sequence[int] | Edges, what: str) -> Iterator[Edges]:
    rows = max(1, min(BATCH, MOST_SCORES // max(projection.entity_count, 1)))
    order = np.asarray(order)
    with tqdm(total=len(order), desc=what, unit=" triples", leave=False) as bar:
        for start in range(0, len(order), rows):
            yield order[start : start + rows]
            bar.update(len(order[start : start + rows]))
