"""Writing: once, in order, with a mark, whatever interrupts it. On the embedded store and, where it can run, Neo4j."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.__main__ import SOURCES, main
from ingest.load import Report, count, load
from ingest.records import DataSet, Record, Skipped
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import Entity, GraphStore, Relation, Source, Triple, Written, open_store
from kgstore.command import WRONG_CALL, run_command
from kgstore.errors import UnknownEntity

ROOT = Path(__file__).parent.parent


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


def _content(store: GraphStore) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Everything in the graph, in an order of its own."""
    entities = [row for batch in store.entity_columns() for row in batch.to_pylist()]
    triples = [row for batch in store.triple_columns() for row in batch.to_pylist()]
    return sorted(entities, key=lambda row: row["id"]), sorted(
        triples, key=lambda row: (row["head"], row["type"], row["tail"], row["words"])
    )


def _mark(store: GraphStore, name: str) -> Source:
    return next(source for source in store.sources() if source.name == name)


def test_a_load_counts_what_it_wrote_and_what_it_left_out(store: GraphStore) -> None:
    report = load(store, _chain(50), batch=16, progress=False)
    left_out = len(range(3, 50, 7))
    assert report.written == Written(new_entities=50, new_triples=49 - left_out)
    assert report.skipped == {"links with a flaw": (left_out, "link 3")}
    assert store.statistics().entities == 50
    assert store.statistics().triples == 49 - left_out
    assert store.relations() == [Relation("NEXT", "next")]
    mark = _mark(store, "chain")
    assert mark.complete
    assert mark.done == report.read


def test_loading_twice_changes_nothing(store: GraphStore) -> None:
    load(store, _chain(50), batch=16, progress=False)
    before, fingerprint = _content(store), store.fingerprint()
    report = load(store, _chain(50), batch=16, progress=False)
    assert report.written == Written()
    assert report.resumed_at == 0
    assert _content(store) == before
    assert store.fingerprint() == fingerprint


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_load_that_stopped_goes_on_where_it_stopped(store: GraphStore, tmp_path: Path, batches: int) -> None:
    class PowerCut(Exception):
        pass

    whole = _chain(100)

    def cut() -> Iterator[Record]:
        for number, record in enumerate(whole.records()):
            if number == (batches + 1) * 16 + 3:  # one batch is read ahead
                raise PowerCut
            yield record

    with pytest.raises(PowerCut):
        load(store, replace(whole, records=cut), batch=16, progress=False)
    mark = _mark(store, "chain")
    assert (mark.done, mark.complete) == (batches * 16, False)

    written: list[int] = []

    def watched() -> Iterator[Record]:
        yield from whole.records()
        written.append(1)

    report = load(store, replace(whole, records=watched), batch=16, progress=False)
    assert report.resumed_at == batches * 16
    assert report.written.new_entities < 100
    assert report.read == sum(1 for _ in whole.records())
    assert report.skipped["links with a flaw"][0] == len(range(3, 100, 7))
    with open_store(tmp_path / "undisturbed") as other:
        load(other, whole, progress=False)
        assert _content(store) == _content(other)
    assert _mark(store, "chain").complete


def test_another_batch_size_goes_on_as_well(store: GraphStore, tmp_path: Path) -> None:
    load(store, _chain(100), batch=16, limit=40, progress=False)
    load(store, _chain(100), batch=9, progress=False)
    with open_store(tmp_path / "undisturbed") as other:
        load(other, _chain(100), progress=False)
        assert _content(store) == _content(other)


def test_a_limit_is_a_load_that_stopped_there(store: GraphStore) -> None:
    assert load(store, _chain(100), limit=21, progress=False).read == 21
    assert not _mark(store, "chain").complete
    assert load(store, _chain(100), progress=False).resumed_at == 21
    assert _mark(store, "chain").complete


@pytest.mark.parametrize("limit", [None, 1_000])
def test_a_limit_beyond_the_end_is_none(store: GraphStore, limit: int | None) -> None:
    load(store, _chain(20), limit=limit, progress=False)
    assert _mark(store, "chain").complete


def test_a_limit_at_the_very_end_is_completed_by_the_next_load(store: GraphStore) -> None:
    load(store, _chain(20), limit=sum(1 for _ in _chain(20).records()), progress=False)
    load(store, _chain(20), progress=False)
    assert _mark(store, "chain").complete


def test_another_path_or_other_options_start_from_the_beginning(store: GraphStore) -> None:
    load(store, _chain(100), limit=50, progress=False)
    other = replace(_chain(100), source=Source("chain", path="made up with other options"))
    assert load(store, other, progress=False).resumed_at == 0


def test_an_empty_source_is_complete(store: GraphStore) -> None:
    load(store, DataSet(Source("none", path="nowhere"), lambda: iter(())), progress=False)
    assert _mark(store, "none").complete


def test_a_batch_with_a_dangling_triple_is_not_written_and_the_one_before_stays(store: GraphStore) -> None:
    def records() -> Iterator[Record]:
        yield Entity("x:1", sources=("x",))
        yield Entity("x:2", sources=("x",))
        yield Entity("x:3", sources=("x",))
        yield Triple("x:3", "NEXT", "x:nobody", sources=("x",))

    with pytest.raises(UnknownEntity):
        load(store, DataSet(Source("x", path="p"), records), batch=2, progress=False)
    assert [entity.id for entity in store.entities(["x:1", "x:2", "x:3"])] == ["x:1", "x:2"]
    assert _mark(store, "x").done == 2


def test_counting_writes_nothing_and_agrees_with_a_load(store: GraphStore) -> None:
    counted = count(_chain(50), progress=False)
    loaded = load(store, _chain(50), progress=False)
    assert (counted.read, counted.written, counted.skipped) == (loaded.read, loaded.written, loaded.skipped)


def test_the_report_names_every_reason_with_its_first_example() -> None:
    report = Report("s", written=Written(new_entities=1))
    for example in ("first\nline", "second"):
        report.take(Skipped("lines that are torn", example))
    assert "  left out: 2 lines that are torn, the first: first line" in list(report.lines())


def test_the_drawn_world_is_loaded_whole(store: GraphStore, tmp_path: Path) -> None:
    draw_world(tmp_path / "world", Settings(pictures=128, scenes=8), progress=False)
    data = read_world(tmp_path / "world")
    entities, triples = ([r for r in data.records() if isinstance(r, kind)] for kind in (Entity, Triple))
    report = load(store, data, batch=500, progress=False)
    assert report.written == Written(new_entities=len(entities), new_triples=len(triples))
    statistics = store.statistics()
    assert (statistics.entities, statistics.triples) == (len(entities), len(triples))
    assert _mark(store, "world").image_root == str((tmp_path / "world").resolve())
    assert load(store, data, batch=500, progress=False).written == Written()


_SLOW_LOAD = """
import sys
from dataclasses import replace
from ingest.load import load
from kgstore import open_store
from tests.test_ingest_load import _chain
def records():
    for number, record in enumerate(_chain(3000).records()):
        if number % 100 == 0:
            print(number, flush=True)
        yield record
with open_store(sys.argv[1]) as store:
    load(store, replace(_chain(3000), records=records), batch=100, progress=False)
"""


@pytest.mark.parametrize("at", [700, 2500])
def test_a_loader_killed_in_the_middle_ends_in_the_same_graph(store_uri: str, tmp_path: Path, at: int) -> None:
    arguments = [sys.executable, "-c", _SLOW_LOAD, store_uri]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= at:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    with open_store(store_uri) as store, open_store(tmp_path / "undisturbed") as other:
        assert 0 < _mark(store, "chain").done < 5600
        report = load(store, _chain(3000), batch=100, progress=False)
        assert report.resumed_at > 0
        load(other, _chain(3000), progress=False)
        assert _content(store) == _content(other)


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
    assert "relations: 1 new" in out


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
        (["triples", "--path", ".", "--source", "s"], "no train, valid or test file"),
        (["captions", "--path", "nowhere"], "does not exist"),
        (["captions", "--path", "."], "neither"),
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
    assert "went on after 4 records" in load_table("s")
    assert "nothing loaded" in load_table("s")
    assert "nothing loaded" in load_table("other")
    with open_store(tmp_path / "graph") as store:
        assert [source.name for source in store.sources()] == ["s"]
