"""What fails in the middle of a load into Neo4j leaves nothing lost and nothing doubled."""

from __future__ import annotations

import logging
import random
import signal
import threading
from collections.abc import Iterator

import neo4j
import pytest
from neo4j.exceptions import TransientError

from kgstore import Entity, Source, Triple, open_store
from kgstore.digest import graph_digest
from kgstore.errors import StoreUnavailable
from kgstore.records import entity_table, triple_table
from tests.conftest import missing
from tests.cutting_proxy import cutting
from tests.neo4j_server import Server, ServerMissing, serving
from tests.random_graph import random_graph

ROWS = 250


@pytest.fixture(scope="module")
def graph() -> tuple[list[Entity], list[Triple]]:
    return random_graph(1_000, 4_000, seed=31)


@pytest.fixture(scope="module")
def expected(graph: tuple[list[Entity], list[Triple]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the graph as one undisturbed load leaves it."""
    with open_store(tmp_path_factory.mktemp("undisturbed") / "graph.lbug") as store:
        store.write(*graph)
        return graph_digest(store)


def load(uri: str, graph: tuple[list[Entity], list[Triple]]) -> None:
    """A load in parts, each with its mark; one that was interrupted goes on behind its mark."""
    entities, triples = graph
    parts = [{"entities": [part]} for part in entity_table(entities).to_batches(max_chunksize=ROWS)]
    parts += [{"triples": [part]} for part in triple_table(triples).to_batches(max_chunksize=ROWS)]
    with open_store(uri) as store:
        done = next((source.done for source in store.sources()), 0)
        for number, part in enumerate(parts[done:], done + 1):
            store.write_columns(**part, source=Source("random", done=number, complete=number == len(parts)))


def assert_whole(uri: str, expected: str) -> None:
    with open_store(uri) as store:
        assert graph_digest(store) == expected
        [source] = store.sources()
        assert source.complete


def test_a_connection_that_drops_again_and_again(
    neo4j_uri: str, graph: tuple[list[Entity], list[Triple]], expected: str
) -> None:
    generator = random.Random(0)
    cuts = [60_000, *(generator.randrange(30_000, 250_000) for _ in range(12))]
    with cutting(int(neo4j_uri.rpartition(":")[2]), cuts) as proxy:
        load(f"bolt://127.0.0.1:{proxy.port}", graph)
        assert proxy.cut >= 3
    assert_whole(neo4j_uri, expected)


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the test may kill."""
    try:
        with serving() as server:
            monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
            monkeypatch.setenv("NEO4J_PASSWORD", server.password)
            yield server
    except ServerMissing as error:
        missing(str(error))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_restarted(
    own_server: Server, graph: tuple[list[Entity], list[Triple]], expected: str, how: signal.Signals
) -> None:
    failed: list[BaseException] = []

    def loading() -> None:
        try:
            load(own_server.uri, graph)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=loading)
    thread.start()
    wait_for_some(own_server)
    own_server.stop(how)
    own_server.start()
    thread.join()
    assert failed == []
    assert_whole(own_server.uri, expected)


def wait_for_some(server: Server) -> None:
    """Until the load has written a part."""
    with neo4j.GraphDatabase.driver(server.uri, auth=("neo4j", server.password)) as driver, driver.session() as session:
        while not session.run("MATCH (s:Source) RETURN count(s)").values()[0][0]:
            pass


def test_a_server_that_stays_away_is_told_in_a_sentence(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, graph: tuple[list[Entity], list[Triple]], expected: str
) -> None:
    monkeypatch.setattr("kgstore.neo4j_store.LOADS_WAIT", 1.0)
    entities, _ = graph
    with open_store(own_server.uri) as store:
        part = entity_table(entities).to_batches(max_chunksize=ROWS)[0]
        store.write_columns(entities=[part], source=Source("random", done=1))
        own_server.stop()
        with pytest.raises(StoreUnavailable, match="No Neo4j server answers"):
            store.write_columns(entities=[part], source=Source("random", done=2))
    own_server.start()
    load(own_server.uri, graph)
    assert_whole(own_server.uri, expected)


def test_a_foreign_writer_that_provokes_deadlocks(
    neo4j_uri: str, neo4j_server: Server, graph: tuple[list[Entity], list[Triple]], caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the locks of two entities in the other order than our writes do, until one of both was a victim."""
    first, last = Entity("z:first"), Entity("z:last")
    between = [Entity(f"z:{number}") for number in range(300)]
    stop = threading.Event()
    victims: list[str] = []

    def foreign() -> None:
        login = ("neo4j", neo4j_server.password)
        with neo4j.GraphDatabase.driver(neo4j_uri, auth=login) as driver, driver.session() as session:
            while not stop.is_set():
                try:
                    with session.begin_transaction() as transaction:
                        for id in (last.id, first.id):
                            transaction.run("MATCH (e:Entity {id: $id}) SET e.touched = timestamp()", id=id).consume()
                        transaction.commit()
                except TransientError as error:
                    victims.append(str(error.code))

    with open_store(neo4j_uri) as store:
        store.write([first, *between, last])
        thread = threading.Thread(target=foreign)
        thread.start()
        try:
            with caplog.at_level(logging.WARNING):
                for turn in range(400):
                    texts = (str(turn),)
                    changed = [Entity(one.id, texts=texts) for one in (first, *between, last)]
                    written = store.write(changed, source=Source("z", done=turn + 1))
                    assert written.changed_entities == len(changed)
                    if victims or any("retried" in record.message for record in caplog.records):
                        break
        finally:
            stop.set()
            thread.join()
        assert all("DeadlockDetected" in victim for victim in victims)
        assert victims or any("retried" in record.message for record in caplog.records), "a deadlock was provoked"
        assert store.entity(last.id).texts == tuple(str(number) for number in range(turn + 1))
        assert store.sources() == [Source("z", done=turn + 1)]
