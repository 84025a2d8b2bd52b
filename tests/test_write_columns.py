"""Records as columns, on both stores: what `write_columns` does is what `write` does, however many they are."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from kgstore import Entity, GraphStore, Relation, Source, Triple, Written, open_store
from kgstore.errors import UnknownEntity
from kgstore.records import column_rows, entities_of, entity_table, triple_table, triples_of
from tests.random_graph import random_graph

MARK = Source("random", "/data", done=3, complete=True)


def batches(table: pa.Table, rows: int = 3_000) -> Iterator[pa.RecordBatch]:
    """In uneven pieces, an empty one among them."""
    yield from table.slice(0, 0).to_batches()
    yield from table.slice(0, 7).to_batches()
    yield from table.slice(7).to_batches(max_chunksize=rows)


def write(
    store: GraphStore,
    entities: Sequence[Entity] = (),
    triples: Sequence[Triple] = (),
    relations: Sequence[Relation] = (),
    source: Source | None = None,
) -> Written:
    return store.write_columns(batches(entity_table(entities)), batches(triple_table(triples)), relations, source)


def graph(store: GraphStore) -> tuple[list[Entity], list[Triple]]:
    entities = [entity for batch in store.entity_columns() for entity in entities_of(column_rows(batch))]
    triples = [triple for batch in store.triple_columns() for triple in triples_of(column_rows(batch))]
    return sorted(entities, key=lambda e: e.id), sorted(triples, key=lambda t: t.key)


def ordered(entities: Sequence[Entity], triples: Sequence[Triple]) -> tuple[list[Entity], list[Triple]]:
    return sorted(entities, key=lambda e: e.id), sorted(triples, key=lambda t: t.key)


def other_words(entities: list[Entity], triples: list[Triple], seed: int) -> tuple[list[Entity], list[Triple]]:
    """Half of the graph told otherwise, some of it the same, some of it new."""
    generator = random.Random(seed)
    things = [
        replace(entity, name="again", texts=(*entity.texts, "more"), sources=("c", "d")) if generator.random() < 0.5
        else entity
        for entity in generator.sample(entities, len(entities) // 2)
    ]  # fmt: skip
    relations = [
        replace(triple, weight=triple.weight + 1, sources=("d",), origin="asserted", score=None, decision="", text="it")
        if generator.random() < 0.5
        else triple
        for triple in generator.sample(triples, len(triples) // 2)
    ]
    new = [Entity(f"new:{number}", name=str(number)) for number in range(50)]
    relations += [Triple(one.id, "PART", entities[at].id) for at, one in enumerate(new)]
    return things + new, relations


@pytest.mark.parametrize("size", [(300, 900), (3_000, 12_000)], ids=["few", "many"])
def test_a_random_graph_is_written_and_read_back_whole(store: GraphStore, size: tuple[int, int]) -> None:
    entities, triples = random_graph(*size, seed=1)
    written = write(store, entities, triples, [Relation("IS_A", "is indeed a")], MARK)
    assert written == Written(new_entities=size[0], new_triples=size[1])
    assert graph(store) == ordered(entities, triples)
    assert Relation("IS_A", "is indeed a") in store.relations()
    assert {relation.type for relation in store.relations()} >= {triple.type for triple in triples}
    assert store.sources() == [MARK]
    before = store.fingerprint()
    assert write(store, entities, triples, [Relation("IS_A", "is a")], MARK) == Written()
    assert store.fingerprint() == before
    assert graph(store) == ordered(entities, triples)


@pytest.mark.parametrize("size", [(300, 900), (4_000, 16_000)], ids=["few", "many"])
def test_it_merges_into_what_is_there_as_write_does(
    store: GraphStore, tmp_path: Path, size: tuple[int, int]
) -> None:
    entities, triples = random_graph(*size, seed=2)
    more_entities, more_triples = other_words(entities, triples, seed=3)
    with open_store(tmp_path / "expected.lbug") as expected:
        expected.write(entities, triples)
        told = expected.write(more_entities, more_triples)
        write(store, entities, triples)
        before = store.fingerprint()
        assert write(store, more_entities, more_triples) == told
        assert graph(store) == graph(expected)
    assert store.fingerprint() != before
    assert min(told.changed_entities, told.changed_triples) > 0
    assert told.new_triples == 50


@pytest.mark.parametrize("many", [0, 12_000], ids=["few", "many"])
def test_ends_that_are_nowhere_are_refused_and_nothing_is_written(store: GraphStore, many: int) -> None:
    store.write([Entity("a:there")])
    before = store.fingerprint()
    entities = [Entity(f"a:{number}") for number in range(many + 1)]
    good = [Triple("a:there", "IS_A", entity.id) for entity in entities]
    with pytest.raises(UnknownEntity, match="a:nobody"):
        write(store, entities, [*good, Triple("a:0", "PART", "a:nobody")], source=MARK)
    assert graph(store) == ([Entity("a:there")], [])
    assert (store.fingerprint(), store.sources()) == (before, [])
    assert write(store, entities, good).new_triples == many + 1


def test_relations_are_added_to_entities_that_are_there(store: GraphStore) -> None:
    entities, triples = random_graph(3_000, 12_000, seed=5)
    write(store, entities)
    assert write(store, (), triples) == Written(new_triples=12_000)
    assert graph(store) == ordered(entities, triples)


def test_nothing_is_nothing(store: GraphStore) -> None:
    store.write([Entity("a:there")])
    before = store.fingerprint()
    assert store.write_columns() == write(store) == Written()
    assert store.fingerprint() == before
    assert store.write_columns(source=MARK) == Written()
    assert store.sources() == [MARK]


def test_an_embedded_graph_takes_more_than_fits_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces and files as for millions, and a COPY for which the database is opened with more memory."""
    monkeypatch.setattr("kgstore.rows_aside.HELD", 1_000)
    monkeypatch.setattr("kgstore.rows_aside.GROUP", 300)
    monkeypatch.setattr("kgstore.ladybug_bulk.COMPARED", 2_000)
    monkeypatch.setattr("kgstore.ladybug_bulk.CREATED", 500)
    monkeypatch.setattr("kgstore.ladybug_bulk.COPIED", 900)
    monkeypatch.setattr("kgstore.ladybug_bulk.BYTES_COPIED", 8 * 2**20)
    entities, triples = random_graph(3_000, 12_000, seed=6)
    with open_store(tmp_path / "graph.lbug") as store:
        write(store, entities, triples)
        assert graph(store) == ordered(entities, triples)
    with open_store(tmp_path / "graph.lbug") as store:
        assert graph(store) == ordered(entities, triples)


WRITER = """
import sys
from kgstore import Source, open_store
from kgstore.records import entity_table, triple_table
from tests.random_graph import random_graph
entities, triples = random_graph(3_000, 12_000, seed=7)
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    store.write_columns(
        entity_table(entities).to_batches(), triple_table(triples).to_batches(), source=Source("random", complete=True)
    )
    print("done", flush=True)
"""


@pytest.mark.parametrize("after", [0.2, 0.4, 0.7])
def test_a_killed_write_is_completed_by_the_same_write(tmp_path: Path, after: float) -> None:
    path = tmp_path / "graph.lbug"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    entities, triples = random_graph(3_000, 12_000, seed=7)
    with open_store(path) as store:
        found, between = graph(store)
        assert set(found) <= set(entities)
        assert set(between) <= set(triples)
        complete = store.sources() != []
        assert not complete or (len(found), len(between)) == (3_000, 12_000)
        write(store, entities, triples, source=Source("random", complete=True))
        assert graph(store) == ordered(entities, triples)
        assert [source.complete for source in store.sources()] == [True]
