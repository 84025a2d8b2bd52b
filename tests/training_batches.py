"""Batches and networks of random content, for tests that need no graph."""

from __future__ import annotations

import torch
from transformers import CLIPConfig, CLIPModel

from model.batch import Batch
from model.config import ModelConfig
from model.knowledge_clip import KnowledgeClip
from model.towers import END, START, clip_of_config

#: With the gate by components: a product near 0 would leave rounding to say where a neighbourhood points, and forms of
#: one computation could not be held to one another closely.
TINY = ModelConfig(
    fusion_layers=2, fusion_width=24, fusion_heads=2, image_pool=2, drop_path=0.0, gnn_gate="elementwise"
)


def tiny_clip(seed: int = 0, attention: str = "eager") -> CLIPModel:
    """A CLIP of 16-pixel pictures; its two towers differ in width from each other and from the projection."""
    torch.manual_seed(seed)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={"hidden_size": 20, "intermediate_size": 40, "image_size": 16, "patch_size": 4, **shape},
        text_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "max_position_embeddings": 12,
            "bos_token_id": START,
            "eos_token_id": END,
            **shape,
        },
        projection_dim=28,
    )
    return clip_of_config(config, attention)


def tiny_network(config: ModelConfig = TINY, relations: int = 3, seed: int = 0, entities: int = 0) -> KnowledgeClip:
    torch.manual_seed(seed)
    return KnowledgeClip(tiny_clip(seed), config, [f"TYPE_{i}" for i in range(relations)], "eager", entities).eval()


def random_texts(count: int, longest: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of texts of 3 to `longest` tokens, padded with zeros, and their lengths."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, longest + 1, (count,), generator=generator)
    tokens = torch.randint(300, 400, (count, longest), generator=generator)
    places = torch.arange(longest)
    tokens[:, 0] = START
    tokens[places == lengths[:, None] - 1] = END
    tokens[places >= lengths[:, None]] = 0
    return tokens, lengths


def random_batch(
    seed: int = 0, pictures: int = 6, texts: int = 10, triples: int = 8, edges: int = 12, relations: int = 3
) -> Batch:
    """Triples of which the first half are pairs of a picture and its caption."""
    generator = torch.Generator().manual_seed(seed)

    def number(high: int, count: int) -> torch.Tensor:
        return torch.randint(0, high, (count,), generator=generator)

    entities, pairs = pictures + texts, min(pictures, triples // 2)
    tokens, lengths = random_texts(texts, 8, seed)
    relation_tokens, relation_lengths = random_texts(relations, 5, seed + 1)
    head, relation, tail = number(entities, triples), number(relations, triples), number(texts, triples) + pictures
    head[:pairs], relation[:pairs], tail[:pairs] = torch.arange(pairs), 0, pictures + torch.arange(pairs)
    edge_tail = tail[number(triples, edges)]
    return Batch(
        pixels=torch.randint(0, 256, (pictures, 3, 16, 16), generator=generator, dtype=torch.uint8),
        tokens=tokens,
        lengths=lengths,
        is_picture=torch.arange(entities) < pictures,
        row=torch.cat([torch.arange(pictures), torch.arange(texts)]),
        relation_tokens=relation_tokens,
        relation_lengths=relation_lengths,
        relation_class=torch.arange(relations),
        head=head,
        relation=relation,
        tail=tail,
        place=torch.arange(triples),
        known=torch.eye(triples, dtype=torch.bool),
        known_heads=torch.eye(triples, dtype=torch.bool),
        pairs=torch.arange(pairs),
        edge_head=number(entities, edges),
        edge_tail=edge_tail,
        seeds=torch.tensor(sorted(set(edge_tail.tolist())), dtype=torch.int64),
    )
