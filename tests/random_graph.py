"""Random graphs with everything that real ones hold and that breaks stores."""

from __future__ import annotations

import random

from kgstore import COMMON_TYPE, Entity, Triple
from kgstore.values import KINDS, SPLITS, Decision

DECISIONS_MADE: tuple[Decision, ...] = ("", "accepted", "rejected")

#: Types that are words of Cypher, names of our own labels, or begin like another one.
TYPES = ("IS_A", "ORDER", "SET", "MATCH", "WHEN", "ENTITY", "SOURCE", "GRAPH", "RELATION", "R_3D", "PART_OF", "PART")
TEXTS = (
    "a red cube",
    'it\'s "quoted" `text` \\ with back\\nslash',
    "two\nlines\r\nand\ta tab",
    "собака 二匹の犬 كلب कुत्ता 🐕‍🦺 naïve",
    "[a, list], {a: map} and $parameter // no comment */",
    "",
    " spaces around ",
    "null",
    "a zero \x00 byte",
    "x" * 10_000,
    "‮ right to left ‬\u200b\ufeff",
)


def random_graph(entities: int, triples: int, seed: int) -> tuple[list[Entity], list[Triple]]:
    """Distinct entities, and distinct triples between them: self-loops, parallel types, hubs, words, predictions."""
    generator = random.Random(seed)
    things = [random_entity(generator, number) for number in range(entities)]
    found: dict[object, Triple] = {}
    while len(found) < triples:
        triple = random_triple(generator, things)
        found.setdefault(triple.key, triple)
    return things, list(found.values())


def random_entity(generator: random.Random, number: int) -> Entity:
    key = generator.choice(["n", "犬/", "a b'\"`\\", "c:"]) + str(number)
    return Entity(
        f"random:{key}",
        kind=generator.choice(KINDS),
        name=generator.choice(TEXTS)[:200],
        texts=tuple(dict.fromkeys(generator.choices(TEXTS[:-2] if number % 50 else TEXTS, k=generator.randrange(4)))),
        images=tuple(f"pictures/{number}-{turn}.jpg#xywh=1,2,3,4" for turn in range(generator.randrange(3))),
        sources=tuple(generator.sample(["random", "b", "c"], generator.randrange(1, 4))),
        split=generator.choice(SPLITS),
    )


def random_triple(generator: random.Random, entities: list[Entity]) -> Triple:
    hub = generator.random() < 0.2
    head = entities[generator.randrange(min(5, len(entities)) if hub else len(entities))].id
    tail = head if generator.random() < 0.05 else generator.choice(entities).id
    type_ = generator.choice((*TYPES, COMMON_TYPE))
    words = generator.choice(TEXTS) if type_ == COMMON_TYPE else ""
    weight = generator.choice([1.0, 0.1, 2.5, 1e-300, -3.0, 123456789.123456789])
    sources = tuple(generator.sample(["random", "b"], generator.randrange(3)))
    split = generator.choice(SPLITS)
    text = generator.choice(("", *TEXTS[:4]))
    if generator.random() < 0.8:
        return Triple(head, type_, tail, words, weight, sources, split=split, text=text)
    decision = generator.choice(DECISIONS_MADE)
    return Triple(
        head,
        type_,
        tail,
        words,
        weight,
        sources,
        origin="predicted",
        split=split,
        score=generator.choice([None, 0.0, generator.random()]),
        run="run-1",
        when="2026-01-02T03:04:05.678Z",
        decision=decision,
        text=text,
        who=generator.choice(("", "Zoë", "o'neil \\")) if decision else "",
    )
