"""What a training step gets: graph structure by number, and each distinct entity and relation once.

One alphabet of dimensions, used in every signature of model/:

    b  triples of the batch            n  distinct entities of the step (the triples' and the neighbourhood's)
    e  edges of the neighbourhood      r  distinct relations of the step
    p  entities shown as a picture     q  entities shown as a text (p + q = n)
    m  image-text pairs of the batch   l  tokens        d  width        s  side of a picture in pixels
    w  triples of the whole batch, of which a part has b                k  tails whose neighbourhood is represented
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Neighbourhood:
    """Incoming edges around the tails of a batch, hop by hop, without the batch's own triples and their inverses.

    All numbers are **global**: entity and relation numbers of the projection. An edge runs head -> tail.
    """

    head: np.ndarray  # int64 [e]
    relation: np.ndarray  # int64 [e]
    tail: np.ndarray  # int64 [e]


@dataclass(frozen=True)
class Negatives:
    """Entities that make a triple of the batch false in the place of its head or of its tail; -1: there is none."""

    head: np.ndarray  # int64 [b, k]
    tail: np.ndarray  # int64 [b, k]


@dataclass(frozen=True)
class TripleSample:
    """A drawn batch of triples and the neighbourhood of their tails, in global numbers; no pictures or words yet."""

    step: int
    head: np.ndarray  # int64 [b]
    relation: np.ndarray  # int64 [b]
    tail: np.ndarray  # int64 [b]
    neighbourhood: Neighbourhood
    # int64 [b]: pictures of one number, if it is not -1, show the same fact, so no caption of one is false of another
    fact: np.ndarray | None = None
    negatives: Negatives | None = None


@dataclass(frozen=True)
class Part:
    """What one process or one pass takes of a drawn batch, in global numbers (model/cut.py)."""

    whole: TripleSample
    place: np.ndarray  # int64 [b]: its triples, as places in the whole sample
    seeds: np.ndarray  # int64 [k]: the tails with incoming edges that G2E has here, each in one part alone
    neighbourhood: Neighbourhood  # the edges that reach the seeds


@dataclass(frozen=True)
class Batch:
    """A sample, or a part of one, with its pictures and words. Entity and relation numbers are **local** to it.

    Texts are padded with zeros to the longest of the batch; `lengths` counts tokens with start and end.
    The entity with number k is shown by row `row[k]` of `pixels` if `is_picture[k]`, else of `tokens`.
    """

    pixels: UInt8[Tensor, "p 3 s s"]
    tokens: Int64[Tensor, "q l"]
    lengths: Int64[Tensor, " q"]
    is_picture: Bool[Tensor, " n"]
    row: Int64[Tensor, " n"]
    relation_tokens: Int64[Tensor, "r l_r"]
    relation_lengths: Int64[Tensor, " r"]
    relation_class: Int64[Tensor, " r"]  # number of the relation type in the projection's catalogue: E2R's target
    head: Int64[Tensor, " b"]
    relation: Int64[Tensor, " b"]
    tail: Int64[Tensor, " b"]
    place: Int64[Tensor, " b"]  # of each triple its number in the whole batch
    # [i, j]: the graph knows (h_j, r_j, t_i) to be true, so triple j of the whole batch is no negative of i
    known: Bool[Tensor, "b w"]
    # the triples whose head is a picture and whose tail is its caption, each picture once in the whole batch
    pairs: Int64[Tensor, " m"]
    # What the graph network reads; of an edge's relation it reads R(h,-,t), so that its words are not needed.
    edge_head: Int64[Tensor, " e"]
    edge_tail: Int64[Tensor, " e"]
    seeds: Int64[Tensor, " k"]  # distinct tails with incoming edges; of a whole batch in one part alone
    # [i, j]: the graph knows (h_i, r_j, t_j) to be true; None: no loss asks for heads
    known_heads: Bool[Tensor, "b w"] | None = None
    # Captions of the pairs with their two things exchanged, padded as texts are; of length 0 where there are none
    swapped: Int64[Tensor, "m l_s"] | None = None
    swapped_lengths: Int64[Tensor, " m"] | None = None
    # The row of each entity among the model's vectors (model/entity_vectors.py); None: nothing reads it
    vector: Int64[Tensor, " n"] | None = None
    # left, top, width, height of what is to be shown of each picture, as parts of its side; None: all of it
    crops: Float32[Tensor, "p 4"] | None = None

    def to(self, device: torch.device | str) -> Self:
        """The batch on another device; copies from pinned memory do not wait."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=True))

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with each of its tensors changed."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by the names of their fields; what is None is left out."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}
