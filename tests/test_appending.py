"""What is added to a graph is added to its projection, which then says what one made anew says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, GraphStore, Relation, Triple
from kgstore.appending import append
from kgstore.current import current_projection, projection_for
from kgstore.errors import BadProjection
from kgstore.projecting import project
from kgstore.projection import ARRAYS, Projection, open_projection
from kgstore.recipes import Recipe, load_recipe
from tests.sampling_graph import Graph, random_graph

ALL = load_recipe("all", {"splits": ["train", "valid", "test"]})


@pytest.fixture(scope="module")
def graph() -> Graph:
    return random_graph(entities=300, triples=1200, seed=3)


@pytest.fixture
def grown(store: GraphStore, graph: Graph, tmp_path: Path) -> tuple[Projection, GraphStore]:
    """A projection of a graph to which new triples were added since, of the same entities and relations."""
    (tmp_path / "pictures").mkdir()
    replace(graph, triples=graph.triples[::2]).load(store, tmp_path / "pictures")
    projection = project(store, ALL, tmp_path / "old")
    named = {*projection.entity_ids(range(projection.entity_count))}
    later = [t for t in graph.triples[1::2] if t.origin == "asserted" and {t.head, t.tail} <= named]
    store.write((), later[:100])
    store.write((), later[100:200])
    return projection, store


def facts(projection: Projection) -> set[tuple[object, ...]]:
    ids = projection.entity_ids(range(projection.entity_count))
    columns = (projection.head, projection.relation, projection.tail, projection.weight, projection.split)
    return {
        (ids[h], projection.relations[r], ids[t], float(w), int(s), projection.sources[source])
        for h, r, t, w, s, source in zip(*columns, projection.source, strict=True)
    }


def described(projection: Projection) -> dict[str, tuple[object, ...]]:
    ids = projection.entity_ids(range(projection.entity_count))
    return {
        id_: (projection.name(n), projection.texts(n), projection.images(n), int(projection.kinds[n]))
        for n, id_ in enumerate(ids)
    }


def test_new_relations_are_merged_in_byte_for_byte(grown: tuple[Projection, GraphStore], tmp_path: Path) -> None:
    old, store = grown
    appended = append(old, store, tmp_path / "appended")
    fresh = project(store, ALL, tmp_path / "fresh")
    assert appended is not None
    assert appended.edge_count == fresh.edge_count > old.edge_count
    for name in ARRAYS:
        assert getattr(appended, name).tobytes() == getattr(fresh, name).tobytes(), name
    assert (tmp_path / "appended" / "entities.arrow").read_bytes() == (tmp_path / "fresh/entities.arrow").read_bytes()
    assert appended.fingerprint == fresh.fingerprint
    assert not appended.is_stale(store)


def test_only_what_is_new_is_read(
    grown: tuple[Projection, GraphStore], graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, store = grown
    rows = sum(map(len, store.recipe_columns(ALL.cypher, ALL.parameters, old.extent)))
    added = store.statistics().triples - sum(many for many, _ in old.extent.types.values())
    if "://" in store.uri:  # relations of types that have grown
        assert added <= rows <= store.statistics().triples
    else:
        assert rows == added == 200
    now = store.extent()
    assert sum(map(len, store.recipe_columns(ALL.cypher, ALL.parameters, now))) == 0


@pytest.mark.parametrize("all_entities", [False, True])
def test_new_entities_and_relations_have_the_next_numbers(
    grown: tuple[Projection, GraphStore], tmp_path: Path, all_entities: bool
) -> None:
    _, store = grown
    old = project(store, ALL, tmp_path / "old", all_entities=all_entities)
    store.write(
        [Entity("a:first", name="first of all"), Entity("zz:last", texts=("a text",)), Entity("zz:alone")],
        [
            Triple("zz:last", "AA_NEW", "a:first", weight=2.0, sources=("another",)),
            Triple("a:first", "IS_A", "s:0", split="valid"),
        ],
        [Relation("AA_NEW", "quite new")],
    )
    appended = append(old, store, tmp_path / "appended")
    fresh = project(store, ALL, tmp_path / "fresh", all_entities=all_entities)
    assert appended is not None
    assert facts(appended) == facts(fresh)
    assert described(appended) == described(fresh)
    assert appended.entity_ids(range(old.entity_count)) == old.entity_ids(range(old.entity_count))
    assert appended.relations[: len(old.relations)] == old.relations
    new = ["a:first", "zz:alone", "zz:last"] if all_entities else ["a:first", "zz:last"]
    assert appended.entity_ids(range(old.entity_count, appended.entity_count)) == new
    assert appended.numbers([*new, "s:0"]).tolist()[:-1] == [*range(old.entity_count, appended.entity_count)]
    assert (appended.numbers(new * 600)[: len(new)] == appended.numbers(new)).all()
    assert appended.contains(appended.head, appended.relation, appended.tail).all()
    for number in range(appended.entity_count):
        incoming = np.arange(appended.in_offsets[number], appended.in_offsets[number + 1])
        assert incoming.tolist() == np.flatnonzero(appended.tail == number).tolist()
        outgoing = appended.out_edges[appended.out_offsets[number] : appended.out_offsets[number + 1]]
        assert outgoing.tolist() == np.flatnonzero(appended.head == number).tolist()


def test_an_appended_projection_is_appended_to_again(grown: tuple[Projection, GraphStore], tmp_path: Path) -> None:
    projection, store = grown
    for turn in range(4):
        entity = Entity(f"s:new-{turn}", texts=("one", "two"))
        store.write([entity], [Triple(f"s:new-{turn}", "IS_A", "s:0"), Triple("s:3", "IS_A", f"s:new-{turn}")])
        appended = append(projection, store, tmp_path / "old")  # over itself
        assert appended is not None
        projection = appended
    assert facts(projection) == facts(project(store, ALL, tmp_path / "fresh"))


@pytest.mark.parametrize("change", ["an entity", "a relation", "a decision", "taken back"])
def test_a_change_is_no_addition(
    grown: tuple[Projection, GraphStore], graph: Graph, tmp_path: Path, change: str
) -> None:
    old, store = grown
    held = next(t for t in graph.triples[::2] if t.origin == "asserted")
    waiting = next(t for t in graph.triples[::2] if t.origin == "predicted" and not t.decision)
    if change == "an entity":
        store.write([replace(graph.entities[0], texts=("another text",))])
    elif change == "a relation":
        store.write((), [replace(held, weight=100.0)])
    elif change == "a decision":
        store.decide(waiting.key, "accepted")
    else:
        store.retract("s", triples=[held.key])
    assert append(old, store, tmp_path / "appended") is None
    assert not (tmp_path / "appended").exists()
    current = current_projection(store, ALL, tmp_path / "old")
    assert facts(current) == facts(project(store, ALL, tmp_path / "fresh"))


def test_a_recipe_that_is_not_plain_is_run_anew(grown: tuple[Projection, GraphStore], tmp_path: Path) -> None:
    _, store = grown
    counting = Recipe(
        "mine",
        "MATCH (h:Entity)-[r]->(t:Entity) WITH h, t, count(*) AS many "
        "RETURN h.id AS head, 'LINKED' AS relation, t.id AS tail, many AS weight",
    )
    old = project(store, counting, tmp_path / "counted")
    store.write((), [Triple("s:0", "NEW_TYPE", "s:3")])
    assert append(old, store, tmp_path / "appended") is None


def test_another_graph_is_not_appended_to(grown: tuple[Projection, GraphStore], tmp_path: Path) -> None:
    from kgstore import open_store

    old, _ = grown
    with open_store(tmp_path / "other.lbug") as other:
        other.write([Entity("s:0"), Entity("s:1")], [Triple("s:0", "IS_A", "s:1")])
        assert append(old, other, tmp_path / "appended") is None


def test_much_that_is_new_puts_the_entities_in_order_again(store: GraphStore, tmp_path: Path) -> None:
    store.write([Entity("m:1"), Entity("m:2")], [Triple("m:1", "IS_A", "m:2")])
    old = project(store, ALL, tmp_path / "p")
    many = [Entity(f"a:{number}") for number in range(3000)]
    store.write(many, [Triple(entity.id, "IS_A", "m:2") for entity in many])
    assert append(old, store, tmp_path / "appended") is None
    assert current_projection(store, ALL, tmp_path / "p").in_order == 3002


def test_projections_below_a_folder_grow_and_the_old_ones_stay(
    grown: tuple[Projection, GraphStore], tmp_path: Path
) -> None:
    _, store = grown
    first = projection_for(store, ALL, tmp_path / "cache")
    store.write((), [Triple("s:0", "IS_A", "s:297")])
    second = projection_for(store, ALL, tmp_path / "cache")
    assert second.edge_count == first.edge_count + 1
    assert open_projection(first.directory).edge_count == first.edge_count
    assert projection_for(store, ALL, tmp_path / "cache").directory == second.directory
    assert facts(second) == facts(project(store, ALL, tmp_path / "fresh"))


def test_a_graph_that_changes_while_it_is_read_is_told(
    grown: tuple[Projection, GraphStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, store = grown
    sources, numbers = store.sources, itertools.count()

    def changing() -> object:
        store.write([Entity(f"s:meanwhile-{next(numbers)}")])
        return sources()

    monkeypatch.setattr(store, "sources", changing)
    with pytest.raises(BadProjection, match="changed while"):
        append(old, store, tmp_path / "appended")
    with pytest.raises(BadProjection, match="changed while"):
        project(store, ALL, tmp_path / "fresh")
    assert not (tmp_path / "appended").exists()
