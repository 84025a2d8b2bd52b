"""What the objectives read of a batch, or of a part of one: all that the network has to say, before any loss.

The losses compare every triple of a batch with every other. Parts that stand in several processes, or pass through the
network one after the other, therefore meet here: joined, they are the representations of the whole batch.

    read            with gradient; rows of the parts, in the order of the parts, are the rows of the whole
      Y_t             b d    Y(-,-,t_i)
      Y_hr            b d    Y(h_i,r_i,-)
      Y_h, Y_rt       b d    Y(-,-,h_i) and Y(-,r_i,t_i)
      R_logits        b c    of R(h_i,-,t_i), an entry for each relation type
      Y_seeds         k d    Y(-,-,t) of the distinct tails with incoming edges
      G_seeds         k d    G^L of the same
      images, texts   m d_p  pooled outputs of the image-text pairs
    told            without: how the losses are to read these rows
      known           b w    as in Batch: rows of the part, columns of the whole batch
      words           b l    the tail's tokens, padded to the longest text there can be; 0 where it is a picture
      known_heads     b w    as in Batch
      head_words      b l    the head's tokens, likewise
      no_loop         b      whether its head is another entity than its tail
      relation        b      the triple's relation type: E2R's class
      pairs           m      which triples of the whole batch are image-text pairs
      taught_images, taught_texts   m d_p   the teacher's pooled outputs

What no wanted loss reads is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor


@dataclass(frozen=True)
class Representations:
    """The tensors by their names."""

    read: dict[str, Tensor]
    told: dict[str, Tensor]

    def known_tails(self) -> Bool[Tensor, "w w"]:
        """Of a whole batch, [i, j]: triple j's question is known to have triple i's tail as an answer, by the graph or
        by the same words."""
        return self.told["known"] | _alike(self.told["words"])

    def known_heads(self) -> Bool[Tensor, "w w"]:
        """The same of questions for heads: triple j's is known to have triple i's head as an answer."""
        return self.told["known_heads"] | _alike(self.told["head_words"])


def joined(parts: Sequence[Representations]) -> Representations:
    """Parts as one."""
    first = parts[0]
    return Representations(
        {name: torch.cat([part.read[name] for part in parts]) for name in first.read},
        {name: torch.cat([part.told[name] for part in parts]) for name in first.told},
    )


def _alike(words: Int64[Tensor, "w l"]) -> Bool[Tensor, "w w"]:
    """Which rows are the same words; a picture's zeros are none."""
    text = words.any(1)
    untyped: Any = torch.unique
    _, number = untyped(words, dim=0, return_inverse=True)
    return (number[:, None] == number[None, :]) & text[:, None] & text[None, :]
