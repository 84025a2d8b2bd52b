"""The same graph gives the same projection: from either store, to any number of readers, and to a dict of lists."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from kgstore import COMMON_TYPE, GraphStore, Relation, Triple, open_store, relation_text
from kgstore.projecting import project
from kgstore.projection import ARRAYS, Projection
from kgstore.recipes import QUERIES, built_in_recipes, load_recipe
from kgstore.values import KINDS, SPLITS
from tests.random_graph import random_graph
from tests.sampling_graph import random_graph as sampling_graph

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = load_recipe("all", {"splits": list(SPLITS), "predicted": ["accepted", "rejected", ""]})

#: What recipes need to be told.
NEEDED: dict[str, dict[str, object]] = {
    "types": {"types": ["IS_A", "PART_OF"]},
    "source": {"source": "s"},
    "weight": {"least": 0.5},
    "ego": {"seeds": ["s:0", "s:\u00e91"]},
}

#: What a reader in another process says of a projection.
READ = """
import hashlib, sys
from kgstore.projection import ARRAYS, open_projection
for _ in range(400):
    projection = open_projection(sys.argv[1])
    digest = hashlib.sha256()
    for name in ARRAYS:
        digest.update(getattr(projection, name).tobytes())
    print(digest.hexdigest(), flush=True)
"""


def test_both_stores_give_the_same_bytes(neo4j_uri: str, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    graph = sampling_graph(entities=500, triples=4000, seed=5)
    with open_store(tmp_path / "graph.lbug") as embedded, open_store(neo4j_uri) as server:
        for store in (embedded, server):
            graph.load(store, tmp_path / "pictures")
        for name in built_in_recipes():
            recipe = load_recipe(name, NEEDED.get(name, {}))
            one, other = project(embedded, recipe, tmp_path / "one"), project(server, recipe, tmp_path / "other")
            for array in ARRAYS:
                file = f"{array}.npy"
                assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), (name, file)
            assert (tmp_path / "one/entities.arrow").read_bytes() == (tmp_path / "other/entities.arrow").read_bytes()
            assert (one.relations, one.sources) == (other.relations, other.sources)


@pytest.mark.parametrize("seed", range(3))
def test_a_projection_says_what_a_dict_of_lists_says(store: GraphStore, tmp_path: Path, seed: int) -> None:
    entities, triples = random_graph(120, 900, seed)
    asserted = [triple for triple in triples if triple.origin == "asserted"]
    store.write(entities, asserted)
    projection = project(store, EVERYTHING, tmp_path / "p", all_entities=True)
    naive: dict[tuple[str, Relation, str], list[Triple]] = defaultdict(list)
    for triple in asserted:
        naive[triple.head, _relation(triple), triple.tail].append(triple)
    ids = projection.entity_ids(range(projection.entity_count))
    assert ids == sorted((entity.id for entity in entities), key=str.encode)
    by_id = {entity.id: entity for entity in entities}
    assert [KINDS[kind] for kind in projection.kinds] == [by_id[id_].kind for id_ in ids]
    assert [projection.texts(number) for number in range(len(ids))] == [by_id[id_].texts for id_ in ids]
    found = {}
    for edge in range(projection.edge_count):
        key = (ids[projection.head[edge]], projection.relations[projection.relation[edge]], ids[projection.tail[edge]])
        found[key] = (projection.weight[edge], projection.split[edge], projection.sources[projection.source[edge]])
    assert found == {
        key: (
            max(np.float32(t.weight) for t in same),
            min(SPLITS.index(t.split) for t in same),
            min((t.sources or ("",))[0] for t in same),
        )
        for key, same in naive.items()
    }
    _check_neighbours(projection, list(naive), ids)


def _check_neighbours(projection: Projection, facts: list[tuple[str, Relation, str]], ids: list[str]) -> None:
    incoming: dict[str, set[object]] = defaultdict(set)
    outgoing: dict[str, set[object]] = defaultdict(set)
    for head, relation, tail in facts:
        incoming[tail].add((head, relation))
        outgoing[head].add((relation, tail))
    generator = random.Random(0)
    for number, id_ in enumerate(ids):
        edges = np.arange(projection.in_offsets[number], projection.in_offsets[number + 1])
        into = {(ids[projection.head[e]], projection.relations[projection.relation[e]]) for e in edges}
        assert into == incoming[id_]
        edges = projection.out_edges[projection.out_offsets[number] : projection.out_offsets[number + 1]]
        out = {(projection.relations[projection.relation[e]], ids[projection.tail[e]]) for e in edges}
        assert out == outgoing[id_]
        other, place = generator.randrange(len(ids)), generator.randrange(len(projection.relations))
        there = (projection.relations[place], ids[other]) in outgoing[id_]
        assert projection.contains(*np.array([[number], [place], [other]])).tolist() == [there]


def _relation(triple: Triple) -> Relation:
    """As a recipe tells it: rare relations by their words, which may look like a type."""
    if triple.type != COMMON_TYPE:
        return Relation(triple.type, relation_text(triple.type))
    return Relation(COMMON_TYPE, triple.words)


def test_processes_read_while_the_projection_is_replaced(embedded: GraphStore, tmp_path: Path) -> None:
    entities, triples = random_graph(100, 600, seed=9)
    asserted = [triple for triple in triples if triple.origin == "asserted"]
    embedded.write(entities, asserted)
    digests = set()
    for splits in (["train"], list(SPLITS)):
        projection = project(embedded, load_recipe("all", {"splits": splits}), tmp_path / f"{len(splits)}")
        digests.add(_digest(projection))
    project(embedded, load_recipe("all"), tmp_path / "p")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READ, str(tmp_path / "p")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    first = {reader.stdout.readline().strip() for reader in readers if reader.stdout}
    for turn in range(6):
        project(embedded, load_recipe("all", {"splits": list(SPLITS) if turn % 2 else ["train"]}), tmp_path / "p")
    for reader in readers:
        answers, _ = reader.communicate()
        assert reader.returncode == 0
        assert first | {*answers.split()} <= digests
        assert len(answers.split()) == 399


def _digest(projection: Projection) -> str:
    digest = hashlib.sha256()
    for name in ARRAYS:
        digest.update(getattr(projection, name).tobytes())
    return digest.hexdigest()


def test_the_contract_of_recipes_names_each_recipe_and_column() -> None:
    told = (QUERIES / "README.md").read_text(encoding="utf-8")
    for name in built_in_recipes():
        assert f"| `{name}` |" in told, name
    for column in ("head", "tail", "relation", "weight", "split", "source"):
        assert f"`{column}`" in told, column
    for name in built_in_recipes():
        assert (QUERIES / f"{name}.cypher").read_text(encoding="utf-8").startswith("// "), name
