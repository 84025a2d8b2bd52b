"""Pictures and their classes, as a graph tells them: the tails of relations such as "is a" that pictures have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from kgstore.values import KINDS
from model.held_out import relation_numbers
from model.predict import Predictor
from model.spaces import first_pictures

#: Relations whose tails are classes where they are concepts: a synset (WordNet with pictures, Visual Genome), an
#: object's name (Visual Genome, VRD, the drawn world).
CLASS_RELATIONS = ("IS_A", "INSTANCE_OF", "HAS_CLASS", "DEPICTS", "IMAGE_OF")

PICTURES, CLASSES = ("image", "region"), ("concept",)


@dataclass(frozen=True)
class Classed:
    """Pictures of all splits with the classes that one relation gives them.

    Pair j says that picture `picture[j]` is of class `class_[j]`, in the split `split[j]` (of SPLITS). `rows` are the
    pictures' rows in the embeddings, `entities` the classes' numbers, both ascending and each once.
    """

    type: str
    words: str
    rows: Int64[np.ndarray, " p"]
    entities: Int64[np.ndarray, " c"]
    picture: Int64[np.ndarray, " k"]
    class_: Int64[np.ndarray, " k"]
    split: UInt8[np.ndarray, " k"]

    def names(self, subject: Predictor) -> list[str]:
        """What the classes are called."""
        return [subject.projection.name(int(number)) for number in self.entities]


def classed_pictures(subject: Predictor, type_: str) -> Classed | None:
    """None where no picture that could be opened has a concept in this relation."""
    projection = subject.projection
    edges = np.flatnonzero(np.isin(projection.relation, relation_numbers(projection, type_)))
    heads, tails = projection.head[edges].astype(np.int64), projection.tail[edges].astype(np.int64)
    fits = np.isin(projection.kinds[heads], [KINDS.index(kind) for kind in PICTURES])
    fits &= np.isin(projection.kinds[tails], [KINDS.index(kind) for kind in CLASSES])
    found = first_pictures(subject, heads)
    fits &= found >= 0
    if not fits.any():
        return None
    rows, picture = np.unique(found[fits], return_inverse=True)
    entities, class_ = np.unique(tails[fits], return_inverse=True)
    words = projection.relations[relation_numbers(projection, type_)[0]].text
    split = np.asarray(projection.split[edges[fits]])
    return Classed(type_, words, rows, entities, picture.astype(np.int64), class_.astype(np.int64), split)
