"""python -m kgstore, as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgstore import Entity, Triple, open_store

ROOT = Path(__file__).parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "graph.lbug"
    with open_store(path) as store:
        dog = Entity("a:dog", name="dog", texts=("barks\nloudly",), sources=("a",))
        store.write([dog, Entity("a:animal", name="animal")], [Triple("a:dog", "IS_A", "a:animal")])
    return path


def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    return subprocess.run(
        [sys.executable, "-m", "kgstore", *map(str, arguments)],
        cwd=ROOT,
        env=known | environment,
        capture_output=True,
        text=True,
    )


def test_a_query_prints_its_rows(path: Path, tmp_path: Path) -> None:
    cypher = "MATCH (h:Entity)-[r]->(t) WHERE h.id = $id RETURN h.id AS head, type(r) AS type, h.texts AS texts"
    done = call("query", cypher, "--param", "id=a:dog", "--store", path)
    assert (done.stdout, done.stderr) == ('head\ttype\ttexts\na:dog\tIS_A\t["barks\\nloudly"]\n', "")
    file = tmp_path / "dogs.cypher"
    file.write_text(cypher)
    done = call("query", file, "--param", "id=a:dog", "--neo4j-uri", path, "--json")
    assert json.loads(done.stdout) == {"head": "a:dog", "type": "IS_A", "texts": ["barks\nloudly"]}
    done = call("query", "MATCH (e:Entity) RETURN e.id AS id ORDER BY id", "--rows", 1, NEO4J_URI=str(path))
    assert done.stdout == "id\na:animal\n"
    assert "--rows" in done.stderr


def test_a_recipe_is_shown_with_its_defaults_and_projected_by_name_or_file(path: Path, tmp_path: Path) -> None:
    done = call("query", "all", "--store", path)
    assert done.stdout.splitlines() == [
        "head\trelation\ttail\tweight\tsplit\tsource",
        "a:dog\tIS_A\ta:animal\t1.0\ttrain\t[]",
    ]
    mine = tmp_path / "mine.cypher"
    mine.write_text(
        "// param type = \"IS_A\"\nMATCH (h:Entity)-[r]->(t:Entity) WHERE type(r) = $type\n"
        "RETURN h.id AS head, type(r) AS relation, t.id AS tail // the end"
    )
    assert call("query", mine, "--store", path).stdout.splitlines()[1:] == ["a:dog\tIS_A\ta:animal"]
    nothing = call("query", mine, "--param", "type=B", "--store", path)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (
        0,
        "head\trelation\ttail\n",
        "Nothing in the graph answers this query.\n",
    )
    assert "1 triples between 2" in call("project", mine, "--store", path, "--out", tmp_path / "p").stdout
    again = call("project", mine, "--param", "type=B", "--store", path, "--out", tmp_path / "p")
    assert (again.returncode, "returned no triple" in again.stderr) == (2, True)
    mine.write_text("// store neo4j\n" + mine.read_text())
    for command in (("query", mine), ("project", mine, "--out", tmp_path / "q")):
        done = call(*command, "--store", path)
        assert (done.returncode, "of the kind neo4j" in done.stderr) == (2, True)


def test_stats_are_a_table_or_json(path: Path) -> None:
    table = call("stats", "--store", path).stdout
    assert "2  entities" in table
    assert "1  IS_A" in table
    assert json.loads(call("stats", "--store", path, "--json").stdout)["types"] == {"IS_A": 1}


def test_search_prints_hits(path: Path) -> None:
    assert call("search", "anmal", "--store", path).stdout.split("\t")[1:] == ["a:animal", "concept", "animal\n"]
    nothing = call("search", "zebra", "--store", path)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "zebra" in nothing.stderr


def test_a_projection_is_written(path: Path, tmp_path: Path) -> None:
    done = call("project", "--store", path, "--out", tmp_path / "projection")
    assert done.returncode == 0, done.stderr
    assert "1 triples between 2 entities" in done.stdout
    assert (tmp_path / "projection" / "projection.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stats",), "--store"),
        (("stats", "--store", "nowhere.lbug"), "no graph at nowhere.lbug"),
        (("stats", "--store", "bolt://127.0.0.1:1"), "No Neo4j server answers"),
        (("stats", "--store", "ftp://x"), "bolt://"),
        (("query", "no-such-file.cypher", "--store", "PATH"), "no-such-file.cypher"),
        (("query", "MATCH (e) DELETE e", "--store", "PATH"), "DELETE does more than read"),
        (("query", "MATCH (e) RETURN $x", "--store", "PATH"), "$x"),
        (("query", "MATCH (e) RETURN 1", "--param", "x", "--store", "PATH"), "NAME=VALUE"),
        (("query", "MATCH (e) RETURN 1", "--rows", "0", "--store", "PATH"), "above 0"),
        (("project", os.devnull, "--out", "x", "--store", "PATH"), "recipe"),
        (("project", "nothing", "--out", "x", "--store", "PATH"), "recipe"),
    ],
)
def test_a_wrong_call_ends_with_a_sentence_and_status_2(path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = call(*(str(path) if argument == "PATH" else argument for argument in arguments))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_reader_that_leaves_early_is_no_error(path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "kgstore", "query", "UNWIND range(1, 900) AS x RETURN x", "--store", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert "Traceback" not in writer.stderr.read()
    writer.stderr.close()
    writer.wait()
