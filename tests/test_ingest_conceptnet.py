"""ConceptNet: languages, senses, weights, links, and how surface texts describe concepts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from ingest.conceptnet import MOST_TEXTS, read_conceptnet
from ingest.records import BadSource, DataSet, Skipped
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
    assert len(_entities(read_conceptnet(_packed(tmp_path, *lines)))["cn:/c/en/dog"].texts) == MOST_TEXTS


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
    assert len({triple.key for triple in _triples(found)}) == len(keys)
    assert set(_entities(found)) == {f"cn:{end}" for _, *ends in keys for end in ends}
