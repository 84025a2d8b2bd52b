"""What every store keeps: the same tests on the embedded file and on a real Neo4j server."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from kgstore import (
    COMMON_TYPE,
    ENTITY_COLUMNS,
    TRIPLE_COLUMNS,
    Entity,
    GraphStore,
    Relation,
    Source,
    Statistics,
    Triple,
    TripleKey,
    Written,
    open_store,
)
from kgstore.errors import BadRecord, KgError, StoreUnavailable, UnknownEntity, UnknownTriple
from kgstore.ladybug_engine import LadybugEngine
from kgstore.records import column_rows, entities_of, triples_of
from tests.random_graph import random_graph

DOG, CAT, ANIMAL = Entity("a:dog", name="dog"), Entity("a:cat", name="cat"), Entity("a:animal", name="animal")
IS_ANIMAL = Triple("a:dog", "IS_A", "a:animal", sources=("a",))
PREDICTED = Triple("a:cat", "IS_A", "a:animal", origin="predicted", score=0.5, run="run-1", when="2026-01-01T00:00:00Z")


def all_entities(store: GraphStore) -> list[Entity]:
    batches = list(store.entity_columns())
    assert all(batch.schema == ENTITY_COLUMNS for batch in batches)
    return sorted((entity for batch in batches for entity in entities_of(column_rows(batch))), key=lambda e: e.id)


def all_triples(store: GraphStore) -> list[Triple]:
    batches = list(store.triple_columns())
    assert all(batch.schema == TRIPLE_COLUMNS for batch in batches)
    return sorted((triple for batch in batches for triple in triples_of(column_rows(batch))), key=lambda t: t.key)


def answer(batches: Iterable[pa.RecordBatch]) -> list[tuple[object, ...]]:
    return [row for batch in batches for row in column_rows(batch)]


def test_an_empty_graph_answers_everything(store: GraphStore) -> None:
    assert store.statistics() == Statistics(0, 0, {}, {}, {}, 0, 0, 0)
    assert (all_entities(store), all_triples(store)) == ([], [])
    assert (store.relations(), store.sources(), store.predictions(), store.pictures(5)) == ([], [], [], [])
    assert store.entities(["a:dog"]) == []
    assert store.search("dog") == []
    assert store.query("MATCH (e:Entity) RETURN e.id").rows == []
    assert answer(store.columns("MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, t.id AS tail")) == []
    assert store.write() == store.propose([]) == Written()


def test_a_random_graph_is_read_back_whole_and_equal(store: GraphStore) -> None:
    entities, triples = random_graph(2_000, 6_000, seed=1)
    written = Written()
    for first in range(0, len(entities), 700):
        written += store.write(entities[first : first + 700])
    for first in range(0, len(triples), 1_300):
        written += store.write(triples=triples[first : first + 1_300])
    assert written == Written(new_entities=2_000, new_triples=6_000)
    assert all_entities(store) == sorted(entities, key=lambda e: e.id)
    assert all_triples(store) == sorted(triples, key=lambda t: t.key)
    some = [entity.id for entity in entities[::37]]
    assert [entity.id for entity in store.entities([*some, "random:nobody"])] == some


def test_a_store_opened_again_holds_the_same(store_uri: str) -> None:
    entities, triples = random_graph(100, 300, seed=2)
    with open_store(store_uri) as store:
        store.write(entities, triples, [Relation("IS_A", "is a")], Source("random", "/data", "/pictures", 300, True))
        before = store.fingerprint()
    with open_store(store_uri) as store:
        assert all_entities(store) == sorted(entities, key=lambda e: e.id)
        assert all_triples(store) == sorted(triples, key=lambda t: t.key)
        assert store.sources() == [Source("random", "/data", "/pictures", 300, True)]
        assert store.fingerprint() == before
        assert store.write([DOG]).new_entities == 1


def test_loading_twice_changes_nothing(store: GraphStore) -> None:
    entities, triples = random_graph(300, 900, seed=3)
    mark = Source("random", done=1200, complete=True)
    store.write(entities, triples, [Relation("IS_A", "is a")], mark)
    fingerprint = store.fingerprint()
    assert store.write(entities, triples, [Relation("IS_A", "is a")], mark) == Written()
    assert store.fingerprint() == fingerprint
    assert all_triples(store) == sorted(triples, key=lambda t: t.key)


def test_a_second_source_is_merged_into_what_is_there(store: GraphStore) -> None:
    store.write([replace(DOG, texts=("a pet",), sources=("a",)), ANIMAL], [IS_ANIMAL])
    second = Entity("a:dog", "phrase", "hound", ("a pet", "barks"), ("b/1.jpg",), ("b",), "test")
    heavier = replace(IS_ANIMAL, weight=3.0, sources=("b",))
    assert store.write([second], [heavier]) == Written(changed_entities=1, changed_triples=1)
    assert store.entity("a:dog") == Entity("a:dog", "concept", "dog", ("a pet", "barks"), ("b/1.jpg",), ("a", "b"))
    assert all_triples(store) == [replace(IS_ANIMAL, weight=3.0, sources=("a", "b"))]


def test_the_first_sentence_of_a_relation_stays(store: GraphStore) -> None:
    store.write([DOG, ANIMAL], [IS_ANIMAL])
    said = replace(IS_ANIMAL, text="a dog is an animal")
    assert store.write([], [said]) == Written(changed_triples=1)
    assert store.write([], [replace(said, text="dogs are animals"), IS_ANIMAL]) == Written()
    assert all_triples(store) == [said]


def test_repeats_within_one_write_are_one_record(store: GraphStore) -> None:
    records = [DOG, replace(DOG, texts=("barks",)), ANIMAL]
    triples = [IS_ANIMAL, replace(IS_ANIMAL, weight=2.0, sources=("b",)), IS_ANIMAL]
    assert store.write(records, triples) == Written(new_entities=2, new_triples=1)
    assert store.entity("a:dog").texts == ("barks",)
    assert all_triples(store) == [replace(IS_ANIMAL, weight=2.0, sources=("a", "b"))]


def test_words_make_triples_of_the_common_type_distinct(store: GraphStore) -> None:
    triples = [Triple("a:dog", COMMON_TYPE, "a:cat", words=words) for words in ("chases", "犬 が 好き", "chases ")]
    assert store.write([DOG, CAT], triples).new_triples == 3
    assert store.write(triples=triples) == Written()
    assert {triple.words for triple in all_triples(store)} == {"chases", "犬 が 好き", "chases "}


def test_a_triple_without_its_ends_is_refused_and_nothing_is_written(store: GraphStore) -> None:
    store.write([DOG])
    before = store.fingerprint()
    with pytest.raises(UnknownEntity, match="a:nobody"):
        store.write([CAT], [Triple("a:dog", "LIKES", "a:cat"), Triple("a:dog", "IS_A", "a:nobody")], source=Source("a"))
    assert (all_entities(store), all_triples(store), store.sources()) == ([DOG], [], [])
    assert store.fingerprint() == before
    store.write([CAT, ANIMAL], [IS_ANIMAL, Triple("a:dog", "LIKES", "a:cat")])
    assert len(all_triples(store)) == 2


def test_half_a_surrogate_pair_is_refused_and_nothing_is_written(store: GraphStore) -> None:
    with pytest.raises(BadRecord, match="Unicode"):
        store.write([DOG, Entity("a:broken", name="\ud83d")])
    assert all_entities(store) == []
    store.write([DOG])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_and_scores_are_finite(number: float) -> None:
    with pytest.raises(BadRecord, match="finite"):
        replace(IS_ANIMAL, weight=number)
    with pytest.raises(BadRecord, match="finite"):
        replace(PREDICTED, score=number)


def test_a_write_that_fails_late_is_undone_and_the_next_one_works(store: GraphStore) -> None:
    """The entities and the first relations are in the store already when the last relation is refused."""
    entities, triples = random_graph(500, 900, seed=6)
    broken = Triple(entities[0].id, COMMON_TYPE, entities[1].id, words="\ud83d")
    for _ in range(2):
        with pytest.raises(BadRecord, match="Unicode"):
            store.write(entities, [*triples, Triple(entities[0].id, "A_NEW_TYPE", entities[1].id), broken])
        assert (all_entities(store), all_triples(store), store.relations()) == ([], [], [])
    assert store.write(entities, triples) == Written(new_entities=500, new_triples=900)
    assert all_triples(store) == sorted(triples, key=lambda t: t.key)


def test_a_relation_type_keeps_its_first_text(store: GraphStore) -> None:
    store.write([DOG, CAT, ANIMAL], [IS_ANIMAL], [Relation("IS_A", "is a kind of")])
    store.write(triples=[Triple("a:dog", "FEARS", "a:cat")], relations=[Relation("IS_A", "is")])
    assert store.relations() == [Relation("FEARS", "fears"), Relation("IS_A", "is a kind of")]


def test_a_source_mark_is_replaced(store: GraphStore) -> None:
    store.write(source=Source("a", "/data/a", done=10))
    store.write(source=Source("b", "/data/b"))
    store.write(source=Source("a", "/data/a", "/pictures", done=20, complete=True))
    assert store.sources() == [Source("a", "/data/a", "/pictures", 20, True), Source("b", "/data/b")]


def test_the_fingerprint_changes_with_the_graph(store: GraphStore) -> None:
    seen = [store.fingerprint()]
    for change in (
        lambda: store.write([DOG, CAT, ANIMAL]),
        lambda: store.write(triples=[IS_ANIMAL]),
        lambda: store.write([replace(DOG, texts=("barks",))]),
        lambda: store.propose([PREDICTED]),
        lambda: store.decide(PREDICTED.key, "accepted"),
        lambda: store.write(source=Source("a", image_root="/pictures")),
    ):
        change()
        assert store.fingerprint() not in seen
        seen.append(store.fingerprint())


def test_a_prediction_waits_is_accepted_rejected_and_undone(store: GraphStore) -> None:
    store.write([DOG, CAT, ANIMAL], [IS_ANIMAL])
    assert store.propose([PREDICTED]) == Written(new_triples=1)
    assert store.predictions() == [PREDICTED]
    for decision in ("accepted", "rejected", ""):
        decided = store.decide(PREDICTED.key, decision)
        assert replace(decided, when=PREDICTED.when) == replace(PREDICTED, decision=decision)
        assert decided.when > PREDICTED.when
        assert store.predictions(decision=decision) == store.predictions(decision=None) == [decided]
        statistics = store.statistics()
        counted = {"accepted": statistics.accepted, "rejected": statistics.rejected, "": statistics.waiting}
        assert counted == {"accepted": 0, "rejected": 0, "": 0} | {decision: 1}


def test_a_proposal_overrides_neither_an_assertion_nor_a_decision(store: GraphStore) -> None:
    store.write([DOG, CAT, ANIMAL], [IS_ANIMAL])
    other = Triple("a:dog", "IS_A", "a:cat", origin="predicted", score=0.1, run="run-1")
    store.propose([PREDICTED, other])
    decided = store.decide(PREDICTED.key, "rejected")
    again = [replace(triple, score=0.9, run="run-2", when="") for triple in (PREDICTED, other)]
    asserted = replace(IS_ANIMAL, origin="predicted", score=0.9)
    assert store.propose([*again, asserted]) == Written(changed_triples=1)
    assert store.predictions(decision="rejected") == [decided]
    [renewed] = store.predictions()
    assert (renewed.score, renewed.run, renewed.decision) == (0.9, "run-2", "")
    assert renewed.when
    assert IS_ANIMAL in all_triples(store)


def test_an_assertion_takes_the_place_of_a_prediction(store: GraphStore) -> None:
    store.write([CAT, ANIMAL])
    store.propose([PREDICTED])
    store.write(triples=[Triple("a:cat", "IS_A", "a:animal", sources=("b",))])
    assert store.predictions(decision=None) == []
    assert all_triples(store) == [Triple("a:cat", "IS_A", "a:animal", sources=("b",))]


def test_predictions_come_by_score_and_filtered(store: GraphStore) -> None:
    store.write([DOG, CAT, ANIMAL])
    low = Triple("a:dog", "FEARS", "a:cat", origin="predicted", score=0.1, run="run-2", when="2026")
    store.propose([low, PREDICTED])
    assert store.predictions() == [PREDICTED, low]
    assert store.predictions(limit=1) == [PREDICTED]
    assert store.predictions(run="run-2") == store.predictions(types=["FEARS"]) == [low]


def test_a_decision_needs_a_prediction(store: GraphStore) -> None:
    store.write([DOG, ANIMAL, CAT], [IS_ANIMAL])
    for key in (IS_ANIMAL.key, PREDICTED.key, TripleKey("a:no", "NO_TYPE", "a:one")):
        with pytest.raises(UnknownTriple, match="prediction"):
            store.decide(key, "accepted")


def test_only_predictions_can_be_proposed(store: GraphStore) -> None:
    store.write([DOG, ANIMAL])
    with pytest.raises(BadRecord, match="predicted"):
        store.propose([IS_ANIMAL])
    with pytest.raises(UnknownEntity, match="a:cat"):
        store.propose([PREDICTED])


def star() -> tuple[list[Entity], list[Triple]]:
    """A hub with 40 heavier and heavier parts, itself, two kinds of an animal, and one rejected guess."""
    parts = [Entity(f"a:part{number:02}") for number in range(40)]
    triples = [Triple("a:dog", "HAS_PART", part.id, weight=float(at // 2)) for at, part in enumerate(parts)]
    triples += [IS_ANIMAL, Triple("a:dog", "LIKES", "a:dog"), Triple("a:cat", "FEARS", "a:dog")]
    return [DOG, CAT, ANIMAL, *parts], triples


def test_neighbours_come_by_type_and_direction_with_counts_and_a_cap(store: GraphStore) -> None:
    store.write(*star())
    store.propose([Triple("a:dog", "FEARS", "a:cat", origin="predicted", score=0.1)])
    store.decide(TripleKey("a:dog", "FEARS", "a:cat"), "rejected")
    counts = [tuple(count) for count in store.neighbour_counts("a:dog")]
    assert counts == [
        ("HAS_PART", "out", 40),
        ("FEARS", "in", 1),
        ("IS_A", "out", 1),
        ("LIKES", "in", 1),
        ("LIKES", "out", 1),
    ]
    found = store.neighbours("a:dog", limit=3)
    parts = [triple.tail for triple in found if triple.type == "HAS_PART"]
    assert parts == ["a:part38", "a:part39", "a:part36"]
    assert sorted(triple.type for triple in found) == ["FEARS", *["HAS_PART"] * 3, "IS_A", "LIKES"]
    assert {triple.head for triple in store.neighbours("a:dog", direction="in")} == {"a:cat", "a:dog"}
    assert [triple.key for triple in store.neighbours("a:dog", types=["IS_A"])] == [IS_ANIMAL.key]
    with_rejected = store.neighbours("a:dog", direction="out", types=["FEARS"], rejected=True)
    assert [triple.decision for triple in with_rejected] == ["rejected"]


def test_an_unknown_entity_is_said_so(store: GraphStore) -> None:
    for ask in (store.entity, store.neighbours, store.neighbour_counts):
        with pytest.raises(UnknownEntity, match="a:nobody"):
            ask("a:nobody")


def test_search_forgives_a_typo(store: GraphStore) -> None:
    names = [
        "elephant",
        "eleventh hour",
        "red cube",
        "crimson cube",
        "dog",
        "dogma",
        "二匹の犬",
        "naïve",
        "O'Neil (x:y)",
    ]
    store.write([Entity(f"a:{at}", name=name) for at, name in enumerate(names)])
    for asked, expected in (
        ("elephant", "elephant"),
        ("elefant", "elephant"),
        ("ELEPHNAT", "elephant"),
        ("crimsn cube", "crimson cube"),
        ("dog", "dog"),
        ("dgo", "dog"),
        ("犬", "二匹の犬"),
        ("o'neil", "O'Neil (x:y)"),
        ("red cub", "red cube"),
    ):
        hits = store.search(asked)
        assert [hit.entity.name for hit in hits[:1]] == [expected], asked
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    "text", ["", "  ", "foo:(", "AND", "a AND NOT", '"', "*", "~", "\\", "'; DROP", "x" * 5000, "🐕"]
)
def test_search_takes_any_text(store: GraphStore, text: str) -> None:
    store.write([DOG])
    assert store.search(text) == []


def test_search_keeps_to_kinds_sources_and_the_limit(store: GraphStore) -> None:
    store.write(
        [
            Entity(f"a:{at}", ("concept", "caption")[at % 2], f"red cube {at}", sources=("ab"[at % 3 == 0],))
            for at in range(60)
        ]
    )
    assert len(store.search("red cube", limit=7)) == 7
    hits = store.search("red cube", kinds=["caption"], sources=["b"], limit=60)
    assert {hit.entity.id for hit in hits} == {f"a:{at}" for at in range(60) if at % 2 and at % 3 == 0}


def test_search_finds_what_was_written_since(store: GraphStore) -> None:
    store.write([DOG])
    assert store.search("zebra") == []
    store.write([Entity("a:zebra", texts=("a zebra with stripes",))])
    assert [hit.entity.id for hit in store.search("zebra")] == ["a:zebra"]


def test_pictures_are_entities_that_have_one(store: GraphStore) -> None:
    store.write([DOG, *(Entity(f"a:{at}", "image", images=(f"a/{at}.jpg",)) for at in range(9))])
    store.write([replace(CAT, images=("a/cat.jpg",))])
    assert len(store.pictures(4)) == 4
    assert store.pictures(4) == store.pictures(4)
    assert store.pictures(100, kinds=["concept"]) == [replace(CAT, images=("a/cat.jpg",))]


def test_statistics_count_what_is_there(store: GraphStore) -> None:
    store.write(*star())
    store.write([replace(DOG, sources=("a", "b")), Entity("a:1", "image", sources=("b",))])
    store.propose([PREDICTED])
    assert store.statistics() == Statistics(
        entities=44,
        triples=44,
        kinds={"concept": 43, "image": 1},
        types={"HAS_PART": 40, "IS_A": 2, "FEARS": 1, "LIKES": 1},
        sources={"b": 2, "a": 1},
        waiting=1,
        accepted=0,
        rejected=0,
    )


def test_a_recipe_is_read_as_columns(store: GraphStore) -> None:
    entities, triples = random_graph(300, 3_000, seed=4)
    store.write(entities, triples)
    recipe = """
        // `type(r)` in a comment: it's kept
        MATCH (h:Entity)-[r]->(t:Entity)
        WHERE r.split IN $splits AND 'type(r)' <> "it's \\"type(r)\\""
        RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.weight AS weight, r.score AS `the score`, r.when AS at
        // the end"""
    batches = list(store.columns(recipe, {"splits": ["train", "test"]}))
    assert batches[0].schema.names == ["head", "relation", "tail", "weight", "the score", "at"]
    expected = [
        (triple.head, triple.type, triple.tail, triple.weight, triple.score, triple.when)
        for triple in triples
        if triple.split != "valid"
    ]
    assert sorted(answer(batches), key=repr) == sorted(expected, key=repr)


def test_types_are_matched_by_their_own_names(store: GraphStore) -> None:
    types = ["SOURCE", "ENTITY", "GRAPH", "SET", "ORDER", "WHEN", "MATCH"]
    store.write([DOG, CAT], [Triple("a:dog", type_, "a:cat") for type_ in types])
    for type_ in types:
        rows = store.query(f"MATCH (h:Entity)-[r:`{type_}`]->(t) WHERE type(r) = '{type_}' RETURN type(r), r").rows
        assert [row[0] for row in rows] == [type_]
        relationship = rows[0][1]
        assert isinstance(relationship, dict)
        assert [relationship[key] for key in ("head", "type", "tail")] == ["a:dog", type_, "a:cat"]


def test_a_query_answers_in_plain_values(store: GraphStore) -> None:
    store.write([replace(DOG, texts=("a\nb",)), ANIMAL], [IS_ANIMAL])
    found = store.query("MATCH p = (h:Entity)-[r]->(t) RETURN h, r, p, [h], $x AS x, h.id AS id", {"x": "犬"})
    [(node, relationship, path, listed, parameter, id_)] = found.rows
    plain_dog = {
        "id": "a:dog",
        "kind": "concept",
        "name": "dog",
        "texts": ["a\nb"],
        "images": [],
        "sources": [],
        "split": "train",
    }
    assert node == plain_dog
    assert isinstance(relationship, dict)
    assert relationship.items() >= {"head": "a:dog", "type": "IS_A", "tail": "a:animal", "weight": 1.0}.items()
    assert isinstance(path, dict)
    assert [end["id"] for end in path["nodes"]] == ["a:dog", "a:animal"]
    assert [step["type"] for step in path["relationships"]] == ["IS_A"]
    assert listed == [plain_dog]
    assert (parameter, id_) == ("犬", "a:dog")
    assert found.columns[-2:] == ("x", "id")
    assert not found.truncated


def test_a_word_in_a_long_text_is_found_among_many_short_names_that_look_like_it(store: GraphStore) -> None:
    store.write([Entity(f"a:{n}", name=f"{word} {n}") for word in ("tree", "river", "retire") for n in range(200)])
    store.write([Entity("a:dog", "caption", texts=("in the tall grass beside the road a golden retriever lies down",))])
    assert [hit.entity.id for hit in store.search("golden retriever", limit=1)] == ["a:dog"]
    assert [hit.entity.id for hit in store.search("golden retreiver", limit=1)] == ["a:dog"]


def test_what_is_predicted_about_an_entity_is_found_among_many_assertions(store: GraphStore) -> None:
    store.write([Entity(f"a:{n}") for n in range(12)], [Triple(f"a:{n}", "IS_A", "a:0") for n in range(1, 11)])
    store.propose([Triple("a:11", "IS_A", "a:0", weight=0.5, origin="predicted", score=0.9, run="r")])
    assert [triple.head for triple in store.neighbours("a:0", limit=3, origin="predicted")] == ["a:11"]
    assert all(triple.origin == "asserted" for triple in store.neighbours("a:0", origin="asserted"))


def test_the_columns_of_a_query_are_called_as_it_is_written(store: GraphStore) -> None:
    store.write([Entity("a:1"), Entity("a:2")], [Triple("a:1", "IS_A", "a:2"), Triple("a:1", "PART_OF", "a:2")])
    found = store.query("MATCH (h)-[r]->(t) RETURN DISTINCT type(r), [h.id, t.id] AS both, size(h.id) + 1")
    assert found.columns == ("type(r)", "both", "size(h.id) + 1")


def test_a_type_that_is_not_in_the_graph_matches_nothing(store: GraphStore) -> None:
    store.write([Entity("s:a"), Entity("s:b")], [Triple("s:a", "ON", "s:b"), Triple("s:b", "IN", "s:a")])
    query = "MATCH (h)-[r:FAR_FROM|`ON`]->(t) RETURN h.id, type(r), t.id"
    assert store.query(query).rows == [("s:a", "ON", "s:b")]
    assert store.query("MATCH (h)-[r:FAR_FROM {words: ''}]->(t) RETURN h.id, r.weight").rows == []
    assert store.statistics().types == {"IN": 1, "ON": 1}


def test_a_query_is_cut_at_its_row_limit(store: GraphStore) -> None:
    store.write([Entity(f"a:{at}") for at in range(30)])
    found = store.query("MATCH (e:Entity) RETURN e.id", rows=10)
    assert (len(found.rows), found.truncated) == (10, True)
    found = store.query("MATCH (e:Entity) RETURN e.id", rows=30)
    assert (len(found.rows), found.truncated) == (30, False)


def test_several_threads_may_use_a_store(store: GraphStore) -> None:
    entities, triples = random_graph(200, 400, seed=5)
    store.write(entities, triples)
    errors: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for turn in range(3):
                store.write(
                    [Entity(f"thread:{number}-{turn}")], [Triple(f"thread:{number}-{turn}", "IS_A", entities[0].id)]
                )
                assert store.entity(entities[turn].id) == entities[turn]
                assert store.neighbours(entities[0].id)
                assert store.query("MATCH (e:Entity) RETURN count(*)").rows[0][0] >= 200  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.statistics().entities == 212
    assert store.statistics().triples == 412


def test_columns_are_read_while_the_graph_is_written(store: GraphStore) -> None:
    store.write([DOG, CAT, ANIMAL], [IS_ANIMAL])
    for at, _ in enumerate(store.columns("MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head")):
        store.write([Entity(f"a:new{at}")])
    assert store.entity("a:new0").id == "a:new0"


def test_every_error_is_ours(store: GraphStore) -> None:
    with pytest.raises(KgError):
        store.query("MATCH (e:Entity RETURN e")
    with pytest.raises(KgError):
        store.query("MATCH (e:Entity) WHERE e.id = $missing RETURN e")
    with pytest.raises(KgError):
        list(store.columns("MATCH (e:Entity) RETURN e.id AS id, 1 / 0 AS wrong UNION MATCH (e) RETURN 1"))


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (f"ALTER TABLE {COMMON_TYPE} DROP text", f"its {COMMON_TYPE} has no text"),
        ("ALTER TABLE Graph DROP change_revision", "its Graph has no change_revision"),
        ("ALTER TABLE Source DROP bytes", "its Source has no bytes"),
        ("DROP TABLE Relation", "its Relation has no text, type"),
    ],
)
def test_an_embedded_file_of_an_earlier_version_says_what_to_do(tmp_path: Path, change: str, lacking: str) -> None:
    open_store(tmp_path / "graph.lbug").close()
    engine = LadybugEngine(tmp_path / "graph.lbug")
    engine.run(change)
    engine.close()
    with pytest.raises(StoreUnavailable, match=f"{lacking}.*load its sources anew"):
        open_store(tmp_path / "graph.lbug")
