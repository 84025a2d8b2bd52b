"""Visual Relationship Detection: boxes as their file writes them, names by number, splits by file, and the dirt."""

from __future__ import annotations

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
from ingest.vrd import read_vrd
from kgstore.images import ImageRoots, open_picture
from kgstore.store import GraphStore
from kgstore.values import Entity, Relation, Triple

SLICE = Path(__file__).parent.parent.parent / "shared" / "data" / "vrd"

CLASSES, PREDICATES = ["person", "traffic light"], ["on", "next to", "が"]


def _written(folder: Path, test: object, train: object = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"objects": CLASSES, "predicates": PREDICATES, "annotations_test": test, "annotations_train": train}
    for name, content in contents.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def _object(category: object, *bbox: object) -> dict[str, object]:
    return {"category": category, "bbox": [*bbox]}


def _relation(subject: object, predicate: object, object: object) -> dict[str, object]:
    return {"predicate": predicate, "subject": subject, "object": object}


def _entities(data: DataSet) -> dict[str, Entity]:
    return {record.id: record for record in data.records() if isinstance(record, Entity)}


def _triples(data: DataSet) -> list[Triple]:
    return [record for record in data.records() if isinstance(record, Triple)]


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def test_boxes_are_rows_before_columns_and_counted_from_one(tmp_path: Path) -> None:
    person, light = _object(0, 271, 355, 788, 873), _object(1, 1, 10, 1, 1024)
    data = read_vrd(_written(tmp_path, {"a.jpg": [_relation(person, 1, light)]}))
    entities = _entities(data)
    head, tail = "vrd:region/a.jpg/person/787,270,86,85", "vrd:region/a.jpg/traffic_light/0,0,1024,10"
    assert entities[head].images == ("vrd/sg_test_images/a.jpg#xywh=787,270,86,85",)
    assert entities[tail].images == ("vrd/sg_test_images/a.jpg#xywh=0,0,1024,10",)
    assert {triple.key[:3] for triple in _triples(data)} == {
        (head, "PART_OF", "vrd:image/a.jpg"),
        (tail, "PART_OF", "vrd:image/a.jpg"),
        (head, "DEPICTS", "vrd:class/person"),
        (tail, "DEPICTS", "vrd:class/traffic_light"),
        (head, "NEXT_TO", tail),
    }
    assert entities["vrd:class/traffic_light"].texts == ("traffic light",)
    assert Relation("NEXT_TO", "next to") in list(data.records())


def test_the_name_of_a_file_gives_the_split(tmp_path: Path) -> None:
    relations = [_relation(_object(0, 1, 9, 1, 9), 0, _object(0, 2, 9, 1, 9))]
    path = _written(tmp_path, {"b.jpg": relations}, {"a.jpg": relations})
    splits = {t.head.split("/")[1]: t.split for t in _triples(read_vrd(path))}
    assert splits == {"a.jpg": "train", "b.jpg": "test"}
    assert _entities(read_vrd(path))["vrd:image/b.jpg"].split == "test"
    assert {t.split for t in _triples(read_vrd(path, only="train"))} == {"train"}
    assert {t.split for t in _triples(read_vrd(path, split="valid"))} == {"valid"}
    assert {t.split for t in _triples(read_vrd(path / "annotations_test.json"))} == {"test"}


def test_a_picture_without_relations_is_still_a_picture(tmp_path: Path) -> None:
    assert _entities(read_vrd(_written(tmp_path, {"a.jpg": []})))["vrd:image/a.jpg"].kind == "image"


def test_dirt_is_counted_by_reason(tmp_path: Path) -> None:
    good = _object(0, 1, 9, 1, 9)
    (tmp_path / "sg_dataset" / "sg_test_images").mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(tmp_path / "sg_dataset" / "sg_test_images" / "a.jpg")
    relations = [
        _relation(good, 0, _object(0, 5, 30, 10, 40)),
        _relation(good, 0, _object(0, 5, 30, 10, 40)),  # told twice
        _relation(good, 2, _object(1, 5, 30, 10, 40)),  # a predicate that no type can spell
        _relation(good, 0, good),
        _relation(good, 3, _object(0, 2, 9, 1, 9)),
        _relation(good, 0, _object(2, 2, 9, 1, 9)),
        _relation(good, True, _object(0, 2, 9, 1, 9)),
        _relation(good, 0, _object(0, 2, 9, 1)),
        _relation(good, 0, _object(0, 2, 9, 1, "x")),
        _relation(good, 0, None),
        None,
        _relation(good, 0, _object(0, 9, 2, 1, 9)),
        _relation(good, 0, _object(0, 1, 9, 21, 30)),
    ]
    data = read_vrd(_written(tmp_path, {"a.jpg": relations, "../secret.jpg": [], "b.jpg": {}}))
    assert _skipped(data) == {
        "relations whose predicate, class or box is not what the format says": 7,
        "relations of an object whose box holds no pixel of the picture": 2,
        "relations of an object to itself": 1,
        "entries that are no picture with a list of relations": 2,
    }
    person, light = "vrd:region/a.jpg/person/9,4,31,26", "vrd:region/a.jpg/traffic_light/9,4,31,26"
    assert _entities(data)[person].images == ("vrd/sg_dataset/sg_test_images/a.jpg#xywh=9,4,11,6",)
    said = [triple.key[1:] for triple in _triples(data) if triple.tail in (person, light)]
    assert said == [("ON", person, ""), ("ON", person, ""), ("RELATED_BY_WORDS", light, "が")]


def test_an_object_that_is_only_related_to_itself_is_there_all_the_same(tmp_path: Path) -> None:
    alone = _object(0, 1, 9, 1, 9)
    data = read_vrd(
        _written(tmp_path, {"a.jpg": [_relation(alone, 0, alone), _relation(None, 0, _object(1, 2, 9, 1, 9))]})
    )
    regions = {id for id, entity in _entities(data).items() if entity.kind == "region"}
    assert regions == {"vrd:region/a.jpg/person/0,0,9,9", "vrd:region/a.jpg/traffic_light/0,1,9,8"}
    assert {triple.type for triple in _triples(data)} == {"PART_OF", "DEPICTS"}
    assert sum(_skipped(data).values()) == 2


def test_wrong_paths_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="does not exist"):
        read_vrd(tmp_path / "nowhere")
    with pytest.raises(BadSource, match=r"holds no annotations_train\.json"):
        read_vrd(tmp_path)
    _written(tmp_path, {})
    (tmp_path / "objects.json").write_text('["person", 3]')
    with pytest.raises(BadSource, match="no list of names"):
        read_vrd(tmp_path)
    (tmp_path / "objects.json").unlink()
    with pytest.raises(BadSource, match=r"objects\.json cannot be read"):
        read_vrd(tmp_path)


sides = st.integers(1, 60)
objects = st.builds(_object, st.integers(0, 1), sides, sides, sides, sides)
relations = st.lists(st.builds(_relation, objects, st.integers(0, 2), objects), max_size=6)


@settings(deadline=None, max_examples=60)
@given(pictures=st.dictionaries(st.from_regex(r"\A[a-z0-9_]{1,6}\.jpg\Z"), relations, max_size=4))
def test_what_was_written_in_the_format_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, Any]
) -> None:
    data = read_vrd(_written(tmp_path_factory.mktemp("vrd"), pictures))
    expected = set()
    for file, told in pictures.items():
        for relation in told:
            ends = []
            for end in (relation["subject"], relation["object"]):
                top, bottom, left, right = end["bbox"]
                if top <= bottom and left <= right:
                    name = CLASSES[end["category"]].replace(" ", "_")
                    box = f"{left - 1},{top - 1},{right - left + 1},{bottom - top + 1}"
                    ends.append(f"vrd:region/{file}/{name}/{box}")
            if len(set(ends)) == 2:
                expected.add((ends[0], ["ON", "NEXT_TO", "RELATED_BY_WORDS"][relation["predicate"]], ends[1]))
    found = {triple.key[:3] for triple in _triples(data) if triple.type not in ("PART_OF", "DEPICTS")}
    assert found == expected
    assert {id for id in _entities(data) if "/region/" not in id and ":image/" in id} == {
        f"vrd:image/{file}" for file in pictures
    }


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_the_real_files_have_the_counts_of_a_plain_count() -> None:
    keys, objects, loops = set(), set(), 0
    pictures = 0
    for name in ("annotations_test.json", "annotations_train.from-pkl.json"):
        content = json.loads((SLICE / name).read_bytes())
        pictures += len(content)
        for file, told in content.items():
            for relation in told:
                ends = [(file, end["category"], *end["bbox"]) for end in (relation["subject"], relation["object"])]
                loops += ends[0] == ends[1]
                objects.update(ends)
                if ends[0] != ends[1]:
                    keys.add((ends[0], relation["predicate"], ends[1]))
    data = read_vrd(SLICE)
    entities = Counter(entity.kind for entity in _entities(data).values())
    assert (entities["image"], entities["region"], entities["concept"]) == (pictures, len(objects), 100)
    between = {triple.key for triple in _triples(data) if triple.tail.startswith("vrd:region/")}
    assert len(between) == len(keys)
    assert len({key.type for key in between}) == 70
    assert _skipped(data) == {"relations of an object to itself": loops}


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_the_real_regions_are_crops_of_pictures_that_open() -> None:
    data = read_vrd(SLICE, only="test")
    roots = ImageRoots({"vrd": data.source.image_root})
    there = {file.name for file in (SLICE / "sg_test_images").iterdir()}
    regions = [e for e in _entities(data).values() if e.kind == "region" and e.id.split("/")[1] in there]
    assert len(regions) > 100
    for region in regions[::40]:
        width, height = (int(side) for side in region.images[0].rsplit(",", 2)[1:])
        assert open_picture(roots, region.images[0]).size == (width, height)


def test_loading_twice_changes_nothing(tmp_path: Path, store: GraphStore) -> None:
    relations = [_relation(_object(0, 1, 9, 1, 9), k, _object(1, 2, 9, 1, 9)) for k in range(3)]
    data = read_vrd(_written(tmp_path / "vrd", {"a.jpg": relations}))
    load(store, data, progress=False)
    before = (store.statistics(), store.fingerprint())
    assert before[0].triples == 2 + 2 + 3
    load(store, data, progress=False)
    assert (store.statistics(), store.fingerprint()) == before
