"""Taking back what a source asserted, and putting records right: on both stores."""

from __future__ import annotations

from dataclasses import replace

from kgstore import Entity, GraphStore, Source, Triple, TripleKey
from kgstore.digest import graph_digest
from kgstore.values import Retracted
from tests.random_graph import random_graph


def _entity(id: str, *sources: str) -> Entity:
    return Entity(id, name=id, sources=sources)


def _kept(store: GraphStore) -> tuple[set[str], set[TripleKey]]:
    entities = {id for batch in store.entity_columns() for id in batch["id"].to_pylist()}
    triples = (row for batch in store.triple_columns() for row in batch.to_pylist())
    return entities, {TripleKey(row["head"], row["type"], row["tail"], row["words"]) for row in triples}


def test_what_only_the_source_asserts_is_removed_and_what_another_one_asserts_too_is_spared(store: GraphStore) -> None:
    mine, shared = Triple("x:1", "IS_A", "x:2", sources=("x",)), Triple("x:2", "IS_A", "x:3", sources=("x", "y"))
    store.write([_entity("x:1", "x"), _entity("x:2", "x", "y"), _entity("x:3", "y")], [mine, shared])
    before = store.fingerprint()
    done = store.retract("x", ["x:1", "x:2", "x:3"], [mine.key, shared.key])
    assert done == Retracted(removed_entities=1, spared_entities=1, removed_triples=1, spared_triples=1)
    assert _kept(store) == ({"x:2", "x:3"}, {shared.key})
    assert store.entity("x:2").sources == ("y",)
    assert store.fingerprint() != before
    [left] = store.neighbours("x:3")
    assert left.sources == ("y",)


def test_an_entity_that_is_spared_is_asserted_by_the_others(store: GraphStore) -> None:
    store.write([_entity("x:1", "x", "y")])
    assert store.retract("x", ["x:1"]) == Retracted(spared_entities=1)
    assert store.entity("x:1").sources == ("y",)
    assert store.retract("x", ["x:1"]) == Retracted()


def test_an_entity_at_which_relations_of_others_hang_stays_and_is_named(store: GraphStore) -> None:
    theirs = Triple("y:1", "NEAR", "x:1", sources=("y",))
    store.write([_entity("x:1", "x"), _entity("y:1", "y")], [theirs])
    assert store.retract("x", ["x:1"]) == Retracted(tied=("x:1",))
    assert store.entity("x:1") == _entity("x:1", "x")
    store.retract("y", [], [theirs.key])
    assert store.retract("x", ["x:1"]) == Retracted(removed_entities=1)


def test_a_prediction_is_not_taken_back_whatever_was_decided(store: GraphStore) -> None:
    store.write([_entity("x:1", "x"), _entity("x:2", "x")])
    proposed = Triple("x:1", "NEAR", "x:2", origin="predicted", sources=("x",), score=0.5, run="r", when="2026")
    store.propose([proposed])
    store.decide(proposed.key, "accepted")
    done = store.retract("x", ["x:1", "x:2"], [proposed.key])
    assert done == Retracted(tied=("x:1", "x:2"))
    assert [triple.key for triple in store.predictions(decision="accepted")] == [proposed.key]


def test_what_is_not_there_is_passed_over_and_a_repeated_name_counts_once(store: GraphStore) -> None:
    store.write([_entity("x:1", "x")])
    asked = TripleKey("x:1", "NEVER_SEEN", "x:1")
    assert store.retract("x", ["x:1", "x:1", "x:none"], [asked]) == Retracted(removed_entities=1)


def test_a_source_that_is_taken_back_whole_leaves_the_graph_as_it_was(store: GraphStore) -> None:
    theirs, between = random_graph(200, 1000, seed=1)
    theirs = [replace(entity, sources=("b",)) for entity in theirs]
    store.write(theirs, [replace(triple, sources=("b",)) for triple in between], source=Source("b"))
    before = graph_digest(store)
    mine = [Entity(f"mine:{number}", texts=("é\x00",), sources=("mine",)) for number in range(200)]
    ties = [Triple(mine[number].id, "ORDER", theirs[number].id, sources=("mine",)) for number in range(200)]
    store.write(mine, ties)
    assert graph_digest(store) != before
    done = store.retract("mine", [entity.id for entity in mine], [triple.key for triple in ties])
    assert done == Retracted(removed_entities=200, removed_triples=200)
    assert graph_digest(store) == before


def test_amending_puts_records_into_the_place_of_others_and_adds_none(store: GraphStore) -> None:
    old = Triple("x:1", "IS_A", "x:2", weight=9.0, sources=("x",), text="old")
    waiting = Triple("x:2", "IS_A", "x:1", origin="predicted", score=0.5, run="r", when="2026")
    store.write([_entity("x:1", "x"), _entity("x:2", "x")], [old])
    store.propose([waiting])
    right = Entity("x:1", name="right", texts=("one",), sources=("x",))
    better = replace(old, weight=1.0, text="new")
    absent = Triple("x:1", "NEVER_SEEN", "x:2")
    store.amend([right, _entity("x:none")], [better, absent, replace(waiting, origin="asserted", when="", run="")])
    assert store.entity("x:1") == right
    assert _kept(store)[0] == {"x:1", "x:2"}
    assert {triple.key: triple for triple in store.neighbours("x:1")} == {old.key: better, waiting.key: waiting}
