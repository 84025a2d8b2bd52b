"""Probes: is a true sentence about a picture told from the same words arranged into a false one?

"A left of B" has four forms, two true and two false:

    true   A left of B      mirrored   B right of A
    false  B left of A                 A right of B

A model that only prefers "left of" wins one comparison and loses its mirror, so each comparison is reported with its
mirrored form beside it (docs: "a probe needs its control"), and the two kinds of false sentence apart: swapped
arguments, and another relation word. Attributes are probed likewise, with the order of the two things mirrored.

Where no mirrored form is known the control is what the words give away: the same sentences scored with the **average**
picture of the probe, which knows nothing of this one (`words_alone`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from model.spaces import Space

#: Columns of the scores that `relation_probe` takes.
FORMS = ("true", "mirrored", "swapped", "other_word")


@dataclass(frozen=True)
class Relation:
    """A statement about two things in a picture: words that say how the head stands to the tail, and their converse."""

    head: str
    words: str
    tail: str
    converse: str

    def sentences(self, template: str) -> tuple[str, str, str, str]:
        """The four forms in the order of FORMS; `template` has places {head}, {words} and {tail}."""
        return (
            template.format(head=self.head, words=self.words, tail=self.tail),
            template.format(head=self.tail, words=self.converse, tail=self.head),
            template.format(head=self.tail, words=self.words, tail=self.head),
            template.format(head=self.head, words=self.converse, tail=self.tail),
        )


def preference(better: Float[np.ndarray, " b"], worse: Float[np.ndarray, " b"]) -> float:
    """The share of rows in which `better` has the higher score; a tie is half a win, so chance is 0.5."""
    return float(np.mean((better > worse) + 0.5 * (better == worse)))


def relation_probe(scores: Float[np.ndarray, "b 4"]) -> dict[str, float]:
    """Shares of pictures in which the true sentence wins, for each comparison; columns as in FORMS. Chance is 0.5.

    `swap` and `word` are the means over a comparison and its mirror; `all` counts the pictures in which both true
    sentences beat both false ones (chance 1/6).
    """
    true, mirrored, swapped, other_word = scores.T
    forms = {
        "swap_as_written": preference(true, swapped),
        "swap_mirrored": preference(mirrored, other_word),
        "word_as_written": preference(true, other_word),
        "word_mirrored": preference(mirrored, swapped),
    }
    return {
        **forms,
        "swap": (forms["swap_as_written"] + forms["swap_mirrored"]) / 2,
        "word": (forms["word_as_written"] + forms["word_mirrored"]) / 2,
        "all": float(np.mean(np.minimum(true, mirrored) > np.maximum(swapped, other_word))),
    }


def attribute_probe(scores: Float[np.ndarray, "b 4"]) -> dict[str, float]:
    """The same for two things with an attribute each; columns: true, true in the other order, and both swapped.

    `swap` is the mean of a comparison and its mirror, `all` as in the relation probe.
    """
    true, mirrored, swapped, swapped_mirrored = scores.T
    forms = {"swap_as_written": preference(true, swapped), "swap_mirrored": preference(mirrored, swapped_mirrored)}
    return {
        **forms,
        "swap": (forms["swap_as_written"] + forms["swap_mirrored"]) / 2,
        "all": float(np.mean(np.minimum(true, mirrored) > np.maximum(swapped, swapped_mirrored))),
    }


def sentence_scores(
    space: Space, picture: Int64[np.ndarray, " b"], sentences: Sequence[Sequence[str]]
) -> tuple[Float[np.ndarray, "b k"], Float[np.ndarray, "b k"]]:
    """How well each of row i's sentences fits picture `picture[i]` of the space, and how well the average picture."""
    distinct = sorted({text for row in sentences for text in row})
    place = {text: k for k, text in enumerate(distinct)}
    vectors = space.texts(distinct)
    columns = np.array([[place[text] for text in row] for row in sentences])
    average = vectors @ space.pictures[np.unique(picture)].mean(axis=0)
    own = np.stack([(space.pictures[picture] * vectors[column]).sum(axis=1) for column in columns.T], axis=1)
    return own, average[columns]
