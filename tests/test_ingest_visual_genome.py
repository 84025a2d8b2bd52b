"""Visual Genome: both spellings, boxes, merged objects, predicates that become types once, and the dirt in between."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ingest.__main__ import main
from ingest.check import DANGLING
from ingest.load import load
from ingest.records import BadSource, DataSet, Skipped
from ingest.visual_genome import read_visual_genome
from ingest.visual_genome_files import merges, synsets, thing
from kgstore import open_store
from kgstore.images import ImageRoots, open_picture
from kgstore.store import GraphStore
from kgstore.values import COMMON_TYPE, Entity, Relation, Triple, TripleKey

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
SLICE = SHARED / "visual-genome"

IMAGE = {"image_id": 1, "url": "https://x.org/rak248/VG_100K_2/1.jpg", "width": 100, "height": 80, "coco_id": None}


def _written(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in files.items():
        (folder / f"{kind}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _thing(id: int, name: str = "dog", **more: object) -> dict[str, Any]:
    return {"object_id": id, "names": [name], "synsets": [], "x": 10, "y": 20, "w": 30, "h": 40, **more}


def _relationship(subject: int, predicate: object, object: int, **more: object) -> dict[str, Any]:
    return {"relationship_id": 7, "predicate": predicate, "subject_id": subject, "object_id": object, **more}


def _graph(*things: object, relationships: tuple[object, ...] = (), **more: object) -> dict[str, Any]:
    return {"image_id": 1, "objects": [*things], "relationships": [*relationships], **more}


def _entities(data: DataSet) -> dict[str, Entity]:
    """Merged as a load would."""
    found: dict[str, Entity] = {}
    for record in data.records():
        if isinstance(record, Entity):
            found[record.id] = found[record.id].merged(record) if record.id in found else record
    return found


def _triples(data: DataSet, *types: str) -> set[tuple[str, str, str]]:
    triples = [record for record in data.records() if isinstance(record, Triple)]
    return {(t.head, t.words or t.type, t.tail) for t in triples if not types or t.type in types}


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def test_an_object_is_a_crop_of_its_picture_with_a_class_a_name_and_attributes(tmp_path: Path) -> None:
    dog = _thing(5, "Fire  Hydrant", synsets=["fire_hydrant.n.01"], attributes=["red", "in  background"])
    data = read_visual_genome(_written(tmp_path, image_data=[IMAGE], scene_graphs=[_graph(dog)]))
    entities = _entities(data)
    assert entities["vg:5"].kind == "region"
    assert entities["vg:5"].name == "fire hydrant"
    assert entities["vg:5"].images == ("vg/VG_100K_2/1.jpg#xywh=10,20,30,40",)
    assert entities["vg:image/1"].images == ("vg/VG_100K_2/1.jpg",)
    assert entities["vg:synset/fire_hydrant.n.01"].texts == ("fire hydrant",)
    assert _triples(data) == {
        ("vg:5", "PART_OF", "vg:image/1"),
        ("vg:5", "IS_A", "vg:synset/fire_hydrant.n.01"),
        ("vg:5", "DEPICTS", "vg:name/fire_hydrant"),
        ("vg:5", "HAS_ATTRIBUTE", "vg:attribute/red"),
        ("vg:5", "HAS_ATTRIBUTE", "vg:attribute/in_background"),
    }


def test_both_published_versions_say_the_same(tmp_path: Path) -> None:
    new = _written(
        tmp_path / "v1.2",
        image_data=[IMAGE],
        objects=[{"image_id": 1, "objects": [_thing(5, synsets=["dog.n.01"]), _thing(6, "mat")]}],
        relationships=[
            {
                "image_id": 1,
                "relationships": [
                    {
                        "relationship_id": 7,
                        "predicate": "ON",
                        "synsets": ["along.r.01"],
                        "subject": _thing(5),
                        "object": {**_thing(6), "name": "mat"},
                    }
                ],
            }
        ],
        attributes=[{"image_id": 1, "attributes": [_thing(5, attributes=["wet"]), _thing(6)]}],
        region_descriptions=[
            {
                "id": 1,
                "regions": [
                    {"region_id": 9, "image_id": 1, "x": 0, "y": 0, "width": 9, "height": 9, "phrase": "a  dog\n"}
                ],
            }
        ],
    )
    box = {"x": 10, "y": 20, "w": 30, "h": 40}
    old = _written(
        tmp_path / "v1.0",
        image_data=[{"id": 1, **{key: IMAGE[key] for key in ("url", "width", "height")}}],
        objects=[
            {
                "id": 1,
                "objects": [
                    {"id": 5, "name": "dog", "synsets": "['dog.n.01']", **box},
                    {"id": 6, "names": ["mat"], "synsets": "", **box},
                ],
            }
        ],
        relationships=[
            {
                "image": 1,
                "relationships": [
                    {"id": 7, "predicate": " on", "subject": {"id": 5, **box}, "object": {"id": 6, **box}}
                ],
            }
        ],
        attributes=[{"image": 1, "objects": [{"id": 5, "name": "dog", "attributes": ["Wet "]}]}],
        region_descriptions=[
            {"id": 1, "regions": [{"id": 9, "image": 1, "x": 0, "y": 0, "width": 9, "height": 9, "phrase": "a dog"}]}
        ],
    )
    one, other = (read_visual_genome(path, type_count=1) for path in (new, old))
    assert _triples(one) == _triples(other)
    assert {("vg:5", "ON", "vg:6"), ("vg:5", "HAS_ATTRIBUTE", "vg:attribute/wet")} < _triples(one)
    assert _entities(one) == _entities(other)
    assert _entities(one)["vg:phrase/9"].texts == ("a dog",)
    assert not _skipped(one)


@pytest.mark.parametrize(
    "told",
    [
        {"object_id": 5, "object_names": ["Dog"], "attributes": ["Wet ", "old"]},
        {"id": 5, "object_name": "dog", "attributes": [{"attribute": "wet", "id": 3}, {"attribute": "old"}, {}, 4]},
        {
            "id": 9,
            "subject": {"id": 5, "name": "dog"},
            "attributes": ["wet"],
            "attribute": "old",
            "synsets": ["wet.a.01"],
        },
        {"id": 9, "subject": 5, "object_names": ["dog"], "attributes": ["wet", "old"], "synsets": ["wet.a.01"]},
        {"attribute_id": 9, "object_id": 5, "subject": "dog", "names": "dog", "attributes": ["wet", "old", None]},
    ],
)
def test_attributes_in_the_spellings_of_the_first_version(tmp_path: Path, told: dict[str, Any]) -> None:
    """A file of their own, alone or beside the objects, or a list beside the objects of an entry."""
    box = {"x": 10, "y": 20, "w": 30, "h": 40}
    attributes = [{"image_id": 1, "attributes": [told]}]
    wet = {("vg:5", "HAS_ATTRIBUTE", f"vg:attribute/{word}") for word in ("wet", "old")}
    beside = read_visual_genome(
        _written(tmp_path / "beside", image_data=[IMAGE], objects=[_graph(_thing(5))], attributes=attributes)
    )
    within = read_visual_genome(
        _written(tmp_path / "within", image_data=[IMAGE], scene_graphs=[_graph(_thing(5), attributes=[told])])
    )
    alone = read_visual_genome(
        _written(tmp_path / "alone", image_data=[IMAGE], attributes=[{"image_id": 1, "attributes": [{**told, **box}]}])
    )
    for data in (beside, within, alone):
        assert _triples(data) == wet | {("vg:5", "PART_OF", "vg:image/1"), ("vg:5", "DEPICTS", "vg:name/dog")}
        assert _entities(data)["vg:5"].images == ("vg/VG_100K_2/1.jpg#xywh=10,20,30,40",)
        assert not _skipped(data)


@pytest.mark.parametrize(
    "told",
    [
        {"image_url": "https://x.org/VG_100K/1.jpg"},
        {"url": "https://x.org/VG_100K/1.jpg?size=2", "image_id": None},
        {"image": "1.jpg"},
        {"image": {"id": 1}},
        {"file_name": "VG_100K/1.jpg"},
    ],
)
def test_an_entry_without_a_number_names_its_picture_otherwise(tmp_path: Path, told: dict[str, object]) -> None:
    data = read_visual_genome(_written(tmp_path, objects=[{"objects": [_thing(5)], **told}]))
    assert ("vg:5", "PART_OF", "vg:image/1") in _triples(data)
    assert not _skipped(data)


def test_the_objects_of_an_entry_may_name_its_picture(tmp_path: Path) -> None:
    data = read_visual_genome(_written(tmp_path, objects=[{"objects": [_thing(5, image_id=1)]}]))
    assert ("vg:5", "PART_OF", "vg:image/1") in _triples(data)


def test_image_data_says_whose_a_file_is(tmp_path: Path) -> None:
    images = [{**IMAGE, "url": "https://x.org/VG_100K/77.jpg"}]
    entry = {"image_url": "https://x.org/VG_100K/77.jpg", "objects": [_thing(5)]}
    data = read_visual_genome(_written(tmp_path, image_data=images, objects=[entry]))
    assert ("vg:5", "PART_OF", "vg:image/1") in _triples(data)


def test_synsets_stand_in_a_list_in_a_text_or_nowhere() -> None:
    assert synsets(["dog.n.01", "dog.n.01", 3]) == ("dog.n.01",)
    assert synsets("['dog.n.01', \"jack-o'-lantern.n.01\"]") == ("dog.n.01", "jack-o'-lantern.n.01")
    assert synsets("[u'st._bernard.n.01']") == ("st._bernard.n.01",)
    assert synsets("dog.n.01") == ("dog.n.01",)
    assert synsets([]) == synsets("") == synsets("[]") == synsets(None) == synsets("dog") == ()


def test_names_stand_in_a_list_or_alone() -> None:
    for spelled in ({"names": ["Dog"]}, {"name": "dog "}, {"names": [], "name": "dog"}, {"names": "dog"}):
        found = thing({"object_id": 1, **spelled})
        assert found is not None
        assert found.names == ("dog",)


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((-5, -5, 20, 20), "0,0,15,15"),
        ((90, 70, 50, 50), "90,70,10,10"),
        ((99, 0, 1, 1), "99,0,1,1"),
        ((1.5, 2.5, 3, 3), "1,2,4,4"),
        ((100, 0, 5, 5), None),
        ((-5, 0, 5, 5), None),
        ((0, 0, 0, 5), None),
        ((5, 5, -3, 5), None),
        ((5, 5, None, 5), None),
        (("a", 5, 3, 5), None),
    ],
)
def test_boxes_are_clipped_and_empty_ones_are_left_out(tmp_path: Path, box: tuple[Any, ...], crop: str | None) -> None:
    found = _thing(5, **dict(zip("xywh", box, strict=True)))
    data = read_visual_genome(_written(tmp_path, image_data=[IMAGE], objects=[_graph(found)]))
    if crop is None:
        assert "vg:5" not in _entities(data)
        assert _skipped(data) == {"objects whose box holds no pixel of the picture": 1}
    else:
        assert _entities(data)["vg:5"].images == (f"vg/VG_100K_2/1.jpg#xywh={crop}",)


def test_without_image_data_the_picture_itself_says_how_large_it_is(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (50, 50), (200, 30, 30)).save(tmp_path / "images" / "1.jpg")
    data = read_visual_genome(_written(tmp_path, objects=[_graph(_thing(5))]))
    (reference,) = _entities(data)["vg:5"].images
    assert reference == "vg/images/1.jpg#xywh=10,20,30,30"
    assert open_picture(ImageRoots({"vg": data.source.image_root}), reference).size == (30, 30)


def test_a_corrupt_picture_says_nothing_about_its_size(tmp_path: Path) -> None:
    (tmp_path / "VG_100K").mkdir()
    (tmp_path / "VG_100K" / "1.jpg").write_bytes(b"\xff\xd8 no picture")
    data = read_visual_genome(_written(tmp_path, objects=[_graph(_thing(5, x=-3, w=5000))]))
    assert _entities(data)["vg:5"].images == ("vg/VG_100K/1.jpg#xywh=0,20,4997,40",)
    data = read_visual_genome(_written(tmp_path, image_data=[IMAGE], objects=[_graph(_thing(5, x=-3, w=5000))]))
    assert _entities(data)["vg:5"].images == ("vg/VG_100K/1.jpg#xywh=0,20,100,40",)


def test_pictures_lie_in_either_folder_or_where_their_url_says(tmp_path: Path) -> None:
    for folder in ("VG_100K", "VG_100K_2"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (100, 80)).save(tmp_path / "VG_100K" / "1.jpg")
    Image.new("RGB", (100, 80)).save(tmp_path / "VG_100K_2" / "odd_name.jpg")
    images = [
        IMAGE,
        {**IMAGE, "image_id": 2, "url": "https://x.org/VG_100K_2/odd_name.jpg?size=1"},
        {**IMAGE, "image_id": 3, "url": "https://x.org/VG_100K_2/3.jpg"},
        {**IMAGE, "image_id": 4, "url": "https://x.org/../.."},
    ]
    data = read_visual_genome(_written(tmp_path, image_data=images, objects=[]))
    references = {id: entity.images[0] for id, entity in _entities(data).items()}
    assert references == {
        "vg:image/1": "vg/VG_100K/1.jpg",
        "vg:image/2": "vg/VG_100K_2/odd_name.jpg",
        "vg:image/3": "vg/VG_100K_2/3.jpg",
        "vg:image/4": "vg/VG_100K/4.jpg",
    }


def test_merged_objects_are_one_in_every_file(tmp_path: Path) -> None:
    """5 takes in 6, and 6 took in 7; 8 and 9 name each other."""
    data = read_visual_genome(
        _written(
            tmp_path,
            image_data=[IMAGE],
            objects=[
                _graph(
                    _thing(5, merged_object_ids=[6]),
                    _thing(6, "hound", x=11, merged_object_ids=["7"]),
                    _thing(8, "mat", merged_object_ids=[9]),
                    _thing(9, "rug", merged_object_ids=[8]),
                )
            ],
            relationships=[
                {
                    "image_id": 1,
                    "relationships": [
                        _relationship(7, "on", 8),
                        _relationship(5, "on", 8),
                        _relationship(6, "beside", 5),  # itself
                        _relationship(9, "near", 8),
                    ],
                }
            ],
            attributes=[{"image_id": 1, "attributes": [_thing(7, attributes=["wet"])]}],
        )
    )
    assert {id for id in _entities(data) if id[3:].isdecimal()} == {"vg:5", "vg:8", "vg:9"}
    assert _entities(data)["vg:5"].name == "dog"
    assert _triples(data, COMMON_TYPE, "HAS_ATTRIBUTE") == {
        ("vg:5", "on", "vg:8"),
        ("vg:9", "near", "vg:8"),
        ("vg:5", "HAS_ATTRIBUTE", "vg:attribute/wet"),
    }
    assert _skipped(data) == {"relationships of an object to itself": 1}


def test_a_picture_s_objects_are_told_by_the_first_file_that_has_them(tmp_path: Path) -> None:
    data = read_visual_genome(
        _written(
            tmp_path,
            objects=[_graph(_thing(5, x=1))],
            scene_graphs=[_graph(_thing(5, x=2)), {**_graph(_thing(6, x=3)), "image_id": 2}],
        )
    )
    assert _entities(data)["vg:5"].images == ("vg/VG_100K/1.jpg#xywh=1,20,30,40",)
    assert _entities(data)["vg:6"].images == ("vg/VG_100K/2.jpg#xywh=3,20,30,40",)


def test_frequent_predicates_are_types_and_rare_ones_keep_their_words(tmp_path: Path) -> None:
    relationships = (
        *(_relationship(5, spelled, 6) for spelled in ("ON", "on ", " On")),
        *(_relationship(5, "image of", 6) for _ in range(3)),
        *(_relationship(5, "près de", 6) for _ in range(3)),
        *(_relationship(5, "は", 6) for _ in range(3)),
        _relationship(5, "Jumping  over", 6),
        _relationship(5, "part of", 6),
    )
    scene = _graph(_thing(5), _thing(6), relationships=relationships)
    data = read_visual_genome(_written(tmp_path, image_data=[IMAGE], scene_graphs=[scene]), type_count=3)
    keys = {record.key for record in data.records() if isinstance(record, Triple) and record.tail == "vg:6"}
    assert keys == {
        TripleKey("vg:5", "ON", "vg:6"),
        TripleKey("vg:5", "PART_OF", "vg:6"),
        TripleKey("vg:5", COMMON_TYPE, "vg:6", "image of"),  # IMAGE_OF means a picture and its caption
        TripleKey("vg:5", COMMON_TYPE, "vg:6", "près de"),
        TripleKey("vg:5", COMMON_TYPE, "vg:6", "は"),
        TripleKey("vg:5", COMMON_TYPE, "vg:6", "jumping over"),
    }
    assert Relation("ON", "on") in list(data.records())


def test_what_was_decided_about_a_predicate_stays(tmp_path: Path, store: GraphStore) -> None:
    """More pictures come, fewer come, and another source brings a type of that name: nothing moves."""

    def loaded(folder: str, on: int, under: int) -> set[tuple[str, str]]:
        said = [_relationship(5, "on", 6)] * on + [_relationship(5, "under", 6)] * under
        path = _written(tmp_path / folder, scene_graphs=[_graph(_thing(5), _thing(6), relationships=tuple(said))])
        load(store, read_visual_genome(path, type_count=3), progress=False)
        columns = (row for batch in store.triple_columns() for row in batch.to_pylist())
        return {(row["type"], row["words"]) for row in columns if row["tail"] == "vg:6"}

    assert loaded("first", on=3, under=1) == {("ON", ""), (COMMON_TYPE, "under")}
    store.write([Entity("other:1"), Entity("other:2")], [Triple("other:1", "UNDER", "other:2", sources=("other",))])
    assert loaded("second", on=1, under=9) == {("ON", ""), (COMMON_TYPE, "under")}


def test_dirt_is_counted_by_reason(tmp_path: Path) -> None:
    data = read_visual_genome(
        _written(
            tmp_path,
            image_data=[IMAGE],
            objects=[
                _graph(_thing(5), _thing(6), {"names": ["nobody"]}, None, {**_thing(7), "object_id": True}),
                {"objects": [_thing(8)]},
                "no entry",
            ],
            relationships=[
                {
                    "image_id": 1,
                    "relationships": [
                        _relationship(5, "on", 5),
                        _relationship(5, "", 6),
                        _relationship(5, None, 6),
                        _relationship(5, " - ", 6),
                        _relationship(5, "on", 6),
                        _relationship(5, "on", 6),
                        {"predicate": "on", "subject": {"object_id": 5}},
                        {"predicate": "on", "subject": None, "object": None},
                        None,
                    ],
                },
                {"relationships": [_relationship(5, "on", 6)]},
            ],
            region_descriptions=[
                {
                    "id": 1,
                    "regions": [
                        {"region_id": 1, "x": 0, "y": 0, "width": 5, "height": 5, "phrase": " "},
                        {"region_id": 2, "x": 0, "y": 0, "width": 0, "height": 5, "phrase": "empty"},
                        {"x": 0, "y": 0, "width": 5, "height": 5, "phrase": "no number"},
                        {"region_id": 3, "image_id": 1, "x": 0, "y": 0, "width": 5, "height": 5, "phrase": "good"},
                    ],
                },
                {"regions": [{"region_id": 4, "image_id": 1, "x": 0, "y": 0, "width": 5, "height": 5, "phrase": "ok"}]},
            ],
        )
    )
    assert _skipped(data) == {
        "objects without a number": 3,
        "entries of objects that name no picture": 2,
        "entries of relationships that name no picture": 1,
        "relationships of an object to itself": 1,
        "relationships without a predicate": 3,
        "relationships without a subject or an object": 3,
        "regions without words": 1,
        "regions whose box holds no pixel of the picture": 1,
        "regions without a number": 1,
    }
    assert {("vg:region/3", "IMAGE_OF", "vg:phrase/3"), ("vg:region/4", "IMAGE_OF", "vg:phrase/4")} <= _triples(data)
    assert _triples(data, COMMON_TYPE) == {("vg:5", "on", "vg:6")}


def test_relationships_of_objects_that_nobody_bears_are_counted(tmp_path: Path, store: GraphStore) -> None:
    relationships = (_relationship(5, "on", 99), _relationship(5, "on", 6), _relationship(5, "on", 7))
    scene = _graph(_thing(5), _thing(6, w=0), _thing(7), relationships=relationships)
    data = read_visual_genome(_written(tmp_path, image_data=[IMAGE], scene_graphs=[scene]))
    report = load(store, data, progress=False)
    assert {reason: found.count for reason, found in report.skipped.items()} == {
        DANGLING: 2,
        "objects whose box holds no pixel of the picture": 1,
        "references to pictures that are missing": 3,
    }
    columns = (row for batch in store.triple_columns() for row in batch.to_pylist())
    assert [(row["head"], row["tail"]) for row in columns if row["words"] == "on"] == [("vg:5", "vg:7")]


def test_pictures_can_be_held_out_by_number_or_as_those_of_coco(tmp_path: Path) -> None:
    images = [IMAGE, {**IMAGE, "image_id": 2, "coco_id": 42}, {**IMAGE, "image_id": 3, "coco_id": -1}]
    scenes = [{**_graph(_thing(10 * id)), "image_id": id} for id in (1, 2, 3)]
    path = _written(tmp_path / "vg", image_data=images, scene_graphs=scenes)
    (tmp_path / "ids.txt").write_text("3\n\nno number\n")
    (tmp_path / "captions_val.json").write_text(json.dumps({"images": [{"id": 42, "file_name": "x.jpg"}]}))
    for file, held_out in (("ids.txt", "30"), ("captions_val.json", "20")):
        data = read_visual_genome(path, test=tmp_path / file)
        splits = {id: entity.split for id, entity in _entities(data).items() if entity.kind == "region"}
        assert splits == {f"vg:{id}": "test" if id == held_out else "train" for id in ("10", "20", "30")}
        triples = [record for record in data.records() if isinstance(record, Triple)]
        assert {triple.head for triple in triples if triple.split == "test"} == {f"vg:{held_out}"}
    (tmp_path / "none.txt").write_text("nothing\n")
    with pytest.raises(BadSource, match="names no picture"):
        read_visual_genome(path, test=tmp_path / "none.txt")


def test_files_are_found_packed_with_a_version_and_one_folder_below(tmp_path: Path) -> None:
    folder = tmp_path / "v1.2"
    folder.mkdir()
    objects, images = json.dumps([_graph(_thing(5))]).encode(), b"\xef\xbb\xbf\n " + json.dumps([IMAGE]).encode()
    with zipfile.ZipFile(folder / "objects_v1_2.json.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("objects_v1_2.json", objects)
    (folder / "image_data.json.gz").write_bytes(gzip.compress(images))
    data = read_visual_genome(tmp_path)
    assert [file.name for file in data.files] == ["image_data.json.gz", "objects_v1_2.json.zip"]
    assert _entities(data)["vg:5"].images == ("vg/VG_100K_2/1.jpg#xywh=10,20,30,40",)
    assert set(_entities(read_visual_genome(folder / "objects_v1_2.json.zip"))) == {
        "vg:5",
        "vg:image/1",
        "vg:name/dog",
    }
    assert [file.name for file in read_visual_genome(tmp_path, without=["image_data"]).files] == [
        "objects_v1_2.json.zip"
    ]


def test_wrong_paths_and_torn_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="does not exist"):
        read_visual_genome(tmp_path / "nowhere")
    with pytest.raises(BadSource, match=r"holds none of objects\.json"):
        read_visual_genome(tmp_path)
    for version in ("v1.0", "v1.2"):
        _written(tmp_path / version, **{"objects" if version == "v1.0" else "relationships": []})
    with pytest.raises(BadSource, match="several folders"):
        read_visual_genome(tmp_path)
    for content, reason in (
        (json.dumps([_graph(_thing(5))] * 50)[:-9], "no whole JSON"),
        ('{"a": 1}', "does not hold a JSON list"),
        ('[{"image_id": 1, "objects": [\xff]}]', "no whole JSON"),
    ):
        (tmp_path / "v1.0" / "objects.json").write_bytes(content.encode("latin-1"))
        with pytest.raises(BadSource, match=reason):
            list(read_visual_genome(tmp_path / "v1.0").records())


def test_a_circle_of_merges_is_cut() -> None:
    found = [thing({"object_id": id, "merged_object_ids": [other]}) for id, other in ((1, 2), (2, 3), (3, 1))]
    assert merges([one for one in found if one is not None]) == {}


boxes = st.tuples(*[st.integers(-120, 120) for _ in range(4)])
words = st.text(st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0x3FF), min_size=1, max_size=12)
objects = st.dictionaries(st.integers(1, 30), st.tuples(words, boxes, st.lists(words, max_size=3)), max_size=8)
said = st.lists(st.tuples(st.integers(1, 30), words, st.integers(1, 30)), max_size=12)


@settings(deadline=None, max_examples=60)
@given(scenes=st.lists(st.tuples(objects, said), max_size=4), old=st.booleans())
def test_what_was_written_in_the_format_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, scenes: list[tuple[Any, Any]], old: bool
) -> None:
    """Objects of picture k are numbered from 1000 k."""
    id_key, image_key = ("id", "image") if old else ("object_id", "image_id")
    files, regions, relations, attributed = [], {}, set(), set()
    for k, (things, statements) in enumerate(scenes):
        written = [
            {
                id_key: 1000 * k + id,
                **({"name": name} if old else {"names": [name]}),
                **({"attributes": attributes} if attributes else {}),
                **dict(zip("xywh", box, strict=True)),
            }
            for id, (name, box, attributes) in things.items()
        ]
        told = [
            {"predicate": predicate, "subject_id": 1000 * k + head, "object_id": 1000 * k + tail}
            for head, predicate, tail in statements
        ]
        files.append({image_key: k, "objects": written, "relationships": told})
        for id, (_, (x, y, w, h), attributes) in things.items():
            attributed |= {(f"vg:{1000 * k + id}", "_".join(a.lower().split())) for a in attributes if a.strip()}
            left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, 100), min(y + h, 80)
            if right > left and bottom > top:
                regions[f"vg:{1000 * k + id}"] = f"#xywh={left},{top},{right - left},{bottom - top}"
        for head, predicate, tail in statements:
            if head != tail and any(letter.isalnum() for letter in predicate.lower()):
                relations.add((f"vg:{1000 * k + head}", " ".join(predicate.lower().split()), f"vg:{1000 * k + tail}"))
    images = [{**IMAGE, "image_id": k, "url": f"https://x.org/VG_100K/{k}.jpg"} for k in range(len(scenes))]
    path = _written(tmp_path_factory.mktemp("vg"), image_data=images, scene_graphs=files)
    data = read_visual_genome(path, type_count=10**6)
    entities = _entities(data)
    found = {id: entity.images[0] for id, entity in entities.items() if entity.kind == "region"}
    assert {id: image[image.index("#") :] for id, image in found.items()} == regions
    between = {t for t in _triples(data, COMMON_TYPE, "PART_OF") if t[2][3:].isdecimal()}
    assert {(head, "part of" if said == "PART_OF" else said, tail) for head, said, tail in between} == relations
    has = {(head, tail.removeprefix("vg:attribute/")) for head, _, tail in _triples(data, "HAS_ATTRIBUTE")}
    assert has == attributed


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_the_real_slice_has_the_counts_of_a_plain_count() -> None:
    graphs = json.loads((SLICE / "scene_graphs.json").read_bytes())
    things = {one["object_id"]: one for graph in graphs for one in graph["objects"]}
    said = Counter(r["predicate"].lower().strip().replace("-", " ") for graph in graphs for r in graph["relationships"])
    data = read_visual_genome(SLICE, type_count=50)
    records = list(data.records())
    entities = _entities(data)
    triples = {record.key for record in records if isinstance(record, Triple)}
    counts = Counter(key.type for key in triples)
    assert Counter(entity.kind for entity in entities.values())["region"] == len(things)
    assert sum(entity.kind == "image" for entity in entities.values()) == len(graphs)
    assert counts["IS_A"] == len({(id, synset) for id, one in things.items() for synset in one["synsets"]})
    assert counts["DEPICTS"] == len({(id, name) for id, one in things.items() for name in one["names"]})
    assert counts["HAS_ATTRIBUTE"] == len(
        {(id, " ".join(w.lower().split())) for id, one in things.items() for w in one.get("attributes", [])}
    )
    between = {key for key in triples if key.tail[3:].isdecimal()}
    distinct = {
        (r["subject_id"], " ".join(r["predicate"].lower().split()), r["object_id"])
        for graph in graphs
        for r in graph["relationships"]
    }
    assert len(between) == len(distinct)
    assert {key.type for key in between} - {COMMON_TYPE, "PART_OF"} == {
        words.replace(" ", "_").upper() for words, count in said.items() if count >= 50
    }
    assert not [record for record in records if isinstance(record, Skipped)]


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_the_real_slice_s_regions_are_crops_of_pictures_that_open() -> None:
    data = read_visual_genome(SLICE)
    roots = ImageRoots({"vg": data.source.image_root})
    regions = [entity for entity in _entities(data).values() if entity.kind == "region"]
    for region in regions[::400]:
        width, height = (int(side) for side in region.images[0].rsplit(",", 2)[1:])
        assert open_picture(roots, region.images[0]).size == (width, height)


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_loading_the_real_slice_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["visual-genome", "--path", str(SLICE), "--store", str(tmp_path / "graph.lbug")]
    assert main(call) == 0
    with open_store(tmp_path / "graph.lbug") as store:
        before = store.statistics()
    capsys.readouterr()
    assert main(call) == 0
    with open_store(tmp_path / "graph.lbug") as store:
        assert store.statistics() == before
