"""PyKEEN's data sets by name: those that come with the package, and any that it opens from files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pykeen.datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykeen.datasets import get_dataset

from ingest.load import load
from ingest.pykeen_sets import add_options, from_options, read_pykeen
from ingest.records import BadSource, DataSet
from kgstore import GraphStore
from kgstore.values import Entity, Triple

BUNDLED = Path(pykeen.datasets.__file__).parent
FILES = {"train": "train.txt", "valid": "valid.txt", "test": "test.txt"}


def _data(*words: str) -> DataSet:
    parser = ArgumentParser()
    add_options(parser)
    return from_options(parser.parse_args(words))


def _triples(data: DataSet) -> list[Triple]:
    return [record for record in data.records() if isinstance(record, Triple)]


@pytest.mark.parametrize("name", ["nations", "kinships", "umls"])
def test_a_data_set_has_the_triples_of_its_files(name: str) -> None:
    data = _data("--dataset", name)
    rows = {
        (*line.split("\t"), split)
        for split, file in FILES.items()
        for line in (BUNDLED / name / file).read_text().splitlines()
    }
    found = [
        (t.head.removeprefix(f"{name}:"), t.type, t.tail.removeprefix(f"{name}:"), t.split) for t in _triples(data)
    ]
    assert Counter((head, tail, split) for head, _, tail, split in found) == Counter(
        (head, tail, split) for head, _, tail, split in rows
    )
    assert len({type_ for _, type_, _, _ in found}) == len({relation for _, relation, _, _ in rows})
    assert data.total == len(rows)
    assert data.source.name == name


def test_names_are_spelt_as_one_likes_and_ids_can_be_anothers() -> None:
    data = _data("--dataset", "Nations", "--source", "n", "--ids", "country", "--split", "train")
    assert {triple.head.partition(":")[0] for triple in _triples(data)} == {"country"}
    assert {triple.split for triple in _triples(data)} == {"train"}
    assert {triple.sources for triple in _triples(data)} == {("n",)}


def test_words_beside_describe_the_entities(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("brazil\tthe largest country of South America\n")
    data = _data("--dataset", "nations", "--texts", str(tmp_path / "texts.txt"))
    entities = {record.id: record for record in data.records() if isinstance(record, Entity)}
    assert entities["nations:brazil"].texts == ("the largest country of South America",)
    assert entities["nations:cuba"].texts == ("cuba",)


def test_loading_twice_changes_nothing(embedded: GraphStore) -> None:
    load(embedded, _data("--dataset", "nations"), progress=False)
    before = embedded.statistics()
    files = (BUNDLED / "nations" / file for file in FILES.values())
    assert (before.entities, before.triples) == (14, sum(len(file.read_text().splitlines()) for file in files))
    load(embedded, _data("--dataset", "nations"), progress=False)
    assert embedded.statistics() == before


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(BadSource, match=r"no data set 'nosuch'; --dataset is one of .*nations"):
        _data("--dataset", "nosuch")


def test_without_the_package_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pykeen.datasets", None)
    with pytest.raises(BadSource, match="pip install pykeen"):
        _data("--dataset", "nations")


_label = st.text("abcdefgh", min_size=1, max_size=3)
_rows = st.lists(st.tuples(_label, _label, _label), min_size=1, max_size=8, unique=True)


@given(_rows, st.data())
def test_whatever_files_pykeen_opens_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], draw: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("pykeen")
    test = draw.draw(st.lists(st.sampled_from(rows), min_size=1, unique=True))
    for name, told in (("train.txt", rows), ("test.txt", test)):
        (folder / name).write_text("".join("\t".join(row) + "\n" for row in told))
    data = read_pykeen(get_dataset(training=folder / "train.txt", testing=folder / "test.txt"), "own")
    found = Counter((t.head, t.type, t.tail, t.split) for t in _triples(data))
    expected = Counter(
        (f"own:{head}", relation.upper(), f"own:{tail}", split)
        for split, told in (("train", rows), ("test", test))
        for head, relation, tail in told
    )
    assert found == expected
