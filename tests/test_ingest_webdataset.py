"""Shards that stay as they are: a picture in a tar file is found again at its byte, and nowhere else."""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.captioned import Asked
from ingest.captions import add_options, from_options
from ingest.load import load
from ingest.records import BadSource, DataSet, Record, Skipped
from ingest.webdataset_shards import read_shards, shard_files
from kgstore import GraphStore
from kgstore.errors import BadImage
from kgstore.images import ImageRoots, open_picture
from kgstore.values import Entity, Triple

CC = Asked("cc")


def _jpeg(width: int = 20, height: int = 10) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def _shard(path: Path, members: list[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _read(folder: Path, asked: Asked = CC) -> DataSet:
    return read_shards(shard_files(folder), folder, asked)


def _entities(data: DataSet) -> dict[str, Entity]:
    return {record.id: record for record in data.records() if isinstance(record, Entity)}


def _skipped(records: list[Record]) -> Counter[str]:
    return Counter(record.reason for record in records if isinstance(record, Skipped))


DIRTY = [
    ("000000000.jpg", _jpeg()),
    ("000000000.txt", "  A red\n square ☕".encode()),
    ("000000000.json", b'{"caption": "not this one", "url": "u"}'),
    ("000000003.json", b'{"caption": "told by JSON alone"}'),  # keys have gaps, and members any order
    ("000000003.PNG", _jpeg(5, 6)),
    ("000000004.jpg", _jpeg()),
    ("000000004.json", b"{broken"),
    ("000000005.jpg", _jpeg()),
    ("000000006.txt", b"no picture"),
    ("000000007.jpg", b"<!DOCTYPE html><p>gone"),
    ("000000007.txt", b"a web page"),
    ("000000008.jpg", b"\xff\xd8 no picture"),
    ("000000008.txt", b"broken"),
    ("000000009.jpg", _jpeg()),
    ("000000009.txt", b"\xff\xfe\xff"),
    ("000000010.jpg", _jpeg()),
    ("000000010.txt", b" \n"),
    ("000000011.jpg", _jpeg()),
    ("000000011.txt", b"twice"),
    ("000000011.txt", b"another"),
    ("readme", b"no sample"),
    ("__meta__/x.txt", b"no sample either"),
]


def test_samples_become_pictures_with_captions(tmp_path: Path) -> None:
    _shard(tmp_path / "shards" / "00000.tar", DIRTY)
    data = _read(tmp_path / "shards")
    entities = _entities(data)
    assert {id: entity.texts for id, entity in entities.items() if entity.kind == "caption"} == {
        "cc:caption/00000/000000000": ("A red square ☕",),
        "cc:caption/00000/000000003": ("told by JSON alone",),
        "cc:caption/00000/000000011": ("twice",),
    }
    keys = {(t.head, t.type, t.tail) for t in data.records() if isinstance(t, Triple)}
    assert ("cc:image/00000/000000003", "IMAGE_OF", "cc:caption/00000/000000003") in keys
    assert len(keys) == 6


def test_pictures_open_where_they_stand_in_their_shard(tmp_path: Path) -> None:
    _shard(tmp_path / "00000.tar", DIRTY)
    data = _read(tmp_path)
    (reference,) = _entities(data)["cc:image/00000/000000003"].images
    assert reference.startswith("cc/00000.tar@")
    assert reference.endswith("/000000003.PNG")
    roots = ImageRoots({"cc": data.source.image_root})
    assert open_picture(roots, reference).size == (5, 6)
    assert open_picture(roots, f"{reference}#xywh=1,1,3,2").size == (3, 2)
    assert roots.resolve(reference)[0] == (tmp_path / "00000.tar").resolve()


def test_a_shard_that_has_changed_gives_a_sentence_and_no_other_picture(tmp_path: Path) -> None:
    _shard(tmp_path / "00000.tar", DIRTY)
    roots = ImageRoots({"cc": tmp_path})
    (reference,) = _entities(_read(tmp_path))["cc:image/00000/000000003"].images
    for wrong in (reference.replace("@", "@1"), reference.replace("003.PNG", "004.PNG"), "cc/00000.tar@99999999/a.jpg"):
        with pytest.raises(BadImage, match="load it again"):
            open_picture(roots, wrong)
    with pytest.raises(BadImage, match="outside"):
        open_picture(roots, "cc/../secret.tar@0/a.jpg")
    with pytest.raises(BadImage, match="is not in"):
        open_picture(roots, "cc/00009.tar@0/a.jpg")


def test_dirt_in_shards_is_counted_by_reason(tmp_path: Path) -> None:
    _shard(tmp_path / "00000.tar", DIRTY)
    assert _skipped(list(_read(tmp_path).records())) == {
        "samples whose JSON does not read": 1,
        "samples without a caption": 2,
        "samples without a picture": 1,
        "pictures that are a web page": 1,
        "pictures that do not open": 1,
        "captions of a picture that was left out": 2,
        "captions that are not UTF-8": 1,
        "members whose name another one bears": 1,
    }


def test_a_shard_that_ends_too_early_gives_what_it_holds(tmp_path: Path) -> None:
    whole = _shard(
        tmp_path / "00000.tar",
        [(f"{n}.{e}", _jpeg() if e == "jpg" else b"x") for n in range(9) for e in ("jpg", "txt")],
    )
    whole.write_bytes(whole.read_bytes()[: 512 * 12 + 100])
    _shard(tmp_path / "00001.tar", DIRTY[:2])
    (tmp_path / "00002.tar").write_bytes(b"no tar file" * 100)
    records = list(_read(tmp_path).records())
    assert _skipped(records)["shards that end too early or are no tar file"] == 2
    images = [record.id for record in records if isinstance(record, Entity) and record.kind == "image"]
    assert images[0] == "cc:image/00000/0"
    assert images[-1] == "cc:image/00001/000000000"


def test_the_words_of_a_path_give_the_split(tmp_path: Path) -> None:
    for name in ("cc3m-train-0000.tar", "cc3m-validation-0000.tar", "test/0.tar"):
        _shard(tmp_path / name, DIRTY[:2])
    assert {entity.id: entity.split for entity in _entities(_read(tmp_path)).values() if entity.kind == "image"} == {
        "cc:image/cc3m-train-0000/000000000": "train",
        "cc:image/cc3m-validation-0000/000000000": "valid",
        "cc:image/test/0/000000000": "test",
    }
    assert len(_entities(_read(tmp_path, Asked("cc", frozenset({"valid"}))))) == 2
    with pytest.raises(BadSource, match="leave --only out"):
        read_shards([tmp_path / "test" / "0.tar"], tmp_path, Asked("cc", frozenset({"train"})))


def test_shards_that_were_loaded_are_recognised_without_reading_them(embedded: GraphStore, tmp_path: Path) -> None:
    _shard(tmp_path / "shards" / "00000.tar", DIRTY)
    assert load(embedded, _read(tmp_path / "shards"), progress=False).written.new_entities == 6
    assert load(embedded, _read(tmp_path / "shards"), progress=False).unchanged
    _shard(tmp_path / "shards" / "00001.tar", DIRTY[:2])
    assert load(embedded, _read(tmp_path / "shards"), progress=False).written.new_entities == 2


def test_long_names_are_found_too(tmp_path: Path) -> None:
    for number, form in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        name = "folder/" * 30 + "ünïcode"
        _shard(tmp_path / f"{number}.tar", [("a.txt", b"x"), (f"{name}.jpg", _jpeg()), (f"{name}.txt", b"long")], form)
    data = _read(tmp_path)
    images = [image for entity in _entities(data).values() for image in entity.images]
    assert [open_picture(ImageRoots({"cc": tmp_path}), image).size for image in images] == [(20, 10), (20, 10)]


def test_the_command_finds_shards_below_a_folder(tmp_path: Path) -> None:
    _shard(tmp_path / "deep" / "00000.tar", DIRTY)
    parser = argparse.ArgumentParser()
    add_options(parser)
    data = from_options(parser.parse_args(["--path", str(tmp_path)]))
    assert data.source.name == "webdataset"
    assert len(_entities(data)) == 6


_key = st.text("abcdefgh0123456789_-", min_size=1, max_size=8)
_caption = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1, max_size=20
).filter(lambda text: text.split())


@given(st.dictionaries(_key, st.tuples(_caption, st.booleans()), max_size=5))
def test_whatever_samples_are_written_come_back(
    tmp_path_factory: pytest.TempPathFactory, samples: dict[str, tuple[str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    members: list[tuple[str, bytes]] = []
    for key, (caption, as_json) in samples.items():
        told = json.dumps({"caption": caption}).encode() if as_json else caption.encode()
        members += [(f"{key}.json" if as_json else f"{key}.txt", told), (f"{key}.jpg", _jpeg())]
    _shard(folder / "0.tar", members)
    entities = _entities(_read(folder))
    assert {id: entity.texts[0] for id, entity in entities.items() if entity.kind == "caption"} == {
        f"cc:caption/0/{key}": " ".join(caption.split()) for key, (caption, _) in samples.items()
    }
