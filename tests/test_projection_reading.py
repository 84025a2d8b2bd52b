"""Faster ways to read a recipe's answer give what the plain way gives, and know where they may not be taken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import neo4j
import numpy as np
import pyarrow as pa
import pytest

from kgstore import COMMON_TYPE, Entity, GraphStore, Triple, ladybug_alike, neo4j_numbers, open_store
from kgstore.ahead import one_ahead
from kgstore.errors import BadProjection
from kgstore.ladybug_alike import properties_read
from kgstore.ladybug_recipe import table_query
from kgstore.ladybug_store import LadybugStore
from kgstore.plain_recipe import plain_recipe
from kgstore.population import Numbering
from kgstore.projecting import project
from kgstore.projection import ARRAYS, Projection
from kgstore.recipes import Recipe, load_recipe
from tests.sampling_graph import random_graph

ALL = load_recipe("all")
BACKWARDS = Recipe("backwards", "MATCH (a)-[x]->(b) RETURN b.id AS head, type(x) AS relation, a.id AS tail")
WEIGHTY = Recipe(
    "weighty",
    "MATCH (h:Entity)-[r]->(t:Entity) WHERE r.weight >= 2 OR h.kind = 'image' "
    "RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.weight AS weight",
)
RECIPES = (ALL, BACKWARDS, WEIGHTY, load_recipe("source", {"source": "one"}))

#: Of 8 entities each with each.
PAIRS = [(f"e:{head}", f"e:{tail}") for head, tail in product(range(8), repeat=2)]


def of_type(type_: str, **fields: object) -> list[Triple]:
    return [Triple(head, type_, tail, **{"sources": ("one",), **fields}) for head, tail in PAIRS]  # type: ignore[arg-type]


#: By type: triples that are alike, alike but left out, and not alike, for one reason each.
ALIKE = {
    "SAME": of_type("SAME", weight=2.5),
    "HELD_OUT": of_type("HELD_OUT", split="test"),
    "LAST_DIFFERS": [*of_type("LAST_DIFFERS")[:-1], replace(of_type("LAST_DIFFERS")[-1], weight=7.0)],
    "SPLITS": [replace(triple, split="valid") if n % 5 else triple for n, triple in enumerate(of_type("SPLITS"))],
    "OF_NONE": of_type("OF_NONE", sources=()),
    "OF_TWO": of_type("OF_TWO", sources=("two", "one")),
    COMMON_TYPE: of_type(COMMON_TYPE, words="next to"),
}


@pytest.fixture
def alike(store: GraphStore) -> GraphStore:
    """That graph; some of its triples came later, and some are gone."""
    entities = [Entity(f"e:{number}", kind="image" if number % 2 else "concept") for number in range(9)]
    triples = [triple for some in ALIKE.values() for triple in some]
    store.write(entities, triples[::2])
    store.write((), triples[1::2])
    store.write((), [Triple("e:8", "SAME", "e:0", weight=2.5, sources=("one",))])
    store.retract("one", triples=[triple.key for triple in ALIKE["SAME"][3:9]])
    return store


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Tables of any size are compared, or none."""
    return lambda wanted: monkeypatch.setattr(ladybug_alike, "FEW", 1 if wanted else 10**9)


def same(one: Projection, other: Projection) -> None:
    for name in ARRAYS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert (one.relations, one.sources) == (other.relations, other.sources)
    assert one.table.equals(other.table)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_tables_of_rows_that_are_alike_give_what_all_rows_give(
    alike: GraphStore, recipe: Recipe, eager: Callable[[bool], None], tmp_path: Path
) -> None:
    eager(True)
    fast = project(alike, recipe, tmp_path / "fast")
    eager(False)
    same(fast, project(alike, recipe, tmp_path / "slow"))
    as_written = replace(recipe, cypher=recipe.cypher.replace("RETURN", "WITH * RETURN", 1))
    assert plain_recipe(as_written.cypher) is None
    same(fast, project(alike, as_written, tmp_path / "as written"))


def test_only_rows_that_are_alike_are_taken_for_that(alike: GraphStore, eager: Callable[[bool], None]) -> None:
    if not isinstance(alike, LadybugStore):
        return  # a server is asked otherwise
    eager(True)
    plain = plain_recipe(ALL.cypher)
    assert plain is not None
    rows = {type_: many for type_, (many, _) in alike.extent().types.items()}
    said: dict[str, list[dict[str, object]] | None] = {}
    for type_ in ALIKE:
        query = table_query(plain, type_, ALL.parameters)
        assert query is not None
        assert query.alike is not None
        answer = query.alike.answer(alike._read_columns, rows[type_])
        columns = ["weight", "split", "source"]
        said[type_] = None if answer is None else answer.select(columns if len(answer) else []).to_pylist()
    assert said == {
        "SAME": [{"weight": 2.5, "split": "train", "source": ["one"]}],
        "HELD_OUT": [],
        "LAST_DIFFERS": None,
        "SPLITS": None,
        "OF_NONE": None,
        "OF_TWO": [{"weight": 1.0, "split": "train", "source": ["two", "one"]}],
        COMMON_TYPE: [{"weight": 1.0, "split": "train", "source": ["one"]}],
    }


@pytest.mark.parametrize(
    ("expression", "properties"),
    [
        ("r.split = 'train' AND r.`when` < $t", ("split", "when")),
        ("r.weight + r.weight", ("weight",)),
        ("size(r.sources) > 1", ("sources",)),
        ("'h.kind and r'", ()),
        ("true", ()),
        ("h.kind = 'image'", None),
        ("t.r = 1", None),
        ("id(r) > 3", None),
        ("r IS NULL", None),
    ],
)
def test_what_an_expression_reads_of_its_relation(expression: str, properties: tuple[str, ...] | None) -> None:
    plain = plain_recipe(ALL.cypher)
    assert plain is not None
    assert properties_read(plain, [expression]) == properties


def test_a_server_is_read_by_numbers_as_by_ids(neo4j_uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with open_store(neo4j_uri) as store:
        random_graph(entities=60, triples=400).load(store, tmp_path / "pictures")
        monkeypatch.setattr(neo4j_numbers, "READ_AT_ONCE", 97)
        everything = load_recipe("all", {"splits": ["train", "test"], "predicted": ["", "accepted"]})
        for recipe in (ALL, BACKWARDS, WEIGHTY, everything, load_recipe("source", {"source": "s"})):
            monkeypatch.setattr(neo4j_numbers, "MORE", 10**6)
            assert "number" in next(iter(store.entity_columns(numbered=True))).schema.names
            by_numbers = project(store, recipe, tmp_path / "by numbers")
            monkeypatch.setattr(neo4j_numbers, "MORE", -(10**6))  # numbers as far apart as in another format
            assert "number" not in next(iter(store.entity_columns(numbered=True))).schema.names
            same(by_numbers, project(store, recipe, tmp_path / "by ids"))


def test_relations_of_what_is_no_entity_stay_out(
    neo4j_uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(neo4j_numbers, "MORE", 10**6)
    with open_store(neo4j_uri) as store, neo4j.GraphDatabase.driver(neo4j_uri, auth=_login()) as driver:
        store.write([Entity("e:1"), Entity("e:2")], [Triple("e:1", "IS_A", "e:2")])
        driver.execute_query(
            "MATCH (e:Entity) CREATE (e)-[:IS_A {split: 'train', origin: 'asserted'}]->(:Other {id: 'o'})"
        )
        assert project(store, ALL, tmp_path / "p").edge_count == 1


def _login() -> tuple[str, str]:
    return os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"]


def test_an_entity_that_came_meanwhile_is_told() -> None:
    numbering = Numbering(pa.array(["a", "b"], pa.large_string()), np.array([1, -1, 0], np.int32))
    known = pa.table({"head_number": [0, 2, 2]})
    assert numbering.numbers(ALL, "head", known).tolist() == [1, 0, 0]
    for other in ([0, 3], [1]):
        with pytest.raises(BadProjection, match="came or went"):
            numbering.numbers(ALL, "head", pa.table({"head_number": other}))


def test_what_comes_next_is_made_ahead_in_order_and_fails_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no more")

    came: list[int] = []
    with pytest.raises(ValueError, match="no more"):
        came.extend(one_ahead(items()))
    assert came == [0, 1, 2]
    assert list(one_ahead(iter(()))) == []
    abandoned = one_ahead(iter(range(5)))
    assert next(abandoned) == 0
    abandoned.close()  # type: ignore[attr-defined]  # a generator
