"""A graph as files: what neo4j-admin imports, and Parquet and RDF read, is the graph."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, parse

from kgstore import (
    COMMON_TYPE,
    ENTITY_COLUMNS,
    TRIPLE_COLUMNS,
    Entity,
    GraphStore,
    Relation,
    Source,
    Triple,
    open_store,
)
from kgstore.digest import graph_digest
from kgstore.errors import KgError
from kgstore.export import Contents, export
from kgstore.export_admin import DELIMITERS
from kgstore.export_ntriples import RDF
from kgstore.records import column_rows, entities_of, triples_of
from tests.conftest import missing
from tests.neo4j_server import ServerMissing, serving
from tests.random_graph import random_graph
from tests.test_kgstore_command import ROOT, call

MARK = Source("random", 'a "path", with\na break', "/pictures", 300, True, "abc", 7)
CATALOGUE = [Relation("IS_A", 'is "a",\nkind of')]


def graph(seed: int) -> tuple[list[Entity], list[Triple]]:
    """A random graph, with texts that hold what stands between the elements of a list, and one of megabytes."""
    entities, triples = random_graph(300, 900, seed)
    # What neo4j-admin cannot be told, see kgstore.export_admin.
    entities = [replace(entity, texts=()) if entity.texts == ("",) else entity for entity in entities]
    entities += [
        Entity("x:delimiters", texts=(DELIMITERS[0], f"a{DELIMITERS[1]}b", "", "c;d|e")),
        Entity("x:empty", texts=("", "after")),
        Entity("x:long", texts=("long " * 1_000_000, "short")),
    ]
    return entities, triples


def test_neo4j_admin_imports_what_was_exported(embedded: GraphStore, tmp_path: Path) -> None:
    entities, triples = graph(seed=11)
    embedded.write(entities, triples, CATALOGUE, MARK)
    done = export(Contents.of(embedded), "neo4j-admin", tmp_path / "files")
    assert (done.entities, done.triples) == (len(entities), len(triples))
    program, *arguments = shlex.split(done.command)
    assert program == "neo4j-admin"
    try:
        with serving(before=[arguments]) as server, pytest.MonkeyPatch.context() as environment:
            environment.setenv("NEO4J_USERNAME", "neo4j")
            environment.setenv("NEO4J_PASSWORD", server.password)
            with open_store(server.uri) as store:
                before = store.fingerprint()
                assert graph_digest(store) == graph_digest(embedded)
                assert (store.relations(), store.sources()) == (embedded.relations(), [MARK])
                assert store.statistics() == embedded.statistics()
                written = store.write(entities, triples, CATALOGUE, MARK)
                assert (written.new_entities, written.new_triples, written.changed_triples) == (0, 0, 0)
                assert store.fingerprint() == before, "the store knows its graph"
    except ServerMissing as error:
        missing(str(error))


def test_parquet_holds_all_columns(store: GraphStore, tmp_path: Path) -> None:
    entities, triples = random_graph(200, 600, seed=12)
    store.write(entities, triples, CATALOGUE, MARK)
    export(Contents.of(store), "parquet", tmp_path / "files")
    found = pq.read_table(tmp_path / "files" / "entities.parquet")
    assert found.schema.equals(ENTITY_COLUMNS)
    assert {entity.id: entity for entity in entities_of(column_rows(found))} == {one.id: one for one in entities}
    found = pq.read_table(tmp_path / "files" / "triples.parquet")
    assert found.schema.equals(TRIPLE_COLUMNS)
    assert {triple.key: triple for triple in triples_of(column_rows(found))} == {one.key: one for one in triples}
    assert pq.read_table(tmp_path / "files" / "sources.parquet").to_pylist()[0]["name"] == "random"
    assert {"type": "IS_A", "text": CATALOGUE[0].text} in pq.read_table(
        tmp_path / "files" / "relations.parquet"
    ).to_pylist()


def test_ntriples_are_read_by_an_rdf_library(store: GraphStore, tmp_path: Path) -> None:
    entities, triples = random_graph(200, 600, seed=13)
    store.write(entities, triples, CATALOGUE, MARK)
    export(Contents.of(store), "ntriples", tmp_path / "files")
    facts = read(tmp_path / "files" / "facts.nt")
    texts = sorted(value for _, verb, value in facts if verb == "urn:kg:text")
    assert texts == sorted(text for entity in entities for text in entity.texts)
    labels = sorted(value for thing, verb, value in facts if verb.endswith("#label") and ":entity:" in thing)
    assert labels == sorted(entity.name for entity in entities if entity.name)
    stated = [triple for triple in triples if triple.origin == "asserted" or triple.decision == "accepted"]
    relations = [verb for _, verb, _ in facts if verb.startswith(("urn:kg:relation:", "urn:kg:words:"))]
    assert len(relations) == len(stated)
    common = [triple for triple in stated if triple.type == COMMON_TYPE and triple.words]
    assert sum(verb.startswith("urn:kg:words:") for verb in relations) == len(common)
    statements = read(tmp_path / "files" / "statements.nt")
    assert sum(verb == f"{RDF}subject" for _, verb, _ in statements) == len(triples)
    weights = sorted(float(value) for _, verb, value in statements if verb == "urn:kg:weight")
    assert weights == sorted(triple.weight for triple in triples)


def read(path: Path) -> list[tuple[str, str, str]]:
    rows = []
    for quad in parse(path=path, format=RdfFormat.N_TRIPLES):
        assert isinstance(quad.subject, NamedNode)
        assert isinstance(quad.object, NamedNode | BlankNode | Literal)
        rows.append((quad.subject.value, quad.predicate.value, quad.object.value))
    return rows


def test_an_empty_graph_is_exported(store: GraphStore, tmp_path: Path) -> None:
    for format in ("neo4j-admin", "parquet", "ntriples"):
        assert export(Contents.of(store), format, tmp_path / format).entities == 0


def test_files_are_complete_or_not_there(embedded: GraphStore, tmp_path: Path) -> None:
    embedded.write([Entity("a:dog")])
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(KgError, match="not empty"):
        export(Contents.of(embedded), "parquet", tmp_path / "taken")

    def breaks() -> Iterable[pa.RecordBatch]:
        raise KgError("lost")

    broken = replace(Contents.of(embedded), triples=breaks)
    with pytest.raises(KgError, match="lost"):
        export(broken, "neo4j-admin", tmp_path / "files")
    assert sorted(path.name for path in tmp_path.glob("files*")) == []


def test_the_command_prints_what_to_do_next(tmp_path: Path) -> None:
    with open_store(tmp_path / "graph.lbug") as store:
        store.write([Entity("a:dog", sources=("a",))], source=Source("a"))
    done = call("export", "--store", tmp_path / "graph.lbug", "--out", tmp_path / "files")
    assert done.returncode == 0, done.stderr
    assert "neo4j-admin database import full neo4j" in done.stdout
    assert (tmp_path / "files" / "schema.cypher").is_file()
    again = call("export", "--store", tmp_path / "graph.lbug", "--out", tmp_path / "files", "--json")
    assert (again.returncode, again.stdout) == (2, "")
    done = call("export", "--store", tmp_path / "graph.lbug", "--out", tmp_path / "p", "--format", "parquet", "--json")
    assert json.loads(done.stdout)["entities"] == 1


def test_files_straight_from_a_source_hold_what_a_load_leaves(tmp_path: Path) -> None:
    file = tmp_path / "edges.tsv"
    file.write_text("dog\tis a\tanimal\ncat\tis a\tanimal\ncat\tis a\tanimal\ndog\tlikes\tdog\n")
    call_ingest = [sys.executable, "-m", "ingest", "triples", "--path", str(file), "--source", "mine"]
    for rest in (["--store", str(tmp_path / "graph.lbug")], ["--export", str(tmp_path / "p"), "--format", "parquet"]):
        subprocess.run([*call_ingest, *rest], cwd=ROOT, check=True, capture_output=True)
    with open_store(tmp_path / "graph.lbug") as store:
        export(Contents.of(store), "parquet", tmp_path / "q")
    for name in ("entities", "triples", "relations", "sources"):
        rows = [pq.read_table(tmp_path / folder / f"{name}.parquet").to_pylist() for folder in "pq"]
        assert sorted(map(repr, rows[0])) == sorted(map(repr, rows[1]))
        assert rows[0]
