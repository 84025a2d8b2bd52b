"""Pictures with captions: Flickr's token files and COCO's JSON, with the dirt they have in the wild."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.__main__ import main
from ingest.captioned import Asked
from ingest.coco_captions import read_coco
from ingest.flickr_captions import read_flickr
from ingest.records import BadSource, DataSet, Skipped
from kgstore.command import WRONG_CALL, run_command
from kgstore.images import ImageRoots, open_picture
from kgstore.values import SPLITS, Entity, Triple

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
FLICKR = SHARED / "flickr8k"
COCO = SHARED / "coco-mini"
FLICKR_8K = Asked("flickr")


def _entities(data: DataSet) -> dict[str, Entity]:
    return {record.id: record for record in data.records() if isinstance(record, Entity)}


def _triples(data: DataSet) -> list[Triple]:
    return [record for record in data.records() if isinstance(record, Triple)]


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), (200, 30, 30)).save(path)


@pytest.fixture
def flickr(tmp_path: Path) -> Path:
    """Flickr8k as it unpacks, in small, with its dirt."""
    folder = tmp_path / "flickr8k"
    for name in ("train1.jpg", "dev1.jpg", "test1.jpg", "unlisted.jpg", "silent.jpg"):
        _picture(folder / "images" / name)
    (folder / "images" / "torn.jpg").write_bytes(b"\xff\xd8 no picture")
    text = folder / "text"
    text.mkdir()
    (text / "Flickr8k.token.txt").write_bytes(
        b"train1.jpg#0\tA red   square .\r\n"
        b"train1.jpg#1\tA square .\n"
        b"train1.jpg#1\tA square .\n"  # told twice
        b"train1.jpg#1\tAnother with the same number .\n"
        b"train1.jpg#2\t \n"  # empty
        b"dev1.jpg#0\tCaf\xc3\xa9 \xe2\x98\x95\n"
        b"test1.jpg#0\tA test .\n"
        b"unlisted.jpg#0\tIn no list .\n"
        b"missing.jpg#0\tNot on the disk .\n"
        b"missing.jpg#1\tNot on the disk either .\n"
        b"torn.jpg#0\tA torn file .\n"
        b"../../secret.jpg#0\tOutside .\n"
        b"\n"
        b"no tab here\n"
        b"nonumber.jpg\tNo number .\n"
        b"train1.jpg#3\t\xff\xff\n"
    )
    (text / "Flickr_8k.trainImages.txt").write_text("train1.jpg\nmissing.jpg\ntorn.jpg\n../../secret.jpg\n")
    (text / "Flickr_8k.devImages.txt").write_text("dev1.jpg\n")
    (text / "Flickr_8k.testImages.txt").write_text("test1.jpg\n")
    return folder


def _flickr(folder: Path, asked: Asked = FLICKR_8K) -> DataSet:
    return read_flickr(folder / "text" / "Flickr8k.token.txt", None, asked)


def test_flickr_pictures_and_captions_are_joined_both_ways(flickr: Path) -> None:
    data = _flickr(flickr)
    entities = _entities(data)
    assert set(entities) == {
        "flickr:image/train1.jpg",
        "flickr:caption/train1.jpg#0",
        "flickr:caption/train1.jpg#1",
        "flickr:image/dev1.jpg",
        "flickr:caption/dev1.jpg#0",
        "flickr:image/test1.jpg",
        "flickr:caption/test1.jpg#0",
    }
    assert entities["flickr:caption/train1.jpg#0"].texts == ("A red square .",)
    assert entities["flickr:caption/dev1.jpg#0"].texts == ("Café ☕",)
    keys = {(triple.head, triple.type, triple.tail) for triple in _triples(data)}
    assert ("flickr:image/train1.jpg", "IMAGE_OF", "flickr:caption/train1.jpg#0") in keys
    assert ("flickr:caption/train1.jpg#0", "CAPTION_OF", "flickr:image/train1.jpg") in keys
    assert len(keys) == 8


def test_flickr_splits_come_from_the_lists(flickr: Path) -> None:
    data = _flickr(flickr)
    assert {entity.id: entity.split for entity in _entities(data).values() if entity.kind == "image"} == {
        "flickr:image/train1.jpg": "train",
        "flickr:image/dev1.jpg": "valid",
        "flickr:image/test1.jpg": "test",
    }
    assert {triple.split for triple in _triples(data) if "test1" in triple.head} == {"test"}


def test_flickr_dirt_is_counted_by_reason(flickr: Path) -> None:
    assert _skipped(_flickr(flickr)) == {
        "lines that are not `NAME#k TAB caption`": 2,
        "lines that are not UTF-8": 1,
        "captions of a picture that is in no split list": 1,
        "captions without words": 1,
        "captions whose number another one bears": 1,
        "pictures that are missing": 2,
        "pictures that do not open": 1,
        "captions of a picture that was left out": 4,
    }


def test_flickr_pictures_open_under_their_root(flickr: Path) -> None:
    data = _flickr(flickr)
    roots = ImageRoots({"flickr": data.source.image_root})
    images = [image for entity in _entities(data).values() for image in entity.images]
    assert images[0] == "flickr/images/train1.jpg"
    assert all(open_picture(roots, image).size == (20, 10) for image in images)


def test_flickr_without_lists_is_all_for_training(flickr: Path) -> None:
    for file in (flickr / "text").glob("*Images.txt"):
        file.unlink()
    data = _flickr(flickr)
    assert {entity.split for entity in _entities(data).values()} == {"train"}
    assert "flickr:image/unlisted.jpg" in _entities(data)


def test_one_split_can_be_loaded_alone_and_under_another_name(flickr: Path) -> None:
    data = _flickr(flickr, Asked("dev", frozenset({"valid"}), "train"))
    assert {(entity.id, entity.split) for entity in _entities(data).values()} == {
        ("dev:image/dev1.jpg", "train"),
        ("dev:caption/dev1.jpg#0", "train"),
    }


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("captions.txt", 'image,caption\na.jpg,A dog .\na.jpg,"A dog , and ""more"" ."\n\na.jpg\n,no name\nb.jpg, \n'),
        ("results.csv", 'image_name| comment_number| comment\na.jpg| 0| A dog .\na.jpg| 1| A dog , and "more" .\n'),
    ],
)
def test_flickr_comes_as_a_table_too(flickr: Path, name: str, table: str) -> None:
    for file in (flickr / "text").iterdir():
        file.unlink()
    (flickr / "text" / name).write_text(table)
    _picture(flickr / "images" / "a.jpg")
    data = read_flickr(flickr / "text" / name, None, FLICKR_8K)
    assert {id: e.texts[0] for id, e in _entities(data).items() if e.kind == "caption"} == {
        "flickr:caption/a.jpg#0": "A dog .",
        "flickr:caption/a.jpg#1": 'A dog , and "more" .',
    }
    if name == "captions.txt":
        assert _skipped(data) == {"rows that have not 2 columns": 2, "captions without words": 1}


def test_a_row_that_is_not_utf_8_is_counted(flickr: Path) -> None:
    file = flickr / "text" / "captions.txt"
    file.write_bytes(b"image,caption\ntrain1.jpg,A dog .\ntrain1.jpg,\xff\xfe\n")
    assert _skipped(read_flickr(file, None, FLICKR_8K))["lines that are not UTF-8"] == 1


_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(lambda t: t.split())


@pytest.fixture(scope="module")
def two_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    for name in ("a.jpg", "b.jpg"):
        _picture(folder / "images" / name)
    return folder


@given(st.lists(st.tuples(st.sampled_from(["a.jpg", "b.jpg"]), _words), max_size=8))
def test_whatever_captions_are_written_come_back_from_every_form(
    two_pictures: Path, told: list[tuple[str, str]]
) -> None:
    folder, counts = two_pictures, Counter[str]()
    expected: dict[str, str] = {}
    tokens, annotations = [], []
    for number, (name, words) in enumerate(told):
        expected[f"{name}#{counts[name]}"] = " ".join(words.split())
        tokens.append(f"{name}#{counts[name]}\t{words}\n")
        annotations.append({"id": number, "image_id": name, "caption": words})
        counts[name] += 1
    with (folder / "captions.txt").open("w", encoding="utf-8", newline="") as table:
        csv.writer(table).writerows([("image", "caption"), *told])
    (folder / "token.txt").write_text("".join(tokens), encoding="utf-8")
    images = [{"id": name, "file_name": name} for name in ("a.jpg", "b.jpg")]
    _annotations(folder / "json" / "captions.json", images, annotations)
    for file in ("captions.txt", "token.txt"):
        data = read_flickr(folder / file, None, FLICKR_8K)
        assert {
            id.removeprefix("flickr:caption/"): entity.texts[0]
            for id, entity in _entities(data).items()
            if entity.kind == "caption"
        } == expected
    coco = read_coco([folder / "json" / "captions.json"], folder / "images", Asked("coco"))
    assert {id: entity.texts[0] for id, entity in _entities(coco).items() if entity.kind == "caption"} == {
        f"coco:caption/{number}": " ".join(words.split()) for number, (_, words) in enumerate(told)
    }


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """COCO as it unpacks, in small, with its dirt."""
    folder = tmp_path / "coco"
    for file in ("train2017/000000000001.jpg", "val2017/000000000002.jpg", "val2017/000000000003.jpg"):
        _picture(folder / file)
    _annotations(
        folder / "annotations" / "captions_train2017.json",
        [{"id": 1, "file_name": "000000000001.jpg", "width": 20}],
        [{"image_id": 1, "id": 11, "caption": " A dog\n runs. "}, {"image_id": 1, "id": 12, "caption": "It runs."}],
    )
    _annotations(
        folder / "annotations" / "captions_val2017.json",
        [
            {"id": 2, "file_name": "000000000002.jpg"},
            {"id": 3, "file_name": "000000000003.jpg"},
            {"id": 4, "file_name": "000000000004.jpg"},
            {"file_name": "nameless.jpg"},
        ],
        [
            {"image_id": 2, "id": 21, "caption": "A cat."},
            {"image_id": 2, "id": 22, "caption": "\n"},
            {"image_id": 4, "id": 23, "caption": "Gone."},
            {"image_id": 99, "id": 24, "caption": "Of nothing."},
            {"image_id": 2, "id": 25},
            {"image_id": [2], "id": 26, "caption": "A list."},
            "no object",
        ],
    )
    return folder


def _annotations(path: Path, images: list[Any], annotations: list[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


def _coco(folder: Path) -> DataSet:
    return read_coco(sorted((folder / "annotations").glob("captions_*.json")), None, Asked("coco"))


def test_coco_files_of_a_folder_are_one_source_with_splits(coco: Path) -> None:
    data = _coco(coco)
    assert {(entity.id, entity.kind, entity.split) for entity in _entities(data).values()} == {
        ("coco:image/1", "image", "train"),
        ("coco:caption/11", "caption", "train"),
        ("coco:caption/12", "caption", "train"),
        ("coco:image/2", "image", "valid"),
        ("coco:caption/21", "caption", "valid"),
    }
    assert _entities(data)["coco:caption/11"].texts == ("A dog runs.",)
    assert _entities(data)["coco:image/1"].images == ("coco/train2017/000000000001.jpg",)
    assert open_picture(ImageRoots({"coco": data.source.image_root}), "coco/val2017/000000000002.jpg").size == (20, 10)


def test_coco_dirt_is_counted_by_reason(coco: Path) -> None:
    assert _skipped(_coco(coco)) == {
        "images without id or file_name": 1,
        "annotations without id or caption": 2,
        "captions of an image that the file does not list": 2,
        "captions without words": 1,
        "pictures without a caption": 1,
        "pictures that are missing": 1,
        "captions of a picture that was left out": 1,
    }


def test_coco_pictures_can_be_somewhere_else(coco: Path, tmp_path: Path) -> None:
    (coco / "train2017").rename(tmp_path / "elsewhere")
    file = coco / "annotations" / "captions_train2017.json"
    with pytest.raises(BadSource, match="--pictures"):
        read_coco([file], None, Asked("coco"))
    data = read_coco([file], tmp_path / "elsewhere", Asked("coco"))
    assert _entities(data)["coco:image/1"].images == ("coco/elsewhere/000000000001.jpg",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "no whole JSON file"), ("[]", "no COCO captions file"), ('{"images": 1}', "no COCO captions file")],
)
def test_a_coco_file_that_is_none_gets_a_sentence(
    coco: Path, tmp_path: Path, content: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = coco / "annotations" / "captions_train2017.json"
    file.write_text(content)
    assert run_command(lambda: main(["captions", "--path", str(file), "--dry-run"])) == WRONG_CALL
    assert sentence in capsys.readouterr().err


@pytest.mark.skipif(not FLICKR.is_dir(), reason="the real slices are not here")
def test_flickr8k_has_the_counts_of_its_files() -> None:
    text = FLICKR / "Flickr8k_text"
    lines = (text / "Flickr8k.token.txt").read_text().splitlines()
    present = {file.name for file in (FLICKR / "images").iterdir()}
    dev = set((text / "Flickr_8k.devImages.txt").read_text().split())
    captions = [line for line in lines if line.split("#")[0] in dev & present]
    data = read_flickr(text / "Flickr8k.token.txt", None, Asked("flickr", frozenset({"valid"})))
    kinds = Counter(entity.kind for entity in _entities(data).values())
    assert kinds == {"image": len(dev & present), "caption": len(captions)}
    assert len(_triples(data)) == 2 * len(captions)
    assert not [reason for reason in _skipped(data) if "pictures" in reason]


@pytest.mark.skipif(not COCO.is_dir(), reason="the real slices are not here")
def test_coco_has_the_counts_of_its_files() -> None:
    files = [COCO / "annotations" / f"captions_{part}2017.json" for part in ("train", "val")]
    contents = [json.loads(file.read_text()) for file in files]
    kinds = Counter(entity.kind for entity in _entities(_coco(COCO)).values())
    assert kinds == {
        "image": sum(len(content["images"]) for content in contents),
        "caption": sum(len(content["annotations"]) for content in contents),
    }
    assert not _skipped(_coco(COCO))


def test_a_file_of_another_format_is_no_successful_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    file = tmp_path / "captions.txt"
    file.write_text("what is this\na.jpg,A dog .\n", encoding="utf-8")
    arguments = ["captions", "--path", str(file), "--pictures", str(tmp_path / "images"), "--dry-run"]
    assert run_command(lambda: main(arguments)) == WRONG_CALL
    out, err = capsys.readouterr()
    assert "left out: 2 lines" in out
    assert "Nothing of it could be used" in err


def test_a_part_of_the_training_pictures_is_held_out_and_stays_the_same_when_others_come(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(60)]
    for name in names:
        _picture(tmp_path / "images" / name)

    def valid(told: list[str], part: float, only: frozenset[str] = frozenset(SPLITS)) -> set[str]:
        (tmp_path / "token.txt").write_text("".join(f"{name}#0\tA square .\n" for name in told))
        (tmp_path / "trainImages.txt").write_text("\n".join(names[:50]))
        (tmp_path / "devImages.txt").write_text("\n".join(names[50:]))
        data = read_flickr(tmp_path / "token.txt", None, Asked("flickr", only, valid_part=part))
        held_out = {triple.head for triple in _triples(data) if triple.split == "valid" and triple.type == "IMAGE_OF"}
        assert {entity.id for entity in _entities(data).values() if entity.split == "valid"} >= held_out
        return held_out

    train = frozenset({"train"})
    some, more = valid(names, 0.2, train), valid(names, 0.4, train)
    assert 3 <= len(some) < len(more) < 30
    assert some < more
    assert valid(names[:20], 0.2, train) == some & {f"flickr:image/{name}" for name in names[:20]}
    assert valid(names, 0.2) == some | {f"flickr:image/{name}" for name in names[50:]}
    assert valid(names, 0.0, train) == set()


def test_a_part_that_is_none_is_refused(flickr: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["captions", "--path", str(flickr), "--valid-part", "5", "--dry-run"]
    assert run_command(lambda: main(call)) == WRONG_CALL
    assert "--valid-part is 5.0 but must be 0 or more and below 1" in capsys.readouterr().err
