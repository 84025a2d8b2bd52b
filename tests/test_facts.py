"""Pages of an entity's relations and of predictions: sorted, filtered and counted by either store."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from kgstore import COMMON_TYPE, Entity, GraphStore, Triple
from kgstore.errors import BadRecord, UnknownEntity
from kgstore.facts import FACT_ORDERS, LARGEST_FIRST, FactFilter, FactOrder, PredictionCount
from tests.random_graph import random_graph

HUB = "random:hub"


def fill(store: GraphStore) -> tuple[dict[str, Entity], list[Triple]]:
    """A random graph in which everything hangs at one entity, out of it and into it; its relations."""
    entities, triples = random_graph(150, 300, seed=8)
    pairs = itertools.product(("out", "in"), triples)
    at_hub: dict[object, Triple] = {}
    for way, triple in pairs:
        turned = replace(triple, head=HUB) if way == "out" else replace(triple, tail=HUB)
        at_hub.setdefault(turned.key, turned)
    itself = Triple(HUB, "IS_A", HUB, weight=0.3)
    at_hub[itself.key] = itself
    store.write([*entities, Entity(HUB)], [*triples, *at_hub.values()])
    return {entity.id: entity for entity in (*entities, Entity(HUB))}, list(at_hub.values())


def named(entity: Entity) -> str:
    return (entity.name or next(iter(entity.texts), "") or entity.id)[:120].lower()


def value_of(triple: Triple, order: FactOrder, entities: dict[str, Entity]) -> str | float | None:
    other = entities[triple.tail if triple.head == HUB else triple.head]
    values = {"relation": triple.type, "name": named(other), "run": triple.run or None, "when": triple.when or None}
    return values[order] if order in values else getattr(triple, order)


def test_relations_come_in_any_order_each_once_and_what_lacks_the_value_last(store: GraphStore) -> None:
    entities, triples = fill(store)
    shown = {triple.key: triple for triple in triples if triple.decision != "rejected"}
    asked: list[tuple[FactOrder, bool | None]] = [*((order, None) for order in FACT_ORDERS), ("score", False)]
    for order, descending in asked:
        found, total = store.facts(HUB, order=order, descending=descending, limit=1000)
        assert (len(found), total) == (len(shown), len(shown)), order
        assert {triple.key: triple for triple in found} == shown
        values = [value_of(triple, order, entities) for triple in found]
        known = [value for value in values if value is not None]
        assert values[: len(known)] == known
        largest_first = order in LARGEST_FIRST if descending is None else descending
        assert known == sorted(known, reverse=largest_first), order


def test_a_page_beginning_anywhere_is_a_part_of_the_whole(store: GraphStore) -> None:
    fill(store)
    whole = store.facts(HUB, order="name", limit=1000).triples
    for offset, limit in ((0, 7), (1, 1), (290, 9), (len(whole) - 3, 50), (len(whole) + 5, 10)):
        assert store.facts(HUB, order="name", offset=offset, limit=limit).triples == whole[offset : offset + limit]


@pytest.mark.parametrize(
    ("chosen", "fits"),
    [
        (FactFilter(rejected=True), lambda triple: True),
        (FactFilter(direction="out"), lambda triple: triple.head == HUB),
        (FactFilter(direction="in"), lambda triple: triple.tail == HUB),
        (FactFilter(types=("IS_A", "ORDER", "NOT_THERE")), lambda triple: triple.type in ("IS_A", "ORDER")),
        (FactFilter(types=("NOT_THERE",)), lambda triple: False),
        (FactFilter(origin="predicted", rejected=True), lambda triple: triple.origin == "predicted"),
        (FactFilter(origin="asserted", source="b"), lambda t: t.origin == "asserted" and "b" in t.sources),
        (FactFilter(run="run-1"), lambda triple: triple.run == "run-1"),
    ],
)  # fmt: skip
def test_facts_are_filtered_and_counted(store: GraphStore, chosen: FactFilter, fits) -> None:  # type: ignore[no-untyped-def]
    _, triples = fill(store)
    wanted = sorted(t.key for t in triples if fits(t) and (chosen.rejected or t.decision != "rejected"))
    page = store.facts(HUB, chosen, limit=1000)
    assert sorted(triple.key for triple in page.triples) == wanted
    assert page.total == len(wanted)


def test_text_is_found_in_names_first_texts_and_words_of_any_case(store: GraphStore) -> None:
    store.write(
        [Entity("a:hub"), Entity("a:1", name="Red Cube"), Entity("a:2", texts=("a RED ball",)), Entity("a:3")],
        [
            Triple("a:hub", "HAS", "a:1"),
            Triple("a:2", "HAS", "a:hub"),
            Triple("a:hub", "HAS", "a:3"),
            Triple("a:hub", COMMON_TYPE, "a:3", words="redder than"),
        ],
    )
    found = store.facts("a:hub", FactFilter(text="rEd"))
    assert {(t.head, t.tail, t.words) for t in found.triples} == {
        ("a:hub", "a:1", ""),
        ("a:2", "a:hub", ""),
        ("a:hub", "a:3", "redder than"),
    }
    assert found.total == 3
    assert store.facts("a:hub", FactFilter(text="%_'\\ $text")).total == 0


def test_what_cannot_be_asked_is_said(store: GraphStore) -> None:
    with pytest.raises(UnknownEntity, match="a:nobody"):
        store.facts("a:nobody")
    store.write([Entity("a:hub")])
    assert store.facts("a:hub") == ([], 0)
    with pytest.raises(BadRecord, match="ordered by 'colour'"):
        store.facts("a:hub", order="colour")  # type: ignore[arg-type]


def test_predictions_are_paged_bounded_and_counted(store: GraphStore) -> None:
    store.write([Entity(f"a:{n}") for n in range(20)])
    proposals = [
        Triple(f"a:{n}", ("LIKES", "IS_A")[n % 2], "a:0", origin="predicted", score=n / 10, run=f"run-{n % 3}")
        for n in range(1, 20)
    ]
    unscored = Triple("a:1", "FEARS", "a:2", origin="predicted", run="run-0")
    store.propose([*proposals, unscored])
    scores = [triple.score for triple in store.predictions()]
    assert scores == [n / 10 for n in range(19, 0, -1)] + [None]
    assert [triple.score for triple in store.predictions(offset=5, limit=3)] == scores[5:8]
    assert [triple.score for triple in store.predictions(low=0.5, high=0.7)] == [0.7, 0.6, 0.5]
    assert store.predictions(low=0.0, types=["FEARS"]) == []
    store.decide(proposals[4].key, "rejected", who="ann")
    store.decide(proposals[2].key, "accepted", who="bob")
    assert [(t.head, t.who) for t in store.predictions(decision=None, newest=True, limit=2)] in (
        [("a:3", "bob"), ("a:5", "ann")],
        [("a:5", "ann"), ("a:3", "bob")],  # within one millisecond
    )
    counts = store.prediction_counts()
    assert counts[0] == PredictionCount("FEARS", "run-0", "", 1)
    assert sum(count.count for count in counts) == 20
    assert {c[:3]: c.count for c in counts if c.decision} == {
        ("IS_A", "run-0", "accepted"): 1,
        ("IS_A", "run-2", "rejected"): 1,
    }
    assert sum(count.count for count in store.prediction_counts(low=1.0, high=1.5)) == 6
