"""What a load sets aside: each record once, merged as a store would, in the same order every time."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.records import Block, Record, Skipped
from ingest.staging import Staging
from kgstore import ENTITY_COLUMNS, TRIPLE_COLUMNS, Entity, Relation, Triple
from kgstore.merge import by_id, by_key
from kgstore.records import column_rows, entities_of, entity_table, triple_table, triples_of
from tests.random_graph import random_graph


def staged(folder: Path, records: Iterable[Record]) -> tuple[list[Entity], list[Triple]]:
    with Staging(folder) as staging:
        staging.add(records)
        found = entities_in(staging), triples_in(staging)
        assert (staging.entity_count, staging.triple_count) == (len(found[0]), len(found[1]))
    return found


def entities_in(staging: Staging) -> list[Entity]:
    batches = list(staging.entities())
    assert all(batch.schema == ENTITY_COLUMNS for batch in batches)
    return [entity for batch in batches for entity in entities_of(column_rows(batch))]


def triples_in(staging: Staging) -> list[Triple]:
    batches = list(staging.triples())
    assert all(batch.schema == TRIPLE_COLUMNS for batch in batches)
    return [triple for batch in batches for triple in triples_of(column_rows(batch))]


def repeated(seed: int) -> list[Record]:
    """A random graph of thousands in any order, a third of it told again, the same or otherwise."""
    generator = random.Random(seed)
    entities, triples = random_graph(800, 3_000, seed)
    records: list[Record] = [*entities, *triples]
    for entity in generator.sample(entities, 300):
        records.append(generator.choice([entity, replace(entity, texts=("more",), sources=("z",)), Entity(entity.id)]))
    for triple in generator.sample(triples, 1_000):
        heavier = replace(triple, weight=triple.weight + 1, sources=("z",), text="said")
        records.append(generator.choice([triple, heavier, replace(triple, origin="asserted", decision="")]))
    generator.shuffle(records)
    return records


def test_each_record_comes_once_merged_in_order_of_first_mention(tmp_path: Path) -> None:
    records = repeated(1)
    entities, triples = staged(tmp_path, records)
    assert entities == list(by_id(record for record in records if isinstance(record, Entity)).values())
    expected = by_key(record for record in records if isinstance(record, Triple)).values()
    assert triples == sorted(expected, key=lambda triple: triple.type)  # one batch


def test_the_order_is_the_same_every_time(tmp_path: Path) -> None:
    records = repeated(2)
    assert staged(tmp_path / "1", records) == staged(tmp_path / "2", records)


def test_blocks_and_records_are_one_staging(tmp_path: Path) -> None:
    entities, triples = random_graph(50, 200, seed=3)
    with Staging(tmp_path) as staging:
        staging.add([*triples[:150], Skipped("reason", "example"), Relation("IS_A", "is a")])
        relations = (Relation("IS_A", "is indeed a"), Relation("PART", "part"))
        staging.add_block(Block(entity_table(entities), triple_table(triples[100:]), relations))
        assert entities_in(staging) == entities
        assert sorted(triples_in(staging), key=lambda t: t.key) == sorted(triples, key=lambda t: t.key)
        assert staging.relations() == (Relation("IS_A", "is a"), Relation("PART", "part"))
        staging.add([Entity("a:late")])
        assert staging.entity_count == 51


def test_ends_that_are_not_staged_are_named_and_left_out(tmp_path: Path) -> None:
    triples = [
        Triple("a:1", "IS_A", "a:2"),
        Triple("a:1", "IS_A", "a:nobody"),
        Triple("a:there", "IS_A", "a:1"),
        Triple("a:2", "IS_A", "a:2"),
    ]
    with Staging(tmp_path) as staging:
        staging.add([Entity("a:1"), Entity("a:2"), *triples])
        assert list(staging.unstaged_ends()) == [["a:nobody", "a:there"]]
        left = staging.leave_out_ends(["a:nobody"])
        assert (left.many, left.examples) == (1, [triples[1].key])
        loops = staging.leave_out_loops()
        assert (loops.many, loops.examples) == (1, [triples[3].key])
        assert triples_in(staging) == [triples[0], triples[2]]
        assert staging.leave_out_ends([]) == (0, [])


def test_nothing_staged_is_nothing(tmp_path: Path) -> None:
    assert staged(tmp_path, []) == ([], [])


IDS = st.sampled_from(["a:1", "a:2", "a:3"])
WORDS = st.lists(st.sampled_from(["x", "y", "", "犬", "'\"\0"]), max_size=3, unique=True).map(tuple)
ENTITY = st.builds(
    Entity, IDS, kind=st.sampled_from(["concept", "phrase"]), name=st.sampled_from(["", "n"]), texts=WORDS
)
TRIPLE = st.builds(
    Triple,
    IDS,
    st.sampled_from(["IS_A", "PART"]),
    IDS,
    words=st.sampled_from(["", "w"]),
    weight=st.floats(allow_nan=False, allow_infinity=False),
    sources=WORDS,
    origin=st.sampled_from(["asserted", "predicted"]),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    text=st.sampled_from(["", "said", "told"]),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ENTITY | TRIPLE, max_size=12))
def test_any_repeats_are_merged_as_a_store_merges_them(tmp_path: Path, records: list[Record]) -> None:
    entities, triples = staged(tmp_path, records)
    assert entities == list(by_id(record for record in records if isinstance(record, Entity)).values())
    assert set(triples) == set(by_key(record for record in records if isinstance(record, Triple)).values())


def test_batches_are_bounded_and_hold_everything(tmp_path: Path) -> None:
    numbers = pa.array(range(250_000)).cast(pa.string())
    ids = pa.compute.binary_join_element_wise("n", numbers, ":")
    concept, train = (pa.repeat(word, len(ids)) for word in ("concept", "train"))
    columns = {"id": ids, "kind": concept, "name": numbers, "split": train}
    empty = pa.array([[]] * len(ids), pa.list_(pa.string()))
    entities = pa.table([columns.get(name, empty) for name in ENTITY_COLUMNS.names], schema=ENTITY_COLUMNS)
    with Staging(tmp_path) as staging:
        staging.add_block(Block(entities, TRIPLE_COLUMNS.empty_table()))
        batches = list(staging.entities())
    assert max(batch.num_rows for batch in batches) <= 100_000
    assert pa.Table.from_batches(batches)["name"].to_pylist() == numbers.to_pylist()
