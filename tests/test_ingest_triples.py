"""Tables of triples: columns by name and position, every delimiter, texts beside them, and rows that are wrong."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.records import BadSource, DataSet, Record, Skipped
from ingest.triples import MOST_TYPES, Columns, Table, Texts, read_triples
from kgstore.values import COMMON_TYPE, Entity, Relation, Triple

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
BENCHMARKS = SHARED / "kg-benchmarks"
WORDNET = SHARED / "imagenet-wordnet"


def _triples(data: DataSet) -> list[Triple]:
    return [record for record in data.records() if isinstance(record, Triple)]


def _entities(data: DataSet) -> dict[str, Entity]:
    return {record.id: record for record in data.records() if isinstance(record, Entity)}


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def _file(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_plain_table_has_head_relation_tail(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "dog\tIsA\tanimal\r\n\ndog\thas part\ttail\n")
    data = read_triples(path, Table("s"))
    assert [triple.key for triple in _triples(data)] == [
        ("s:dog", "IS_A", "s:animal", ""),
        ("s:dog", "HAS_PART", "s:tail", ""),
    ]
    assert [record for record in data.records() if isinstance(record, Relation)] == [
        Relation("IS_A", "is a"),
        Relation("HAS_PART", "has part"),
    ]
    assert all(triple.sources == ("s",) and triple.split == "train" for triple in _triples(data))


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.csv", 'object,"weight, in kg",subject,predicate\n"a, b",2.5,"say ""c""\nd",likes\n')
    columns = Columns("subject", "object", "predicate", "weight, in kg")
    (triple,) = _triples(read_triples(path, Table("s", columns)))
    assert (triple.head, triple.type, triple.tail, triple.weight) == ('s:say "c"\nd', "LIKES", "s:a, b", 2.5)


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        ("t.tsv", "a\tr\tb\n", Table("s")),
        ("t.txt", "a\tr\tb\n", Table("s")),
        ("t.csv", "a,r,b\n", Table("s")),
        ("t.csv", "a;r;b\n", Table("s", delimiter=";")),
        ("t.txt", "  a   r b  \n", Table("s", delimiter=" ")),
        ("t.tsv", "b\ta\n", Table("s", Columns("2", "1", ""), relation_words="r")),
        ("t.tsv", "from\tlabel\tto\na\tr\tb\n", Table("s", header=True)),
        ("t.tsv", "from\tlabel\tto\na\tr\tb\n", Table("s", Columns("from", "to", "label"))),
        ("t.tsv", "\ufefffrom\tlabel\tto\na\tr\tb\n", Table("s", Columns("from", "to", "label"))),
        ("t.tsv", "s:a\tr\ts:b\n", Table("s", full_ids=True)),
    ],
)
def test_one_triple_in_many_spellings(tmp_path: Path, name: str, text: str, table: Table) -> None:
    assert [triple.key for triple in _triples(read_triples(_file(tmp_path, name, text), table))] == [
        ("s:a", "R", "s:b", "")
    ]


def test_a_packed_table_reads_like_a_plain_one(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("a,r,b\n")
    assert len(_triples(read_triples(tmp_path / "t.csv.gz", Table("s")))) == 1


def test_a_folder_gives_each_file_its_split(tmp_path: Path) -> None:
    for name in ("train.txt", "dev.txt", "test.txt", "notes.txt"):
        _file(tmp_path, name, f"{name}\tr\tb\n")
    data = read_triples(tmp_path, Table("s"))
    assert [(triple.head, triple.split) for triple in _triples(data)] == [
        ("s:train.txt", "train"),
        ("s:dev.txt", "valid"),
        ("s:test.txt", "test"),
    ]


def test_texts_beside_the_table_describe_entities_and_relations(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "n1\t_hypernym\tn2\nn3\t_hypernym\tn2\n")
    texts = Texts(
        names={"n3": "Washington, D.C."},
        lemmas={"n1": "dog, domestic dog"},
        texts={"n1": "it barks", "n2": "animal, a living thing", "n9": "nobody"},
        relations={"_hypernym": "is a kind of"},
    )
    data = read_triples(path, Table("s"), texts)
    entities = _entities(data)
    assert (entities["s:n1"].name, entities["s:n1"].texts) == ("dog", ("dog", "domestic dog", "it barks"))
    assert (entities["s:n2"].name, entities["s:n2"].texts) == ("animal", ("animal, a living thing",))
    assert (entities["s:n3"].name, entities["s:n3"].texts) == ("Washington, D.C.", ("Washington, D.C.",))
    assert Relation("HYPERNYM", "is a kind of") in list(data.records())
    assert _skipped(data) == {"texts of an entity that no row has": 1}


def test_an_entity_without_texts_is_described_by_what_it_is_called(tmp_path: Path) -> None:
    entities = _entities(read_triples(_file(tmp_path, "t.tsv", "hot_dog\tr\tb\n"), Table("s")))
    assert entities["s:hot_dog"].texts == ("hot dog",)


def test_words_without_a_letter_belong_to_the_key_of_the_common_type(tmp_path: Path) -> None:
    (triple,) = _triples(read_triples(_file(tmp_path, "t.tsv", "a\t在\tb\n"), Table("s")))
    assert (triple.type, triple.words) == (COMMON_TYPE, "在")


def test_dirty_rows_are_counted_by_reason_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(
        b"a\tr\tb\t1\n"
        b"a\tr\n"  # too few
        b"\tr\tb\t1\n"  # an empty end
        b"a\t \tb\t1\n"  # no relation
        b"a\tr\tb\theavy\n"
        b"a\tr\tb\tnan\n"
        b"\xff\xfe\tr\tb\t1\n"
        b"a\tr\ta\t1\n"  # a loop is a triple like others
    )
    data = read_triples(tmp_path / "t.tsv", Table("s", Columns(weight="4")))
    assert _skipped(data) == {
        "rows with too few columns": 1,
        "rows with an empty end or relation": 2,
        "rows whose weight is no number": 2,
        "lines that are not UTF-8": 1,
    }
    assert len(_triples(data)) == 2
    first = next(record for record in data.records() if isinstance(record, Skipped))
    assert first.example == "t.tsv, row 2: a | r"


def test_ends_that_should_be_ids_and_are_none_are_left_out(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "wn:1\tsame as\tcn:/c/en/dog\nwn:1\tsame as\tdog\n")
    data = read_triples(path, Table("join", full_ids=True))
    assert [(triple.head, triple.type, triple.tail) for triple in _triples(data)] == [
        ("wn:1", "SAME_AS", "cn:/c/en/dog")
    ]
    assert sum(_skipped(data).values()) == 1


@pytest.mark.parametrize(
    ("text", "table", "sentence"),
    [
        ("a\tr\n", Table("s"), "has no column '3' for --tail; its first line has 2: 'a', 'r'"),
        ("s\tp\to\n", Table("s", Columns("subject", "o", "p")), "has no column 'subject' for --head"),
        ("", Table("s"), "holds no row"),
        ("a\tr\tb\n", Table(""), "cannot be the name of a source"),
    ],
)
def test_a_table_that_cannot_be_read_as_asked_says_so_before_anything_is_read(
    tmp_path: Path, text: str, table: Table, sentence: str
) -> None:
    with pytest.raises(BadSource, match=sentence.replace("(", r"\(")):
        read_triples(_file(tmp_path, "t.tsv", text), table)


def test_a_column_of_something_else_than_relations_is_noticed(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "".join(f"a\tword{number}\tb\n" for number in range(MOST_TYPES + 1)))
    with pytest.raises(BadSource, match="right column"):
        _triples(read_triples(path, Table("s")))


def test_a_packed_file_that_was_cut_short_says_so(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\tr\tb\n" * 20_000)
    (tmp_path / "t.tsv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSource, match="no whole gzip file"):
        _triples(read_triples(tmp_path / "t.tsv.gz", Table("s")))


def test_other_options_make_another_mark(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "a\tr\tb\n")
    marks = {
        read_triples(path, table, texts).source.path
        for table in (Table("s"), Table("s", kind="phrase"), Table("s", header=True))
        for texts in (Texts(), Texts(texts={"a": "first"}), Texts(texts={"a": "second"}))
    }
    assert len(marks) == 9


_cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda t: t == t.strip()
)


@given(rows=st.lists(st.tuples(_cell, _cell, _cell), min_size=1, max_size=8))
def test_whatever_csv_can_write_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    found = _triples(read_triples(path, Table("s")))
    assert [(triple.head, triple.tail) for triple in found] == [(f"s:{head}", f"s:{tail}") for head, _, tail in rows]


def _distinct(records: list[Record]) -> tuple[int, int]:
    entities = {record.id for record in records if isinstance(record, Entity)}
    return len(entities), len({record.key for record in records if isinstance(record, Triple)})


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the real slices are not here")
def test_wn18rr_has_the_counts_of_its_files() -> None:
    files = [BENCHMARKS / "WN18RR" / f"{split}.txt" for split in ("train", "valid", "test")]
    rows = [line.split("\t") for file in files for line in file.read_text().splitlines()]
    data = read_triples(BENCHMARKS / "WN18RR", Table("wn18rr"))
    assert _distinct(list(data.records())) == (
        len({end for head, _, tail in rows for end in (head, tail)}),
        len(set(map(tuple, rows))),
    )
    splits = Counter(triple.split for triple in _triples(data))
    assert splits == {f.stem: len(f.read_text().splitlines()) for f in files}
    assert not _skipped(data)


@pytest.mark.skipif(not WORDNET.is_dir(), reason="the real slices are not here")
def test_the_wordnet_taxonomy_runs_from_child_to_parent() -> None:
    path = WORDNET / "derived" / "wordnet.is_a.txt"
    data = read_triples(path, Table("wn", Columns("2", "1", ""), delimiter=" ", relation_words="is a"))
    triples = {(triple.head, triple.tail) for triple in _triples(data)}
    lines = {tuple(line.split()) for line in path.read_text().splitlines()}
    assert triples == {(f"wn:{child}", f"wn:{parent}") for parent, child in lines}
    assert ("wn:n02084071", "wn:n02083346") in triples  # a dog is a canine
