"""The step of the paper as its equations stand, without what model/knowledge_clip.py saves: for comparison alone.

Every triple and every edge of a neighbourhood is worked out by itself: both its entities and its relation are encoded
there, texts are padded to the longest there can be, and the fusion takes whole padded sequences through whole layers,
in four passes: (h,r,-), (-,-,t), (h,-,t), and (-,-,h) for G^0 of the heads. Without drop path the losses are those of
the network.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from model.batch import Batch
from model.fusion import Elements, Fusion
from model.fusion import Sequence as Fused
from model.knowledge_clip import Encoding, KnowledgeClip, distinct, mixed, pair_features, words_of
from model.representations import Representations
from model.towers import Encoded, Towers, at_end


class Form(NamedTuple):
    """Which of the savings are left in."""

    shared: bool  # an entity is encoded once, and represented once, however often it occurs
    unpadded: bool  # texts and sequences are as long as they are, and the last layer gives only what is read of it


def naive_losses(
    model: KnowledgeClip, batch: Batch, wanted: Collection[str], teacher: Towers | None, form: Form
) -> dict[str, Tensor]:
    """The named terms in a form; what is masked is as the network's configuration says."""
    if form.shared and form.unpadded:
        return model.losses(batch, wanted, teacher)
    n = len(batch.row)
    occurring = [batch.head, batch.tail, batch.edge_head, batch.edge_tail]
    rows = torch.arange(n, device=batch.head.device) if form.shared else torch.cat(occurring)
    entities = _encoded(model, batch, rows, form)
    own = torch.split(torch.arange(len(rows), device=rows.device), list(map(len, occurring))) if not form.shared else ()
    at = list(own) or occurring
    read = _read(model, batch, entities.elements, at, form)
    images, texts = entities.pooled[at[0][batch.pairs]], entities.pooled[at[1][batch.pairs]]
    told = {
        "known": batch.known,
        "words": words_of(batch, batch.tail, model.towers.context),
        "relation": batch.relation_class[batch.relation],
        "pairs": batch.place[batch.pairs],
    }
    if "kd" in wanted and teacher is not None:
        told |= _taught(teacher, batch, form)
    whole = Representations(read | {"images": images, "texts": texts}, told)
    return model.objectives(whole, wanted, teacher)


def _read(
    model: KnowledgeClip, batch: Batch, entities: Elements, at: Sequence[Int64[Tensor, " k"]], form: Form
) -> dict[str, Tensor]:
    """The representations that the losses read; `at` are the rows of heads, tails, and the heads and tails of edges."""
    fusion, (h, t, edge_h, edge_t) = model.fusion, at
    relation = batch.relation if not form.shared else torch.arange(len(batch.relation_lengths), device=h.device)
    said = _text(model.towers, batch.relation_tokens[relation], batch.relation_lengths[relation], form)
    words = model.text_bridge(at_end(said.tokens, batch.relation_lengths[relation]))
    Y_hr = _read_out(
        fusion, fusion.sequence(entities.take(h), words if not form.shared else words[batch.relation], None), form
    )
    alone, places = torch.cat([t, edge_h]), torch.arange(len(t) + len(edge_h), device=h.device)
    heads, tails = torch.cat([h, edge_h]), torch.cat([t, edge_t])
    if form.shared:
        alone, places = distinct(alone)
    Y = _read_out(fusion, fusion.sequence(None, None, entities.take(alone)), form)[places]
    R = _read_out(fusion, fusion.sequence(entities.take(heads), None, entities.take(tails), read_relation=True), form)
    numbers = torch.cat([batch.tail, batch.edge_head])
    occurrence = numbers.new_zeros(len(batch.row)).index_put((numbers,), torch.arange(len(numbers), device=h.device))
    G = Y[occurrence]  # any one of an entity; those that do not occur are not read
    graphs = model.graph(G, batch.edge_head, batch.edge_tail, R[len(h) :])
    return {
        "Y_t": Y[: len(t)],
        "Y_hr": Y_hr,
        "R_logits": model.relation_head(R[: len(h)]),
        "Y_seeds": G[batch.seeds],
        "G_seeds": graphs[batch.seeds],
    }


def _encoded(model: KnowledgeClip, batch: Batch, rows: Int64[Tensor, " k"], form: Form) -> Encoding:
    """These entities, each encoded for itself."""
    shown, row = batch.is_picture[rows], batch.row[rows]
    pictures = model.encode_pictures(batch.pixels[row[shown]])
    lengths = batch.lengths[row[~shown]]
    states, pooled = _text(model.towers, batch.tokens[row[~shown]], lengths, form)
    present = torch.arange(states.shape[1], device=rows.device) < lengths[:, None]
    texts = Encoding(Elements(model.text_bridge(states), present), pooled)
    place = torch.where(shown, shown.cumsum(0) - 1, shown.sum() + (~shown).cumsum(0) - 1)
    return mixed(pictures, texts, place)


def _text(towers: Towers, tokens: Int64[Tensor, "q l"], lengths: Int64[Tensor, " q"], form: Form) -> Encoded:
    """The text tower over all positions that there can be."""
    if form.unpadded:
        return towers.text(tokens, lengths)
    tokens = F.pad(tokens, (0, towers.context - tokens.shape[1]))
    states = towers.clip.text_model(input_ids=tokens).last_hidden_state
    return Encoded(states, towers.clip.text_projection(at_end(states, lengths)))


def _read_out(fusion: Fusion, sequence: Fused, form: Form) -> Float[Tensor, "b d"]:
    """Every position of the padded sequences in every layer."""
    if form.unpadded:
        return fusion.read_out(sequence)
    states: Tensor = sequence.states
    attended: Bool[Tensor, "b l"] = sequence.attended
    for layer in fusion.layers:
        states = layer(states, states, attended)
    return fusion.norm(states)[:, sequence.read]


def _taught(teacher: Towers, batch: Batch, form: Form) -> dict[str, Tensor]:
    with torch.no_grad():
        if form.unpadded:
            taught = pair_features(teacher, batch)
            return {"taught_images": taught.images, "taught_texts": taught.texts}
        pictures, texts = batch.row[batch.head[batch.pairs]], batch.row[batch.tail[batch.pairs]]
        said = _text(teacher, batch.tokens[texts], batch.lengths[texts], form)
        return {"taught_images": teacher.image(batch.pixels[pictures]).pooled, "taught_texts": said.pooled}
