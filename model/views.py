"""How the entities of a sample are shown: a batch with pictures and words from a sample with numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64

from kgstore.images import ImageRoots, Region
from kgstore.projection import Projection
from model.batch import Batch, TripleSample
from model.permutation import uniform
from model.pictures import pictures_of
from model.sampler import IMAGE_OF
from model.tokens import Tokenizer, text_tokens


class Views:
    """Pictures and tokens of a projection, decoded and encoded once, and which of them shows an entity at a step.

    [D] An entity with pictures and texts is shown by a picture with probability `picture_share`, and by any one of its
    several pictures or texts; the choice is a function of (seed, step, entity). An entity without either, or whose
    pictures do not decode, is shown by its texts, else by its name: `by_name` counts those that have no more than that.
    """

    def __init__(
        self,
        projection: Projection,
        tokenizer: Tokenizer,
        *,
        side: int,
        context: int,
        cache: str | Path,
        roots: ImageRoots | None = None,
        region: Region = "crop",
        picture_share: float = 0.5,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.projection = projection
        self.picture_share = picture_share
        self.seed = seed
        roots = roots or ImageRoots(projection.image_roots).replaced()
        self.pictures = pictures_of(projection, roots, side, cache, region=region, progress=progress)
        self.texts = text_tokens(projection, tokenizer, context, progress=progress)
        offsets, _ = projection.all_texts
        self._has_texts = np.diff(offsets) > 0
        self.by_name = int((~self._has_texts & (np.diff(self.pictures.offsets) == 0)).sum())
        self._relation_tokens, self._relation_lengths = tokenizer.encode(
            [relation.text for relation in projection.relations], context
        )
        self._image_of = np.array([relation.type == IMAGE_OF for relation in projection.relations])

    def batch(self, sample: TripleSample) -> Batch:
        edges = sample.neighbourhood
        entities, (head, tail, edge_head, edge_tail) = _local(sample.head, sample.tail, edges.head, edges.tail)
        relations, (relation, edge_relation) = _local(sample.relation, edges.relation)
        is_picture, view = self._choose(entities, sample.step)
        row = np.empty(len(entities), np.int64)
        row[is_picture] = np.arange(is_picture.sum())
        row[~is_picture] = np.arange((~is_picture).sum())
        tokens, lengths = self.texts.padded(view[~is_picture])
        relation_lengths = self._relation_lengths[relations]
        arrays = {
            "pixels": self.pictures.pixels[self.pictures.rows[view[is_picture]]],
            "tokens": tokens,
            "lengths": lengths,
            "is_picture": is_picture,
            "row": row,
            "relation_tokens": self._relation_tokens[relations, : relation_lengths.max(initial=0)],
            "relation_lengths": relation_lengths,
            "relation_class": relations,
            "head": head,
            "relation": relation,
            "tail": tail,
            # What is held out is not known while training, whatever the projection holds.
            "known": self.projection.contains(sample.head, sample.relation, sample.tail[:, None], split="train"),
            "pairs": _pairs(self._image_of[sample.relation] & is_picture[head] & ~is_picture[tail], head),
            "edge_head": edge_head,
            "edge_relation": edge_relation,
            "edge_tail": edge_tail,
        }
        return Batch(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})

    def _choose(
        self, entities: Int64[np.ndarray, " n"], step: int
    ) -> tuple[Bool[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """Whether a picture shows the entity, and which: a number of `pictures.rows`, or of a text of `texts`."""
        first_picture, first_text = self.pictures.offsets[entities], self.texts.owner[entities]
        pictures = self.pictures.offsets[entities + 1] - first_picture
        texts = self.texts.owner[entities + 1] - first_text
        either = uniform(self.seed, step, entities, 0) < self.picture_share
        is_picture = (pictures > 0) & (either | ~self._has_texts[entities])
        which = uniform(self.seed, step, entities, 1) * np.where(is_picture, pictures, texts)
        return is_picture, np.where(is_picture, first_picture, first_text) + which.astype(np.int64)


def _local(*numbers: np.ndarray) -> tuple[Int64[np.ndarray, " n"], list[np.ndarray]]:
    """The distinct numbers, ascending, and each array with a number replaced by its place among them."""
    distinct, places = np.unique(np.concatenate(numbers), return_inverse=True)
    return distinct, np.split(places, np.cumsum([len(array) for array in numbers])[:-1])


def _pairs(candidates: Bool[np.ndarray, " b"], head: Int64[np.ndarray, " b"]) -> Int64[np.ndarray, " m"]:
    """The candidate triples, but of each picture only the first."""
    triples = np.flatnonzero(candidates)
    _, first = np.unique(head[triples], return_index=True)
    return triples[np.sort(first)]
