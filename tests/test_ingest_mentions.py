"""Captions and the concepts that their words name: in the singular, never by guessing, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.__main__ import main
from ingest.link import MARK
from ingest.mentions import mention
from kgstore import open_store
from kgstore.store import GraphStore
from kgstore.values import Entity, Relation, Triple, TripleKey

CAPTIONS = {
    "c:1": ("Two dogs and a man's hot dog .", "train"),
    "c:2": ("The children are running with buses, cherries, glass", "valid"),
    "c:3": ("It is on the", "train"),
    "c:4": ("A bank", "train"),
}
NAMES = {
    "cn:/c/en/dog": "dog",
    "cn:/c/en/dog_": "dog",
    "cn:/c/en/hot_dog": "hot dog",
    "cn:/c/en/a": "a",
    "cn:/c/en/it": "it",
    "cn:/c/en/child": "child",
    "cn:/c/en/bus": "Bus",
    "cn:/c/en/cherry": "cherry",
    "cn:/c/en/glass": "glass",
    "cn:/c/en/running": "running",
    "cn:/c/en/run": "run",
    "cn:/c/en/glas": "glas",
    "vg:name/dog": "dog",
    "vg:name/dogs": "dogs",
    "vg:attribute/dog": "dog",
    "vg:synset/dog.n.01": "dog",
    "vg:synset/dog.n.03": "dog",
    "wn:n02084071": "domestic dog",
    "a:bank/1": "bank",
    "a:bank/2": "bank",
}


def _write(store: GraphStore) -> None:
    entities = [Entity(id, "concept", name, (name,)) for id, name in NAMES.items()]
    entities += [Entity(id, "caption", words, (words,), split=split) for id, (words, split) in CAPTIONS.items()]
    store.write([*entities, Entity("p:1", "phrase", "dog", ("dog",))])


def _mentions(store: GraphStore, type_: str = "MENTIONS") -> dict[str, set[str]]:
    cypher = f"MATCH (c:Entity)-[r:{type_}]->(e:Entity) RETURN c.id AS head, e.id AS tail, r.split AS split"
    found: dict[str, set[str]] = {}
    for batch in store.columns(cypher):
        for row in batch.to_pylist():
            assert row["split"] == ("valid" if "c:2" in (row["head"], row["tail"]) else "train")
            found.setdefault(row["head"], set()).add(row["tail"])
    return found


def test_captions_mention_the_concepts_that_their_words_name(store: GraphStore) -> None:
    _write(store)
    found = mention(store, MARK)
    of_dogs = {"cn:/c/en/dog", "cn:/c/en/hot_dog", "vg:name/dogs", "vg:attribute/dog"}
    named = {f"cn:/c/en/{word}" for word in ("child", "bus", "cherry", "glass", "running")}
    assert _mentions(store) == {"c:1": of_dogs | {"vg:name/dog"}, "c:2": named}
    assert _mentions(store, "MENTIONED_IN")["cn:/c/en/dog"] == {"c:1"}
    assert (found.captions, found.mentioning, found.mentions, found.new) == (4, 2, 10, 10)
    assert found.ambiguous["bank"] == ["a:bank/1", "a:bank/2"]
    assert found.ambiguous["dog"] == ["vg:synset/dog.n.01", "vg:synset/dog.n.03"]
    assert {Relation("MENTIONS", "mentions"), Relation("MENTIONED_IN", "mentioned in")} <= set(store.relations())

    store.retract(MARK.name, triples=[TripleKey("cn:/c/en/dog", "MENTIONED_IN", "c:1")])  # as a killed one leaves it
    again = mention(store, MARK)
    assert _mentions(store, "MENTIONED_IN")["cn:/c/en/dog"] == {"c:1"}
    assert (again.mentions, again.new, again.stale) == (10, 0, 0)


def test_mentions_that_no_words_say_are_taken_back_but_those_of_others(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "graph.db")) as store:
        _write(store)
        store.write(triples=[Triple("c:3", "MENTIONS", "cn:/c/en/dog", sources=(source,)) for source in ("me", "link")])
        store.write(triples=[Triple("c:4", "MENTIONS", "cn:/c/en/dog", sources=("link",))])
        store.write(triples=[Triple("cn:/c/en/dog", "MENTIONED_IN", "c:4", sources=("link",))])
        assert mention(store, MARK, dry_run=True).stale == 2
        assert _mentions(store).keys() == {"c:3", "c:4"}
        mention(store, MARK, prune=True)
        assert _mentions(store).keys() == {"c:1", "c:2", "c:3"}


def test_the_command_tells_what_captions_mention(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri, report = str(tmp_path / "graph.db"), tmp_path / "report.json"
    with open_store(uri) as store:
        _write(store)
    assert main(["link", "--store", uri]) == 0
    assert "mentions" not in capsys.readouterr().out
    assert main(["link", "--store", uri, "--mentions", "--report", str(report)]) == 0
    told = capsys.readouterr().out
    assert "mentions: 10 of 10 concepts in 2 of 4 captions, 10 new, 3 names ambiguous" in told
    assert json.loads(report.read_text())["mentions"]["mentions"] == 10
