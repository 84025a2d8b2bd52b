"""What leads from one entity to another, on both stores: shortest paths, and relations within a set of entities."""

from __future__ import annotations

from collections import defaultdict

import pytest

from kgstore import COMMON_TYPE, Entity, GraphStore, Triple, TripleKey
from kgstore.errors import BadRecord, UnknownEntity
from tests.random_graph import random_graph


def test_paths_and_relations_within_a_set_are_those_of_a_plain_search(store: GraphStore) -> None:
    entities, triples = random_graph(60, 110, seed=4)
    store.write(entities, triples)
    ids = [entity.id for entity in entities]
    kept = [triple for triple in triples if triple.decision != "rejected"]
    lengths = set()
    for a, b in zip(ids[:8], ids[20:28], strict=True):
        found = store.paths(a, b, hops=4, limit=1000)
        assert {nodes_of(a, path) for path in found} == plain_paths(kept, a, b, 4)
        assert all(triple in kept for path in found for triple in path)
        lengths |= {len(path) for path in found}
    assert len(lengths) > 1
    some = ids[::2]
    within = [triple for triple in kept if triple.head in some and triple.tail in some]
    assert store.among(some) == sorted(within, key=lambda triple: triple.key)
    assert store.among([]) == []


def nodes_of(first: str, path: tuple[Triple, ...]) -> tuple[str, ...]:
    nodes = [first]
    for triple in path:
        assert nodes[-1] in (triple.head, triple.tail)
        nodes.append(triple.tail if triple.head == nodes[-1] else triple.head)
    return tuple(nodes)


def plain_paths(triples: list[Triple], a: str, b: str, hops: int) -> set[tuple[str, ...]]:
    """All shortest ways through the entities, by going one step further until one arrives."""
    beside: dict[str, set[str]] = defaultdict(set)
    for triple in triples:
        beside[triple.head].add(triple.tail)
        beside[triple.tail].add(triple.head)
    ways: list[tuple[str, ...]] = [(a,)]
    for _ in range(hops):
        ways = [(*way, after) for way in ways for after in beside[way[-1]] if after not in way]
        if arrived := {way for way in ways if way[-1] == b}:
            return arrived
    return set()


def test_the_best_paths_come_first_and_bounds_are_kept(store: GraphStore) -> None:
    between = ("light", "heavy", "guessed")
    entities = [Entity(f"a:{name}") for name in ("start", "end", "alone", *between)]
    triples = [
        Triple("a:start", "NEAR", "a:light", weight=0.5),
        Triple("a:end", "NEAR", "a:light"),
        Triple("a:heavy", "NEAR", "a:start", weight=2.0),
        Triple("a:heavy", COMMON_TYPE, "a:start", "right beside", weight=3.0),
        Triple("a:heavy", "NEAR", "a:end", weight=2.5),
        Triple("a:end", "NEAR", "a:end"),
    ]
    store.write(entities, triples)
    ends = (("a:start", "a:guessed"), ("a:guessed", "a:end"))
    store.propose([Triple(head, "NEAR", tail, origin="predicted", score=0.5, run="first") for head, tail in ends])

    found = store.paths("a:start", "a:end")
    assert [nodes_of("a:start", path)[1] for path in found] == ["a:heavy", "a:light", "a:guessed"]
    assert found[0][0].words == "right beside"
    assert store.paths("a:start", "a:end", limit=1) == found[:1]
    assert store.paths("a:start", "a:end", origin="asserted") == found[:2]
    assert [len(path) for path in store.paths("a:end", "a:start")] == [2, 2, 2]
    assert store.paths("a:start", "a:end", hops=1) == store.paths("a:start", "a:alone") == []
    assert store.paths("a:start", "a:start") == []

    store.decide(TripleKey("a:start", "NEAR", "a:guessed"), "rejected")
    assert store.paths("a:start", "a:end") == found[:2]
    with pytest.raises(UnknownEntity, match="nobody"):
        store.paths("a:start", "a:nobody")
    with pytest.raises(BadRecord, match="1 to 8"):
        store.paths("a:start", "a:end", hops=9)
