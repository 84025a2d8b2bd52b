"""What a graph that explains its classes can ask a run: classes without a training picture, hypernyms, glosses.

Names are put as the graph has them, without a sentence around them: a class, a hypernym or a gloss is the mean of its
texts' unit vectors. Every figure has a figure of the same name below `chance`: what guessing gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from kgstore.projection import Projection
from kgstore.values import KINDS, SPLITS, relation_text
from model.classes import CLASS_RELATIONS, CLASSES, PICTURES
from model.composed import CLASS_TYPES
from model.embeddings import unit
from model.held_out import Figures, NothingToMeasure, drawn, relation_numbers
from model.predict import Predictor
from model.retrieval import average_precision, best_true_ranks, chance_precision
from model.spaces import Space, asked_by, first_pictures, spaces

GLOSSES = ("HAS_GLOSS",)

#: What a hypernym must stand above: so many of the classes, and no larger part of them.
LEAST_BELOW, MOST_BELOW = 2, 0.5

Names = Int64[np.ndarray, " _"]
Vectors = Float[np.ndarray, "_ _"]
Scores = Float[np.ndarray, "q n"]
Truth = Bool[np.ndarray, "q n"]


@dataclass(frozen=True)
class Explained:
    """Pictures of a split and what the graph tells of their classes. Entities are numbers of the projection.

    `truth[i, j]`: picture i is of class j. `above[j, k]`: class j is a hypernym k. `meaning[j, k]`: gloss k is of j.
    `unseen` are the classes without a training picture.
    """

    pictures: Names
    classes: Names
    truth: Bool[np.ndarray, "p c"]
    unseen: Bool[np.ndarray, " c"]
    hypernyms: Names
    above: Bool[np.ndarray, "c h"]
    glosses: Names
    meaning: Bool[np.ndarray, "c g"]

    @property
    def of_unseen(self) -> Bool[np.ndarray, " p"]:
        """Which pictures are of an unseen class."""
        return np.asarray(self.truth[:, self.unseen].any(axis=1))


def evaluate_taxonomy(
    subject: Predictor, split: str = "test", limit: int = 0, relations: Sequence[str] = CLASS_RELATIONS
) -> Figures:
    """In percent, for the first of `relations` that gives the split's pictures classes:

    unseen_top1          pictures of unseen classes, among these classes' names
    unseen_top1_of_all   ... among the names of all classes;  seen_top1_of_all   the other pictures likewise
    gloss_top1           pictures, among the glosses of all classes;  unseen_gloss_top1   ... those of unseen classes
                         among these classes' glosses
    gloss_map            pictures found by a gloss, mean average precision;  hypernym_map   ... by a hypernym's name
    unseen_gloss_map, unseen_hypernym_map   the same where only pictures of unseen classes are looked through

    By the towers, by the fusion asked "image of" (fused), and by the fusion asked as the graph says it (asked): by
    the relation to a hypernym, by that to a gloss. Names of classes and hypernyms together: `class_top1`, the first
    answer is its class, and `above_top1`, is a hypernym of it.
    """
    projection = subject.projection
    for type_ in relations:
        pictures, classes = class_pairs(projection, type_, split)
        there = first_pictures(subject, pictures) >= 0
        if there.any():
            break
    else:
        raise NothingToMeasure(
            f"The graph has no {split} pictures with classes (a picture or region with {', '.join(relations)} to a "
            "concept), so they are not asked for what is above them and what they mean."
        )
    there &= np.isin(pictures, drawn(np.unique(pictures[there]), limit))
    told = explained(projection, type_, pictures[there], classes[there])
    if not (len(told.hypernyms) or len(told.glosses) or told.unseen.any()):
        raise NothingToMeasure(
            f"The classes of the {split} pictures have neither hypernyms nor glosses, and all have training pictures."
        )
    figures = {
        "pictures": float(len(told.pictures)),
        "classes": float(len(told.classes)),
        "hypernyms": float(len(told.hypernyms)),
        "glosses": float(len(told.glosses)),
        "unseen/pictures": float(told.of_unseen.sum()),
        "unseen/classes": float(told.unseen.sum()),
    }
    chance: Figures = {}
    for name, view in _views(subject, told, type_).items():
        for measure, (scores, truth) in questions(told, view).items():
            asking = truth.any(axis=1)
            if asking.any():
                value, guessed = answered(measure, scores[asking], truth[asking])
                figures[f"{name}/{measure}"] = 100 * value
                chance[f"chance/{measure}"] = 100 * guessed
    return figures | chance


def class_pairs(projection: Projection, type_: str, *splits: str) -> tuple[Names, Names]:
    """Pictures and the concepts that this relation leads to from them, in some splits or in all."""
    chosen = np.isin(projection.relation, relation_numbers(projection, type_))
    chosen &= np.isin(projection.split, [SPLITS.index(split) for split in splits or SPLITS])
    edges = np.flatnonzero(chosen)
    heads, tails = projection.head[edges].astype(np.int64), projection.tail[edges].astype(np.int64)
    fits = np.isin(projection.kinds[heads], [KINDS.index(kind) for kind in PICTURES])
    fits &= np.isin(projection.kinds[tails], [KINDS.index(kind) for kind in CLASSES])
    return heads[fits], tails[fits]


def explained(projection: Projection, type_: str, pictures: Names, classes: Names) -> Explained:
    """What is told of these pictures, the k-th of which is of the k-th class; it is known in any split."""
    _, everything = class_pairs(projection, type_)
    _, trained = class_pairs(projection, type_, "train")
    entities, rows = np.unique(everything), np.unique(pictures)
    truth = np.zeros((len(rows), len(entities)), bool)
    truth[np.searchsorted(rows, pictures), np.searchsorted(entities, classes)] = True
    # A class held out in another split has no training picture either, but no picture here to be asked about.
    unseen = ~np.isin(entities, trained) & truth.any(axis=0)
    hypernyms, above = _table([_reached(projection, int(n), CLASS_TYPES, further=True) for n in entities])
    below = above.sum(axis=0)
    told = (below >= LEAST_BELOW) & (below <= MOST_BELOW * len(above)) & ~np.isin(hypernyms, entities)
    glosses, meaning = _table([_reached(projection, int(n), GLOSSES, further=False) for n in entities])
    return Explained(rows, entities, truth, unseen, hypernyms[told], above[:, told], glosses, meaning)


class View(NamedTuple):
    """Pictures as they are asked for their class, for what is above it and for what it means, and vectors of names."""

    of_class: Vectors
    of_hypernym: Vectors
    of_gloss: Vectors
    classes: Vectors
    hypernyms: Vectors
    glosses: Vectors


def _views(subject: Predictor, told: Explained, type_: str) -> dict[str, View]:
    found, rows = {}, first_pictures(subject, told.pictures)
    for name, space in spaces(subject, rows).items():
        names = [_vectors(subject.projection, space, each) for each in (told.classes, told.hypernyms, told.glosses)]
        found[name] = View(space.pictures, space.pictures, space.pictures, *names)
    if subject.fused:
        by_class, upwards, meaning = (
            asked_by(subject, rows, _words(subject.projection, types)) for types in ((type_,), CLASS_TYPES, GLOSSES)
        )
        found["asked"] = View(by_class, upwards, meaning, *found["fused"][3:])
    return found


def _vectors(projection: Projection, space: Space, entities: Names) -> Vectors:
    """The mean of its texts' unit vectors, or the vector of its name, for each entity."""
    texts = [projection.texts(number) or (projection.name(number),) for number in entities.tolist()]
    if not texts:
        return np.zeros((0, space.pictures.shape[1]), np.float32)
    vectors = space.texts([text for each in texts for text in each])
    starts = np.cumsum([0, *(len(each) for each in texts[:-1])])
    return unit(np.add.reduceat(vectors, starts, axis=0))


def questions(told: Explained, view: View) -> dict[str, tuple[Scores, Truth]]:
    """Scores of each question's candidates, and which are right; a question without any is none."""
    by_class, by_gloss = view.of_class @ view.classes.T, view.of_gloss @ view.glosses.T
    by_hypernym = view.of_hypernym @ view.hypernyms.T
    above, meaning = _through(told.truth, told.above), _through(told.truth, told.meaning)
    unseen = told.of_unseen
    unseen_meaning = told.meaning[told.unseen].any(axis=0)
    unseen_above = above[unseen].mean(axis=0) <= MOST_BELOW if unseen.any() else np.zeros(above.shape[1], bool)
    no_class, no_hypernym = np.zeros_like(told.truth), np.zeros_like(above)
    return {
        "unseen_top1": (by_class[unseen][:, told.unseen], told.truth[unseen][:, told.unseen]),
        "unseen_top1_of_all": (by_class[unseen], told.truth[unseen]),
        "seen_top1_of_all": (by_class[~unseen], told.truth[~unseen]),
        "hypernym_map": (by_hypernym.T, above.T),
        "unseen_hypernym_map": (by_hypernym[unseen][:, unseen_above].T, above[unseen][:, unseen_above].T),
        "gloss_map": (by_gloss.T, meaning.T),
        "unseen_gloss_map": (by_gloss[unseen][:, unseen_meaning].T, meaning[unseen][:, unseen_meaning].T),
        "gloss_top1": (by_gloss, meaning),
        "unseen_gloss_top1": (by_gloss[unseen][:, unseen_meaning], meaning[unseen][:, unseen_meaning]),
        "class_top1": (np.hstack([by_class, view.of_class @ view.hypernyms.T]), np.hstack([told.truth, no_hypernym])),
        "above_top1": (np.hstack([view.of_hypernym @ view.classes.T, by_hypernym]), np.hstack([no_class, above])),
    }


def answered(measure: str, scores: Scores, truth: Truth) -> tuple[float, float]:
    """What was found, and what guessing finds."""
    query, right = np.nonzero(truth)
    if measure.endswith("map"):
        return average_precision(scores, query, right), chance_precision(truth)
    return float(np.mean(best_true_ranks(scores, query, right) <= 1)), float(np.mean(truth.mean(axis=1)))


def _reached(projection: Projection, entity: int, types: Sequence[str], *, further: bool) -> set[int]:
    """What an entity leads to by relations of these types; further: and what that leads to, and so on."""
    relations = [number for type_ in types for number in relation_numbers(projection, type_)]
    found: set[int] = set()
    to_ask = [entity]
    while to_ask:
        asked = to_ask.pop()
        edges = projection.out_edges[projection.out_offsets[asked] : projection.out_offsets[asked + 1]]
        new = set(projection.tail[edges[np.isin(projection.relation[edges], relations)]].tolist()) - found
        found |= new
        to_ask += new if further else []
    return found


def _table(reached: Sequence[set[int]]) -> tuple[Names, Truth]:
    """All that is reached, ascending, and from where."""
    numbers = np.array(sorted(set().union(*reached)), np.int64)
    return numbers, np.array([np.isin(numbers, list(own)) for own in reached]).reshape(len(reached), len(numbers))


def _words(projection: Projection, types: Sequence[str]) -> str:
    """What the graph calls the first of these relations that it has."""
    known = {relation.type: relation.text for relation in reversed(projection.relations)}
    return next((known[type_] for type_ in types if type_ in known), relation_text(types[0]))


def _through(first: Bool[np.ndarray, "p c"], second: Bool[np.ndarray, "c n"]) -> Bool[np.ndarray, "p n"]:
    """What is led to by way of anything in between; counted, which is faster than asked."""
    return np.asarray(first.astype(np.float32) @ second.astype(np.float32) > 0)
