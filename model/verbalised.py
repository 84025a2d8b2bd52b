"""Triples told to a CLIP, which knows no relations: "cube is a" beside "solid", and a region beside its word.

What an arm needs that is to have a Knowledge-CLIP's data without its losses.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from model.batch import Batch
from model.towers import Towers


class Told(NamedTuple):
    """Pooled outputs of questions and of their answers, and which triples of the whole batch they are."""

    questions: Float[Tensor, "k d"]
    answers: Float[Tensor, "k d"]
    place: Int64[Tensor, " k"]


def told_triples(towers: Towers, batch: Batch) -> Told:
    """Of the triples between two texts: "HEAD RELATION" and the tail, both by the text tower."""
    text = ~batch.is_picture
    own = torch.nonzero(text[batch.head] & text[batch.tail])[:, 0]
    tokens, lengths = in_words(batch, own, towers.context)
    return Told(towers.text(tokens, lengths).pooled, _tails(towers, batch, own), batch.place[own])


def told_regions(towers: Towers, batch: Batch) -> Told:
    """Of the triples from a picture to a text that are no pairs of a caption: the picture and the text."""
    own = torch.ones_like(batch.head, dtype=torch.bool)
    own[batch.pairs] = False
    own = torch.nonzero(own & batch.is_picture[batch.head] & ~batch.is_picture[batch.tail])[:, 0]
    pixels = batch.pixels[batch.row[batch.head[own]]]
    return Told(towers.image(pixels).pooled, _tails(towers, batch, own), batch.place[own])


def in_words(batch: Batch, own: Int64[Tensor, " k"], context: int) -> tuple[Int64[Tensor, "k l"], Int64[Tensor, " k"]]:
    """Tokens of the head's words followed by the relation's, with start and end; a long head gives way [D]."""
    heads, relations = batch.row[batch.head[own]], batch.relation[own]
    of_relation = (batch.relation_lengths[relations] - 2).clamp(max=context - 2)
    of_head = torch.minimum(batch.lengths[heads] - 1, context - 1 - of_relation)  # with the start
    lengths = of_head + of_relation + 1
    places = torch.arange(int(lengths.max()) if len(own) else 1, device=own.device)[None, :].expand(len(own), -1)
    head = batch.tokens[heads].gather(1, places.clamp(max=batch.tokens.shape[1] - 1))
    after = (places - of_head[:, None] + 1).clamp(0, batch.relation_tokens.shape[1] - 1)
    words = torch.where(places < of_head[:, None], head, batch.relation_tokens[relations].gather(1, after))
    end = batch.tokens[heads].gather(1, batch.lengths[heads][:, None] - 1)
    words = torch.where(places == lengths[:, None] - 1, end, words)
    return words.masked_fill(places >= lengths[:, None], 0), lengths


def _tails(towers: Towers, batch: Batch, own: Int64[Tensor, " k"]) -> Float[Tensor, "k d"]:
    texts = batch.row[batch.tail[own]]
    lengths = batch.lengths[texts]
    return towers.text(batch.tokens[texts, : int(lengths.max()) if len(own) else 1], lengths).pooled
