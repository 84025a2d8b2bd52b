"""Randomness without a state: the same numbers in give the same numbers out, in whatever order and process."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt64

_ROUNDS = 8


class Purpose(IntEnum):
    """What a random number is for: the first word of what is hashed, so that two purposes never share a number."""

    EPOCH = 1 << 32  # beyond any seed, for which the views' choices begin
    EXTRA = EPOCH + 1
    CAPTION = EPOCH + 2
    SHUFFLE = EPOCH + 3
    NEIGHBOURS = EPOCH + 4
    GROUP = EPOCH + 5
    ROUND = EPOCH + 6
    MEMBER = EPOCH + 7
    HEAD = EPOCH + 8
    TAIL = EPOCH + 9
    DROP_PATH = EPOCH + 10


def mix(*words: int | np.ndarray) -> UInt64[np.ndarray, ...]:
    """A well-mixed 64-bit word for each combination of `words`, which broadcast (splitmix64 of each in turn)."""
    mixed = np.zeros(1, np.uint64)
    for word in words:
        mixed = splitmix(mixed ^ splitmix(np.atleast_1d(np.asarray(word)).astype(np.uint64)))
    return mixed


def uniform(*words: int | np.ndarray) -> Float64[np.ndarray, ...]:
    """A number in [0, 1) for each combination of `words`."""
    return (mix(*words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permuted(
    index: Int64[np.ndarray, " k"], size: int | Int64[np.ndarray, " k"], key: tuple[int | np.ndarray, ...]
) -> Int64[np.ndarray, " k"]:
    """The places of `index` in a pseudo-random permutation of range(size) that `key` chooses.

    Sizes and words of the key may differ from place to place. A Feistel network over a rectangle of at least `size`
    fields, walked on until a place lies below `size`: a permutation of any size without storing one.
    """
    shape = index.shape
    sizes = np.broadcast_to(np.asarray(size, np.uint64), shape)
    heights = np.broadcast_to(np.sqrt(np.asarray(size) - 1).astype(np.uint64) + np.uint64(1), shape)
    widths = (sizes + heights - np.uint64(1)) // heights
    keys = np.broadcast_to(mix(*key, np.arange(_ROUNDS)[:, None]), (_ROUNDS, *shape))
    places = _feistel(index.astype(np.uint64), heights, widths, keys)
    outside = np.flatnonzero(places >= sizes)
    while len(outside):
        places[outside] = _feistel(places[outside], heights[outside], widths[outside], keys[:, outside])
        outside = outside[places[outside] >= sizes[outside]]
    return places.astype(np.int64)


def _feistel(places: np.ndarray, heights: np.ndarray, widths: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Row and column take turns in being moved along by a hash of the other."""
    row, column = np.divmod(places, widths)
    for turn, key in enumerate(keys):
        if turn % 2:
            column = (column + splitmix(row ^ key) % widths) % widths
        else:
            row = (row + splitmix(column ^ key) % heights) % heights
    return row * widths + column


def splitmix(words: Any) -> Any:
    """A 64-bit word, or each of an array of them, mixed well, no two into the same (Steele et al. 2014).

    It is compiled into model/neighbours.py as well, whose cache does not see a change made here: touch that file.
    """
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
