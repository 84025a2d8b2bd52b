"""Real stores for all tests: an embedded file each, and one Neo4j server for the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from kgstore import GraphStore, open_store
from tests.neo4j_server import Server, ServerMissing, serving
from tests.shapes import checked

# The shapes in these modules' signatures are checked at every call; it holds for what is imported from here on.
SHAPED = ("projection", "projecting", "appending", "population", "arranging")
install_import_hook(["model", *(f"kgstore.{name}" for name in SHAPED)], f"{checked.__module__}.{checked.__name__}")

# After the hook, which what they import must not miss.
pytest_plugins = ("tests.browsing", "tests.app_pages")


def missing(reason: str) -> None:
    """Skips the test on a person's machine; in CI nothing may be missing."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"{reason} CI needs it.")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Server]:
    """A real server, started once; a test that needs an empty graph takes `neo4j_uri`."""
    try:
        context = serving()
        server = context.__enter__()
    except ServerMissing as error:
        missing(str(error))
        raise AssertionError("not reached") from error
    try:
        yield server
    finally:
        context.__exit__(None, None, None)


@pytest.fixture
def neo4j_uri(neo4j_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty graph on a real server; the environment holds name and password."""
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_server.password)
    monkeypatch.delenv("NEO4J_DATABASE", raising=False)
    neo4j_server.empty()
    return neo4j_server.uri


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[GraphStore]:
    """An empty embedded graph."""
    with open_store(tmp_path / "graph.lbug") as store:
        yield store


@pytest.fixture(params=["embedded", "neo4j"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty graph, of either kind."""
    if request.param == "embedded":
        return str(tmp_path / "graph.lbug")
    uri: str = request.getfixturevalue("neo4j_uri")
    return uri


@pytest.fixture
def store(store_uri: str) -> Iterator[GraphStore]:
    """An empty graph, of either kind: a test that takes it holds for both."""
    with open_store(store_uri) as opened:
        yield opened
