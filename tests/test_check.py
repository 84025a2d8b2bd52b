"""What breaks the data model is found, counted and shown, on either store; what keeps it passes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import neo4j
import pytest

from kgstore import COMMON_TYPE, Entity, GraphStore, Relation, Source, Triple, open_store
from kgstore.census import census
from kgstore.check import check
from kgstore.images import ImageRoots
from kgstore.values import KINDS
from tests.neo4j_server import Server
from tests.test_kgstore_command import call

DOG = Entity("a:dog", name="dog", images=("a/dog.png", "a/dog.png#xywh=0,0,2,2"), sources=("a",))
CAT, ANIMAL = Entity("a:cat", sources=("a",)), Entity("a:animal", sources=("a",))
SOUND = (
    Triple("a:dog", "IS_A", "a:animal", sources=("a",)),
    Triple("a:dog", COMMON_TYPE, "a:cat", words="chases", sources=("a",)),
    Triple("a:cat", "IS_A", "a:animal", origin="predicted", score=0.5, run="run-1", decision="accepted"),
)


def faults(store: GraphStore) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {fault.what: (fault.many, fault.examples) for fault in check(store)}


def test_a_graph_that_keeps_the_data_model_passes(store: GraphStore) -> None:
    store.write(source=Source("a"))
    assert faults(store) == {}
    store.write([DOG, CAT, ANIMAL], SOUND, [Relation("IS_A", "is a")])
    store.propose([Triple("a:dog", "LIKES", "a:cat", origin="predicted", score=1.0, run="run-1")])
    assert faults(store) == {}


def test_what_breaks_it_is_found_on_both_stores(store: GraphStore) -> None:
    broken = [
        Entity("b:unknown", sources=("b",)),
        Entity("a:nobody's"),
        Entity(
            "a:pictures", images=("no-source.png", "a/../secret.png", "a/1.png#xywh=1,2", "a/ok.png"), sources=("a",)
        ),
    ]
    triples = [
        Triple("a:dog", "IS_A", "a:cat", words="belongs to the common type only", sources=("a",)),
        Triple("a:dog", COMMON_TYPE, "a:animal", sources=("a",)),
        Triple("a:dog", "LIKES", "a:cat", origin="predicted", score=0.1),
        Triple("a:dog", "FEARS", "a:cat", sources=("a",), decision="rejected"),
        Triple("a:cat", "FEARS", "a:cat"),
    ]
    store.write([DOG, CAT, ANIMAL, *broken], [*SOUND, *triples], source=Source("a"))
    found = faults(store)
    assert {what: many for what, (many, _) in found.items()} == {
        "entities that no source asserts": 1,
        "entities of a source that is not in the list of sources": 1,
        "picture references that are malformed": 3,
        "relations of the common type without words": 1,
        "relations of a type of their own with words in the key": 1,
        "decisions about what no run predicted": 1,
        "predictions without the run that made them": 1,
        "assertions that no source makes": 1,
    }
    assert found["entities of a source that is not in the list of sources"][1] == ("b:unknown: b",)
    assert found["predictions without the run that made them"][1] == ("(a:dog)-[LIKES]->(a:cat)",)


#: What another tool does to a Neo4j database, what is found then, and how often.
FOREIGN = {
    "CREATE (:Person {name: 'Ann'}), (:Person)": ("nodes that are no entity and not ours", 2),
    "MATCH (e:Entity {id: 'a:dog'}) SET e:Animal": ("entities with another label as well", 1),
    "CREATE (:Entity {name: 'no id'}), (:Entity {id: 5})": (
        "entities without an id, which no part of this program sees",
        2,
    ),
    "MATCH (e:Entity {id: 'a:dog'}) SET e.kind = 'animal'": ("kinds that are unknown", 1),
    "MATCH (e:Entity {id: 'a:dog'}) SET e.split = 'dev'": ("entities of an unknown split", 1),
    "MATCH (e:Entity {id: 'a:dog'}) SET e.id = 'dog'": ("ids that are not of the form source:key", 1),
    "MATCH (e:Entity {id: 'a:dog'}) REMOVE e.kind": (
        "entities without some of their properties, which are read with a default",
        1,
    ),
    "MATCH (e:Entity {id: 'a:dog'}) SET e.sources = ['a', 'a']": (
        "texts, pictures or sources that stand twice at an entity",
        1,
    ),
    "MATCH (e:Entity {id: 'a:dog'}) CREATE (e)-[:KNOWS]->(:Person)": (
        "relations between nodes that are no entities",
        1,
    ),
    "MATCH (h {id: 'a:dog'}), (t {id: 'a:cat'}) CREATE (h)-[:`likes a lot` {weight: 1, sources: ['a'], "
    "origin: 'asserted', split: 'train'}]->(t)": ("relation types that are not UPPER_SNAKE", 1),
    "MATCH (h {id: 'a:dog'})-[r:IS_A]->(t) CREATE (h)-[s:IS_A]->(t) SET s = r": ("relations that stand twice", 1),
    "MATCH ()-[r:IS_A]->() REMOVE r.split, r.weight": (
        "relations without some of their properties, which are read with a default",
        2,
    ),
    "MATCH ()-[r:IS_A]->() SET r.origin = 'guessed'": ("relations of an unknown origin", 2),
    "MATCH ()-[r:IS_A]->() SET r.split = 'dev'": ("relations of an unknown split", 2),
    "MATCH ()-[r:IS_A]->() SET r.decision = 'perhaps'": ("decisions that are unknown", 2),
    "MATCH ()-[r:IS_A]->() SET r.weight = toFloat('NaN')": ("weights or scores that are no finite number", 2),
    "MATCH (n:Relation {type: 'IS_A'}) DELETE n": ("relation types that the catalogue does not name", 1),
    "MATCH (s:Source) DELETE s": ("entities of a source that is not in the list of sources", 3),
}


@pytest.mark.parametrize("cypher", FOREIGN)
def test_what_other_tools_write_is_found(neo4j_uri: str, neo4j_server: Server, cypher: str) -> None:
    with open_store(neo4j_uri) as store:
        store.write([DOG, CAT, ANIMAL], SOUND, source=Source("a"))
        assert faults(store) == {}
        as_another_tool(neo4j_server, cypher)
        what, many = FOREIGN[cypher]
        assert faults(store)[what][0] == many


def test_a_value_of_another_type_is_found_although_it_cannot_be_read(neo4j_uri: str, neo4j_server: Server) -> None:
    with open_store(neo4j_uri) as store:
        store.write([DOG, CAT, ANIMAL], SOUND, source=Source("a"))
        as_another_tool(neo4j_server, "MATCH (e:Entity {id: 'a:dog'}) SET e.texts = 'one text'")
        as_another_tool(neo4j_server, "MATCH ()-[r:IS_A]->() SET r.weight = 'heavy'")
        found = faults(store)
    assert found["entities with a value of another type"][1] == (":Entity a:dog",)
    assert found["relations with a value of another type"][0] == 2


def as_another_tool(server: Server, cypher: str) -> None:
    with neo4j.GraphDatabase.driver(server.uri, auth=("neo4j", server.password)) as driver, driver.session() as session:
        session.run(cypher).consume()


def test_the_command_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    with open_store(tmp_path / "graph.lbug") as store:
        store.write([DOG, CAT, ANIMAL], SOUND, source=Source("a"))
    done = call("check", "--store", tmp_path / "graph.lbug")
    assert (done.returncode, done.stderr) == (0, "")
    with open_store(tmp_path / "graph.lbug") as store:
        store.write([Entity("a:nobody's")])
    done = call("check", "--store", tmp_path / "graph.lbug", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == [
        {"fault": "entities that no source asserts", "count": 1, "examples": ["a:nobody's"]}
    ]
    assert "a:nobody's" in call("check", "--store", tmp_path / "graph.lbug").stdout


def counted_by_hand() -> dict[str, object]:
    return {
        "entities": 4,
        "triples": 3,
        "kinds": {"concept": 3, "image": 1},
        "types": {"IS_A": 2, COMMON_TYPE: 1},
        "sources": {"a": 4},
        "waiting": 0,
        "accepted": 1,
        "rejected": 0,
        "degrees": {"p50": 2, "p90": 2, "p99": 2, "p100": 2},
        "isolated": 1,
        "pictures": 2,
        "missing_pictures": 1,
    }


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "dog.png").touch()
    return tmp_path / "pictures"


def test_the_census_counts_degrees_isolated_entities_and_missing_pictures(store: GraphStore, pictures: Path) -> None:
    alone = Entity("a:picture", KINDS[2], images=("a/gone.png",), sources=("a",))
    store.write([DOG, CAT, ANIMAL, alone], SOUND, source=Source("a", image_root=str(pictures)))
    found = census(store, ImageRoots.of(store)).values()
    assert found == counted_by_hand()
    assert list(found) == list(counted_by_hand())


def test_an_empty_graph_has_a_census(store: GraphStore) -> None:
    found = census(store, ImageRoots())
    assert (found.isolated, found.pictures, set(found.degrees.values())) == (0, 0, {0})


def test_stats_as_json_are_the_same_from_either_store(neo4j_uri: str, tmp_path: Path, pictures: Path) -> None:
    outputs = []
    login = {name: os.environ[name] for name in ("NEO4J_USERNAME", "NEO4J_PASSWORD")}
    for uri in (neo4j_uri, str(tmp_path / "graph.lbug")):
        with open_store(uri) as store:
            store.write([DOG, CAT, ANIMAL], SOUND, source=Source("a", image_root=str(pictures)))
        done = call("stats", "--store", uri, "--json", **login)
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0])["missing_pictures"] == 0
