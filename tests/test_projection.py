"""A projection holds what its recipe returned, both ways, and notices when the graph has moved on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from kgstore import COMMON_TYPE, Entity, GraphStore, Relation, Triple, relation_text
from kgstore.current import projection_for
from kgstore.errors import BadProjection, QueryRefused, UnknownEntity
from kgstore.images import ImageRoots
from kgstore.projecting import project
from kgstore.projection import ARRAYS, Projection, open_projection
from kgstore.recipes import Recipe, built_in_recipes, load_recipe, parse_parameters
from kgstore.values import KINDS
from tests.sampling_graph import Graph, random_graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return random_graph()


@pytest.fixture
def loaded(store: GraphStore, graph: Graph, tmp_path: Path) -> GraphStore:
    (tmp_path / "pictures").mkdir()
    graph.load(store, tmp_path / "pictures")
    return store


def triples_of(projection: Projection) -> set[tuple[str, Relation, str]]:
    ids = projection.entity_ids(range(projection.entity_count))
    edges = zip(projection.head, projection.relation, projection.tail, strict=True)
    return {(ids[head], projection.relations[relation], ids[tail]) for head, relation, tail in edges}


def as_projected(triples: list[Triple]) -> set[tuple[str, Relation, str]]:
    texts = {"IS_A": "is a kind of", "IMAGE_OF": "image of"}
    return {(t.head, Relation(t.type, t.words or texts.get(t.type) or relation_text(t.type)), t.tail) for t in triples}


def test_a_projection_holds_the_training_facts_and_what_was_accepted(
    loaded: GraphStore, graph: Graph, tmp_path: Path
) -> None:
    projection = project(loaded, load_recipe("all"), tmp_path / "p")
    wanted = as_projected(graph.learnt)
    # a rare relation whose words look like a type is told as that type
    wanted = {(h, Relation("ON", "on") if r == Relation(COMMON_TYPE, "ON") else r, t) for h, r, t in wanted}
    assert triples_of(projection) == wanted
    assert projection.edge_count == len(wanted)
    weights = {(t.head, t.type, t.tail): t.weight for t in graph.learnt if t.type != COMMON_TYPE}
    ids = projection.entity_ids(range(projection.entity_count))
    for head, relation, tail, weight in zip(
        projection.head, projection.relation, projection.tail, projection.weight, strict=True
    ):
        type_ = projection.relations[relation].type
        if type_ in ("IS_A", "IMAGE_OF", "PART_OF"):
            assert weights[ids[head], type_, ids[tail]] == weight


def test_both_directions_hold_the_same_edges(loaded: GraphStore, tmp_path: Path) -> None:
    projection = project(loaded, load_recipe("all"), tmp_path / "p")
    for number in range(projection.entity_count):
        incoming = np.arange(projection.in_offsets[number], projection.in_offsets[number + 1])
        assert incoming.tolist() == np.flatnonzero(projection.tail == number).tolist()
        outgoing = projection.out_edges[projection.out_offsets[number] : projection.out_offsets[number + 1]]
        assert sorted(outgoing.tolist()) == np.flatnonzero(projection.head == number).tolist()


def test_entities_keep_their_texts_pictures_and_kinds(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    projection = project(loaded, load_recipe("all"), tmp_path / "p", all_entities=True)
    assert projection.entity_count == len(graph.entities)
    numbers = projection.numbers([entity.id for entity in graph.entities])
    for number, entity in zip(numbers.tolist(), graph.entities, strict=True):
        assert projection.texts(number) == entity.texts
        assert projection.images(number) == entity.images
        assert KINDS[projection.kinds[number]] == entity.kind
        assert projection.name(number) == (entity.name or (entity.texts or (entity.id[2:],))[0])
    assert (projection.numbers([entity.id for entity in graph.entities] * 20)[: len(numbers)] == numbers).all()
    assert projection.image_roots == {"s": str(tmp_path / "pictures")}


def test_an_isolated_entity_is_numbered_only_when_asked_for(loaded: GraphStore, tmp_path: Path) -> None:
    loaded.write([Entity("s:alone")])
    projection = project(loaded, load_recipe("all"), tmp_path / "p")
    with pytest.raises(UnknownEntity, match="s:alone"):
        projection.numbers(["s:alone"])
    with pytest.raises(UnknownEntity, match="s:alone"):
        projection.numbers(["s:alone"] * 2000)
    everything = project(loaded, load_recipe("all"), tmp_path / "p", all_entities=True)
    assert everything.entity_ids(everything.numbers(["s:alone"])) == ["s:alone"]


def test_held_out_facts_come_in_only_when_named(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    projection = project(loaded, load_recipe("all", {"splits": ["test"]}), tmp_path / "p")
    assert projection.edge_count == sum(t.split == "test" for t in graph.triples)
    assert set(projection.split.tolist()) == {2}


def test_predictions_come_in_by_their_decision(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    def count(predicted: list[str]) -> int:
        return project(loaded, load_recipe("all", {"predicted": predicted}), tmp_path / "p").edge_count

    asserted = sum(t.split == "train" and t.origin == "asserted" for t in graph.triples)
    waiting = sum(t.origin == "predicted" and t.decision == "" for t in graph.triples)
    assert count([]) == asserted
    assert count([""]) == asserted + waiting


def test_every_built_in_recipe_runs_and_filters(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    seed = graph.triples[0].head
    near = around(graph, {seed})
    pictured = {entity.id for entity in graph.entities if entity.images}
    cases: list[tuple[str, dict[str, object], Callable[[Triple], bool]]] = [
        ("all", {}, lambda t: True),
        ("all", {"predicted": []}, lambda t: t.origin == "asserted"),
        ("types", {"types": ["IS_A"]}, lambda t: t.type == "IS_A"),
        ("weight", {"least": 0.5}, lambda t: t.weight >= 0.5),
        ("source", {"source": "s"}, lambda t: t.origin == "asserted"),
        ("multimodal", {}, lambda t: t.head in pictured or t.tail in pictured),
        ("ego", {"seeds": [seed], "depth": 1}, lambda t: seed in (t.head, t.tail)),
        ("ego", {"seeds": [seed]}, lambda t: t.head in near or t.tail in near),
        ("ego", {"seeds": [seed], "depth": 3}, lambda t: bool({t.head, t.tail} & around(graph, near))),
    ]
    assert sorted({name for name, _, _ in cases} | {"held-out"}) == built_in_recipes()
    for name, parameters, wanted in cases:
        projection = project(loaded, load_recipe(name, parameters), tmp_path / name)
        ids = projection.entity_ids(range(projection.entity_count))
        got = {(ids[h], ids[t]) for h, t in zip(projection.head, projection.tail, strict=True)}
        assert got == {(t.head, t.tail) for t in graph.learnt if wanted(t)}, (name, parameters)
    held_out = project(loaded, load_recipe("held-out"), tmp_path / "held-out")
    assert held_out.edge_count == sum(t.split != "train" for t in graph.triples)


def around(graph: Graph, some: set[str]) -> set[str]:
    """These entities and those that training facts join to them."""
    return some | {end for t in graph.learnt if {t.head, t.tail} & some for end in (t.head, t.tail)}


def test_a_projection_says_who_asserts_an_edge(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    twice = Triple("s:x", "IS_A", "s:0", sources=("first", "second"))
    loaded.write([Entity("s:x")], [twice, Triple("s:x", "B", "s:0")])
    projection = project(loaded, load_recipe("all"), tmp_path / "p")
    assert projection.sources == ("", "first", "s")
    by_edge = dict(zip(zip(projection.head, projection.relation, strict=True), projection.source, strict=True))
    own = int(projection.numbers(["s:x"])[0])
    types = [relation.type for relation in projection.relations]
    assert projection.sources[by_edge[own, types.index("IS_A")]] == "first"
    assert projection.sources[by_edge[own, types.index("B")]] == ""
    assert (projection.source == 2).sum() == projection.edge_count - 2
    named = project(loaded, load_recipe("source", {"source": "second"}), tmp_path / "q")
    assert (named.sources, named.edge_count) == (("second",), 1)


def test_a_recipe_that_is_not_plain_gives_the_same_as_one_that_is(loaded: GraphStore, tmp_path: Path) -> None:
    recipe = load_recipe("all")
    plain = project(loaded, recipe, tmp_path / "plain")
    by_way_of = recipe.cypher.replace("RETURN", "WITH h, r, t RETURN")
    whole = project(loaded, Recipe("mine", by_way_of, recipe.parameters), tmp_path / "w")
    assert_same_arrays(plain, whole, ARRAYS)
    quoted = load_recipe("all", {"splits": ["train", "it's"]})
    assert_same_arrays(plain, project(loaded, quoted, tmp_path / "q"), ARRAYS)


def assert_same_arrays(one: Projection, other: Projection, names: Sequence[str]) -> None:
    for name in names:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.entity_ids(range(one.entity_count)) == other.entity_ids(range(other.entity_count))
    assert (one.relations, one.sources) == (other.relations, other.sources)


def test_a_recipe_may_be_for_one_kind_of_store(loaded: GraphStore, tmp_path: Path) -> None:
    cypher = "// store {}\nMATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, type(r) AS relation, t.id AS tail"
    kind = "neo4j" if "://" in loaded.uri else "embedded"
    other = {"neo4j": "embedded", "embedded": "neo4j"}[kind]
    assert project(loaded, Recipe("mine", cypher.format(kind)), tmp_path / "p").edge_count
    with pytest.raises(QueryRefused, match=f"of the kind {other}"):
        project(loaded, Recipe("mine", cypher.format(other)), tmp_path / "p")
    with pytest.raises(QueryRefused, match="'mysql'; known are"):
        Recipe("mine", cypher.format("mysql"))


def test_contains_answers_for_every_combination(loaded: GraphStore, tmp_path: Path) -> None:
    projection = project(loaded, load_recipe("all"), tmp_path / "p")
    held = set(zip(projection.head.tolist(), projection.relation.tolist(), projection.tail.tolist(), strict=True))
    head, relation, tail = projection.head[:50], projection.relation[:50], projection.tail[100:140]
    known = projection.contains(head, relation, tail[:, None])
    assert known.shape == (40, 50)
    assert all(known[i, j] == ((head[j], relation[j], tail[i]) in held) for i in range(40) for j in range(50))
    assert projection.contains(projection.head, projection.relation, projection.tail).all()


def test_a_projection_reopens_in_under_a_second_and_is_made_once(loaded: GraphStore, tmp_path: Path) -> None:
    first = projection_for(loaded, load_recipe("all"), tmp_path)
    stamp = (first.directory / "head.npy").stat().st_mtime_ns
    began = time.perf_counter()
    again = projection_for(loaded, load_recipe("all"), tmp_path)
    assert time.perf_counter() - began < 1
    assert (again.directory / "head.npy").stat().st_mtime_ns == stamp
    assert again.recipe == load_recipe("all")
    assert projection_for(loaded, load_recipe("all", {"splits": ["test"]}), tmp_path).directory != first.directory


def test_a_changed_graph_makes_the_projection_stale(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    projection = projection_for(loaded, load_recipe("all"), tmp_path)
    assert not projection.is_stale(loaded)
    waiting = next(t for t in graph.triples if t.origin == "predicted" and not t.decision)
    loaded.decide(waiting.key, "accepted")
    assert projection.is_stale(loaded)
    fresh = projection_for(loaded, load_recipe("all"), tmp_path)
    assert fresh.edge_count == projection.edge_count + 1
    assert not fresh.is_stale(loaded)


def test_projecting_again_replaces_what_was_there(loaded: GraphStore, tmp_path: Path) -> None:
    old = project(loaded, load_recipe("all"), tmp_path / "p")
    before = old.head.copy()
    project(loaded, load_recipe("types", {"types": ["IS_A"]}), tmp_path / "p")
    assert (old.head == before).all()  # whoever has it open keeps what it mapped
    assert {relation.type for relation in open_projection(tmp_path / "p").relations} == {"IS_A"}
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name or "old" in path.name] == []


@pytest.mark.parametrize(
    ("cypher", "said"),
    [
        ("MATCH (h)-[r]->(t) RETURN h.id AS head, t.id AS tail", "returns head, tail and lacks the column 'relation'"),
        ("MATCH (h)-[r]->(t) WITH h, t RETURN h.id AS head, t.id AS tail", "returns head, tail and lacks the column"),
        ("MATCH (h)-[r]->(t) RETURN h.id AS head, r.weight AS relation, t.id AS tail", "not text"),
        ("MATCH (h)-[r]->(t) RETURN h.kind AS head, 'X' AS relation, t.id AS tail", "id of no entity"),
        ("MATCH (h)-[r]->(t) RETURN h.id AS head, 'X' AS relation, t.id AS tail, 'mine' AS split", "split 'mine'"),
        ("MATCH (h)-[r]->(t) WHERE h.id = '-' RETURN h.id AS head, 'X' AS relation, t.id AS tail", "no triple"),
    ],
)
def test_a_recipe_with_a_wrong_answer_is_told_what_to_return(
    loaded: GraphStore, tmp_path: Path, cypher: str, said: str
) -> None:
    with pytest.raises(BadProjection, match=said):
        project(
            loaded, Recipe("mine", cypher.replace("(h)", "(h:Entity)").replace("(t)", "(t:Entity)")), tmp_path / "p"
        )
    assert not (tmp_path / "p").exists()


def test_a_recipe_that_writes_is_refused(loaded: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(QueryRefused):
        project(loaded, Recipe("mine", "MATCH (h:Entity) SET h.name = '' RETURN h.id AS head"), tmp_path / "p")


def test_a_recipe_may_return_its_own_relations_and_no_more(loaded: GraphStore, graph: Graph, tmp_path: Path) -> None:
    cypher = "MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, 'LINKED_TO' AS relation, t.id AS tail"
    projection = project(loaded, Recipe("mine", cypher), tmp_path / "p")
    assert projection.relations == (Relation("LINKED_TO", "linked to"),)
    assert projection.edge_count == len({(t.head, t.tail) for t in graph.triples})
    assert set(projection.weight.tolist()) == {1.0}


def test_an_empty_graph_says_so(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(BadProjection, match="load some data"):
        project(store, load_recipe("all"), tmp_path / "p")


def test_a_projection_cut_short_or_of_another_version_is_refused(loaded: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(BadProjection, match="holds no projection"):
        open_projection(tmp_path)
    directory = project(loaded, load_recipe("all"), tmp_path / "p").directory
    whole = (directory / "keys.npy").read_bytes()
    for length in (200, 0):
        (directory / "keys.npy").write_bytes(whole[:length])
        with pytest.raises(BadProjection, match="incomplete"):
            open_projection(directory)
    (directory / "keys.npy").write_bytes(whole)
    (directory / "entities.arrow").write_bytes(b"")
    with pytest.raises(BadProjection, match="incomplete"):
        open_projection(directory)
    description = json.loads((directory / "projection.json").read_text())
    (directory / "projection.json").write_text(json.dumps({**description, "format": 0}))
    with pytest.raises(BadProjection, match="another version"):
        open_projection(directory)


def test_parameters_of_a_recipe_are_checked_before_it_runs(tmp_path: Path) -> None:
    with pytest.raises(QueryRefused, match="no parameter 'split'"):
        load_recipe("all", {"split": "test"})
    with pytest.raises(QueryRefused, match="--param seeds"):
        load_recipe("ego")
    with pytest.raises(QueryRefused, match="one of \\[1, 2, 3\\]"):
        load_recipe("ego", {"seeds": [], "depth": 4})
    with pytest.raises(QueryRefused, match=r"'types' of recipe types is 'IS_A' .* --param types='\[\"IS_A\"\]'"):
        load_recipe("types", {"types": "IS_A"})
    with pytest.raises(QueryRefused, match="one of all"):
        load_recipe("al")
    assert Recipe("mine", "RETURN '$5 $each' AS a // $b\n").parameters == {}
    mine = tmp_path / "mine.cypher"
    mine.write_text('// param depth = 2\nRETURN $depth AS "$x"')
    assert load_recipe(mine).parameters == {"depth": 2}
    assert load_recipe(str(mine), {"depth": 3}).parameters == {"depth": 3}
    mine.write_text("// param depth = two\nRETURN $depth")
    with pytest.raises(QueryRefused, match="no JSON"):
        load_recipe(mine)


def test_parameters_on_a_command_line_are_json_or_text() -> None:
    assert parse_parameters(['splits=["test"]', "source=wn", "least=0.5"]) == {
        "splits": ["test"],
        "source": "wn",
        "least": 0.5,
    }
    with pytest.raises(QueryRefused, match="NAME=VALUE"):
        parse_parameters(["splits"])


def test_picture_folders_come_from_the_store(loaded: GraphStore, tmp_path: Path) -> None:
    roots = ImageRoots.of(loaded, ["s=/elsewhere"])
    assert roots.folders == {"s": Path("/elsewhere")}
    assert ImageRoots.of(loaded).resolve("s/1.png")[0] == (tmp_path / "pictures" / "1.png").resolve()
