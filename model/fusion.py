"""The multimodal encoder over a triplet whose elements may be missing (Eq. 3 to 6).

A triplet becomes the sequence [<head>, x_h + PE_h, xbar_r + PE_r, x_t + PE_t]. Its representation is read at <head>
(Eq. 4), or in the relation's slot (Eq. 5).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from model.config import ModelConfig
from model.towers import by_length


class Elements(NamedTuple):
    """Entities as the fusion takes them: their unpooled tokens in its width, padded; `present` marks the real ones."""

    tokens: Float[Tensor, "n l d"]
    present: Bool[Tensor, "n l"]

    def take(self, rows: Int64[Tensor, " k"]) -> Elements:
        """These rows, as long as they were."""
        return Elements(self.tokens[rows], self.present[rows])


class Sequence(NamedTuple):
    """A padded input: states, which positions may be attended to, and which one, never padding, is read out."""

    states: Float[Tensor, "b l d"]
    attended: Bool[Tensor, "b l"]
    read: int


class Fusion(nn.Module):
    """Transformer over triplets, with drop path [P].

    Its layers are those of CLIP's own encoders, from which its tokens come: the norm before each residual, and a hidden
    layer of `fusion_mlp` widths; GELU in place of their approximation of it [D]. Every position attends to every other:
    no element of a triplet comes before another [D].

    `slot` is the number of positions that h and t have in the sequence: the most tokens an entity can have.
    """

    def __init__(self, config: ModelConfig, slot: int, attention: str) -> None:
        super().__init__()
        width = config.fusion_width
        self.masked, self.slot = config.masked, slot
        self.head_token = nn.Parameter(torch.randn(width) * config.encoding_scale)
        # One learned vector for each position inside h and t, and one for r; none on <head> (Fig. 2).
        self.encode_head = nn.Parameter(torch.randn(slot, width) * config.encoding_scale)
        self.encode_relation = nn.Parameter(torch.randn(width) * config.encoding_scale)
        self.encode_tail = nn.Parameter(torch.randn(slot, width) * config.encoding_scale)
        # Added encodings alone leave a plateau: before attention has learnt to tell head from tail, nothing pulls at
        # what makes a thing a head rather than a tail, and without that nothing pulls at the attention [D].
        self.role_head = self.role_tail = None
        if config.role_scale:
            self.role_head = nn.Parameter(1 + torch.randn(width) * config.role_scale)
            self.role_tail = nn.Parameter(1 + torch.randn(width) * config.role_scale)
        # Drop path grows with depth, as where it was introduced (Huang et al. 2016); the paper's 0.1 is the last
        # layer's [D].
        rates = torch.linspace(0, config.drop_path, config.fusion_layers + 1)[1:].tolist()
        self.layers = nn.ModuleList(
            Layer(width, config.fusion_heads, config.fusion_mlp, rate, attention) for rate in rates
        )
        self.norm = nn.LayerNorm(width)

    def whole(
        self, head: Elements | None, relation: Float[Tensor, "b d"] | None, tail: Elements | None
    ) -> Float[Tensor, "b d"]:
        """Y(h,r,t) = Fusion(X)[0] (Eq. 4); a missing element is None."""
        return self.read_out(self.sequence(head, relation, tail))

    def backwards(self, tail: Elements, relation: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Y of (-,r,t), read as (t, r the other way round, -): a reciprocal relation (Lacroix et al. 2018).

        [D] Its encoding is subtracted instead of added. What is asked about then always stands in the head's place, and
        what answers in the tail's; with (-,r,t) as it stands the likest answer is t itself.
        """
        return self.read_out(self.sequence(tail, relation - 2 * self.encode_relation, None))

    def relation_slot(
        self, head: Elements | None, relation: Float[Tensor, "b d"] | None, tail: Elements | None
    ) -> Float[Tensor, "b d"]:
        """R(h,r,t) = Fusion(X)[1 + len(x_h)] (Eq. 5); a missing element is None."""
        return self.read_out(self.sequence(head, relation, tail, read_relation=True))

    def sequence(
        self,
        head: Elements | None,
        relation: Float[Tensor, "b d"] | None,
        tail: Elements | None,
        read_relation: bool = False,
    ) -> Sequence:
        """X (Eq. 3) with the feature and the encoding of every missing element 0 (Eq. 6).

        `masked` "zero" keeps the places of zeros and lets them be attended to; "drop" leaves them out [D]. The
        relation's slot stays when it is what is read, as in (h,-,t).
        """
        b = len(relation) if relation is not None else len((head or tail).tokens)  # type: ignore[union-attr]
        start = self.head_token.expand(b, 1, -1)
        h = self._element(head, self.encode_head, self.role_head, b)
        if relation is not None:
            r = (relation + self.encode_relation)[:, None]
        else:
            r = start.new_zeros(b, 1 if read_relation or self.masked == "zero" else 0, start.shape[-1])
        t = self._element(tail, self.encode_tail, self.role_tail, b)
        attended = [_all(b, 1, start), h.present, _all(b, r.shape[1], start), t.present]
        read = 1 + h.tokens.shape[1] if read_relation else 0
        return Sequence(torch.cat([start, h.tokens, r, t.tokens], 1), torch.cat(attended, 1), read)

    def read_out(self, sequence: Sequence) -> Float[Tensor, "b d"]:
        """The last layer's state at the position that is read.

        Sequences of like length go through the layers together and without what pads them: the mathematics of one
        padded batch for half its cost.
        """
        if not len(sequence.states):  # a part may have no triple, where the graph has lost those that were drawn
            return sequence.states[:, 0]
        groups = by_length(sequence.attended.sum(1))
        results = [self._layers(*packed(sequence, rows)) for rows in groups]
        return torch.cat(results)[torch.cat(groups).argsort()]

    def _layers(
        self, states: Float[Tensor, "b l d"], attended: Bool[Tensor, "b l"], read: Int64[Tensor, " b"]
    ) -> Float[Tensor, "b d"]:
        """Of the last layer only the state that is read is computed."""
        for layer in self.layers[:-1]:
            states = layer(states, states, attended)
        queries = states[torch.arange(len(states), device=states.device), read][:, None]
        return self.norm(self.layers[-1](queries, states, attended)[:, 0])

    def _element(
        self, element: Elements | None, encoding: Float[Tensor, "slot d"], role: Float[Tensor, " d"] | None, b: int
    ) -> Elements:
        if element is not None:
            l = element.tokens.shape[1]  # noqa: E741 - the alphabet of model/batch.py
            tokens = element.tokens if role is None else element.tokens * role
            return Elements(tokens + encoding[:l], element.present)
        length = self.slot if self.masked == "zero" else 0
        zeros = encoding.new_zeros(b, length, encoding.shape[1])
        return Elements(zeros, _all(b, length, zeros))


class Layer(nn.Module):
    """Attention and MLP, each a residual that drop path may leave out for a sample."""

    def __init__(self, width: int, heads: int, mlp: int, drop_path: float, attention: str) -> None:
        super().__init__()
        self.heads, self.drop_path, self.attention = heads, drop_path, attention
        self.norm_attention = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp * width), nn.GELU(), nn.Linear(mlp * width, width))

    def forward(
        self, queries: Float[Tensor, "b k d"], states: Float[Tensor, "b l d"], attended: Bool[Tensor, "b l"]
    ) -> Float[Tensor, "b k d"]:
        """The new states of the positions `queries`, which are among `states`."""
        queries = queries + self._dropped(self._attend(queries, states, attended))
        return queries + self._dropped(self.mlp(self.norm_mlp(queries)))

    def _attend(self, queries: Tensor, states: Tensor, attended: Tensor) -> Tensor:
        q = self._split(self.query(self.norm_attention(queries)))
        k, v = map(self._split, self.key_value(self.norm_attention(states)).chunk(2, dim=-1))
        mask = attended[:, None, None, :]
        if self.attention == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:  # written out: on a CPU and short sequences faster than the fused kernel (FINDINGS 1.8)
            scores = (q * q.shape[-1] ** -0.5) @ k.mT
            mixed = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def _dropped(self, residual: Tensor) -> Tensor:
        if not (self.training and self.drop_path):
            return residual
        kept = torch.rand(len(residual), 1, 1, device=residual.device) >= self.drop_path
        return residual * kept / (1 - self.drop_path)


def packed(
    sequence: Sequence, rows: Int64[Tensor, " k"]
) -> tuple[Float[Tensor, "k l d"], Bool[Tensor, "k l"], Int64[Tensor, " k"]]:
    """Rows of a sequence without what may not be attended to, and where each is read then."""
    attended = sequence.attended[rows]
    longest = int(attended.sum(1).max())
    places = (~attended).byte().argsort(dim=1, stable=True)[:, :longest]
    states = sequence.states[rows[:, None], places]
    return states, attended.gather(1, places), attended[:, : sequence.read].sum(1)


def _all(b: int, l: int, like: Tensor) -> Bool[Tensor, "b l"]:  # noqa: E741
    return torch.ones(b, l, dtype=torch.bool, device=like.device)
