"""A graph goes from one store into another, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgstore import Entity, GraphStore, Relation, Source, open_store
from kgstore.copy import copy
from kgstore.digest import graph_digest
from kgstore.errors import KgError
from tests.random_graph import random_graph
from tests.test_kgstore_command import call

MARKS = [Source("b", "/b", done=3), Source("random", "/data", "/pictures", 900, True, "abc", 7)]


def filled(store: GraphStore, seed: int) -> None:
    entities, triples = random_graph(300, 900, seed)
    store.write(entities, triples, [Relation("IS_A", "is a kind of"), Relation("UNUSED", "is never used")])
    for mark in MARKS:
        store.write(source=mark)


@pytest.mark.parametrize("way", ["from", "to"])
def test_a_copy_is_equal_in_both_directions(embedded: GraphStore, neo4j_uri: str, way: str) -> None:
    with open_store(neo4j_uri) as server:
        origin, target = (server, embedded) if way == "from" else (embedded, server)
        filled(origin, seed=21)
        written = copy(origin, target, progress=False)
        assert (written.new_entities, written.new_triples) == (300, 900)
        assert graph_digest(target) == graph_digest(origin)
        assert (target.relations(), target.sources()) == (origin.relations(), MARKS)
        assert target.statistics() == origin.statistics()


def test_a_copy_in_small_transactions_is_equal(
    embedded: GraphStore, neo4j_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(embedded, seed=22)
    with open_store(neo4j_uri) as target:
        monkeypatch.setattr(target, "transaction_rows", 70)
        copy(embedded, target, progress=False)
        assert graph_digest(target) == graph_digest(embedded)


def test_a_graph_that_holds_something_is_not_copied_into(embedded: GraphStore, tmp_path: Path) -> None:
    filled(embedded, seed=23)
    with open_store(tmp_path / "other.lbug") as target:
        target.write([Entity("a:dog")])
        with pytest.raises(KgError, match="not empty"):
            copy(embedded, target, progress=False)
        assert target.statistics().entities == 1
        with pytest.raises(KgError, match="no copy"):
            copy(embedded, target, resume=True, progress=False)


def test_an_interrupted_copy_goes_on(embedded: GraphStore, tmp_path: Path) -> None:
    filled(embedded, seed=24)
    with open_store(tmp_path / "other.lbug") as target:
        batch = next(iter(embedded.entity_columns()))
        target.write_columns(entities=[batch.slice(0, 100)])
        copy(embedded, target, resume=True, progress=False)
        assert graph_digest(target) == graph_digest(embedded)
        assert target.sources() == MARKS


def test_the_command_copies(tmp_path: Path) -> None:
    with open_store(tmp_path / "one.lbug") as store:
        filled(store, seed=25)
        expected = graph_digest(store)
    done = call("copy", tmp_path / "one.lbug", tmp_path / "two.lbug")
    assert done.returncode == 0, done.stderr
    assert "300 new entities, 900 new relations" in done.stdout
    with open_store(tmp_path / "two.lbug") as store:
        assert graph_digest(store) == expected
    again = call("copy", tmp_path / "one.lbug", tmp_path / "two.lbug")
    assert (again.returncode, "not empty" in again.stderr) == (2, True)
    lost = call("copy", tmp_path / "none.lbug", tmp_path / "three.lbug")
    assert (lost.returncode, "no graph" in lost.stderr) == (2, True)
    assert not (tmp_path / "three.lbug").exists()
