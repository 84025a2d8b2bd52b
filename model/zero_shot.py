"""Zero-shot classification: which of the classes' names, put into sentences, is nearest to a picture?

As in CLIP (Radford et al. 2021, 3.1.4): a class is the mean of its sentences' unit vectors. By the towers, by the
fusion asked "image of" (fused), and by the fusion asked the relation that gives the classes (asked), which no CLIP can
be asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from kgstore.values import SPLITS
from model.classes import CLASS_RELATIONS, Classed, classed_pictures
from model.embeddings import unit
from model.held_out import Figures, NothingToMeasure, drawn
from model.predict import Predictor
from model.retrieval import best_true_ranks
from model.spaces import Space, asked_by, spaces
from model.templates import SEVEN, sentences

#: Similarities that are held at once.
MOST = 16_000_000

#: Classes whose sentences are encoded at once.
CLASSES_AT_ONCE = 64


def evaluate_zero_shot(
    subject: Predictor,
    split: str = "test",
    limit: int = 0,
    templates: Sequence[str] = SEVEN,
    relations: Sequence[str] = CLASS_RELATIONS,
) -> Figures:
    """Top 1 and top 5 in percent for each relation that gives pictures classes, over all its classes.

    A picture may have several classes; any of them is right. `unseen/...` are the pictures whose classes no training
    picture has.
    """
    figures: Figures = {}
    for type_ in relations:
        classed = classed_pictures(subject, type_)
        if classed is not None and (classed.split == SPLITS.index(split)).any():
            own = _classified(subject, classed, split, limit, templates)
            figures |= {f"{type_}/{name}": value for name, value in own.items()}
    if not figures:
        raise NothingToMeasure(
            f"The graph has no {split} pictures with classes (a picture or region with {', '.join(relations)} to a "
            "concept), so zero-shot classification is not measured."
        )
    return figures


def _classified(subject: Predictor, classed: Classed, split: str, limit: int, templates: Sequence[str]) -> Figures:
    own = classed.split == SPLITS.index(split)
    pictures = drawn(np.unique(classed.picture[own]), limit)
    own &= np.isin(classed.picture, pictures)
    row, true_class = np.searchsorted(pictures, classed.picture[own]), classed.class_[own]
    rows = classed.rows[pictures]
    names = classed.names(subject)
    trained = np.unique(classed.class_[classed.split == SPLITS.index("train")])
    unseen = np.ones(len(pictures), bool)
    unseen[row[np.isin(true_class, trained)]] = False

    asked = spaces(subject, rows)
    if subject.fused:
        asked["asked"] = Space(asked_by(subject, rows, classed.words), asked["fused"].texts)
    figures = {
        "pictures": float(len(pictures)),
        "classes": float(len(names)),
        "distinct_names": float(len(set(names))),
        "unseen/pictures": float(unseen.sum()),
    }
    vectors: dict[str, Float[np.ndarray, "c d"]] = {}
    for name, space in asked.items():
        like = "fused" if name == "asked" else name
        if like not in vectors:
            vectors[like] = class_vectors(space, templates, names)
        ranks = _ranks(space.pictures, vectors[like], row, true_class)
        for part, chosen in (("", np.ones(len(ranks), bool)), ("unseen/", unseen)):
            if chosen.any():
                figures |= {f"{part}{name}/top{k}": 100 * float(np.mean(ranks[chosen] <= k)) for k in (1, 5)}
    return {name: value for name, value in figures.items() if name != "unseen/pictures" or value}


def class_vectors(space: Space, templates: Sequence[str], names: Sequence[str]) -> Float[np.ndarray, "c d"]:
    """A class is the mean of its sentences' unit vectors, of unit length again."""
    parts = []
    for start in range(0, len(names), CLASSES_AT_ONCE):
        some = names[start : start + CLASSES_AT_ONCE]
        told = space.texts(sentences(templates, some))
        parts.append(told.reshape(len(some), len(templates), -1).mean(axis=1))
    return unit(np.concatenate(parts))


def _ranks(
    pictures: np.ndarray, classes: np.ndarray, row: np.ndarray, true_class: np.ndarray
) -> Float[np.ndarray, " p"]:
    ranks = np.zeros(len(pictures))
    at_once = max(1, MOST // len(classes))
    for start in range(0, len(pictures), at_once):
        end = start + at_once
        own = (row >= start) & (row < end)
        ranks[start:end] = best_true_ranks(pictures[start:end] @ classes.T, row[own] - start, true_class[own])
    return ranks
