"""Randomness without a state: the same numbers in give the same numbers out, in whatever order and process."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64, UInt64

_ROUNDS = 6


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

    A Feistel network over the next even number of bits, walked until the place lies below `size`: a permutation of any
    size without storing one.
    """
    bits = max(1, (int(size - 1).bit_length() + 1) // 2)
    places = _feistel(index.astype(np.uint64), bits, key)
    outside = np.flatnonzero(places >= size)
    while len(outside):
        places[outside] = _feistel(places[outside], bits, key)
        outside = outside[places[outside] >= size]
    return places.astype(np.int64)


def _feistel(words: np.ndarray, bits: int, key: tuple[int, ...]) -> np.ndarray:
    shift, mask = np.uint64(bits), np.uint64((1 << bits) - 1)
    left, right = words >> shift, words & mask
    for round_ in range(_ROUNDS):
        left, right = right, left ^ (_splitmix(right ^ mix(*key, round_)) & mask)
    return (left << shift) | right


def _splitmix(words: np.ndarray) -> np.ndarray:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
