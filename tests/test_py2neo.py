"""Old notebooks go on: py2neo reads our graph on a real server over Bolt, and docs/py2neo.md names what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

import kgstore
import kgstore.errors
from kgstore import Entity, GraphStore, Triple, open_store
from tests.neo4j_server import Server

py2neo = pytest.importorskip("py2neo")
TABLE = Path(__file__).parent.parent / "docs" / "py2neo.md"


@pytest.fixture
def graph(neo4j_uri: str, neo4j_server: Server) -> Iterator[Any]:
    dog = Entity("wn:dog", name="dog", texts=("a pet", "犬"), sources=("wn",))
    with open_store(neo4j_uri) as store:
        store.write(
            [dog, Entity("wn:animal", name="animal"), Entity("wn:cat", name="cat")],
            [Triple("wn:dog", "IS_A", "wn:animal", weight=2.0), Triple("wn:cat", "IS_A", "wn:animal")],
        )
    address = urlparse(neo4j_uri)
    graph = py2neo.Graph(f"bolt://{address.hostname}:{address.port}", auth=("neo4j", neo4j_server.password))
    yield graph
    graph.service.connector.close()  # py2neo leaves its sockets to the garbage collector, which warns


def test_py2neo_reads_our_graph_by_cypher(graph: Any) -> None:
    found = graph.run(
        "MATCH (h:Entity)-[r:IS_A]->(t:Entity) WHERE r.weight >= $least "
        "RETURN h.id AS head, h.texts AS texts, t.id AS tail",
        least=2.0,
    ).data()
    assert found == [{"head": "wn:dog", "texts": ["a pet", "犬"], "tail": "wn:animal"}]
    assert graph.evaluate("MATCH (:Entity)-[r]->(:Entity) RETURN count(r)") == 2


def test_py2neo_matches_our_nodes_and_relationships(graph: Any) -> None:
    dog = py2neo.NodeMatcher(graph).match("Entity", id="wn:dog").first()
    assert dict(dog)["name"] == "dog"
    found = py2neo.RelationshipMatcher(graph).match((dog,), "IS_A").all()
    assert [(type(edge).__name__, edge["weight"], edge.end_node["id"]) for edge in found] == [
        ("IS_A", 2.0, "wn:animal")
    ]


def test_the_table_names_only_what_there_is() -> None:
    text = TABLE.read_text(encoding="utf-8")
    methods = set(re.findall(r"\bstore\.(\w+)", text))
    assert {"query", "columns", "entity", "search", "neighbours", "write"} <= methods
    assert [name for name in sorted(methods) if not hasattr(GraphStore, name)] == []
    for name in ("open_store", "Entity", "Triple", "Relation", "Source"):
        assert name in text
        assert hasattr(kgstore, name)
