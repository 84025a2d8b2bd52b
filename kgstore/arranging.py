"""From triples in any order to the arrays of a projection: each edge once, sorted by tail, and findable from its head.

All of it is sorting of whole numbers by NumPy: 34 million edges in some seconds, in bounded memory, the same arrays for
the same triples whatever order they came in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8, UInt16

from kgstore.errors import BadProjection

#: Edges handled at once where a temporary array would be as long as all edges.
BLOCK = 4_000_000


class Edges:
    """Distinct edges in the order of their keys (tail, head, relation), and what is known of each."""

    def __init__(
        self,
        keys: Int64[np.ndarray, " e"],
        weight: Float32[np.ndarray, " e"],
        split: UInt8[np.ndarray, " e"],
        source: UInt16[np.ndarray, " e"],
    ) -> None:
        self.keys = keys
        self.weight = weight
        self.split = split
        self.source = source

    def write(self, directory: Path, entities: int, relations: int) -> None:
        """Writes the arrays of both directions, edge by edge and block by block."""
        edges = len(self.keys)
        for name in ("keys", "weight", "split", "source"):
            np.save(directory / f"{name}.npy", getattr(self, name), allow_pickle=False)
        head = _mapped(directory / "head.npy", np.int32, edges)
        relation = _mapped(directory / "relation.npy", np.int32, edges)
        tail = _mapped(directory / "tail.npy", np.int32, edges)
        incoming, outgoing = np.zeros(entities, np.int64), np.zeros(entities, np.int64)
        for start in range(0, edges, BLOCK):
            part = slice(start, start + BLOCK)
            pairs, relation[part] = np.divmod(self.keys[part], relations)
            tail[part], head[part] = np.divmod(pairs, entities)
            incoming += np.bincount(tail[part], minlength=entities)
            outgoing += np.bincount(head[part], minlength=entities)
        for name, counts in (("in_offsets", incoming), ("out_offsets", outgoing)):
            np.save(directory / f"{name}.npy", np.concatenate([[0], np.cumsum(counts)]), allow_pickle=False)
        _write_outgoing(directory / "out_edges.npy", head)


def packed(head: np.ndarray, relation: np.ndarray, tail: np.ndarray, entities: int, relations: int) -> np.ndarray:
    """The keys by which edges are sorted."""
    if entities * entities * relations >= 2**63:
        raise BadProjection(
            f"{entities:,} entities and {relations:,} relation types are more than an edge key of 64 bits can tell "
            "apart; narrow the recipe."
        )
    return (tail * entities + head) * relations + relation


def arranged(
    keys: Int64[np.ndarray, " e"],
    weight: Float32[np.ndarray, " e"],
    split: UInt8[np.ndarray, " e"],
    source: UInt16[np.ndarray, " e"],
) -> Edges:
    """Edges in order. What comes more than once has its greatest weight, and the first split and source by number.

    The keys are taken over. Where nothing else differs they are sorted alone, which is four times as fast.
    """
    if all(_is_alike(each) for each in (weight, split, source)):
        keys.sort()
        keys = keys[_is_first(keys)]
        return Edges(keys, *(each[: len(keys)] for each in (weight, split, source)))
    order = np.argsort(keys).astype(np.uint32)  # half as long as argsort's own
    keys = keys[order]
    distinct = _is_first(keys)
    if distinct.all():
        return Edges(keys, weight[order], split[order], source[order])
    first = np.flatnonzero(distinct)
    return Edges(
        keys[first],
        np.maximum.reduceat(weight[order], first),
        np.minimum.reduceat(split[order], first),
        np.minimum.reduceat(source[order], first),
    )


def _is_alike(values: np.ndarray) -> bool:
    return not len(values) or bool(values.min() == values.max())


def _is_first(keys: Int64[np.ndarray, " e"]) -> Bool[np.ndarray, " e"]:
    """Of sorted keys, where another one begins."""
    first = np.empty(len(keys), bool)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return first


def keys_of(
    head: Int32[np.ndarray, " e"],
    relation: Int32[np.ndarray, " e"],
    tail: Int32[np.ndarray, " e"],
    numbers: Int32[np.ndarray, " k"],
    entities: int,
    relations: int,
) -> Int64[np.ndarray, " e"]:
    """The keys of edges, for which entity n is `numbers[n]`."""
    keys = np.empty(len(head), np.int64)
    for start in range(0, len(keys), BLOCK):
        part = slice(start, start + BLOCK)
        ends = [numbers[each[part]].astype(np.int64) for each in (head, tail)]
        keys[part] = packed(ends[0], relation[part].astype(np.int64), ends[1], entities, relations)
    return keys


def _write_outgoing(path: Path, head: Int32[np.ndarray, " e"]) -> None:
    """The numbers of edges by head, those of one head ascending: head and number are sorted as one whole number."""
    both = head.astype(np.int64)
    both <<= 32
    both |= np.arange(len(head), dtype=np.int64)
    both.sort()
    both &= 2**32 - 1
    np.save(path, both, allow_pickle=False)


def _mapped(path: Path, dtype: type, length: int) -> np.ndarray:
    if length:
        return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(length,))
    empty: np.ndarray = np.empty(0, dtype)
    np.save(path, empty, allow_pickle=False)
    return empty
