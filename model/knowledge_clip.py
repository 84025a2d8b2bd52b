"""Knowledge-CLIP: towers, fusion, graph network and objectives put together, in the order of the paper.

Symbols: Y is the representation of a whole, possibly partial triplet (Eq. 4), R the one in the relation's slot (Eq. 5),
"-" an element that is missing (Eq. 6).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence, Set
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from transformers import CLIPModel

from model.batch import Batch
from model.config import ModelConfig
from model.entity_vectors import EntityVectors
from model.fusion import Elements, Fusion
from model.graph_network import GraphNetwork
from model.objectives import clip_loss, cosines, e2e_loss, e2r_loss, g2e_loss, kd_loss, swap_loss
from model.representations import Representations
from model.towers import Towers, at_end
from model.verbalised import told_regions, told_triples


class Encoding(NamedTuple):
    """Entities after the towers: their tokens for the fusion, and CLIP's pooled output."""

    elements: Elements
    pooled: Float[Tensor, "n d_p"]

    def take(self, rows: Int64[Tensor, " k"]) -> Encoding:
        """These entities."""
        return Encoding(self.elements.take(rows), self.pooled[rows])


class KnowledgeClip(nn.Module):
    """A CLIP that reads triplets.

    `relations` are the types that E2R tells apart. Without any, the model is the CLIP alone: `fused` is False and only
    `towers` is there. `entities` of the graph have a vector each, if the configuration says so.
    """

    def __init__(
        self, clip: CLIPModel, config: ModelConfig, relations: Sequence[str], attention: str, entities: int = 0
    ) -> None:
        super().__init__()
        self.config, self.relations = config, tuple(relations)
        self.vectors: EntityVectors | None = None
        self.towers = Towers(clip, config.image_tokens == "projected", config.text_tokens == "projected")
        if not relations:
            return
        width = config.fusion_width
        # The towers' widths are not the fusion's, so a linear bridge a modality; the norm before it puts any
        # checkpoint's tokens on the scale of the element encodings [D].
        self.image_bridge = nn.Sequential(
            nn.LayerNorm(self.towers.image_width), nn.Linear(self.towers.image_width, width)
        )
        self.text_bridge = nn.Sequential(nn.LayerNorm(self.towers.text_width), nn.Linear(self.towers.text_width, width))
        image_tokens = 1 + config.image_pool**2 if config.image_pool else self.towers.image_tokens
        if config.entity_vectors != "none":
            self.vectors = EntityVectors(entities, width, config.vector_scale)
        self.fusion = Fusion(config, max(image_tokens, self.towers.context) + bool(self.vectors), attention)
        # Two layers [P], the hidden one of the fusion's width and GELU as there [D].
        self.relation_head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(relations)))
        self.graph = GraphNetwork(width, config.gnn_layers, config.gnn_gate)
        if config.own_temperature:
            self.log_inverse_temperature = nn.Parameter(torch.tensor(-math.log(config.temperature)))

    @property
    def fused(self) -> bool:
        """Whether there is more than the CLIP."""
        return bool(self.relations)

    @property
    def shows_nothing(self) -> bool:
        """Whether the fusion is shown vectors alone, so that the towers need not see the entities."""
        return self.vectors is not None and self.config.entity_vectors == "alone"

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """tau of the knowledge objectives: CLIP's, or one of their own [D], for the reason that its setting gives."""
        return (-self.log_inverse_temperature).exp() if self.config.own_temperature else self.towers.temperature

    @property
    def scales(self) -> list[nn.Parameter]:
        """What the temperatures are made of: the only parameters that the objectives read themselves."""
        own = [self.log_inverse_temperature] if self.fused and self.config.own_temperature else []
        return [self.towers.clip.logit_scale, *own]

    @torch.no_grad()
    def clamp_temperatures(self) -> None:
        """Keeps the temperatures from going below the least [D: CLIP's bound]; called after each step."""
        for scale in self.scales:
            scale.clamp_(max=-math.log(self.config.least_temperature))

    # Encoding (Eq. 2)

    def encode_pictures(self, pixels: UInt8[Tensor, "p 3 s s"]) -> Encoding:
        """Pictures as entities."""
        tokens, pooled = self.towers.image(pixels)
        tokens = self.image_bridge(pooled_grid(tokens, self.config.image_pool))
        return Encoding(Elements(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)), pooled)

    def encode_texts(self, tokens: Int64[Tensor, "q l"], lengths: Int64[Tensor, " q"]) -> Encoding:
        """Texts as entities."""
        states, pooled = self.towers.text(tokens, lengths)
        present = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        return Encoding(Elements(self.text_bridge(states), present), pooled)

    def encode_relations(self, tokens: Int64[Tensor, "r l"], lengths: Int64[Tensor, " r"]) -> Float[Tensor, "r d"]:
        """Relations: texts pooled to their end token [P], before the projection as texts' tokens are [D]."""
        return self.text_bridge(at_end(self.towers.text(tokens, lengths).tokens, lengths))

    def encode(self, batch: Batch) -> Encoding:
        """The entities of a batch, by their local numbers, each encoded once."""
        encoding = mixed(
            self.encode_pictures(batch.pixels),
            self.encode_texts(batch.tokens, batch.lengths),
            torch.where(batch.is_picture, batch.row, batch.row + len(batch.pixels)),
        )
        return encoding if batch.vector is None else self.with_vectors(encoding, batch.vector)

    def with_vectors(self, encoding: Encoding, rows: Int64[Tensor, " n"]) -> Encoding:
        """Entities of these rows among the vectors: before what shows them, or instead of it [D]."""
        if self.vectors is None:
            return encoding
        if self.shows_nothing:
            return encoding._replace(elements=self.vectors.tokens(rows))
        return encoding._replace(elements=self.vectors.before(encoding.elements, rows))

    # Representations (Eq. 3 to 6) and the graph's view of them (Eq. 11 and 12)

    def represent(
        self, head: Elements | None = None, relation: Float[Tensor, "b d"] | None = None, tail: Elements | None = None
    ) -> Float[Tensor, "b d"]:
        """Y of triplets; leave out what is missing."""
        return self.fusion.whole(head, relation, tail)

    def represent_backwards(self, relation: Float[Tensor, "b d"], tail: Elements) -> Float[Tensor, "b d"]:
        """Y(-,r,t)."""
        return self.fusion.backwards(tail, relation)

    def represent_relation(self, head: Elements, tail: Elements) -> Float[Tensor, "b d"]:
        """R(h,-,t)."""
        return self.fusion.relation_slot(head, None, tail)

    def relation_logits(self, head: Elements, tail: Elements) -> Float[Tensor, "b c"]:
        """How likely each type of `relations` stands between head and tail."""
        return self.relation_head(self.represent_relation(head, tail))

    # What the objectives read, of a batch or of a part of one

    def representations(self, batch: Batch, wanted: Collection[str], teacher: Towers | None = None) -> Representations:
        """What the wanted losses need. `teacher`, frozen, is needed for "kd" alone."""
        read: dict[str, Tensor] = {}
        told = {
            "known": batch.known,
            "words": words_of(batch, batch.tail, self.towers.context),
            "relation": batch.relation_class[batch.relation],
            "pairs": batch.place[batch.pairs],
            "no_loop": batch.head != batch.tail,
        }
        if "e2e_heads" in wanted:
            if batch.known_heads is None:
                raise ValueError("The loss e2e_heads needs batches with known heads: Views(..., heads=True).")
            told |= {
                "known_heads": batch.known_heads,
                "head_words": words_of(batch, batch.head, self.towers.context),
            }
        if self.vectors is not None and batch.vector is None:
            raise ValueError("A network with vectors of entities needs batches with their rows: Views(..., vectors=).")
        if self.fused and not self.shows_nothing:
            entities = self.encode(batch)
            read |= self._read_triples(batch, entities.elements, {*wanted})
            pairs = PairFeatures(entities.pooled[batch.head[batch.pairs]], entities.pooled[batch.tail[batch.pairs]])
        else:
            pairs = pair_features(self.towers, batch)
            if self.vectors is not None and batch.vector is not None:
                read |= self._read_triples(batch, self.vectors.tokens(batch.vector), {*wanted})
        if "kd" in wanted or "clip" in wanted or "swap" in wanted:
            read |= {"images": pairs.images, "texts": pairs.texts}
        if "kd" in wanted:
            if teacher is None:
                raise ValueError("The loss kd needs a teacher.")
            with torch.no_grad():
                taught = pair_features(teacher, batch)
            told |= {"taught_images": taught.images, "taught_texts": taught.texts}
        if "swap" in wanted:
            read["swapped"], told["has_swapped"] = swapped_captions(self.towers, batch)
        for name, of in (("told", told_triples), ("regions", told_regions)):
            if name in wanted:
                questions, answers, told[f"{name}_place"] = of(self.towers, batch)
                read |= {f"{name}_questions": questions, f"{name}_answers": answers}
        return Representations(read, told)

    def _read_triples(self, batch: Batch, entities: Elements, wanted: Set[str]) -> dict[str, Tensor]:
        """What E2E, E2R and G2E read, by three fusion passes, each triplet and each entity represented once; E2E asked
        for heads takes one more.

        Y(-,-,t) of E2E is G^0 of G2E, and R(h,-,t) of E2R and of the graph network's edges are one pass.
        """
        read: dict[str, Tensor] = {}
        b, e = len(batch.head), len(batch.edge_head) if "g2e" in wanted else 0
        edge_head, edge_tail = batch.edge_head[:e], batch.edge_tail[:e]

        asks = bool(wanted & {"e2e", "e2e_heads"})
        needs_heads = "e2e_heads" in wanted or (asks and self.config.self_negatives)
        for_heads = batch.head if needs_heads else batch.head[:0]
        if asks or "g2e" in wanted:
            alone, places = distinct(torch.cat([batch.tail, edge_head, edge_tail, for_heads]))
            Y_t = self.represent(tail=entities.take(alone))
        if "e2r" in wanted or e:
            first = 0 if "e2r" in wanted else b  # without E2R the batch's own triples need no R
            heads, tails = torch.cat([batch.head, edge_head])[first:], torch.cat([batch.tail, edge_tail])[first:]
            R = self.represent_relation(entities.take(heads), entities.take(tails))

        if asks:
            relations = self.encode_relations(batch.relation_tokens, batch.relation_lengths)
            read |= {"Y_t": Y_t[places[:b]]}
        if "e2e" in wanted:
            read["Y_hr"] = self.represent(head=entities.take(batch.head), relation=relations[batch.relation])
        if "e2e_heads" in wanted:
            read["Y_rt"] = self.represent_backwards(relations[batch.relation], entities.take(batch.tail))
        if needs_heads:
            read["Y_h"] = Y_t[places[b + 2 * e :]]
        if "e2r" in wanted:
            read["R_logits"] = self.relation_head(R[:b])
        if "g2e" in wanted:
            # Tails without incoming edges have no G and are left out, and a tail that stands in several triples counts
            # once: it would be its own negative [D].
            G = self.graph(Y_t, places[b : b + e], places[b + e : b + 2 * e], R[len(R) - e :] if e else Y_t[:0])
            seeds = torch.searchsorted(alone, batch.seeds)
            read |= {"Y_seeds": Y_t[seeds], "G_seeds": G[seeds]}
        return read

    # Objectives (Eq. 8, 10, 13, KD, Eq. 1)

    def objectives(
        self, whole: Representations, wanted: Collection[str], teacher: Towers | None = None
    ) -> dict[str, Tensor]:
        """The named terms that are wanted, unweighted, from the representations of a whole batch."""
        of, told, config = whole.read, whole.told, self.config
        terms: dict[str, Tensor] = {}
        known = whole.known_tails() if config.mask_known else torch.zeros_like(told["known"])
        both_ways = config.e2e_symmetric
        ends = [name for name in ("Y_h", "Y_t") if config.self_negatives and name in of]
        own = {name: of[name] * told["no_loop"][:, None] for name in ends}
        if "e2e" in wanted:
            terms["e2e"] = e2e_loss(of["Y_t"], of["Y_hr"], self.temperature, known, both_ways, own.get("Y_h"))
        if "e2e_heads" in wanted:
            heads = whole.known_heads() if config.mask_known else torch.zeros_like(told["known_heads"])
            terms["e2e_heads"] = e2e_loss(of["Y_h"], of["Y_rt"], self.temperature, heads, both_ways, own.get("Y_t"))
        if "e2r" in wanted:
            terms["e2r"] = e2r_loss(of["R_logits"], told["relation"])
        if "g2e" in wanted:
            terms["g2e"] = g2e_loss(of["Y_seeds"], of["G_seeds"], self.temperature)
        if "kd" in wanted and teacher is not None:
            taught = cosines(told["taught_images"], told["taught_texts"])
            target = taught / (config.teacher_temperature or teacher.temperature.detach())
            terms["kd"] = kd_loss(cosines(of["images"], of["texts"]) / self.towers.temperature, target)
        if "clip" in wanted:
            pairs = told["pairs"]
            terms["clip"] = clip_loss(of["images"], of["texts"], self.towers.temperature, known[pairs][:, pairs].T)
        # What stands beside CLIP's loss in arms that others are compared with: Eq. 1 again
        tau = self.towers.temperature
        if "swap" in wanted:
            pairs, has = told["pairs"], told["has_swapped"]
            terms["swap"] = swap_loss(of["images"], of["texts"], of["swapped"], has, tau, known[pairs][:, pairs].T)
        for name in ("told", "regions"):
            if name in wanted:
                place = told[f"{name}_place"]
                questions, answers = of[f"{name}_questions"], of[f"{name}_answers"]
                terms[name] = clip_loss(questions, answers, tau, known[place][:, place].T)
        return terms

    def losses(self, batch: Batch, wanted: Collection[str], teacher: Towers | None = None) -> dict[str, Tensor]:
        """The named terms of a whole batch."""
        return self.objectives(self.representations(batch, wanted, teacher), wanted, teacher)


class PairFeatures(NamedTuple):
    """Pooled outputs of a batch's image-text pairs."""

    images: Float[Tensor, "m d_p"]
    texts: Float[Tensor, "m d_p"]


def pair_features(towers: Towers, batch: Batch) -> PairFeatures:
    """The pooled outputs of the pairs alone, without the batch's other entities."""
    pictures, texts = batch.row[batch.head[batch.pairs]], batch.row[batch.tail[batch.pairs]]
    lengths = batch.lengths[texts]
    longest = int(lengths.max()) if len(lengths) else 1
    return PairFeatures(
        towers.image(batch.pixels[pictures]).pooled, towers.text(batch.tokens[texts, :longest], lengths).pooled
    )


def swapped_captions(towers: Towers, batch: Batch) -> tuple[Float[Tensor, "m d_p"], Bool[Tensor, " m"]]:
    """The pooled outputs of the pairs' swapped captions, and which pairs have one; the others' are of no account."""
    if batch.swapped is None or batch.swapped_lengths is None:
        raise ValueError("The loss swap needs batches with swapped captions: Views(..., swaps=True).")
    return towers.text(batch.swapped, batch.swapped_lengths.clamp(min=1)).pooled, batch.swapped_lengths > 0


def words_of(batch: Batch, entities: Int64[Tensor, " b"], context: int) -> Int64[Tensor, "b context"]:
    """The tokens of the entities that are shown as a text, and zeros for the others."""
    text = ~batch.is_picture[entities]
    words = batch.tokens.new_zeros(len(text), context)
    words[text, : batch.tokens.shape[1]] = batch.tokens[batch.row[entities[text]]]
    return words


def distinct(numbers: Int64[Tensor, " k"]) -> tuple[Int64[Tensor, " u"], Int64[Tensor, " k"]]:
    """The numbers once each, ascending, and where each of the given ones is among them."""
    untyped: Any = torch.unique
    return untyped(numbers, return_inverse=True)


def mixed(pictures: Encoding, texts: Encoding, rows: Int64[Tensor, " n"]) -> Encoding:
    """Pictures followed by texts as one encoding, then these rows of it."""
    longest = max(pictures.elements.tokens.shape[1], texts.elements.tokens.shape[1])
    tokens = torch.cat([padded(each.elements.tokens, longest) for each in (pictures, texts)])
    present = torch.cat(
        [F.pad(each.elements.present, (0, longest - each.elements.present.shape[1])) for each in (pictures, texts)]
    )
    return Encoding(Elements(tokens, present), torch.cat([pictures.pooled, texts.pooled])).take(rows)


def padded(tokens: Float[Tensor, "n l d"], longest: int) -> Float[Tensor, "n longest d"]:
    """Zeros after the tokens, up to `longest`."""
    return F.pad(tokens, (0, 0, 0, longest - tokens.shape[1]))


def pooled_grid(tokens: Float[Tensor, "p l d"], side: int) -> Float[Tensor, "p k d"]:
    """The class token and the patches averaged to a grid of `side` by `side`; 0 leaves all patches [D]."""
    if not side:
        return tokens
    patches = tokens[:, 1:]
    grid = math.isqrt(patches.shape[1])
    square = patches.transpose(1, 2).reshape(len(tokens), tokens.shape[2], grid, grid)
    return torch.cat([tokens[:, :1], F.adaptive_avg_pool2d(square, side).flatten(2).transpose(1, 2)], dim=1)
