"""Tables of triples: columns by name and position, every delimiter, texts beside them, and rows that are wrong."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import facts
from ingest.facts import MOST_TYPES, Texts
from ingest.load import load
from ingest.records import BadSource, DataSet, Record, Skipped
from ingest.tables import Columns
from ingest.triples import Table, add_options, from_options, read_triples
from kgstore import GraphStore
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


@pytest.mark.parametrize("first", ["head\trelation\ttail", "Subject\tPredicate\tObject\tweight", "node1\tlabel\tnode2"])
def test_a_first_line_that_names_the_columns_is_no_fact(tmp_path: Path, first: str) -> None:
    data = read_triples(_file(tmp_path, "t.tsv", f"{first}\nhead\tto\ttail\n"), Table("s"))
    assert [triple.key for triple in _triples(data)] == [("s:head", "TO", "s:tail", "")]
    assert [record.reason for record in data.records() if isinstance(record, Skipped)] == [
        "first lines that name the columns"
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
    together = _entities(read_triples(path, Table("s"), dataclasses.replace(texts, one=True)))
    assert (together["s:n1"].name, together["s:n1"].texts) == ("dog", ("dog, domestic dog: it barks",))
    assert together["s:n2"].texts == ("animal, a living thing",)
    assert together["s:n3"].texts == ("Washington, D.C.",)


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


def test_parquet_has_columns_by_name_and_position(tmp_path: Path) -> None:
    table = pa.table(
        {
            "weight": pa.array([2.5, None, 1.0]),
            "subject": ["dog", "dog", None],
            "what": ["IsA", "IsA", "IsA"],
            "object": pa.array([7, 8, 9]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1)
    data = read_triples(tmp_path / "t.parquet", Table("s", Columns("subject", "4", "what", "weight")))
    assert [(*triple.key[:3], triple.weight) for triple in _triples(data)] == [("s:dog", "IS_A", "s:7", 2.5)]
    assert _skipped(data) == {"rows whose weight is no number": 1, "rows with an empty end or relation": 1}
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-20])
    with pytest.raises(BadSource, match="cannot be read as Parquet"):
        read_triples(tmp_path / "torn.parquet", Table("s"))
    with pytest.raises(BadSource, match="has no column 'nothing'"):
        read_triples(tmp_path / "t.parquet", Table("s", Columns("nothing")))


N_TRIPLES = """<http://x.org/r/Hot_dog> <http://x.org/o/madeOf> <http://x.org/r/Caf%C3%A9> .
<http://x.org/r/Hot_dog> <http://www.w3.org/2000/01/rdf-schema#label> "hot  dog"@en .
<http://x.org/r/Hot_dog> <http://www.w3.org/2000/01/rdf-schema#label> "Wurst"@de .
<http://x.org/r/Hot_dog> <http://www.w3.org/2000/01/rdf-schema#comment> "a caf\\u00e9 \\"dish\\"" .
<http://x.org/r/Hot_dog> <http://x.org/o/weight> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://x.org/r/Hot_dog> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://x.org/r/Food> .
<http://x.org/r/Hot_dog> <http://other.org/p/madeOf> <http://x.org/r/Food> .
# a comment
_:b0 <http://x.org/o/madeOf> <http://x.org/r/Food> .
this line is broken

<http://x.org/r/Only> <http://www.w3.org/2000/01/rdf-schema#label> "in no triple" .
"""


def _rdf_is_read(data: DataSet) -> None:
    keys = {(triple.head.rpartition("/")[2], triple.type, triple.tail.rpartition("/")[2]) for triple in _triples(data)}
    assert keys == {
        ("Hot_dog", "MADE_OF", "Caf%C3%A9"),
        ("Hot_dog", "INSTANCE_OF", "Food"),
        ("Hot_dog", "P_MADE_OF", "Food"),
    }
    entities = _entities(data)
    dog = entities["s:http://x.org/r/Hot_dog"]
    assert (dog.name, dog.texts) == ("hot dog", ("hot dog", 'a café "dish"'))
    assert entities["s:http://x.org/r/Caf%C3%A9"].texts == ("Café",)


def test_n_triples_bring_their_words_and_broken_lines_are_counted(tmp_path: Path) -> None:
    (tmp_path / "t.nt").write_bytes(N_TRIPLES.encode() + b'<http://x.org/a> <http://x.org/p> "\xff" .\n')
    data = read_triples(tmp_path / "t.nt", Table("s"))
    _rdf_is_read(data)
    assert _skipped(data) == {
        "texts in another language": 1,
        "triples whose tail is a value, no entity": 1,
        "triples with a blank node": 1,
        "lines that are no N-Triples": 1,
        "lines that are not UTF-8": 1,
        "names of an entity that no row has": 1,
    }
    assert Relation("P_MADE_OF", "p made of") in list(data.records())


def test_turtle_says_the_same_and_ends_at_what_does_not_read(tmp_path: Path) -> None:
    lines = [line for line in N_TRIPLES.splitlines() if not line.startswith(("this", "_:"))]
    turtle = "@prefix r: <http://x.org/r/> .\nr:Hot_dog <http://x.org/o/madeOf> [ a r:Food ] .\n" + "\n".join(lines)
    with gzip.open(tmp_path / "train.ttl.gz", "wt", encoding="utf-8") as file:
        file.write(turtle)
    data = read_triples(tmp_path, Table("s"))
    _rdf_is_read(data)
    assert _skipped(data)["triples with a blank node"] == 2
    assert list(data.records()) == list(data.records())
    (tmp_path / "broken.ttl").write_text("<http://a> <http://b> .")
    with pytest.raises(BadSource, match=r"does not read as Turtle .*line 1"):
        list(read_triples(tmp_path / "broken.ttl", Table("s")).records())


OPENKE = {
    "entity2id.txt": "3\n<http://x.org/r/Hot_dog>\t0\nNew York 1\nplain\t2\nbroken\n",
    "relation2id.txt": "2\nwasBornIn 0\n<http://x.org/o/madeOf>\t1\nagain 1\n",
    "train2id.txt": "3\n0 1 0\n1 2 1\n0 1\n",
    "valid2id.txt": "2\n0 2 1\n0 2 1\n",
    "test2id.txt": "7\n2 0 0\n9 0 0\n",
}


@pytest.fixture
def openke(tmp_path: Path) -> Path:
    for name, text in OPENKE.items():
        _file(tmp_path, name, text)
    return tmp_path


def test_openke_numbers_stand_for_names(openke: Path) -> None:
    data = read_triples(openke, Table("s"))
    assert [(*triple.key[:3], triple.split) for triple in _triples(data)] == [
        ("s:http://x.org/r/Hot_dog", "WAS_BORN_IN", "s:New York", "train"),
        ("s:New York", "MADE_OF", "s:plain", "train"),
        ("s:http://x.org/r/Hot_dog", "MADE_OF", "s:plain", "valid"),
        ("s:http://x.org/r/Hot_dog", "MADE_OF", "s:plain", "valid"),  # told twice: one triple in the graph
        ("s:plain", "WAS_BORN_IN", "s:http://x.org/r/Hot_dog", "test"),
    ]
    assert _entities(data)["s:http://x.org/r/Hot_dog"].texts == ("Hot dog",)
    assert _skipped(data) == {
        "lines that are not a name and a number": 1,
        "numbers with two names": 1,
        "lines that are not three numbers": 1,
        "lines with a number that has no name": 1,
        "files whose first line is not the number of the others": 1,
    }
    assert {file.name for file in data.files} == set(OPENKE)


def test_ids_can_begin_with_another_name(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "n02103406\tn02084071\t_hypernym\n")
    data = read_triples(path, Table("wn9", Columns("1", "2", "3"), ids="wn"))
    (triple,) = _triples(data)
    assert (triple.head, triple.tail, triple.sources) == ("wn:n02103406", "wn:n02084071", ("wn9",))


def test_the_flags_say_what_the_columns_and_the_words_beside_are(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "/m/1\tof\t/m/2\n")
    _file(tmp_path, "mid2name.txt", "/m/1\tGary_Rydstrom\n/m/9\tnobody\n")
    parser = ArgumentParser()
    add_options(parser)
    data = from_options(parser.parse_args(["--path", str(path), "--source", "fb", "--names", "mid2name.txt"]))
    assert _entities(data)["fb:/m/1"].texts == ("Gary Rydstrom",)
    assert _skipped(data) == {"names of an entity that no row has": 1}
    assert [file.name for file in data.files] == ["t.tsv", "mid2name.txt"]
    for wrong, sentence in ((["--delimiter", "pipe"], "--delimiter is one of"), (["--ids", "a:b"], "neither : nor /")):
        with pytest.raises(BadSource, match=sentence):
            from_options(parser.parse_args(["--path", str(path), "--source", "fb", *wrong]))


def test_entities_that_were_forgotten_come_again_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, "t.tsv", "a\tr\tb\nb\tr\tc\na\tr\tc\n")
    data = read_triples(path, Table("s"), Texts(names={"a": "A", "x": "X"}))
    before = _entities(data), _triples(data), _skipped(data)
    monkeypatch.setattr(facts, "MOST_REMEMBERED", 1)
    assert (_entities(data), _triples(data), _skipped(data)) == before
    assert before[2] == {"names of an entity that no row has": 1}


@pytest.mark.parametrize("header", [False, True])
def test_lines_that_were_added_are_read_alone(tmp_path: Path, header: bool) -> None:
    first, added = "from\tlabel\tto\n" * header + "a\thttp://x/o/r\tb\n", "b\thttp://y/p/r\tc\nbroken\n"
    path = _file(tmp_path, "t.tsv", first + added)
    data = read_triples(path, Table("s", header=header))
    assert data.since is not None
    rest = data.since(len(first))
    (triple,) = _triples(rest)
    assert triple == _triples(data)[1]
    assert triple.type == "P_R"  # R is another IRI's, whose line is not read again
    assert set(_entities(rest)) == {"s:b", "s:c"}
    assert _skipped(rest) == {"rows with too few columns": 1}


def test_facts_of_an_entity_with_itself_are_dirt_unless_a_benchmark_counts_them(
    embedded: GraphStore, tmp_path: Path
) -> None:
    path = _file(tmp_path, "t.tsv", "a\tr\ta\na\tr\tb\n")
    parser = ArgumentParser()
    add_options(parser)
    for flags in ([], ["--loops"]):
        data = from_options(parser.parse_args(["--path", str(path), "--source", "s", *flags]))
        assert load(embedded, data, progress=False).written.new_triples == 1
    assert embedded.statistics().triples == 2


def test_a_file_that_grew_is_loaded_from_where_it_ended(embedded: GraphStore, tmp_path: Path) -> None:
    path = _file(tmp_path, "t.tsv", "a\tr\tb\n")
    load(embedded, read_triples(path, Table("s")), progress=False)
    with path.open("a") as file:
        file.write("b\tr\tc\n")
    again = load(embedded, read_triples(path, Table("s")), progress=False)
    assert (again.appended, again.written.new_entities, again.written.new_triples) == (True, 1, 1)
    assert load(embedded, read_triples(path, Table("s")), progress=False).unchanged


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.nt"])
def test_files_whose_lines_do_not_stand_alone_are_read_from_the_start(tmp_path: Path, name: str) -> None:
    text = (
        "<http://a/a> <http://a/b> <http://a/c> .\n" if name == "t.nt" else "a,r,b\n" if "csv" in name else "a\tr\tb\n"
    )
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert read_triples(tmp_path / name, Table("s")).since is None


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


_name = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(rows=st.lists(st.tuples(_name, _name, _name), min_size=1, max_size=8))
def test_whatever_other_forms_can_write_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("forms")
    expected = {(head, tail) for head, _, tail in rows}
    columns = dict(zip(("h", "r", "t"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table(columns), folder / "t.parquet")
    lines = "".join(f"<http://x/{head}> <http://x/{relation}> <http://x/{tail}> .\n" for head, relation, tail in rows)
    for name in ("t.nt", "t.ttl"):
        _file(folder, name, lines)
    names = sorted({name for row in rows for name in row})
    (folder / "openke").mkdir()
    for kind in ("entity", "relation"):
        numbered = "".join(f"{name}\t{number}\n" for number, name in enumerate(names))
        _file(folder / "openke", f"{kind}2id.txt", f"{len(names)}\n{numbered}")
    facts = "".join(f"{names.index(head)} {names.index(tail)} {names.index(what)}\n" for head, what, tail in rows)
    _file(folder / "openke", "train2id.txt", f"{len(rows)}\n{facts}")
    for name, prefix in (("t.parquet", ""), ("t.nt", "http://x/"), ("t.ttl", "http://x/"), ("openke", "")):
        data = read_triples(folder / name, Table("s", Columns("h", "t", "r") if "parquet" in name else Columns()))
        found = {(triple.head, triple.tail) for triple in _triples(data)}
        assert found == {(f"s:{prefix}{head}", f"s:{prefix}{tail}") for head, tail in expected}
        assert not _skipped(data)


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


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the real slices are not here")
@pytest.mark.parametrize("name", ["DB15K", "MKG-W", "MKG-Y"])
def test_openke_benchmarks_have_the_counts_of_their_files(name: str) -> None:
    lines = {
        split: (BENCHMARKS / name / f"{split}2id.txt").read_text().splitlines()[1:]
        for split in ("train", "valid", "test")
    }
    data = read_triples(BENCHMARKS / name, Table(name.lower()))
    assert Counter(triple.split for triple in _triples(data)) == {split: len(told) for split, told in lines.items()}
    distinct = {tuple(line.split()) for told in lines.values() for line in told}
    ends = {end for head, tail, _ in distinct for end in (head, tail)}
    assert _distinct(list(data.records())) == (len(ends), len(distinct))
    assert len({triple.type for triple in _triples(data)}) == len({relation for _, _, relation in distinct})
    assert not _skipped(data)


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the real slices are not here")
def test_wn9_img_speaks_of_wordnets_synsets() -> None:
    files = [BENCHMARKS / "WN9-IMG" / f"{split}.txt" for split in ("train", "valid", "test")]
    rows = {tuple(line.split()) for file in files for line in file.read_text().splitlines()}
    data = read_triples(BENCHMARKS / "WN9-IMG", Table("wn9", Columns("1", "2", "3"), ids="wn"))
    found = {(t.head, t.type, t.tail) for t in _triples(data)}
    assert found == {(f"wn:{head}", what.strip("_").upper(), f"wn:{tail}") for head, tail, what in rows}
    assert not _skipped(data)


@pytest.mark.skipif(not WORDNET.is_dir(), reason="the real slices are not here")
def test_the_wordnet_taxonomy_runs_from_child_to_parent() -> None:
    path = WORDNET / "derived" / "wordnet.is_a.txt"
    data = read_triples(path, Table("wn", Columns("2", "1", ""), delimiter=" ", relation_words="is a"))
    triples = {(triple.head, triple.tail) for triple in _triples(data)}
    lines = {tuple(line.split()) for line in path.read_text().splitlines()}
    assert triples == {(f"wn:{child}", f"wn:{parent}") for parent, child in lines}
    assert ("wn:n02084071", "wn:n02083346") in triples  # a dog is a canine
