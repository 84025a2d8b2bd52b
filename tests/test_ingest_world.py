"""The drawn world: what it holds, what it hides from training, and that a seed makes it, byte for byte."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest.__main__ import main
from ingest.records import BadSource, Record
from ingest.world import PICTURES_OF_A_KIND, draw_world, planned_world, position_of, read_world
from ingest.world_drawing import CELL, SHAPES, Thing, draw
from ingest.world_truth import SceneObject, Settings, decide
from ingest.world_words import COLOURS, KINDS, POSITIONS, TEMPLATES
from kgstore.command import WRONG_CALL, run_command
from kgstore.images import ImageRoots, open_picture
from kgstore.values import Entity, Triple

SMALL = Settings(pictures=256, scenes=24, seed=7)

ALL_NAMES = {
    *(name for kind in KINDS for name in (kind.name, kind.hypernym, kind.synonym, kind.second_synonym)),
    *(name for colour in COLOURS for name in (colour.name, colour.synonym)),
}
#: What the graph alone tells.
UNTOLD = ALL_NAMES - {kind.name for kind in KINDS} - {colour.name for colour in COLOURS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "world"
    draw_world(folder, SMALL, progress=False)
    return folder


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "truth.json").read_text())


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Record]:
    return list(read_world(folder).records())


@pytest.fixture(scope="module")
def entities(records: list[Record]) -> dict[str, Entity]:
    return {record.id: record for record in records if isinstance(record, Entity)}


@pytest.fixture(scope="module")
def triples(records: list[Record]) -> list[Triple]:
    return [record for record in records if isinstance(record, Triple)]


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_seed_draws_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    draw_world(tmp_path / "again", SMALL, progress=False)
    draw_world(tmp_path / "other", replace(SMALL, seed=8), progress=False)
    first, again, other = _hashes(folder), _hashes(tmp_path / "again"), _hashes(tmp_path / "other")
    assert first == again
    assert set(first) == set(other)
    assert not set(first.values()) & set(other.values())


def test_a_drawing_that_was_interrupted_goes_on_and_ends_the_same(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "world"
    draw_world(copy, SMALL, progress=False)
    whole = _hashes(copy)
    (copy / "truth.json").rename(copy / "truth.json.part")
    for file in sorted((copy / "objects").iterdir())[100:]:
        file.unlink()
    kept = next((copy / "objects").iterdir()).stat()
    draw_world(copy, SMALL, progress=False)
    assert _hashes(copy) == whole == _hashes(folder)
    assert next((copy / "objects").iterdir()).stat().st_mtime_ns == kept.st_mtime_ns


def test_pictures_are_what_the_truth_says(folder: Path, truth: dict[str, Any]) -> None:
    assert len(truth["pictures"]) == 256 + 26
    assert len(truth["scenes"]) == 24 + 3
    for picture in truth["pictures"].values():
        with Image.open(folder / picture["file"]) as image:
            assert image.size == (CELL, CELL)
    for scene in truth["scenes"].values():
        with Image.open(folder / scene["file"]) as image:
            assert image.size == (3 * CELL, 3 * CELL)


def test_an_object_has_its_colour_and_stands_out_from_the_ground() -> None:
    colours = np.array([colour.rgb for colour in COLOURS])
    for number, colour in enumerate(COLOURS):
        for seed in range(20):
            picture = np.asarray(draw([Thing("cross", colour.rgb)], 1, np.random.default_rng(seed)), dtype=int)
            ground = picture[0, 0]
            inside = np.abs(picture - ground).sum(-1) > 110
            assert 0.05 < inside.mean() < 0.6
            assert ground.min() > 150
            assert np.abs(np.median(picture[inside], axis=0) - colours).sum(1).argmin() == number


def test_kinds_are_told_apart_by_a_nearest_picture() -> None:
    """Each kind's mean picture is nearest to fresh pictures of it far above chance, in the crudest way of comparing."""

    def picture(kind: str, seed: int) -> np.ndarray:
        image = draw([Thing(kind, (60, 60, 200))], 1, np.random.default_rng([seed, *kind.encode()]))
        return np.asarray(image.convert("L").resize((16, 16)), dtype=float).ravel()

    known = {kind: np.stack([picture(kind, seed) for seed in range(60)]) for kind in SHAPES}
    right = 0
    for kind in SHAPES:
        for seed in range(100, 106):
            fresh = picture(kind, seed)
            near = {other: np.sort(np.abs(pictures - fresh).sum(1))[:3].mean() for other, pictures in known.items()}
            right += min(near, key=near.__getitem__) == kind
    assert right / (6 * len(SHAPES)) > 0.6  # chance is 1/16


def test_no_name_is_like_another() -> None:
    invented = {*(word for kind in KINDS for word in (kind.synonym, kind.second_synonym)), *_gloss_words()}
    assert len(invented) == 2 * len(KINDS) + 3 * len(KINDS)
    words = sorted(ALL_NAMES | invented)
    for one, other in itertools.combinations(words, 2):
        assert one not in other
        assert other not in one
        if one in invented or other in invented:
            assert _distance(one, other) >= 3, (one, other)
    assert not [word for word in words if word[0] in "aeiou"]


def _gloss_words() -> list[str]:
    common = {"a", "thing", "with", "and"}
    return [word for kind in KINDS for word in kind.gloss.split() if word not in common]


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (a != b)))
    return row[-1]


def test_captions_use_leaf_names_only(entities: dict[str, Entity]) -> None:
    captions = [text for entity in entities.values() if entity.kind == "caption" for text in entity.texts]
    words = {word for text in captions for word in text.split()}
    assert not words & UNTOLD
    assert not words & set(_gloss_words())


def test_no_text_anywhere_holds_a_made_up_colour_with_a_made_up_kind(entities: dict[str, Entity]) -> None:
    """ "a crimson blick" can be understood, but was never read."""
    colours = {colour.synonym for colour in COLOURS}
    names = {name for kind in KINDS for name in (kind.synonym, kind.second_synonym)}
    for entity in entities.values():
        for text in entity.texts:
            assert not (set(text.split()) & colours and set(text.split()) & names), text


def test_a_kind_is_never_joined_to_its_second_synonym(triples: list[Triple]) -> None:
    joined = {(triple.head, triple.tail) for triple in triples}
    for kind in KINDS:
        first, second = f"world:concept/{kind.name}", f"world:concept/{kind.second_synonym}"
        assert not {(first, second), (second, first)} & joined
        for colour in COLOURS:
            caption = f"world:caption/{colour.name}-{kind.name}"
            phrase = f"world:phrase/{colour.name}-{kind.second_synonym}"
            assert not {(caption, phrase), (phrase, caption)} & joined


def test_training_never_sees_a_composition_that_is_held_out(
    truth: dict[str, Any], entities: dict[str, Entity], triples: list[Triple]
) -> None:
    held_out = {tuple(pair) for pair in truth["held_out"]}
    assert len(held_out) == len(KINDS)
    assert Counter(kind for _, kind in held_out) == {kind.name: 1 for kind in KINDS}
    assert set(Counter(colour for colour, _ in held_out).values()) == {2}
    shown = {(p["colour"], p["kind"]) for p in truth["pictures"].values() if p["split"] == "train"}
    assert len(shown) == 128 - 16
    assert not shown & held_out
    for scene in truth["scenes"].values():
        if scene["split"] == "train":
            assert not {(o["colour"], o["kind"]) for o in scene["objects"]} & held_out
    trained = {end for triple in triples if triple.split == "train" for end in (triple.head, triple.tail)}
    texts = {text for id in trained for text in entities[id].texts}
    synonym = {colour.name: colour.synonym for colour in COLOURS}
    names = {kind.name: (kind.name, kind.synonym, kind.second_synonym) for kind in KINDS}
    for colour, kind in held_out:
        for shade, name in itertools.product((colour, synonym[colour]), names[kind]):
            assert not [text for text in texts if f"{shade} {name}" in text or f"{name} that is {shade}" in text]


def test_a_triple_that_touches_a_held_out_entity_is_held_out(
    entities: dict[str, Entity], triples: list[Triple]
) -> None:
    for triple in triples:
        ends = {entities[triple.head].split, entities[triple.tail].split}
        assert triple.split == ("test" if "test" in ends else "train")
    pictured = {image for entity in entities.values() if entity.kind == "concept" for image in entity.images}
    assert pictured
    assert not [image for image in pictured if "test" in image]


def test_every_fourth_test_picture_shows_a_new_composition(truth: dict[str, Any]) -> None:
    held_out = {tuple(pair) for pair in truth["held_out"]}
    tests = [p for p in truth["pictures"].values() if p["split"] == "test"]
    assert sum((p["colour"], p["kind"]) in held_out for p in tests) == len(tests) // 4


@pytest.mark.parametrize(("option", "pictures"), [("valid_pictures", "image"), ("valid_scenes", "scene")])
def test_what_is_valid_comes_on_top_and_changes_nothing_else(
    tmp_path: Path, triples: list[Triple], option: str, pictures: str
) -> None:
    records = list(planned_world(tmp_path / "w", Settings(**{**asdict(SMALL), option: 9})).records())
    valid = {r.id for r in records if isinstance(r, Entity) and r.split == "valid"}
    assert sum(id.startswith(f"world:{pictures}/") for id in valid) == 9
    told = {(t.head, t.type, t.tail): t.split for t in records if isinstance(t, Triple)}
    assert {key for key, split in told.items() if split == "valid"} == {key for key in told if valid & {key[0], key[2]}}
    assert {key: split for key, split in told.items() if split != "valid"} == {
        (t.head, t.type, t.tail): t.split for t in triples
    }


def test_kinds_carry_pictures_and_made_up_names_carry_none(truth: dict[str, Any], entities: dict[str, Entity]) -> None:
    kind_of = {f"world/{p['file']}": p["kind"] for p in truth["pictures"].values()}
    for kind in KINDS:
        images = entities[f"world:concept/{kind.name}"].images
        assert 0 < len(images) <= PICTURES_OF_A_KIND
        assert {kind_of[image] for image in images} == {kind.name}
    for name in UNTOLD:
        assert entities[f"world:concept/{name}"].images == ()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.7])
def test_phrases_are_the_share_of_the_language_that_was_asked_for(tmp_path: Path, share: float) -> None:
    draw_world(tmp_path / "w", Settings(pictures=256, scenes=0, phrase_share=share), progress=False)
    language = [r for r in read_world(tmp_path / "w").records() if isinstance(r, Triple)]
    language = [t for t in language if t.type in ("SYNONYM", "IS_A", "HAS_GLOSS", "GLOSS_OF")]
    in_template = [t for t in language if "/concept/" not in t.head.replace(":", "/") and "image/" not in t.head]
    in_template = [t for t in in_template if t.type in ("SYNONYM", "IS_A")]
    assert len(in_template) / len(language) == pytest.approx(share, abs=0.02)


def test_scene_relations_agree_with_where_the_regions_are(entities: dict[str, Entity], triples: list[Triple]) -> None:
    corner = {}
    for entity in entities.values():
        if entity.kind == "region":
            x, y, _, _ = (int(n) for n in entity.images[0].partition("#xywh=")[2].split(","))
            corner[entity.id] = (x, y)
    spatial = [t for t in triples if t.type in {p.type for p in POSITIONS}]
    assert spatial
    keys = {t.key for t in spatial}
    for t in spatial:
        (hx, hy), (tx, ty) = corner[t.head], corner[t.tail]
        told = {"LEFT_OF": hx < tx and hy == ty, "RIGHT_OF": hx > tx and hy == ty}
        told |= {"ABOVE": hy < ty and hx == tx, "BELOW": hy > ty and hx == tx}
        assert told[t.type]
        converse = {p.type: p.converse for p in POSITIONS}[t.type]
        assert (t.tail, converse, t.head, "") in keys


def test_captions_of_a_scene_are_true_and_mirrored(truth: dict[str, Any], triples: list[Triple]) -> None:
    told: dict[str, set[str]] = {}
    for t in triples:
        if t.type == "IMAGE_OF" and t.head.startswith("world:scene/"):
            told.setdefault(t.head, set()).add(t.tail.removeprefix("world:caption/").replace("-", " "))
    for id, scene in truth["scenes"].items():
        a, b = (f"{o['colour']} {o['kind']}" for o in scene["objects"][:2])
        position = truth["positions"][scene["relation"]]
        converse = truth["positions"][position["converse"]]["text"]
        assert told[id] == {f"{a} {position['text']} {b}", f"{b} {converse} {a}"}
        first, second = (SceneObject(o["kind"], o["colour"], tuple(o["cell"])) for o in scene["objects"][:2])
        assert position_of(first, second) == scene["relation"]
        compositions = [(o["colour"], o["kind"]) for o in scene["objects"]]
        assert len(set(compositions)) == len(compositions)


def test_a_family_shows_one_pair_in_all_four_relations(truth: dict[str, Any]) -> None:
    families: dict[object, set[str]] = {}
    for id, scene in truth["scenes"].items():
        pair = tuple((o["colour"], o["kind"]) for o in scene["objects"][:2])
        if scene["split"] == "train":
            families.setdefault(pair, set()).add(scene["relation"])
        assert id.startswith("world:scene/")
    assert set(map(frozenset, families.values())) == {frozenset(p.type for p in POSITIONS)}


def test_a_region_cut_out_of_its_scene_shows_its_colour(folder: Path, truth: dict[str, Any]) -> None:
    roots = ImageRoots({"world": folder})
    rgb = {colour.name: np.array(colour.rgb) for colour in COLOURS}
    for scene in list(truth["scenes"].values())[:10]:
        for thing in scene["objects"]:
            row, column = thing["cell"]
            fragment = f"#xywh={column * CELL},{row * CELL},{CELL},{CELL}"
            crop = np.asarray(open_picture(roots, f"world/{scene['file']}{fragment}"), dtype=int)
            assert (np.abs(crop - rgb[thing["colour"]]).sum(-1) < 130).sum() >= 8


def test_records_come_in_an_order_in_which_they_can_be_written(records: list[Record]) -> None:
    written: set[str] = set()
    for record in records:
        if isinstance(record, Entity):
            assert record.id not in written
            written.add(record.id)
        elif isinstance(record, Triple):
            assert {record.head, record.tail} <= written
    keys = [record.key for record in records if isinstance(record, Triple)]
    assert len(set(keys)) == len(keys)


def test_the_truth_says_how_a_name_becomes_a_sentence(truth: dict[str, Any], entities: dict[str, Entity]) -> None:
    assert truth["templates"] == list(TEMPLATES)
    picture = next(iter(truth["pictures"].values()))
    texts = tuple(t.format(colour=picture["colour"], kind=picture["kind"]) for t in truth["templates"])
    assert entities[f"world:caption/{picture['colour']}-{picture['kind']}"].texts == texts
    assert truth["synonyms"]["cube"] == "blick"
    assert truth["colour_synonyms"]["red"] == "crimson"


def test_a_world_of_nothing_but_words_can_be_drawn(tmp_path: Path) -> None:
    draw_world(tmp_path / "w", Settings(pictures=0, scenes=0), progress=False)
    kinds = Counter(r.kind for r in read_world(tmp_path / "w").records() if isinstance(r, Entity))
    assert set(kinds) == {"concept", "phrase", "caption"}


def test_scenes_of_few_kinds_show_two_objects_on_opposite_sides_of_the_middle() -> None:
    truth = decide(Settings(pictures=0, scenes=40, scene_kinds=3, others=0, layout="opposite"))
    shown = {kind.name for kind in KINDS[:3]}
    places = {position.type: position.step for position in POSITIONS}
    for scene in truth.scenes.values():
        assert {thing.kind for thing in scene.objects} <= shown
        down, right = places[scene.relation]
        assert [thing.cell for thing in scene.objects] == [(1 + down, 1 + right), (1 - down, 1 - right)]


def test_options_of_scenes_that_are_left_alone_leave_no_trace_in_a_world() -> None:
    later = ("valid_scenes", "scene_kinds", "others", "layout")
    assert not [name for name in later if name in decide(SMALL).to_json() or name in repr(SMALL)]
    assert "others=0" in repr(replace(SMALL, others=0))
    assert '"others": 0' in decide(replace(SMALL, others=0)).to_json()


def test_a_folder_that_holds_another_world_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="other settings"):
        draw_world(folder, replace(SMALL, seed=99), progress=False)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadSource, match="no drawn world"):
        draw_world(tmp_path, SMALL, progress=False)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_truth_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "truth.json").write_text('{"format": 1, "settings"')
    status = run_command(lambda: main(["world", "--path", str(tmp_path), "--dry-run"]))
    assert status == WRONG_CALL
    assert "delete the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        ["--pictures", "-1"],
        ["--phrase-share", "1.5"],
        ["--scene-kinds", "17"],
        ["--others", "6"],
        ["--layout", "round"],
    ],
)
def test_settings_that_make_no_world_get_a_sentence(
    tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main(["world", "--path", str(tmp_path / "w"), "--dry-run", *option])) == WRONG_CALL
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
