"""What a run answers to (h, r, -) and to (-, r, t), over all entities of the graph.

A run answers (h, r, -) with tails, by cos(Y(h,r,-), Y(-,-,t)). One that was trained to answer (-, r, t) too
(--e2e-heads) ranks heads by cos(Y(-,r,t), Y(-,-,h)). For any other, heads are ranked by the first score too, for which
Y(h,r,-) of **every** entity h is needed. These questions are made for one group of relations at a time: the towers see
each description once a group, the fusion once a relation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Int64
from tqdm import tqdm

from model.embed import descriptions
from model.embeddings import unit
from model.predict import Predictor
from model.track import Run

#: Numbers held at once in the questions of a group of relations (4 bytes each); one relation's are held in any case.
MOST_HELD = 256_000_000


class RunLinks:
    """A run as a LinkScorer. `relations` are those that will be asked about. Raises NoFusion."""

    def __init__(self, subject: Predictor, relations: Sequence[int] = ()) -> None:
        subject.encoder.require_fusion()
        self.subject = subject
        self.asks_for_heads = bool(Run(subject.run).config["train"].get("e2e_heads"))
        self._of_all = Questions(subject, relations)

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Cosines of Y(h,r,-) with each entity's best row."""
        questions = self.subject.encoder.questions(self.subject.projection, heads, relations)
        return self.subject.embeddings.scores(questions, "fused")

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Cosines of Y(-,r,t) with each entity's best row, or of each entity's Y(h,r,-) with the tail's; -inf for a
        head that has nothing the model can be shown."""
        if not self.asks_for_heads:
            return self._of_all.scores(relations, tails)
        encoder = self.subject.encoder
        questions = encoder.questions(self.subject.projection, tails, relations, encoder.asked_for_head)
        return self.subject.embeddings.scores(questions, "fused")


class Questions:
    """Y(h,r,-) of every entity by every relation, and how well given entities answer it."""

    def __init__(self, subject: Predictor, relations: Sequence[int]) -> None:
        self.subject = subject
        self.relations = sorted(relations)
        self._held: dict[int, Float32[np.ndarray, "n f"]] = {}

    def scores(self, relations: Int64[np.ndarray, " b"], answers: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """Cosines of every entity's question with the answer's best row; -inf where an entity cannot be shown."""
        scores = np.full((len(answers), self.subject.projection.entity_count), -np.inf, np.float32)
        for modality in (self.subject.embeddings.pictures, self.subject.embeddings.texts):
            starts, ends = np.searchsorted(modality.owner, answers), np.searchsorted(modality.owner, answers, "right")
            if modality.fused is None:  # the graph has no pictures, or no texts
                continue
            for place in range(int((ends - starts).max(initial=0))):  # an entity's first rows, then its second ones ...
                rows = np.flatnonzero(starts + place < ends)
                vectors = np.asarray(modality.fused[starts[rows] + place])
                for relation in np.unique(relations[rows]).tolist():
                    own = relations[rows] == relation
                    found = vectors[own] @ self._of(relation).T
                    scores[rows[own]] = np.maximum(scores[rows[own]], found)
        for relation in np.unique(relations).tolist():
            unseen = ~self._of(relation).any(axis=1)
            scores[np.ix_(relations == relation, unseen)] = -np.inf
        return scores

    def _of(self, relation: int) -> Float32[np.ndarray, "n f"]:
        """The questions of all entities, of unit length or zero."""
        if relation not in self._held:
            self._held.clear()
            count, width = self.subject.projection.entity_count, self.subject.trained.config.fusion_width
            first = self.relations.index(relation)
            group = self.relations[first : first + max(1, MOST_HELD // (count * width))]
            self._held = self._asked_of_all(group)
        return self._held[relation]

    def _asked_of_all(self, group: Sequence[int]) -> dict[int, Float32[np.ndarray, "n f"]]:
        """As Encoder.questions has it: the mean over an entity's descriptions."""
        encoder, projection = self.subject.encoder, self.subject.projection
        words = encoder.relations([projection.relations[number].text for number in group])
        width = self.subject.trained.config.fusion_width
        total = {number: np.zeros((projection.entity_count, width), np.float32) for number in group}
        shown = [rows.owner for rows in (self.subject.embeddings.pictures, self.subject.embeddings.texts)]
        described = descriptions(projection, np.unique(np.concatenate(shown)).tolist())
        count = len(described.pictures) + len(described.texts)
        with tqdm(total=count, desc=f"asking all, {len(group)} relations", unit=" descriptions") as bar:
            for pictures, wanted in ((True, described.pictures), (False, described.texts)):
                for places, encoding in encoder.batches(wanted, pictures=pictures, progress=bar):
                    owners = np.array([wanted[place].owner for place in places])
                    for word, number in zip(words, group, strict=True):
                        np.add.at(total[number], owners, encoder.asked(encoding.elements, word.expand(len(places), -1)))
        return {number: unit(rows) for number, rows in total.items()}
