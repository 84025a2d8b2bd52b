"""ConceptNet: languages, senses, weights, links, and how surface texts describe concepts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.conceptnet import MOST_TEXTS, read_conceptnet
from ingest.records import BadSource, DataSet, Skipped
from kgstore.merge import by_id, by_key
from kgstore.records import column_rows, entities_of, triples_of
from kgstore.values import Entity, Relation, Triple

SHARED = Path(__file__).parent.parent.parent / "shared" / "data" / "conceptnet"


def _line(relation: str, start: str, end: str, weight: object = 1.0, surface: str | None = None, **more: object) -> str:
    details = {"dataset": "/d/test", "weight": weight, **more}
    if surface is not None:
        details["surfaceText"] = surface
    return f"/a/[{relation}/,{start}/,{end}/]\t{relation}\t{start}\t{end}\t{json.dumps(details)}\n"


def _packed(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "assertions.csv.gz"
    path.write_bytes(gzip.compress(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)))
    return path


def _entities(data: DataSet) -> dict[str, Entity]:
    """Merged as a store would."""
    found: dict[str, Entity] = {}
    for record in data.records():
        if isinstance(record, Entity):
            found[record.id] = found[record.id].merged(record) if record.id in found else record
    return found


def _triples(data: DataSet) -> list[Triple]:
    return [record for record in data.records() if isinstance(record, Triple)]


def _skipped(data: DataSet) -> Counter[str]:
    return Counter(record.reason for record in data.records() if isinstance(record, Skipped))


def _as_columns(data: DataSet) -> tuple[dict[str, Entity], list[Triple], Counter[str], list[Relation], int]:
    """What the blocks hold."""
    assert data.blocks is not None
    blocks = list(data.blocks())
    skipped: Counter[str] = Counter()
    for block in blocks:
        for one in block.skipped:
            skipped[one.reason] += one.count
    return (
        by_id(entity for block in blocks for entity in entities_of(column_rows(block.entities))),
        [triple for block in blocks for triple in triples_of(column_rows(block.triples))],
        skipped,
        [relation for block in blocks for relation in block.relations],
        sum(block.records for block in blocks),
    )


def _agree(data: DataSet) -> None:
    """The columns say what the lines say one by one."""
    entities, triples, skipped, relations, _ = _as_columns(data)
    records = list(data.records())
    assert triples == [record for record in records if isinstance(record, Triple)]
    assert list(entities.values()) == list(by_id(one for one in records if isinstance(one, Entity)).values())
    assert skipped == Counter(record.reason for record in records if isinstance(record, Skipped))
    assert relations == [record for record in records if isinstance(record, Relation)]


def test_an_assertion_becomes_a_weighted_triple_between_concepts(tmp_path: Path) -> None:
    data = read_conceptnet(_packed(tmp_path, _line("/r/AtLocation", "/c/en/wheat", "/c/en/wheat_field", 2.5)))
    (triple,) = _triples(data)
    assert triple.key == ("cn:/c/en/wheat", "AT_LOCATION", "cn:/c/en/wheat_field", "")
    assert triple.weight == 2.5
    assert _entities(data)["cn:/c/en/wheat_field"].name == "wheat field"
    assert Relation("AT_LOCATION", "at location") in list(data.records())


def test_senses_of_a_spelling_are_one_concept(tmp_path: Path) -> None:
    data = read_conceptnet(
        _packed(
            tmp_path,
            _line("/r/IsA", "/c/en/dog/n", "/c/en/animal", 1.0),
            _line("/r/IsA", "/c/en/dog/n/wn/animal", "/c/en/animal/n", 2.0),
            _line("/r/RelatedTo", "/c/en/dog/n", "/c/en/dog/v"),
        )
    )
    assert {triple.key for triple in _triples(data)} == {("cn:/c/en/dog", "IS_A", "cn:/c/en/animal", "")}
    assert set(_entities(data)) == {"cn:/c/en/dog", "cn:/c/en/animal"}
    assert _skipped(data) == {"assertions of a concept about itself": 1}


def test_an_extra_slash_in_a_relation_is_part_of_its_type(tmp_path: Path) -> None:
    data = read_conceptnet(_packed(tmp_path, _line("/r/dbpedia/genre", "/c/en/a", "/c/en/b")))
    assert _triples(data)[0].type == "DBPEDIA_GENRE"
    assert Relation("DBPEDIA_GENRE", "genre") in list(data.records())


def test_both_ends_must_be_in_the_language_that_was_asked_for(tmp_path: Path) -> None:
    lines = [
        _line("/r/Synonym", "/c/en/dog", "/c/de/hund"),
        _line("/r/Synonym", "/c/de/hund", "/c/de/köter"),
        _line("/r/Synonym", "/c/en/dog", "/c/en/hound"),
        _line("/r/Synonym", "/c/enm/hund", "/c/en/hound"),
    ]
    path = _packed(tmp_path, *lines)
    assert [triple.tail for triple in _triples(read_conceptnet(path))] == ["cn:/c/en/hound"]
    assert [triple.tail for triple in _triples(read_conceptnet(path, language="de"))] == ["cn:/c/de/köter"]
    assert len(_triples(read_conceptnet(path, language="all"))) == 4


def test_dirt_is_counted_by_reason(tmp_path: Path) -> None:
    data = read_conceptnet(
        _packed(
            tmp_path,
            _line("/r/IsA", "/c/en/dog", "/c/en/animal"),
            _line("/r/IsA", "/c/en/light", "/c/en/thing", 0.1),
            _line("/r/ExternalURL", "/c/en/dog", "http://dbpedia.org/resource/Dog"),
            _line("/r/IsA", "/c/en/", "/c/en/nothing"),
            _line("/r/IsA", "/c/en/_", "/c/en/nothing"),
            _line("/r/IsA", "/c/en/self", "/c/en/self"),
            _line("/r/IsA", "/c/en/a", "/c/en/b", "heavy"),
            _line("/r/IsA", "/c/en/a", "/c/en/b", None),
            "/a/x\t/r/IsA\t/c/en/a\t/c/en/b\t{torn\n",
            "/a/x\t/r/IsA\t/c/en/a\t/c/en/b\t[]\n",
            "/a/x\t/r/IsA\t/c/en/a\n",
            "/a/x\tIsA\tdog\tanimal\t{}\n",
            b"/a/x\t/r/IsA\t/c/en/\xff\t/c/en/b\t{}\n",
        ),
        min_weight=0.5,
    )
    assert len(_triples(data)) == 1
    _agree(data)
    assert _skipped(data) == {
        "assertions lighter than 0.5": 1,
        "links to other sites (ExternalURL)": 1,
        "assertions with an empty label": 2,
        "assertions of a concept about itself": 1,
        "lines whose details are not JSON with a weight": 4,
        "lines that have not five columns": 1,
        "lines whose relation or ends are no ConceptNet names": 1,
        "lines that are not UTF-8": 1,
    }


def test_details_without_a_weight_weigh_one(tmp_path: Path) -> None:
    data = read_conceptnet(_packed(tmp_path, "/a/x\t/r/IsA\t/c/en/a\t/c/en/b\t{}\n"))
    assert _triples(data)[0].weight == 1.0


def test_surface_texts_describe_the_concepts_they_name(tmp_path: Path) -> None:
    data = read_conceptnet(
        _packed(
            tmp_path,
            _line("/r/IsA", "/c/en/dog", "/c/en/pet", surface="*[[a  dog]] is [[a pet]]"),
            # this frame names the end first
            _line("/r/AtLocation", "/c/en/doctor", "/c/en/hospital", surface="At [[the hospital]] is [[a doctor]]"),
            _line("/r/UsedFor", "/c/en/run", "/c/en/exercise", surface="[[running]] is for [[exercising]]"),
            _line("/r/IsA", "/c/en/cat", "/c/en/pet", surface="no brackets"),
            _line("/r/IsA", "/c/en/fox", "/c/en/pet", surface="[[a]] and [[b]] and [[c]]"),
            _line("/r/IsA", "/c/en/cow", "/c/en/pet", surfaceText=None),
        )
    )
    _agree(data)
    texts = {id.rpartition("/")[2]: entity.texts for id, entity in _entities(data).items()}
    assert texts["dog"] == ("dog", "a dog")
    assert texts["pet"] == ("pet", "a pet")
    assert texts["doctor"] == ("doctor", "a doctor")
    assert texts["hospital"] == ("hospital", "the hospital")
    assert texts["run"] == ("run", "running")
    assert texts["cat"] == ("cat",)
    assert texts["fox"] == ("fox",)


def test_a_concept_with_many_spellings_keeps_a_few(tmp_path: Path) -> None:
    lines = [
        _line("/r/IsA", "/c/en/dog", f"/c/en/thing_{number}", surface=f"[[dog {number}]] is [[thing {number}]]")
        for number in range(20)
    ]
    data = read_conceptnet(_packed(tmp_path, *lines))
    assert len(_entities(data)["cn:/c/en/dog"].texts) == MOST_TEXTS
    _agree(data)


def test_labels_in_any_script_are_kept(tmp_path: Path) -> None:
    path = _packed(tmp_path, _line("/r/Synonym", "/c/ja/犬", "/c/ar/كلب"))
    assert {entity.name for entity in _entities(read_conceptnet(path, language="all")).values()} == {"犬", "كلب"}


def test_a_file_that_is_no_conceptnet_or_was_cut_short_says_so(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b,c\n")
    with pytest.raises(BadSource, match="five columns"):
        read_conceptnet(tmp_path / "table.csv")
    path = _packed(tmp_path, *[_line("/r/IsA", f"/c/en/a{n}", "/c/en/b") for n in range(5000)])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadSource, match="no whole gzip file"):
        _triples(read_conceptnet(path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real slices are not here")
@pytest.mark.parametrize("name", ["assertions-5.2-en-slice.csv.gz", "testdata-5.7/kgtk-conceptnet.csv"])
def test_the_real_slices_have_the_counts_of_a_plain_count(name: str) -> None:
    path = SHARED / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    keys = set()
    for line in data.decode().splitlines():
        _, relation, start, end, _ = line.split("\t")
        start, end = ("/".join(node.split("/")[:4]) for node in (start, end))
        if start.startswith("/c/en/") and end.startswith("/c/en/") and start != end:
            keys.add((relation, start, end))
    found = read_conceptnet(path)
    _agree(found)
    assert len({triple.key for triple in _triples(found)}) == len(keys)
    assert set(_entities(found)) == {f"cn:{end}" for _, *ends in keys for end in ends}


def test_the_sentence_is_the_text_of_the_relation_and_of_no_entity(tmp_path: Path) -> None:
    data = read_conceptnet(
        _packed(
            tmp_path,
            _line("/r/IsA", "/c/en/dog", "/c/en/pet", surface="*[[a  dog]] is [[a pet]]"),
            _line("/r/IsA", "/c/en/cat", "/c/en/pet", surface="cats are pets"),
            _line("/r/IsA", "/c/en/cow", "/c/en/pet"),
            _line("/r/IsA", "/c/en/cow", "/c/en/pet", surface="[[a cow]] is not a [[pet]]"),
        )
    )
    triples = by_key(_triples(data)).values()
    assert [triple.text for triple in triples] == ["a dog is a pet", "cats are pets", "a cow is not a pet"]
    texts = {text for entity in _entities(data).values() for text in entity.texts}
    assert not texts & {triple.text for triple in triples}
    _agree(data)


def test_a_file_is_read_in_pieces_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [_line("/r/IsA", f"/c/en/a{n % 7}", f"/c/en/b{n % 5}", n, f"[[a {n}]] is [[b]]") for n in range(40)]
    lines[30] = "torn\n"
    (tmp_path / "plain.csv").write_bytes(b"\xef\xbb\xbf" + "".join(lines).encode().rstrip(b"\n"))
    data = read_conceptnet(tmp_path / "plain.csv")
    whole = _as_columns(data)
    _agree(data)
    assert whole[-1] == 40
    for size in (1, 1000):
        monkeypatch.setattr("ingest.conceptnet.PIECE", size)
        assert _as_columns(data) == whole
        assert data.blocks is not None
        [torn] = [skipped for block in data.blocks() for skipped in block.skipped]
        assert torn.example == "line 31: torn\n"


WORDS = st.text(alphabet=st.sampled_from("ab_ \u00e9犬\u00a0.%'\\"), max_size=5)
NODES = st.builds(
    lambda language, words, sense: f"/c/{language}/{words}{sense}",
    st.sampled_from(["en", "en", "en", "de", ""]),
    WORDS,
    st.sampled_from(["", "/n", "/n/wn/animal", "/"]),
) | st.sampled_from(["/c/en", "/c/", "dog", "http://dbpedia.org/x", "https://x", ""])
FORMS = st.text(alphabet=st.sampled_from("ab A[]\u00e9犬\n\u3000\"\\"), max_size=8) | st.just("a" * 81)
SURFACES = st.one_of(
    st.none(),
    st.builds("[[{}]] is [[{}]]".format, FORMS, FORMS),
    st.builds("*{}[[{}]]".format, FORMS, FORMS),
    FORMS,
    st.sampled_from([5, ["[[a]] [[b]]"], {"a": 1}, "", "\ud83d [[a]]", "[[a]] x [[b]] ]]"]),
)
WEIGHTS: st.SearchStrategy[object] = st.floats(0, 100) | st.sampled_from(
    [1, None, "2.5", " 2 ", "heavy", True, -1, 1e400, [], 10**400]
)
DETAILS = st.one_of(
    st.builds(
        lambda weight, surface: json.dumps({"weight": weight, "surfaceText": surface}), WEIGHTS, SURFACES
    ),
    st.builds(lambda surface: json.dumps({"surfaceText": surface}, ensure_ascii=False), st.just("[[犬]] [[é]]")),
    st.sampled_from(["{}", "[]", "1", "null", "{torn", "", '{"weight": 1}\r']),
)
RELATIONS = st.sampled_from(["/r/IsA", "/r/IsA", "/r/dbpedia/genre", "/r/ExternalURL", "IsA", "/r/犬"])
LINES = st.one_of(
    st.builds(lambda *columns: "\t".join(("/a/x", *columns)).encode() + b"\n", RELATIONS, NODES, NODES, DETAILS),
    st.sampled_from([b"\n", b"\t\t\t\t\n", b"\xff\n", b"/a\t/r/IsA\t/c/en/\xff\t/c/en/b\t{}\n", b"a\tb\r\n"]),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=8))
@example([b'/a\t/r/IsA\t/c/en/a\t/c/en/b\t{"weight": 1, "surfaceText": "[[a]] is [[b"}\n'])
def test_whatever_a_file_holds_its_columns_say_what_its_lines_say(tmp_path: Path, lines: list[bytes]) -> None:
    first = b"/a/x\t/r/IsA\t/c/en/first\t/c/en/b\t{}\n"
    (tmp_path / "assertions.csv").write_bytes(b"".join((first, *lines)))
    _agree(read_conceptnet(tmp_path / "assertions.csv"))
    _agree(read_conceptnet(tmp_path / "assertions.csv", language="all", min_weight=0.5))
