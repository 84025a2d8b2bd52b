"""Writing: once, in order, with a mark, whatever interrupts it. On the embedded store and, where it can run, Neo4j."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from ingest.__main__ import SOURCES, main
from ingest.check import DANGLING, SELF_LOOPS
from ingest.conceptnet import read_conceptnet
from ingest.load import Wishes, dry_run, load
from ingest.pictures import MISSING, NOT_DECODING, NOT_OPENING, TOO_LARGE
from ingest.records import BadSource, Block, DataSet, Record, Skipped, data_source
from ingest.report import Finding, Report
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import Entity, GraphStore, Relation, Source, Triple, Written, open_store
from kgstore.command import WRONG_CALL, run_command
from kgstore.digest import graph_digest
from kgstore.records import entity_table, triple_table
from kgstore.values import Retracted


def _chain(length: int, skip_every: int = 7) -> DataSet:
    """A chain of concepts, each joined to the one before; every seventh link is left out."""

    def records() -> Iterator[Record]:
        yield Relation("NEXT", "next")
        for number in range(length):
            yield Entity(f"chain:{number}", name=f"link {number}", sources=("chain",))
            if number % skip_every == 3:
                yield Skipped("links with a flaw", f"link {number}")
            elif number:
                yield Triple(f"chain:{number - 1}", "NEXT", f"chain:{number}", weight=number, sources=("chain",))

    return DataSet(Source("chain", path="made up"), records)


def _undisturbed(data: DataSet, folder: Path) -> str:
    """The digest of a graph into which the data were loaded at once."""
    with tempfile.TemporaryDirectory(dir=folder) as place, open_store(Path(place) / "undisturbed") as store:
        load(store, data, progress=False)
        return graph_digest(store)


def _mark(store: GraphStore, name: str) -> Source:
    return next(source for source in store.sources() if source.name == name)


def test_a_load_counts_what_it_wrote_and_what_it_left_out(store: GraphStore) -> None:
    report = load(store, _chain(50), batch=16, progress=False)
    left_out = len(range(3, 50, 7))
    assert report.written == Written(new_entities=50, new_triples=49 - left_out)
    assert report.skipped == {"links with a flaw": Finding(left_out, ["link 3", "link 10", "link 17"])}
    assert (report.read, report.entities, report.triples) == (100, 50, 49 - left_out)
    assert store.statistics().entities == 50
    assert store.statistics().triples == 49 - left_out
    assert store.relations() == [Relation("NEXT", "next")]
    mark = _mark(store, "chain")
    assert mark.complete
    assert mark.done == report.used


def test_an_entity_may_come_after_the_triples_that_name_it(store: GraphStore) -> None:
    records = [*_chain(50).records()]
    load(store, replace(_chain(50), records=lambda: reversed(records)), batch=16, progress=False)
    assert store.statistics().triples == sum(isinstance(record, Triple) for record in records)


def test_blocks_are_loaded_as_records_are(store: GraphStore, tmp_path: Path) -> None:
    def blocks() -> Iterator[Block]:
        records = [*_chain(50).records()]
        for some in (records[:40], records[40:]):
            yield Block(
                entity_table(record for record in some if isinstance(record, Entity)),
                triple_table(record for record in some if isinstance(record, Triple)),
                tuple(record for record in some if isinstance(record, Relation)),
                tuple(record for record in some if isinstance(record, Skipped))[:3],
                len(some),
            )

    report = load(store, replace(_chain(50), blocks=blocks), batch=16, progress=False)
    assert report.read == 100
    assert report.skipped["links with a flaw"].examples == ["link 3", "link 10", "link 17"]
    assert graph_digest(store) == _undisturbed(_chain(50), tmp_path)


def test_loading_twice_changes_nothing(store: GraphStore) -> None:
    load(store, _chain(50), batch=16, progress=False)
    before, fingerprint = graph_digest(store), store.fingerprint()
    report = load(store, _chain(50), batch=16, progress=False)
    assert report.written == Written()
    assert report.resumed_at == 0
    assert graph_digest(store) == before
    assert store.fingerprint() == fingerprint


class PowerCut(Exception):
    pass


class _Flickering:
    """A store that fails after so many writes, as if the process had been killed."""

    def __init__(self, store: GraphStore, writes: int) -> None:
        self._store = store
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write_columns(self, *arguments: Any) -> Written:
        if not self._writes:
            raise PowerCut
        self._writes -= 1
        return self._store.write_columns(*arguments)


@pytest.mark.parametrize(("writes", "done"), [(1, 16), (5, 80), (9, 100 + 2 * 16)])
def test_a_load_that_stopped_goes_on_where_it_stopped(
    store: GraphStore, tmp_path: Path, writes: int, done: int
) -> None:
    with pytest.raises(PowerCut):
        load(cast(GraphStore, _Flickering(store, writes)), _chain(100), batch=16, progress=False)
    mark = _mark(store, "chain")
    assert (mark.done, mark.complete) == (done, False)
    report = load(store, _chain(100), batch=16, progress=False)
    assert report.resumed_at == done
    assert report.written.new_entities == max(100 - done, 0)
    assert report.skipped["links with a flaw"].count == len(range(3, 100, 7))
    assert graph_digest(store) == _undisturbed(_chain(100), tmp_path)
    assert _mark(store, "chain").complete


def test_another_batch_size_goes_on_as_well(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        load(cast(GraphStore, _Flickering(store, 2)), _chain(100), batch=16, progress=False)
    assert load(store, _chain(100), batch=9, progress=False).resumed_at == 32
    assert graph_digest(store) == _undisturbed(_chain(100), tmp_path)


def test_a_load_that_stopped_starts_anew_when_the_source_has_changed(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        load(cast(GraphStore, _Flickering(store, 2)), _chain(100), batch=16, progress=False)
    assert load(store, _chain(101), batch=16, progress=False).resumed_at == 0
    assert graph_digest(store) == _undisturbed(_chain(101), tmp_path)


def test_a_limit_stops_there_and_a_later_load_does_the_rest(store: GraphStore, tmp_path: Path) -> None:
    report = load(store, _chain(100), Wishes(limit=21), progress=False)
    assert (report.read, report.complete) == (21, False)
    assert not _mark(store, "chain").complete
    assert "  stopped at --limit; a load without it does the rest" in report.lines()
    assert not load(store, _chain(100), progress=False).gone
    assert _mark(store, "chain").complete
    assert graph_digest(store) == _undisturbed(_chain(100), tmp_path)


@pytest.mark.parametrize("limit", [None, 40, 1_000])
def test_a_limit_at_the_end_or_beyond_is_none(store: GraphStore, limit: int | None) -> None:
    assert sum(1 for _ in _chain(20).records()) == 40
    load(store, _chain(20), Wishes(limit=limit), progress=False)
    assert _mark(store, "chain").complete


def test_an_empty_source_is_complete(store: GraphStore) -> None:
    load(store, DataSet(Source("none", path="nowhere"), lambda: iter(())), progress=False)
    assert _mark(store, "none").complete


# -- files that are the same, that grew, that changed


def _lines(file: Path, since: int = 0) -> DataSet:
    """Lines of `head tail weight`."""

    def records() -> Iterator[Record]:
        with file.open("rb") as lines:
            lines.seek(since)
            for line in lines.read().decode().splitlines():
                head, tail, weight = line.split()
                yield Entity(f"l:{head}", name=head, sources=("l",))
                yield Entity(f"l:{tail}", name=tail, sources=("l",))
                yield Triple(f"l:{head}", "NEXT", f"l:{tail}", weight=float(weight), sources=("l",))

    mark = data_source("l", file)
    return DataSet(mark, records, files=(file,), since=lambda offset: _lines(file, offset))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "lines.txt"
    file.write_text("a b 1\nb c 1\nc d 1\n")
    return file


def test_a_file_that_was_loaded_and_has_not_changed_is_not_read_again(store: GraphStore, file: Path) -> None:
    load(store, _lines(file), progress=False)

    def nothing() -> Iterator[Record]:
        raise AssertionError("read again")

    report = load(store, replace(_lines(file), records=nothing), progress=False)
    assert report.unchanged
    assert "unchanged" in next(report.lines())


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"source": Source("l", path="p [options other]")}, {"source": Source("l", image_root="elsewhere")}],
)
def test_an_unchanged_file_is_read_again_for_other_options_pictures_or_a_newer_loader(
    store: GraphStore, file: Path, change: dict[str, Any]
) -> None:
    load(store, _lines(file), progress=False)
    assert not load(store, replace(_lines(file), **change), progress=False).unchanged


def test_a_folder_that_matters_has_changed_when_a_file_came(store: GraphStore, file: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "pictures").mkdir()
    data = replace(_lines(file), files=(file, folder))
    load(store, data, progress=False)
    assert load(store, data, progress=False).unchanged
    (folder / "new.png").touch()
    assert not load(store, data, progress=False).unchanged


def test_a_file_that_moved_is_recognised(store: GraphStore, file: Path) -> None:
    load(store, _lines(file), progress=False)
    moved = file.rename(file.with_name("moved.txt"))
    assert load(store, _lines(moved), progress=False).unchanged
    assert str(moved) in _mark(store, "l").path


def test_of_a_file_that_grew_only_the_new_lines_are_read(store: GraphStore, file: Path, tmp_path: Path) -> None:
    load(store, _lines(file), progress=False)
    with file.open("a") as lines:
        lines.write("d e 1\na b 7\n")
    report = load(store, _lines(file), progress=False)
    assert report.appended
    assert report.read == 6
    assert report.written == Written(new_entities=1, new_triples=1, changed_triples=1)
    assert graph_digest(store) == _undisturbed(_lines(file), tmp_path)
    assert load(store, _lines(file), progress=False).unchanged


@pytest.mark.parametrize("grown", ["a b 2\nb c 1\nc d 1\nd e 1\n", "a b 1\nb c 1\nc d 1.5\nd e 1\n"])
def test_a_file_that_grew_and_changed_is_read_whole(store: GraphStore, file: Path, grown: str) -> None:
    load(store, _lines(file), progress=False)
    file.write_text(grown)
    report = load(store, _lines(file), progress=False)
    assert (report.appended, report.read) == (False, 12)
    assert report.written == Written(new_entities=1, new_triples=1, changed_triples=1)


def test_a_last_line_that_went_on_is_no_new_line(store: GraphStore, file: Path, tmp_path: Path) -> None:
    file.write_text("a b 1\nb c 1")
    load(store, _lines(file), progress=False)
    file.write_text("a b 1\nb c 12\n")
    assert not load(store, _lines(file), progress=False).appended
    assert graph_digest(store) == _undisturbed(_lines(file), tmp_path)


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_a_concept_keeps_its_first_texts_however_its_file_grew(embedded: GraphStore, tmp_path: Path, cut: int) -> None:
    forms = ["a dog", "dogs", "dog", "the dog", "some dogs", "my dog", "a dog", "your dog"]
    told = [json.dumps({"surfaceText": f"[[{form}]] can [[bark]]", "weight": 1.0}) for form in forms]
    lines = [f"/a/{k}\t/r/CapableOf\t/c/en/dog\t/c/en/bark\t{details}\n" for k, details in enumerate(told)]
    assertions = tmp_path / "assertions.csv"
    assertions.write_text("".join(lines[:cut]))
    load(embedded, read_conceptnet(assertions), progress=False)
    assertions.write_text("".join(lines))
    assert load(embedded, read_conceptnet(assertions), progress=False).appended
    assert embedded.entity("cn:/c/en/dog").texts == ("dog", "a dog", "dogs", "the dog", "some dogs")
    assert graph_digest(embedded) == _undisturbed(read_conceptnet(assertions), tmp_path)


def test_what_is_gone_from_a_file_is_told_and_kept(store: GraphStore, file: Path) -> None:
    load(store, _lines(file), progress=False)
    before = graph_digest(store)
    file.write_text("a b 1\n")
    report = load(store, _lines(file), progress=False)
    assert report.gone == {
        "entities": Finding(2, ["l:c", "l:d"]),
        "relations": Finding(2, ["l:b NEXT l:c", "l:c NEXT l:d"]),
    }
    assert any("--prune" in line for line in report.lines())
    assert graph_digest(store) == before


def test_pruning_removes_what_is_gone_but_not_what_others_assert_or_a_person_decided(
    store: GraphStore, file: Path, tmp_path: Path
) -> None:
    load(store, _lines(file), progress=False)
    store.write([Entity("l:d", sources=("other",))], [Triple("l:b", "NEXT", "l:c", sources=("other",))])
    prediction = Triple("l:a", "LIKES", "l:c", origin="predicted", score=0.5, run="r", when="2026")
    store.propose([prediction])
    store.decide(prediction.key, "accepted")
    file.write_text("a b 1\n")
    report = load(store, _lines(file), Wishes(prune=True), progress=False)
    done = Retracted(removed_triples=1, spared_triples=1, spared_entities=1, tied=("l:c",))
    assert report.retracted == done
    assert store.entity("l:d").sources == ("other",)
    assert [triple.key for triple in store.predictions(decision="accepted")] == [prediction.key]
    assert [triple.sources for triple in store.neighbours("l:b", direction="out")] == [("other",)]


def test_a_file_of_which_nothing_can_be_used_leaves_the_graph_as_it_is(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    def table(text: str, *more: object) -> tuple[int, str, str]:
        (tmp_path / "t.tsv").write_text(text)
        arguments = ["--path", tmp_path / "t.tsv", "--source", "s", "--store", tmp_path / "graph", *more]
        return call("triples", *arguments)

    assert table("\tknows\t\n")[0] == WRONG_CALL
    with open_store(tmp_path / "graph") as store:
        assert store.sources() == []
    assert table("a\tknows\tb\n")[0] == 0
    status, out, _ = table("\tknows\t\n", "--prune")
    assert (status, out.splitlines()[-1]) == (WRONG_CALL, "  the graph was left as it is")
    assert table("a\tknows\tb\n")[1].startswith("s: loaded before and unchanged")
    with open_store(tmp_path / "graph") as store:
        assert (store.statistics().entities, store.statistics().triples) == (2, 1)


def test_pruning_leaves_what_a_first_load_would_make(store: GraphStore, file: Path, tmp_path: Path) -> None:
    load(store, _lines(file), progress=False)
    file.write_text("a b 0.5\nc d 3\ne a 1\n")
    load(store, _lines(file), progress=False)
    assert graph_digest(store) != _undisturbed(_lines(file), tmp_path)
    load(store, _lines(file), Wishes(prune=True), progress=False)
    assert graph_digest(store) == _undisturbed(_lines(file), tmp_path)


def test_what_another_file_told_under_the_same_name_is_not_gone(store: GraphStore, file: Path) -> None:
    load(store, _lines(file), progress=False)
    other = file.with_name("other.txt")
    other.write_text("x y 1\n")
    report = load(store, _lines(other), progress=False)
    assert not report.gone
    assert [str(file) in note and "names of their own" in note for note in report.notes] == [True]
    assert load(store, _lines(file), progress=False).written == Written()


def test_pruning_says_which_other_files_were_loaded_under_the_name(store: GraphStore, file: Path) -> None:
    """Not only the last one: what comes between, and a file that moves, are remembered until they are pruned."""
    load(store, _lines(file), progress=False)
    (other := file.with_name("other.txt")).write_text("a b 1\n")
    load(store, _lines(other), progress=False)
    moved = other.rename(file.with_name("moved.txt"))
    assert load(store, _lines(moved), progress=False).unchanged
    moved.write_text("a b 1\na c 1\n")
    report = load(store, _lines(moved), progress=False)
    assert [str(file) in note for note in report.notes] == [True]
    report = load(store, _lines(moved), Wishes(prune=True), progress=False)
    assert report.notes == [f"l was also loaded from {file}: what only that told is gone too"]
    assert report.retracted is not None
    assert report.retracted.removed_triples == 2
    assert _mark(store, "l").path == data_source("l", moved).path
    assert load(store, _lines(moved), Wishes(prune=True), progress=False).notes == []


def test_a_load_of_a_second_file_that_stopped_goes_on(store: GraphStore, file: Path) -> None:
    load(store, _lines(file), progress=False)
    (other := file.with_name("other.txt")).write_text("x y 1\ny z 1\nz x 1\n")
    with pytest.raises(PowerCut):
        load(cast(GraphStore, _Flickering(store, 4)), _lines(other), batch=1, progress=False)
    assert load(store, _lines(other), batch=1, progress=False).resumed_at == 4
    assert load(store, _lines(other), progress=False).unchanged
    assert store.statistics().triples == 6


def test_verifying_finds_what_was_changed_behind_our_back_and_puts_it_right(
    store: GraphStore, file: Path, tmp_path: Path
) -> None:
    load(store, _lines(file), progress=False)
    lost = Triple("l:a", "NEXT", "l:b", sources=("l",))
    store.retract("l", [], [lost.key])
    store.amend(
        [Entity("l:d", name="spoilt", sources=("l",))], [Triple("l:c", "NEXT", "l:d", weight=9, sources=("l",))]
    )
    assert load(store, _lines(file), progress=False).unchanged
    report = load(store, _lines(file), Wishes(verify=True), progress=False)
    assert report.written == Written(new_triples=1)
    assert report.differing == {"entities": Finding(1, ["l:d"]), "relations": Finding(1, ["l:c NEXT l:d"])}
    assert graph_digest(store) == _undisturbed(_lines(file), tmp_path)
    assert not load(store, _lines(file), Wishes(verify=True), progress=False).differing


def test_a_limit_and_pruning_exclude_each_other() -> None:
    with pytest.raises(BadSource, match="--prune needs the whole source"):
        Wishes(limit=3, prune=True)


# -- what is checked before anything is written


def test_a_triple_that_dangles_is_left_out_and_named(store: GraphStore) -> None:
    store.write([Entity("other:1", sources=("other",))])

    def records() -> Iterator[Record]:
        yield Entity("x:1", sources=("x",))
        for end in ("other:1", "x:nobody", "x:nowhere", "x:1"):
            yield Triple("x:1", "NEXT", end, sources=("x",))

    report = load(store, DataSet(Source("x", path="p"), records), progress=False)
    assert report.skipped == {
        DANGLING: Finding(2, ["x:1 NEXT x:nobody", "x:1 NEXT x:nowhere"]),
        SELF_LOOPS: Finding(1, ["x:1 NEXT x:1"]),
    }
    assert [triple.tail for triple in store.neighbours("x:1")] == ["other:1"]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Pictures with what is wrong with them; the one in pieces has a whole header."""
    folder = tmp_path / "album"
    folder.mkdir()
    Image.new("RGB", (64, 64), "red").save(folder / "good.png")
    Image.effect_noise((64, 64), 90).save(folder / "pieces.png")
    (folder / "pieces.png").write_bytes((folder / "pieces.png").read_bytes()[:2000])
    (folder / "text.png").write_text("<html>")
    Image.new("1", (6000, 6000)).save(folder / "large.png")
    return folder


def _pictures(album: Path) -> DataSet:
    def records() -> Iterator[Record]:
        for name in ("good", "pieces", "text", "large", "missing"):
            references = (f"p/{name}.png", f"p/{name}.png#xywh=0,0,9,9", "p/good.png")[: 2 if name == "good" else 3]
            yield Entity(f"p:{name}", "image", images=references, sources=("p",))

    return DataSet(Source("p", path="p", image_root=str(album)), records)


def test_an_entity_whose_picture_is_bad_stays_without_it(store: GraphStore, album: Path) -> None:
    report = load(store, _pictures(album), progress=False)
    assert report.skipped == {
        f"references to {reason}": Finding(2, [f"p:{name}: p/{name}.png", f"p:{name}: p/{name}.png#xywh=0,0,9,9"])
        for reason, name in ((MISSING, "missing"), (NOT_OPENING, "text"), (TOO_LARGE, "large"))
    }
    assert len(store.entity("p:good").images) == 2
    assert len(store.entity("p:pieces").images) == 3
    assert [store.entity(f"p:{name}").images for name in ("text", "large", "missing")] == [("p/good.png",)] * 3


def test_pictures_are_decoded_when_asked_for(store: GraphStore, album: Path) -> None:
    load(store, _pictures(album), progress=False)
    report = load(store, _pictures(album), Wishes(verify=True, verify_images=True), progress=False)
    assert report.skipped[f"references to {NOT_DECODING}"].count == 2
    assert store.entity("p:pieces").images == ("p/good.png",)


def test_pictures_that_are_not_here_at_all_are_not_called_bad(embedded: GraphStore, tmp_path: Path) -> None:
    report = load(embedded, _pictures(tmp_path / "elsewhere"), progress=False)
    assert not report.skipped
    assert any("not looked at" in line for line in report.lines())
    assert len(embedded.entity("p:missing").images) == 3


def test_a_dry_run_finds_what_a_load_does(store: GraphStore, album: Path) -> None:
    for data in (_chain(50), _pictures(album)):
        counted, loaded = dry_run(data, progress=False), load(store, data, progress=False)
        assert (counted.read, counted.entities, counted.triples) == (loaded.read, loaded.entities, loaded.triples)
        assert counted.skipped == loaded.skipped


def test_the_drawn_world_is_loaded_whole(store: GraphStore, tmp_path: Path) -> None:
    draw_world(tmp_path / "world", Settings(pictures=128, scenes=8), progress=False)
    data = read_world(tmp_path / "world")
    entities, triples = ([r for r in data.records() if isinstance(r, kind)] for kind in (Entity, Triple))
    report = load(store, data, batch=500, progress=False)
    assert not report.skipped
    assert report.written == Written(new_entities=len(entities), new_triples=len(triples))
    statistics = store.statistics()
    assert (statistics.entities, statistics.triples) == (len(entities), len(triples))
    assert _mark(store, "world").image_root == str((tmp_path / "world").resolve())
    assert load(store, data, Wishes(verify=True), batch=500, progress=False).written == Written()


# -- the report


def test_the_report_names_three_examples_of_every_reason() -> None:
    report = Report("s", written=Written(new_entities=1))
    for example in ("first\nline", "second", "third", "fourth"):
        report.skip("lines that are torn", [example])
    lines = list(report.lines())
    assert "  left out: 4 lines that are torn, the first: first line" in lines
    assert "    then third" in lines
    assert not any("fourth" in line for line in lines)


def test_the_report_is_written_as_json(tmp_path: Path, embedded: GraphStore) -> None:
    report = load(embedded, _chain(50), progress=False)
    report.write(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["skipped"] == {"links with a flaw": {"count": 7, "examples": ["link 3", "link 10", "link 17"]}}
    assert told["written"]["new_entities"] == 50
    with pytest.raises(BadSource, match="--report"):
        report.write(tmp_path)


# -- the command


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process; gives status, stdout and stderr without the progress bar."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            status = run_command(lambda: main([str(argument) for argument in arguments]))
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_the_list_has_a_line_for_each_source(call: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = call("--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(SOURCES)


def test_the_command_loads_and_reports(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tknows\tb\nb\tknows\n")
    status, out, err = call("triples", "--path", tmp_path / "t.tsv", "--source", "s", "--store", tmp_path / "graph")
    assert status == 0
    assert "entities: 2 new" in out
    assert "left out: 1 rows with too few columns" in out
    assert "Traceback" not in err
    with open_store(tmp_path / "graph") as store:
        assert store.entity("s:a").sources == ("s",)


def test_a_dry_run_needs_no_store(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tknows\tb\n")
    status, out, _ = call("triples", "--path", tmp_path / "t.tsv", "--source", "s", "--dry-run")
    assert status == 0
    assert "entities: 2, relations: 1; nothing was written" in out


def test_a_dry_run_of_the_drawn_world_draws_nothing(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    world = ["world", "--path", tmp_path / "world", "--pictures", 128, "--scenes", 8]
    status, out, _ = call(*world, "--dry-run", "--store", tmp_path / "graph")
    assert (status, [*tmp_path.iterdir()]) == (0, [])
    loaded = call(*world, "--store", tmp_path / "graph")[1]
    assert dict(re.findall(r"(entities|relations): (\d+)", out)) == dict(
        re.findall(r"(entities|relations): (\d+)", loaded)
    )


def test_the_command_writes_a_report_and_prunes(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    def table(text: str, *more: object) -> str:
        (tmp_path / "t.tsv").write_text(text)
        arguments = ["--path", tmp_path / "t.tsv", "--source", "s", "--store", tmp_path / "graph", *more]
        status, out, _ = call("triples", *arguments)
        assert status == 0
        return out

    table("a\tknows\tb\nb\tknows\tc\n")
    assert "gone from the source: 1 relations, kept" in table("a\tknows\tb\n")
    assert "removed: 1 entities, 1 relations" in table("a\tknows\tb\n", "--prune", "--report", tmp_path / "report")
    assert json.loads((tmp_path / "report").read_text())["retracted"]["removed_triples"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["triples", "--path", "nowhere.tsv", "--source", "s"], "does not exist"),
        (["triples", "--path", "t.tsv", "--source", "a:b"], "cannot be the name of a source"),
        (["triples", "--path", "t.tsv", "--source", "s", "--head", "subject"], "no column 'subject'"),
        (["triples", "--path", "t.tsv", "--source", "s", "--tail", "9"], "no column '9'"),
        (["triples", "--path", "t.tsv", "--source", "s", "--tail", "0"], "no column '0'"),
        (["triples", "--path", "t.tsv", "--source", "s", "--texts", "none.txt"], "cannot be read"),
        (["triples", "--path", "t.tsv", "--source", "s", "--delimiter", "x"], "--delimiter"),
        (["triples", "--path", "t.tsv", "--source", "s", "--limit", "0"], "above 0"),
        (["triples", "--path", "t.tsv", "--source", "s", "--limit", "2", "--prune"], "--prune needs"),
        (["triples", "--path", "t.tsv", "--source", "s", "--report", "nowhere/r.json"], "a folder that exists"),
        (["link", "--report", "."], "a folder that exists"),
        (["triples", "--path", ".", "--source", "s"], "no train, valid or test file"),
        (["captions", "--path", "nowhere"], "does not exist"),
        (["captions", "--path", "."], "--pictures"),
        (["captions", "--path", "t.tsv", "--only", "spring"], "--only"),
        (["conceptnet", "--path", "nowhere.csv.gz"], "cannot be read"),
        (["conceptnet", "--path", "t.tsv"], "five columns"),
        (["conceptnet", "--path", "."], "is a folder"),
        (["world", "--path", "t.tsv"], "no empty folder"),
        (["nonsense"], "nonsense"),
        ([], "which source"),
    ],
)
def test_a_wrong_call_gets_a_sentence_and_status_2(
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.tsv").write_text("a\tknows\tb\n")
    status, out, err = call(*arguments, *(["--store", "graph"] if arguments else []))
    assert status == WRONG_CALL
    assert sentence in err
    assert out == ""
    assert not (tmp_path / "graph").exists()


def test_a_load_without_a_store_says_so(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)
    (tmp_path / "t.tsv").write_text("a\tknows\tb\n")
    status, _, err = call("triples", "--path", tmp_path / "t.tsv", "--source", "s")
    assert status == WRONG_CALL
    assert "--store" in err


def test_a_graph_that_holds_something_else_can_be_left_alone(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    def load_table(source: str, *more: str) -> str:
        (tmp_path / f"{source}.tsv").write_text("a\tknows\tb\nb\tknows\tc\n")
        table = ["--path", tmp_path / f"{source}.tsv", "--source", source, "--store", tmp_path / "graph"]
        status, out, _ = call("triples", *table, "--if-empty", *more)
        assert status == 0
        return out

    assert "2 new" in load_table("s", "--limit", "4")
    assert "1 new" in load_table("s")
    assert "nothing loaded" in load_table("s")
    assert "nothing loaded" in load_table("other")
    with open_store(tmp_path / "graph") as store:
        assert [source.name for source in store.sources()] == ["s"]
