"""A random graph of every kind of triple, with pictures, for the tests of projection, sampler and stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from kgstore import COMMON_TYPE, Entity, GraphStore, Relation, Source, Triple
from kgstore.values import KINDS, Decision

TYPES = ("IS_A", "IMAGE_OF", "PART_OF", COMMON_TYPE)
WORDS = ("next to", "worn by", "ON", "über")
DECISIONS: tuple[Decision, ...] = ("", "accepted", "rejected")
PREDICTED = 41  # every so many triples, one is predicted
BROKEN = "s/7.png"


@dataclass(frozen=True)
class Graph:
    entities: list[Entity]
    triples: list[Triple]

    @property
    def learnt(self) -> list[Triple]:
        """What recipe `all` takes: training facts that are asserted or accepted."""
        return [
            triple
            for triple in self.triples
            if triple.split == "train" and (triple.origin == "asserted" or triple.decision == "accepted")
        ]

    def load(self, store: GraphStore, pictures: Path) -> None:
        """Writes the graph and its pictures; of these one is broken."""
        for entity in self.entities:
            for reference in entity.images:
                number = int(reference.partition("/")[2].partition(".")[0])
                colour = (number % 256, number // 256, 200)
                Image.new("RGB", (12, 9), colour).save(pictures / f"{number}.png")
        (pictures / BROKEN.partition("/")[2]).write_bytes(b"no picture")
        source = Source("s", image_root=str(pictures))
        store.write(
            self.entities, [triple for triple in self.triples if triple.origin == "asserted"], RELATIONS, source
        )
        predicted = [triple for triple in self.triples if triple.origin == "predicted"]
        store.propose([replace(triple, decision="") for triple in predicted])
        for triple in predicted:
            if triple.decision:
                store.decide(triple.key, triple.decision)


RELATIONS = [Relation("IS_A", "is a kind of"), Relation("IMAGE_OF", "image of"), Relation(COMMON_TYPE, "related")]


def random_graph(entities: int = 200, triples: int = 1500, seed: int = 0) -> Graph:
    """Degrees are very uneven. Of the entities some have pictures, some texts, some both and some only a name."""
    rng = np.random.default_rng(seed)
    nodes = [
        Entity(
            f"s:{'é' if i % 3 else ''}{i}",
            kind=KINDS[i % len(KINDS)],
            name=f"name {i}" if i % 7 else "",
            texts=tuple(f"text {i} of {j}" for j in range(i % 3)),
            images=tuple(f"s/{i + j * 1000}.png" for j in range(i % 2 * (1 + i % 3))),
            sources=("s",),
        )
        for i in range(entities)
    ]
    heads, tails = rng.integers(0, entities, triples), (rng.zipf(1.4, triples) - 1) % entities
    made: dict[object, Triple] = {}
    for head, tail, kind in zip(heads, tails, rng.integers(0, len(TYPES), triples), strict=True):
        triple = Triple(
            nodes[head].id,
            TYPES[kind],
            nodes[tail].id,
            words=str(rng.choice(WORDS)) if TYPES[kind] == COMMON_TYPE else "",
            weight=float(np.float32(rng.random())),
            sources=("s",),
            split="test" if rng.random() < 0.1 else "train",
        )
        made.setdefault(triple.key, triple)
    return Graph(nodes, [_predicted(triple, i) for i, triple in enumerate(made.values())])


def _predicted(triple: Triple, i: int) -> Triple:
    """Some triples come from a model: one waits, one was accepted, one rejected, and so on."""
    if i % PREDICTED or triple.split != "train":
        return triple
    decision = DECISIONS[i // PREDICTED % len(DECISIONS)]
    return replace(triple, origin="predicted", score=0.5, run="r", when="2026-01-01T00:00:00Z", decision=decision)
