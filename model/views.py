"""How the entities of a sample are shown: a batch with pictures and words from a sample with numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Int64, UInt8

from kgstore.images import ImageRoots, Region
from kgstore.projection import Projection
from model.augment import random_crops
from model.batch import Batch, Part, TripleSample
from model.cut import part_of
from model.permutation import uniform
from model.picture_cache import cached_pictures
from model.pictures import LivePictures, Pictures, references_of
from model.sampler import IMAGE_OF
from model.swapped_captions import Swapping
from model.tokens import NO_WORD, Tokenizer, text_tokens


class Shown(NamedTuple):
    """What shows each entity of a step: a picture, or the text of this number in `Views.texts`."""

    is_picture: Bool[np.ndarray, " n"]
    pixels: UInt8[np.ndarray, "p 3 s s"]
    text: Int64[np.ndarray, " q"]


class Views:
    """Pictures and tokens of a projection, and which of them shows an entity at a step. May be used by several threads.

    [D] An entity with pictures and texts is shown by a picture with probability `picture_share`, and by any one of its
    several pictures or texts; the choice is a function of (seed, step, entity). Pictures are decoded once into a cache,
    or, if `live`, whenever they are shown; one that does not decode then makes room for another picture of its entity,
    or for a text. An entity without either is shown by its name: `by_name` counts those that have no more than that,
    `by_nothing` those of them whose name holds no word either. With `augment` a picture is shown by a random crop of
    at least that part of its area. With `swaps` the pairs' captions come with their two things exchanged, too,
    and with `heads` batches say which heads are known, and with `vectors`, rows of the model's by entity, which is each
    entity's.
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
        live: bool = False,
        augment: float = 0.0,
        picture_share: float = 0.5,
        swaps: bool = False,
        heads: bool = False,
        vectors: Int64[np.ndarray, " all"] | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.projection = projection
        self.picture_share = picture_share
        self.augment = augment
        self.heads = heads
        self.vectors = vectors
        self.seed = seed
        roots = roots or ImageRoots(projection.image_roots).replaced()
        self.pictures: Pictures
        if live:
            self.pictures = LivePictures(projection, roots, side, region)
        else:
            self.pictures = cached_pictures(projection, roots, side, cache, region=region, progress=progress)
        self.texts = text_tokens(projection, tokenizer, context, progress=progress)
        only_name = ~self.texts.described & ~_with_pictures(projection, self.pictures.failed)
        self.by_name = int(only_name.sum())
        self.by_nothing = int((self.texts.lengths(self.texts.owner[:-1][only_name]) <= NO_WORD).sum())
        if self.by_name:
            print(f"{self.by_name:,} entities have no picture and no text: their names show them.", file=sys.stderr)
        if self.by_nothing:
            print(
                f"{self.by_nothing:,} of these have no name that holds a word: the model is shown an empty text.",
                file=sys.stderr,
            )
        self._relation_tokens, self._relation_lengths = tokenizer.encode(
            [relation.text for relation in projection.relations], context
        )
        self._swapping = Swapping(tokenizer, [each.text for each in projection.relations], context) if swaps else None
        self._image_of = np.array([relation.type == IMAGE_OF for relation in projection.relations])

    def batch(self, sample: TripleSample, part: Part | None = None) -> Batch:
        """A sample, or a part of it: pictures of the other parts are not read."""
        part = part or part_of(sample, 0, len(sample.head))
        edges, own = part.neighbourhood, part.place
        entities, (head, tail, edge_head, edge_tail, seeds) = _local(
            sample.head[own], sample.tail[own], edges.head, edges.tail, part.seeds
        )
        relations, (relation,) = _local(sample.relation[own])
        is_picture, pixels, text = self._shown(entities, sample.step)
        row = np.empty(len(entities), np.int64)
        row[is_picture] = np.arange(is_picture.sum())
        row[~is_picture] = np.arange((~is_picture).sum())
        tokens, lengths = self.texts.padded(text)
        relation_lengths = self._relation_lengths[relations]
        arrays = {
            "pixels": pixels,
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
            "place": own,
            # What is held out is not known while training, whatever the projection holds.
            "known": self.projection.contains(sample.head, sample.relation, sample.tail[own, None], split="train")
            | _same_fact(sample)[own],
            "pairs": np.flatnonzero(self._pairs(sample)[own] & is_picture[head] & ~is_picture[tail]),
            "edge_head": edge_head,
            "edge_tail": edge_tail,
            "seeds": seeds,
        }
        if self._swapping:
            captions = row[tail[arrays["pairs"]]]
            arrays["swapped"], arrays["swapped_lengths"] = self._swapping.swapped(tokens[captions], lengths[captions])
        if self.heads:
            arrays["known_heads"] = self.projection.contains(
                sample.head[own, None], sample.relation, sample.tail, split="train"
            )
        if self.vectors is not None:
            arrays["vector"] = self.vectors[entities]
        if self.augment:
            arrays["crops"] = random_crops(self.seed, sample.step, entities[is_picture], self.augment)
        return Batch(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})

    def _pairs(self, sample: TripleSample) -> Bool[np.ndarray, " b"]:
        """Which triples are a picture and its caption, of each picture only the first.

        It is decided for the whole sample, so by what is meant to be shown: what does not decode is no pair either.
        """
        head, tail = (self._meant_as_picture(entities, sample.step) for entities in (sample.head, sample.tail))
        triples = np.flatnonzero(self._image_of[sample.relation] & head & ~tail)
        _, first = np.unique(sample.head[triples], return_index=True)
        pairs = np.zeros(len(sample.head), bool)
        pairs[triples[first]] = True
        return pairs

    def _meant_as_picture(self, entities: Int64[np.ndarray, " n"], step: int) -> Bool[np.ndarray, " n"]:
        pictures = self.pictures.offsets[entities + 1] - self.pictures.offsets[entities]
        either = uniform(self.seed, step, entities, 0) < self.picture_share
        return (pictures > 0) & (either | ~self.texts.described[entities])

    def _shown(self, entities: Int64[np.ndarray, " n"], step: int) -> Shown:
        is_picture = self._meant_as_picture(entities, step)
        pixels, decoded = self._pixels(entities[is_picture], step)
        is_picture[is_picture] = decoded
        first = self.texts.owner[entities]
        texts = self.texts.owner[entities + 1] - first
        text = first + (uniform(self.seed, step, entities, 1) * texts).astype(np.int64)
        return Shown(is_picture, pixels if decoded.all() else pixels[decoded], text[~is_picture])

    def _pixels(
        self, entities: Int64[np.ndarray, " p"], step: int
    ) -> tuple[UInt8[np.ndarray, "p 3 s s"], Bool[np.ndarray, " p"]]:
        """A picture of each entity, any one that decodes, and whether one did.

        What is shown for a broken picture is the next one of its entity: it depends on the files alone, not on which
        were found broken before, so that a run that goes on sees the same.
        """
        first = self.pictures.offsets[entities]
        count = self.pictures.offsets[entities + 1] - first
        chosen = (uniform(self.seed, step, entities, 1) * count).astype(np.int64)
        pixels, decoded = self.pictures.take(first + chosen)
        turn = 1
        while len(again := np.flatnonzero(~decoded & (turn < count))):
            pixels[again], decoded[again] = self.pictures.take(first[again] + (chosen[again] + turn) % count[again])
            turn += 1
        return pixels, decoded


def _with_pictures(projection: Projection, failed: Iterable[str]) -> Bool[np.ndarray, " n"]:
    """Which entities have a picture that is not among the failed ones."""
    offsets, references = references_of(projection)
    good = ~pc.is_in(references, value_set=pa.array(list(failed), pa.large_string())).to_numpy(zero_copy_only=False)
    return np.diff(np.concatenate([[0], np.cumsum(good)])[offsets]) > 0


def _same_fact(sample: TripleSample) -> Bool[np.ndarray, "b b"]:
    """Which pictures were put together because they show one fact: the caption of one is not false of the other."""
    fact = np.full(len(sample.head), -1) if sample.fact is None else sample.fact
    return (fact == fact[:, None]) & (fact >= 0)


def _local(*numbers: np.ndarray) -> tuple[Int64[np.ndarray, " n"], list[np.ndarray]]:
    """The distinct numbers, ascending, and each array with a number replaced by its place among them."""
    distinct, places = np.unique(np.concatenate(numbers), return_inverse=True)
    return distinct, np.split(places, np.cumsum([len(array) for array in numbers])[:-1])
