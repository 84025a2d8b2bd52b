"""Decisions about predictions: who was first decides, who was second is told, on either store."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kgstore import Entity, GraphStore, Triple, TripleKey, Written, open_store
from kgstore.decision_list import DECISION_COLUMNS, decisions
from kgstore.errors import DecidedMeanwhile, UnknownTriple
from kgstore.ladybug_engine import LadybugEngine
from kgstore.records import column_rows

SOME = 40


def propose(store: GraphStore, many: int = SOME, run: str = "run-1") -> list[Triple]:
    store.write([Entity(f"a:{n}", name=f"thing {n}") for n in range(many + 1)])
    store.propose(
        [Triple(f"a:{n + 1}", "IS_A", "a:0", origin="predicted", score=n / many, run=run) for n in range(many)]
    )
    return store.predictions(limit=many)


def test_the_second_of_two_reviewers_is_told_and_changes_nothing(store: GraphStore) -> None:
    seen = propose(store)[0]
    first = store.decide(seen.key, "accepted", who="ann", seen=seen)
    assert (first.decision, first.who) == ("accepted", "ann")
    for decision in ("rejected", "accepted", ""):
        with pytest.raises(DecidedMeanwhile, match="ann accepted this meanwhile"):
            store.decide(seen.key, decision, who="bob", seen=seen)
    assert store.predictions(decision="accepted") == [first]
    undone = store.decide(first.key, "", who="bob", seen=first)
    assert (undone.decision, undone.who) == ("", "")
    with pytest.raises(DecidedMeanwhile, match="waits for review again"):
        store.decide(first.key, "rejected", who="ann", seen=first)


def test_a_new_score_of_what_waits_is_no_decision(store: GraphStore) -> None:
    seen = propose(store)[0]
    store.propose([replace(seen, score=0.99, run="run-2", when="")])
    decided = store.decide(seen.key, "rejected", who="ann", seen=seen)
    assert (decided.run, decided.decision) == ("run-2", "rejected")


def test_of_reviewers_in_a_hurry_each_prediction_has_one(store: GraphStore) -> None:
    """Four of them go through the same queue at once, decision by decision and all at once."""
    queue = propose(store)
    told: dict[str, list[TripleKey]] = {name: [] for name in "abcd"}
    won: dict[str, list[TripleKey]] = {name: [] for name in "abcd"}

    def review(who: str) -> None:
        half = len(queue) // 2
        for triple in queue[:half]:
            try:
                store.decide(triple.key, "accepted", who=who, seen=triple)
                won[who].append(triple.key)
            except DecidedMeanwhile:
                told[who].append(triple.key)
        decided = store.decide_all({triple.key: triple for triple in queue[half:]}, "rejected", who)
        won[who] += [triple.key for triple in decided.done]
        told[who] += [triple.key for triple in decided.taken]

    threads = [threading.Thread(target=review, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for keys in won.values() for key in keys) == sorted(triple.key for triple in queue)
    assert sum(map(len, told.values())) == 3 * len(queue)
    whose = {triple.key: triple.who for triple in store.predictions(decision=None)}
    assert whose == {key: who for who, keys in won.items() for key in keys}


def test_many_are_decided_at_once_but_for_those_that_were_taken_or_are_gone(store: GraphStore) -> None:
    queue = propose(store)
    store.decide(queue[0].key, "rejected", who="ann", seen=queue[0])
    store.write(triples=[Triple(queue[1].head, "IS_A", "a:0", sources=("a",))])
    before = store.fingerprint()
    decided = store.decide_all({triple.key: triple for triple in queue}, "accepted", "bob")
    assert [triple.key for triple in decided.done] == [triple.key for triple in queue[2:]]
    assert decided.changed == decided.done
    assert [(triple.key, triple.who) for triple in decided.taken] == [(queue[0].key, "ann")]
    assert decided.gone == [queue[1].key]
    assert store.fingerprint() != before
    with pytest.raises(UnknownTriple, match="asserted meanwhile"):
        store.decide(queue[1].key, "rejected", who="ann", seen=queue[1])
    again = store.fingerprint()
    assert store.decide_all({}, "accepted", "bob").done == []
    assert store.fingerprint() == again


def test_what_was_decided_is_never_proposed_again(store: GraphStore) -> None:
    queue = propose(store, many=3)
    decided = [store.decide(queue[0].key, "accepted", who="ann"), store.decide(queue[1].key, "rejected", who="bob")]
    again = [replace(triple, score=1.0, run="run-2", when="", decision="", who="") for triple in queue]
    assert store.propose(again) == Written(changed_triples=1)
    assert [triple.key for triple in store.predictions()] == [queue[2].key]
    assert {t.key: t for t in store.predictions(decision=None) if t.decision} == {t.key: t for t in decided}


def test_who_decided_outlives_the_store_and_is_listed(store_uri: str) -> None:
    with open_store(store_uri) as store:
        queue = propose(store, many=3)
        store.propose([Triple("a:1", "LIKES", "a:2", origin="predicted", score=0.5, run="run-2")])
        store.decide(queue[0].key, "accepted", who="Zoë o'Neil")
        store.decide(TripleKey("a:1", "LIKES", "a:2"), "rejected", who="bob")
    with open_store(store_uri) as store:
        rows = [
            dict(zip(DECISION_COLUMNS, row, strict=True)) for batch in decisions(store) for row in column_rows(batch)
        ]
        assert [(row["head_name"], row["relation"], row["decision"], row["who"]) for row in rows] == [
            ("thing 3", "IS_A", "accepted", "Zoë o'Neil"),
            ("thing 1", "LIKES", "rejected", "bob"),
        ]
        assert rows[0]["time"] > "2026"
        assert sum(batch.num_rows for batch in decisions(store, "run-2")) == 1
        assert sum(batch.num_rows for batch in decisions(store, "no run")) == 0


def test_a_file_made_before_decisions_had_a_reviewer_opens_and_takes_one(tmp_path: Path) -> None:
    path = tmp_path / "graph.lbug"
    with open_store(path) as store:
        [seen, *_] = propose(store, many=3)
        store.decide(seen.key, "accepted", who="ann")
    engine = LadybugEngine(path)
    for (table,) in engine.run("CALL show_tables() WHERE type = 'REL' RETURN name"):
        engine.run(f"ALTER TABLE `{table}` DROP who")
    engine.close()
    for _ in range(2):
        with open_store(path) as store:
            assert len(store.predictions(decision=None)) == 3
            store.write([], [Triple("a:1", "NEW_TYPE", "a:2"), Triple("a:2", "IS_A", "a:1")])
    with open_store(path) as store:
        assert [triple.who for triple in store.predictions(decision="accepted")] == [""]
        waiting = store.predictions()[0]
        assert store.decide(waiting.key, "rejected", who="bob").who == "bob"
