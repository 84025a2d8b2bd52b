"""Conceptual Captions: rows whose pictures are found by the rule, and links that are dead or answer with a page."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import zlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.captioned import Asked
from ingest.captions import add_options, from_options
from ingest.cc3m import cc3m_files, read_cc3m
from ingest.load import load
from ingest.records import BadSource, DataSet, Skipped
from kgstore import GraphStore
from kgstore.images import ImageRoots, open_picture
from kgstore.values import Entity, Triple

CC = Asked("cc3m")


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Image.new("RGB", (20, 10), (200, 30, 30)).save(file, "JPEG")


def _entities(data: DataSet) -> dict[str, Entity]:
    return {record.id: record for record in data.records() if isinstance(record, Entity)}


def _captions(data: DataSet) -> dict[str, str]:
    return {id: entity.texts[0] for id, entity in _entities(data).items() if entity.kind == "caption"}


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def _url(number: int) -> str:
    return f"https://example.org/{number}.jpg?size=large"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a download leaves: pictures named in every way, web pages, and rows without an answer."""
    rows = [
        "a dog runs on the grass .\t" + _url(0),
        "  a   cat sleeps . \t" + _url(1),
        "dead link\t" + _url(2),
        "answered with a page\t" + _url(3),
        "by the hash\t" + _url(4),
        "by number and hash\t" + _url(5),
        "no url",
        "\t" + _url(7),
        "too\tmany\t" + _url(8),
        "after the dirt\t" + _url(9),
        "broken picture\t" + _url(10),
    ]
    table = "\n".join(rows).encode() + b"\n\xff\xfe\t" + _url(11).encode() + b"\nlast\t" + _url(12).encode()
    (tmp_path / "Train_GCC-training.tsv").write_bytes(table)
    pictures = tmp_path / "training"
    for name in ("00000/000000000.jpg", "00000/000000001.jpg", "00000/000000009.webp", "00001/12"):
        _picture(pictures / name)
    _picture(pictures / f"{hashlib.sha256(_url(4).encode()).hexdigest()}.jpg")
    _picture(pictures / f"5_{zlib.crc32(_url(5).encode())}")
    (pictures / "00000" / "000000003.jpg").write_text("\n<!doctype html><html>gone</html>")
    (pictures / "00000" / "000000010.jpg").write_bytes(b"\xff\xd8 no picture")
    (pictures / "00000" / "000000002.json").write_text('{"status": "failed_to_download"}')
    return tmp_path


def test_pictures_are_found_by_number_and_by_hash(folder: Path) -> None:
    data = read_cc3m(cc3m_files(folder), None, CC)
    stem = "cc3m:caption/Train_GCC-training/"
    assert _captions(data) == {
        f"{stem}0": "a dog runs on the grass .",
        f"{stem}1": "a cat sleeps .",
        f"{stem}4": "by the hash",
        f"{stem}5": "by number and hash",
        f"{stem}9": "after the dirt",
        f"{stem}12": "last",
    }
    roots = ImageRoots({"cc3m": data.source.image_root})
    images = [image for entity in _entities(data).values() for image in entity.images]
    assert len(images) == 6
    assert all(open_picture(roots, image).size == (20, 10) for image in images)
    assert sum(isinstance(record, Triple) for record in data.records()) == 12


def test_dead_links_and_web_pages_are_counted_apart(folder: Path) -> None:
    assert _skipped(read_cc3m(cc3m_files(folder), None, CC)) == {
        "pictures that are missing": 1,
        "pictures that are a web page": 1,
        "pictures that do not open": 1,
        "captions of a picture that was left out": 3,
        "lines that are not `caption TAB url`": 2,
        "captions without words": 1,
        "lines that are not UTF-8": 1,
    }


def test_a_header_is_no_row(folder: Path) -> None:
    table = folder / "Train_GCC-training.tsv"
    plain = _captions(read_cc3m([table], None, CC))
    table.write_bytes(b"\xef\xbb\xbfcaption\turl\r\n" + table.read_bytes())
    assert _captions(read_cc3m([table], None, CC)) == plain


def test_a_packed_table_and_named_pictures_read_alike(folder: Path, tmp_path: Path) -> None:
    plain = folder / "Train_GCC-training.tsv"
    packed = tmp_path / "packed" / "Train_GCC-training.tsv.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(BadSource, match="--pictures"):
        read_cc3m([packed], None, CC)
    data = read_cc3m(cc3m_files(packed.parent), folder / "training", CC)
    assert _captions(data) == _captions(read_cc3m([plain], None, CC))


def test_tables_of_a_folder_give_splits(folder: Path) -> None:
    (folder / "Validation_GCC-1.1.0-Validation.tsv").write_text("a valid one\t" + _url(0))
    _picture(folder / "validation" / "0.jpg")
    parser = argparse.ArgumentParser()
    add_options(parser)
    data = from_options(parser.parse_args(["--path", str(folder)]))
    splits = Counter(entity.split for entity in _entities(data).values() if entity.kind == "image")
    assert splits == {"train": 6, "valid": 1}
    with pytest.raises(BadSource, match="one table at a time"):
        read_cc3m(cc3m_files(folder), folder / "training", CC)
    (only,) = _captions(from_options(parser.parse_args(["--path", str(folder), "--only", "valid"]))).values()
    assert only == "a valid one"


def test_a_picture_that_came_later_is_loaded(embedded: GraphStore, folder: Path) -> None:
    load(embedded, read_cc3m(cc3m_files(folder), None, CC), progress=False)
    assert load(embedded, read_cc3m(cc3m_files(folder), None, CC), progress=False).unchanged
    _picture(folder / "training" / "2.jpg")
    again = load(embedded, read_cc3m(cc3m_files(folder), None, CC), progress=False)
    assert again.written.new_entities == 2
    assert embedded.entity("cc3m:caption/Train_GCC-training/2").texts == ("dead link",)


_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(lambda t: t.split())


@given(st.lists(st.tuples(_words, st.booleans()), max_size=6), st.booleans())
def test_whatever_rows_are_written_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, bool]], header: bool
) -> None:
    folder = tmp_path_factory.mktemp("cc3m")
    (folder / "images").mkdir()
    lines = ["caption\turl"] * header + [f"{caption}\t{_url(number)}" for number, (caption, _) in enumerate(rows)]
    (folder / "t.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for number, (_, there) in enumerate(rows):
        if there:
            _picture(folder / "images" / f"{number:09}.jpg")
    data = read_cc3m([folder / "t.tsv"], None, CC)
    assert _captions(data) == {
        f"cc3m:caption/t/{number}": " ".join(caption.split()) for number, (caption, there) in enumerate(rows) if there
    }
    assert _skipped(data)["pictures that are missing"] == sum(not there for _, there in rows)
