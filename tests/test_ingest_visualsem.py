"""VisualSem: the key of the tuples is the tail; lemmas, glosses in languages, pictures by their hash, and the dirt."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ingest.load import load
from ingest.records import BadSource, DataSet, Skipped
from ingest.visualsem import read_visualsem
from kgstore.images import ImageRoots, open_picture
from kgstore.store import GraphStore
from kgstore.values import Entity, Relation, Triple

PICTURE = "ab" + "0" * 38
OTHER = "cd" + "1" * 38

HEATER = {
    "ms": "WN:EN:space_heater",
    "se": ["space_heater", "WIKI:EN:Space_heater", "heater"],
    "gl": ["Heater consisting  of a self-contained unit"],
    "ims": [PICTURE, OTHER],
}
DEVICE = {"ms": "WIKI:EN:Device", "se": ["device"], "ims": [PICTURE]}


def _written(folder: Path, nodes: object, tuples: object, glosses: object = None) -> Path:
    (folder / "gloss_files").mkdir(parents=True, exist_ok=True)
    (folder / "nodes.v2.json").write_text(json.dumps(nodes), encoding="utf-8")
    (folder / "tuples.v2.json").write_text(json.dumps(tuples), encoding="utf-8")
    if glosses is not None:
        (folder / "gloss_files" / "nodes.glosses.json").write_text(json.dumps(glosses), encoding="utf-8")
    return folder


def _entities(data: DataSet) -> dict[str, Entity]:
    """Merged as a load would."""
    found: dict[str, Entity] = {}
    for record in data.records():
        if isinstance(record, Entity):
            found[record.id] = found[record.id].merged(record) if record.id in found else record
    return found


def _triples(data: DataSet) -> set[tuple[str, str, str]]:
    return {(t.head, t.words or t.type, t.tail) for t in data.records() if isinstance(t, Triple)}


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def test_the_key_of_the_tuples_is_the_tail(tmp_path: Path) -> None:
    nodes = {"bn:00000001n": HEATER, "bn:00000002n": DEVICE}
    data = read_visualsem(_written(tmp_path, nodes, {"bn:00000002n": [{"s": "bn:00000001n", "r": "IsA", "r_id": 12}]}))
    assert ("visualsem:bn:00000001n", "IS_A", "visualsem:bn:00000002n") in _triples(data)
    assert Relation("IS_A", "is a") in list(data.records())


def test_a_node_has_lemmas_glosses_and_pictures(tmp_path: Path) -> None:
    glosses = [
        {"available_languages": ["en", "de"]},
        {"bn:00000001n": {"en": ["A stove"], "de": ["Ein Ofen"]}},
        {"bn:00000002n": {"de": ["Ein Gerät"]}},
    ]
    path = _written(tmp_path, {"bn:00000001n": HEATER, "bn:00000002n": DEVICE}, {}, glosses)
    heater = _entities(read_visualsem(path))["visualsem:bn:00000001n"]
    assert heater.name == "space heater"
    assert heater.texts == (
        "space heater",
        "Space heater",
        "heater",
        "Heater consisting of a self-contained unit",
        "A stove",
    )
    assert heater.images == (f"visualsem/images/ab/{PICTURE}.jpg", f"visualsem/images/cd/{OTHER}.jpg")
    for language, texts in (("DE", ("device", "Ein Gerät")), ("all", ("device", "Ein Gerät")), ("en", ("device",))):
        assert _entities(read_visualsem(path, language=language))["visualsem:bn:00000002n"].texts[1:] == texts


def test_long_glosses_are_kept_whole(tmp_path: Path) -> None:
    gloss = " ".join(f"word{number}" for number in range(300))
    data = read_visualsem(_written(tmp_path, {"bn:1n": {**DEVICE, "gl": [gloss]}}, {}))
    assert _entities(data)["visualsem:bn:1n"].texts[-1] == gloss


def test_a_word_of_wordnet_has_the_node_as_a_sense(tmp_path: Path) -> None:
    data = read_visualsem(_written(tmp_path, {"bn:00000001n": HEATER, "bn:00000002n": DEVICE}, {}))
    assert _triples(data) == {("visualsem:word/space_heater.n", "HAS_SENSE", "visualsem:bn:00000001n")}
    assert _entities(data)["visualsem:word/space_heater.n"].texts == ("space heater",)


def test_one_picture_may_be_several_nodes_and_open_by_its_hash(tmp_path: Path) -> None:
    path = _written(tmp_path, {"bn:1n": HEATER, "bn:2n": DEVICE}, {})
    (tmp_path / "images" / "ab").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "images" / "ab" / f"{PICTURE}.jpg")
    data = read_visualsem(path, image_entities=True)
    image = f"visualsem:image/{PICTURE}"
    assert {tail for head, _, tail in _triples(data) if head == image} == {"visualsem:bn:1n", "visualsem:bn:2n"}
    (reference,) = _entities(data)[image].images
    assert reference in _entities(data)["visualsem:bn:2n"].images
    assert open_picture(ImageRoots({"visualsem": data.source.image_root}), reference).size == (8, 6)


def test_several_relations_may_join_a_pair_and_rare_ones_are_types(tmp_path: Path) -> None:
    edges = [{"s": "bn:1n", "r": r, "r_id": k} for k, r in enumerate(("RelatedTo", "DefinedAs", "IsA", "IsA"))]
    data = read_visualsem(_written(tmp_path, {"bn:1n": DEVICE, "bn:2n": DEVICE}, {"bn:2n": edges}))
    assert {type_ for _, type_, _ in _triples(data)} == {"RELATED_TO", "DEFINED_AS", "IS_A"}


def test_dirt_is_counted_by_reason(tmp_path: Path) -> None:
    nodes = {
        "bn:1n": {"ms": None, "se": [None, "a  b"], "ims": ["../../secret", PICTURE, 3]},
        "bn:2n": None,
        "": {},
        "bn:3n": {"ms": "WN:EN:", "gl": "alone", "se": []},
    }
    tuples = {
        "bn:1n": [{"s": "bn:1n", "r": "IsA"}, {"s": "bn:3n"}, {"r": "IsA"}, None, {"s": "bn:3n", "r": "は"}],
        "bn:3n": None,
    }
    glosses = [{"available_languages": ["en"]}, {"bn:9n": {"en": ["nobody"]}}, {"bn:1n": ["no languages"]}, "text"]
    data = read_visualsem(_written(tmp_path, nodes, tuples, glosses))
    assert _skipped(data) == {
        "pictures whose name is no SHA-1": 1,
        "nodes that are no object under an id": 2,
        "edges of a node to itself": 1,
        "edges without a head, a tail or a relation": 4,
        "glosses of a node that is not there": 2,
        "glosses that are no object": 1,
    }
    assert {id: (e.name, e.texts) for id, e in _entities(data).items()} == {
        "visualsem:bn:1n": ("a b", ("a b",)),
        "visualsem:bn:3n": ("alone", ("alone",)),
    }
    assert _triples(data) == {("visualsem:bn:3n", "は", "visualsem:bn:1n")}


def test_packed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "nodes.v2.json.gz").write_bytes(gzip.compress(json.dumps({"bn:1n": DEVICE}).encode()))
    (tmp_path / "tuples.json").write_text("{}")
    assert set(_entities(read_visualsem(tmp_path))) == {"visualsem:bn:1n"}


def test_wrong_folders_and_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"lacks nodes\.v2\.json"):
        read_visualsem(tmp_path)
    _written(tmp_path, {"bn:1n": DEVICE}, [])
    with pytest.raises(BadSource, match="does not hold a JSON object"):
        list(read_visualsem(tmp_path).records())
    (tmp_path / "tuples.v2.json").write_text('{"bn:1n": [{"s": "bn:2n"')
    with pytest.raises(BadSource, match="no whole JSON file"):
        list(read_visualsem(tmp_path).records())
    with pytest.raises(BadSource, match="no folder"):
        read_visualsem(tmp_path, pictures=tmp_path / "nowhere")


numbers = st.integers(0, 9).map(lambda number: f"bn:0000000{number}n")
words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters=":_"), min_size=1, max_size=9)
hashes = st.integers(0, 2**160 - 1).map(lambda number: f"{number:040x}")
nodes = st.builds(
    lambda name, lemmas, glosses, pictures: {"ms": f"WIKI:EN:{name}", "se": lemmas, "gl": glosses, "ims": pictures},
    words,
    st.lists(words, max_size=3),
    st.lists(words, max_size=3),
    st.lists(hashes, max_size=3),
)
edges = st.lists(
    st.fixed_dictionaries({"s": numbers, "r": st.sampled_from(["IsA", "RelatedTo", "HasProperty"])}), max_size=5
)


@settings(deadline=None, max_examples=60)
@given(told=st.dictionaries(numbers, nodes, max_size=5), tuples=st.dictionaries(numbers, edges, max_size=5))
def test_what_was_written_in_the_format_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, told: dict[str, Any], tuples: dict[str, Any]
) -> None:
    data = read_visualsem(_written(tmp_path_factory.mktemp("visualsem"), told, tuples))
    entities = _entities(data)
    assert {id.removeprefix("visualsem:"): (e.name, e.texts, e.images) for id, e in entities.items()} == {
        id: (
            node["ms"].removeprefix("WIKI:EN:"),
            tuple(dict.fromkeys([node["ms"].removeprefix("WIKI:EN:"), *node["se"], *node["gl"]])),
            tuple(dict.fromkeys(f"visualsem/images/{name[:2]}/{name}.jpg" for name in node["ims"])),
        )
        for id, node in told.items()
    }
    types = {"IsA": "IS_A", "RelatedTo": "RELATED_TO", "HasProperty": "HAS_PROPERTY"}
    assert _triples(data) == {
        (f"visualsem:{edge['s']}", types[edge["r"]], f"visualsem:{tail}")
        for tail, incoming in tuples.items()
        for edge in incoming
        if edge["s"] != tail
    }


def test_loading_twice_changes_nothing(tmp_path: Path, store: GraphStore) -> None:
    edge = {"s": "bn:1n", "r": "IsA", "r_id": 1}
    data = read_visualsem(_written(tmp_path / "vs", {"bn:1n": HEATER, "bn:2n": DEVICE}, {"bn:2n": [edge]}))
    load(store, data, progress=False)
    before = (store.statistics(), store.fingerprint())
    assert (before[0].entities, before[0].triples) == (3, 2)
    load(store, data, progress=False)
    assert (store.statistics(), store.fingerprint()) == before
