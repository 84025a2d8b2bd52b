"""The word-order probe: is a picture's caption told from the same words in another order?

As in ARO (Yuksekgonul et al. 2023), which found that CLIPs hardly notice. The words of a caption are shuffled in four
ways that need no tagger; in all forms final stops are dropped and letters are small, as both would give the true one
away.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from kgstore.values import KINDS
from model.embed import IMAGE_OF
from model.held_out import Figures, NothingToMeasure, drawn, held_out_edges
from model.predict import Predictor
from model.probes import preference, sentence_scores
from model.retrieval import CAPTIONS
from model.spaces import first_pictures, spaces

#: Words that a caption needs, for its order to say something.
FEWEST = 4

TRIES = 10

Order = Callable[[list[str], np.random.Generator], list[str]]


def evaluate_word_order(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """In how many percent does the caption beat its words in another order? Chance is 50, and 20 for `all` at once.

    words_alone is `all` with the average picture in the place of the caption's own: what the words alone give away.
    """
    projection = subject.projection
    edges = held_out_edges(projection, IMAGE_OF, split)
    edges = edges[np.isin(projection.kinds[projection.tail[edges]], [KINDS.index(kind) for kind in CAPTIONS])]
    found = first_pictures(subject, projection.head[edges].astype(np.int64))
    told = []
    for row, tail in zip(found.tolist(), projection.tail[edges].tolist(), strict=True):
        texts = projection.texts(tail)
        forms = reordered(texts[0]) if texts and row >= 0 else None
        if forms:
            told.append((row, forms))
    told = [told[k] for k in drawn(np.arange(len(told)), limit).tolist()]
    if not told:
        raise NothingToMeasure(
            f"The graph has no {split} pictures with captions of {FEWEST} words or more, so word order is not probed."
        )
    rows, picture = np.unique([row for row, _ in told], return_inverse=True)
    figures = {"captions": float(len(told)), "pictures": float(len(rows))}
    for name, space in spaces(subject, rows).items():
        own, average = sentence_scores(space, picture, [forms for _, forms in told])
        for k, order in enumerate(ORDERS, start=1):
            figures[f"{name}/{order}"] = 100 * preference(own[:, 0], own[:, k])
        figures[f"{name}/all"] = 100 * float(np.mean(own[:, 0] > own[:, 1:].max(axis=1)))
        figures[f"{name}/words_alone"] = 100 * float(np.mean(average[:, 0] > average[:, 1:].max(axis=1)))
    return figures


def reordered(caption: str) -> tuple[str, ...] | None:
    """The caption and its words in each of ORDERS, the same each time; None if some order changes nothing."""
    words = caption.lower().rstrip(" .!?").split()
    if len(words) < FEWEST:
        return None
    rng = np.random.default_rng(zlib.crc32(caption.encode()))
    forms = [" ".join(words)]
    for order in ORDERS.values():
        other = next((found for _ in range(TRIES) if (found := order(words, rng)) != words), None)
        if other is None:
            return None
        forms.append(" ".join(other))
    return tuple(forms)


def _shuffled(words: list[str], rng: np.random.Generator) -> list[str]:
    return [words[k] for k in rng.permutation(len(words))]


def _trigrams_shuffled(words: list[str], rng: np.random.Generator) -> list[str]:
    parts = _trigrams(words)
    return [word for k in rng.permutation(len(parts)) for word in parts[k]]


def _within_trigrams(words: list[str], rng: np.random.Generator) -> list[str]:
    return [word for part in _trigrams(words) for word in _shuffled(part, rng)]


def _reversed(words: list[str], _: np.random.Generator) -> list[str]:
    return words[::-1]


def _trigrams(words: list[str]) -> list[list[str]]:
    return [words[start : start + 3] for start in range(0, len(words), 3)]


ORDERS: dict[str, Order] = {
    "shuffled": _shuffled,
    "trigrams": _trigrams_shuffled,
    "within_trigrams": _within_trigrams,
    "reversed": _reversed,
}
