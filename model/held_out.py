"""What of a graph is held out, and what it knows: the questions of an evaluation, and answers that do not compete."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from kgstore.errors import KgError
from kgstore.projection import Projection
from kgstore.values import SPLITS

#: What a part of an evaluation finds: percents, but for what COUNTS of model/evaluate.py names.
Figures = dict[str, float]

Edges = Int64[np.ndarray, " e"]


class NothingToMeasure(KgError):
    """The graph holds nothing that this part of an evaluation could use."""


def held_out_edges(projection: Projection, type_: str = "", split: str = "test", limit: int = 0) -> Edges:
    """Numbers of the edges of a split, of one type if it is named. Raises NothingToMeasure.

    With a limit at most so many of them, always the same ones for the same graph.
    """
    held_out = np.asarray(projection.split) == SPLITS.index(split)
    if type_:
        held_out &= np.isin(projection.relation, relation_numbers(projection, type_))
    edges = np.flatnonzero(held_out)
    if not len(edges):
        what = f"{type_} triples" if type_ else "triples"
        raise NothingToMeasure(f"The graph holds no {what} of the {split} split; load a source that has one.")
    return drawn(edges, limit)


def drawn(rows: Int64[np.ndarray, " n"], limit: int) -> Int64[np.ndarray, " k"]:
    """At most `limit` of these, in their order, the same ones each time; 0 for all."""
    if not 0 < limit < len(rows):
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:limit])


def relation_numbers(projection: Projection, type_: str) -> list[int]:
    """The relations of a type: several where words belong to the key."""
    return [number for number, relation in enumerate(projection.relations) if relation.type == type_]


def triples_of(projection: Projection, edges: Edges) -> tuple[Edges, Edges, Edges]:
    """Heads, relations and tails of these edges."""
    head, relation, tail = (
        np.asarray(each[edges], np.int64) for each in (projection.head, projection.relation, projection.tail)
    )
    return head, relation, tail


def known_tails(
    projection: Projection, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """All answers the graph has for each question (h_i, r_i, -), of any split: rows i and tails."""
    rows, places = _spans(projection.out_offsets, heads)
    edges = projection.out_edges[places]
    same = projection.relation[edges] == relations[rows]
    return rows[same], np.asarray(projection.tail[edges[same]], np.int64)


def known_heads(
    projection: Projection, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """All answers the graph has for each question (-, r_i, t_i), of any split: rows i and heads."""
    rows, edges = _spans(projection.in_offsets, tails)  # edges stand in the order of their tails
    same = projection.relation[edges] == relations[rows]
    return rows[same], np.asarray(projection.head[edges[same]], np.int64)


def _spans(
    offsets: Int64[np.ndarray, " n_1"], entities: Int64[np.ndarray, " b"]
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """What lies between each entity's offset and the next one: rows i, and places."""
    starts = np.asarray(offsets[entities], np.int64)
    counts = np.asarray(offsets[entities + 1], np.int64) - starts
    rows = np.repeat(np.arange(len(entities)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, np.repeat(starts, counts) + within
