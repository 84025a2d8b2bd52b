"""Randomness without a state: the same numbers in give the same numbers out, in whatever order and process."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Int64, UInt64

_ROUNDS = 8


def mix(*words: int | np.ndarray) -> UInt64[np.ndarray, ...]:
    """A well-mixed 64-bit word for each combination of `words`, which broadcast (splitmix64 of each in turn)."""
    mixed = np.zeros(1, np.uint64)
    for word in words:
        mixed = _splitmix(mixed ^ _splitmix(np.atleast_1d(np.asarray(word)).astype(np.uint64)))
    return mixed


def uniform(*words: int | np.ndarray) -> Float64[np.ndarray, ...]:
    """A number in [0, 1) for each combination of `words`."""
    return (mix(*words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permuted(index: Int64[np.ndarray, " k"], size: int, key: tuple[int, ...]) -> Int64[np.ndarray, " k"]:
    """The places of `index` in a pseudo-random permutation of range(size) that `key` chooses.

    A Feistel network over a rectangle of at least `size` fields, walked on until a place lies below `size`: a
    permutation of any size without storing one.
    """
    height = math.isqrt(size - 1) + 1
    width = -(-size // height)
    keys = mix(*key, np.arange(_ROUNDS))
    places = _feistel(index.astype(np.uint64), height, width, keys)
    outside = np.flatnonzero(places >= size)
    while len(outside):
        places[outside] = _feistel(places[outside], height, width, keys)
        outside = outside[places[outside] >= size]
    return places.astype(np.int64)


def _feistel(places: np.ndarray, height: int, width: int, keys: np.ndarray) -> np.ndarray:
    """Row and column take turns in being moved along by a hash of the other."""
    row, column = np.divmod(places, np.uint64(width))
    for turn, key in enumerate(keys):
        if turn % 2:
            column = (column + _splitmix(row ^ key) % np.uint64(width)) % np.uint64(width)
        else:
            row = (row + _splitmix(column ^ key) % np.uint64(height)) % np.uint64(height)
    return row * np.uint64(width) + column


def _splitmix(words: np.ndarray) -> np.ndarray:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
