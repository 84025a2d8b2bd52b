"""Queries of users only read the graph, end in time, and an embedded file has one owner."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgstore import Entity, GraphStore, Source, Triple, open_store
from kgstore.errors import KgError, QueryRefused, QueryStopped, StoreBusy, StoreUnavailable
from kgstore.guard import require_reading
from kgstore.ladybug_cypher import for_ladybug
from kgstore.ladybug_reader import LadybugReader
from tests.neo4j_server import Server

ROOT = Path(__file__).parent.parent

REFUSED = [
    "",
    "  // nothing",
    "CREATE (e:Entity {id: 'a:x'})",
    "MERGE (e:Entity {id: 'a:x'})",
    "MATCH (e:Entity) SET e.name = 'x'",
    "MATCH (e:Entity) set e.name = 'x' RETURN e",
    "MATCH (e:Entity) /* quiet */ DETACH\nDELETE e",
    "MATCH (e:Entity) REMOVE e.name",
    "MATCH (e:Entity) FOREACH (x IN [1] | SET e.name = 'x')",
    "MATCH (e:Entity) RETURN e; MATCH (e:Entity) DELETE e",
    "MATCH (e:Entity) CALL (e) { SET e.name = 'x' } RETURN e",
    "MATCH (e:Entity) CALL { WITH e DELETE e } IN TRANSACTIONS",
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "MATCH (e:Entity) LOAD CSV FROM 'http://127.0.0.1/' AS line RETURN line",
    "LOAD FROM '/etc/passwd' RETURN *",
    "MATCH (e:Entity) WITH e LOAD FROM '/etc/passwd' RETURN *",
    "COPY Entity FROM '/etc/passwd'",
    "COPY (MATCH (e:Entity) RETURN e) TO '/tmp/out.csv'",
    "EXPORT DATABASE '/tmp/out'",
    "IMPORT DATABASE '/tmp/out'",
    "INSTALL httpfs",
    "ATTACH '/tmp/x' AS x (dbtype sqlite)",
    "DROP TABLE Entity",
    "ALTER TABLE Entity ADD x STRING",
    "CREATE INDEX FOR (e:Entity) ON (e.name)",
    "SHOW USERS",
    "SHOW SETTINGS",
    "TERMINATE TRANSACTIONS 'x'",
    "CALL dbms.listConfig()",
    "CALL dbms.killQuery('x')",
    "CALL db.createLabel('x')",
    "MATCH (e:Entity) CALL `dbms`.`listConfig`() YIELD name RETURN name",
    "CALL timeout=0",
    "CALL threads=1",
    "USE system RETURN 1",
    "MATCH (e:Entity) RETURN apoc.load.json('http://127.0.0.1/')",
    "EXPLAIN MATCH (e:Entity) RETURN e",
    "PROFILE CREATE (e:Entity)",
    "CYPHER runtime=slotted CREATE (e:Entity)",
    "BEGIN TRANSACTION",
    "CHECKPOINT",
    "GRANT ROLE admin TO neo4j",
    "MATCH (e:Entity) RETURN 'unclosed",
    "MATCH (e:Entity) RETURN $missing",
    "RETURN 1 \\u003b CREATE (n)",
]

ALLOWED = [
    "MATCH (e:Entity) RETURN count(*);",
    "MATCH (e:Entity) WHERE e.name = 'CREATE; SET x' RETURN count(*) // DELETE e",
    "/* CREATE */ MATCH (e:Entity) RETURN \"LOAD CSV FROM 'x'\", count(*)",
    "UNWIND [1, 2] AS `set` WITH `set` RETURN sum(`set`)",
    "MATCH (e:Entity) RETURN {id: e.id, delete: 1} AS `drop` LIMIT 1",
    "OPTIONAL MATCH (e:Entity {id: $id}) RETURN e.name",
    "WITH 1 AS one RETURN one UNION WITH 2 AS one RETURN one",
]

RUNAWAYS = [
    "MATCH (a:Entity), (b:Entity), (c:Entity), (d:Entity) WHERE a.id + b.id + c.id + d.id = 'x' RETURN count(*)",
    "MATCH (a:Entity), (b:Entity), (c:Entity), (d:Entity) RETURN a.id + b.id + c.id + d.id AS x ORDER BY x LIMIT 3",
    "MATCH p = (a:Entity)-[:NEXT*1..28]-(b:Entity) RETURN count(*)",
    "UNWIND range(1, 100000000) AS x UNWIND range(1, 100000) AS y RETURN sum(x * y)",
]


def ring(store: GraphStore, size: int) -> None:
    """A ring with chords, through which paths multiply."""
    names = [f"a:{at}" for at in range(size)]
    triples = [Triple(names[at], "NEXT", names[(at + step) % size]) for at in range(size) for step in (1, 2, 7)]
    store.write([Entity(name) for name in names], triples)


@pytest.mark.parametrize("cypher", REFUSED)
def test_the_guard_refuses_what_does_more_than_read(cypher: str) -> None:
    with pytest.raises(QueryRefused):
        require_reading(cypher)


def test_both_stores_refuse_what_does_more_than_read(store: GraphStore, tmp_path: Path) -> None:
    ring(store, 5)
    before = (store.fingerprint(), store.statistics())
    for cypher in REFUSED:
        with pytest.raises(QueryRefused):
            store.query(cypher)
        with pytest.raises(QueryRefused):
            list(store.columns(cypher))
    assert (store.fingerprint(), store.statistics()) == before


@pytest.mark.parametrize("cypher", ALLOWED)
def test_reading_queries_run_on_both_stores(store: GraphStore, cypher: str) -> None:
    assert store.query(cypher, {"id": "a:1"}).columns


def test_procedures_that_read_may_be_called_on_the_server(neo4j_uri: str) -> None:
    with open_store(neo4j_uri) as store:
        ring(store, 5)
        found = store.query("CALL db.labels() YIELD label RETURN label ORDER BY label").rows
        assert ("Entity",) in found
        assert store.query("MATCH (e:Entity) CALL (e) { RETURN e.id AS id } RETURN id").rows


def test_a_refusal_says_what_was_found_and_what_is_allowed() -> None:
    with pytest.raises(QueryRefused, match="SET does more than read"):
        require_reading("MATCH (e) SET e.x = 1")
    with pytest.raises(QueryRefused, match=r"dbms\.listConfig .* db\.labels"):
        require_reading("CALL dbms.listConfig()")
    with pytest.raises(QueryRefused, match="embedded store calls none"):
        require_reading("CALL db.labels()", procedures=())


@pytest.mark.parametrize("cypher", RUNAWAYS)
def test_a_query_that_runs_away_is_stopped_and_the_store_works_afterwards(store: GraphStore, cypher: str) -> None:
    ring(store, 600)
    begun = time.monotonic()
    with pytest.raises(QueryStopped):
        store.query(cypher, seconds=1.0)
    assert time.monotonic() - begun < 20
    assert store.query("MATCH (e:Entity) RETURN count(*)").rows == [(600,)]
    assert store.write([Entity("a:afterwards")]).new_entities == 1
    assert store.entity("a:afterwards").id == "a:afterwards"


def test_a_query_that_takes_all_memory_is_stopped(embedded: GraphStore) -> None:
    embedded.write([Entity("a:1")])
    with pytest.raises(QueryStopped, match="memory"):
        embedded.query("RETURN size(range(1, 30000000000))", seconds=60)
    assert embedded.query("MATCH (e:Entity) RETURN count(*)").rows == [(1,)]


def test_what_slips_through_the_guard_reaches_no_file(embedded: GraphStore, tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out.csv"
    secret.write_text("password\n")
    embedded.write([Entity("a:1")])
    reader = LadybugReader(Path(embedded.uri))
    try:
        for cypher in (
            f"LOAD FROM '{secret}' (header = true) RETURN *",
            f"COPY (MATCH (e:Entity) RETURN e.id) TO '{out}'",
            f"EXPORT DATABASE '{tmp_path / 'export'}'",
            "CREATE (:Entity {id: 'a:2'})",
        ):
            with pytest.raises(KgError):
                reader.rows(cypher, {}, 10.0, 10)
            if not reader.alive:
                reader = LadybugReader(Path(embedded.uri))
        assert reader.rows("MATCH (e:Entity) RETURN e.id", {}, 10.0, 10) == (["e.id"], [("a:1",)])
    finally:
        reader.close()
    assert not out.exists() or out.stat().st_size == 0
    assert not list(tmp_path.glob("export/*"))


def test_a_reading_process_ends_with_its_parent(tmp_path: Path) -> None:
    script = """
import sys, threading
from kgstore import Entity, open_store
store = open_store(sys.argv[1])
store.write([Entity("a:1")])
store.query("RETURN 1")
print(store._readers._idle[0]._process.pid, flush=True)
store.query("UNWIND range(1, 1000000000) AS x UNWIND range(1, 100000) AS y RETURN sum(x * y)", seconds=600)
"""
    parent = start(script, tmp_path / "graph.lbug")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


HOLD = """
import sys
from kgstore import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_an_embedded_file_has_one_owner_which_is_named(tmp_path: Path) -> None:
    path = tmp_path / "graph.lbug"
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "open\n"
    with pytest.raises(StoreBusy, match=f"process {owner.pid}"):
        open_store(path)
    owner.kill()
    owner.communicate()
    with open_store(path) as store:
        assert store.statistics().entities == 0
        with pytest.raises(StoreBusy, match=f"process {os.getpid()}"):
            open_store(path)
    with open_store(path):
        pass


WRITE_UNTIL_KILLED = """
import sys
from kgstore import Entity, Source, Triple, open_store
store = open_store(sys.argv[1])
done = 0
while True:
    batch = [Entity(f"a:{done + at}", texts=("x" * 50,)) for at in range(500)]
    store.write(batch, [Triple(entity.id, "IS_A", "a:0") for entity in batch], source=Source("a", done=done + 500))
    done += 500
    print(done, flush=True)
"""


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_a_load_that_was_killed_has_its_mark_and_its_batches(store_uri: str, batches: int) -> None:
    writer = start(WRITE_UNTIL_KILLED, store_uri)
    assert writer.stdout is not None
    for _ in range(batches):
        writer.stdout.readline()
    time.sleep(0.05 * batches)
    writer.kill()
    writer.communicate()
    with open_store(store_uri) as store:
        statistics, [mark] = store.statistics(), store.sources()
        assert mark == Source("a", done=statistics.entities)
        assert statistics.triples == statistics.entities >= 500 * batches
        assert store.write([Entity("b:1")], [Triple("b:1", "IS_A", "a:0")]).new_triples == 1


def test_what_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path, neo4j_server: Server) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("no graph\n" * 1000)
    for address, words in (
        (str(tmp_path), "folder"),
        (str(tmp_path / "no" / "graph.lbug"), "folder"),
        (str(other), "embedded graph"),
        ("http://localhost:7474", "bolt://"),
        ("bolt://127.0.0.1:1", "No Neo4j server answers"),
        ("bolt://no such host", "Neo4j"),
    ):
        with pytest.raises(StoreUnavailable, match=words):
            open_store(address)
    assert other.read_text() == "no graph\n" * 1000


def test_a_wrong_password_is_said_in_a_sentence(
    neo4j_uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(os.environ["NEO4J_PASSWORD"] + "\n")
    monkeypatch.setenv("NEO4J_PASSWORD", "wrong")
    with pytest.raises(StoreUnavailable, match="NEO4J_PASSWORD"):
        open_store(neo4j_uri)
    monkeypatch.delenv("NEO4J_PASSWORD")
    with pytest.raises(StoreUnavailable, match="NEO4J_PASSWORD"):
        open_store(neo4j_uri)
    monkeypatch.setenv("NEO4J_PASSWORD_FILE", str(file))
    open_store(neo4j_uri).close()
    monkeypatch.setenv("NEO4J_DATABASE", "elsewhere")
    with pytest.raises(StoreUnavailable, match="elsewhere"):
        open_store(neo4j_uri)


@pytest.mark.parametrize("cypher", ["MATCH (e:Entity) RETURN e.no_such", "MATCH (e:Entity RETURN e"])
def test_what_is_no_query_is_said_without_the_words_of_the_database(tmp_path: Path, cypher: str) -> None:
    with open_store(tmp_path / "graph.lbug") as store, pytest.raises(QueryRefused) as refused:
        store.query(cypher)
    assert str(refused.value).startswith("The graph does not understand this query: ")
    assert "exception" not in str(refused.value)


def test_cypher_is_translated_for_the_embedded_store_outside_of_texts() -> None:
    cypher = "MATCH (a)-[r]->(b) WHERE type (r) <> 'type(r)' AND r.x = \"rand()\" /* type(r) */ RETURN r.when, TYPE(r)"
    assert for_ladybug(cypher) == (
        "MATCH (a)-[r]->(b) WHERE label (r) <> 'type(r)' AND r.x = \"rand()\" /* type(r) */ RETURN r.`when`, label(r)"
    )
    changed = for_ladybug("MATCH (s:Source)-[r:SOURCE|`SOURCE`|PART]->() RETURN [type(r)]", {"SOURCE_", "PART"})
    assert changed == "MATCH (s:Source)-[r:`SOURCE_`|`SOURCE_`|`PART`]->() RETURN [regexp_replace(label(r), '_$', '')]"
    lists = "MATCH (a:Entity {id: x})-[r:ON|FAR {run: y}]->(b) RETURN [n IN nodes(p) | n.id], {is: a}"
    assert for_ladybug(lists, {"ON"}) == lists.replace("ON|FAR", "`ON`|`no relation`")
