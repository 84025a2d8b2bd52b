"""Loads that end by SIGKILL or for want of room, and start again. benchmarks/kills.py does this at length."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.kills import SOURCE, emptying, kill_loads, make_table
from ingest.__main__ import main
from kgstore import open_store
from kgstore.command import WRONG_CALL
from kgstore.digest import graph_digest

ROOT = Path(__file__).parent.parent


def test_a_load_killed_at_random_moments_ends_in_the_same_graph(store_uri: str, tmp_path: Path) -> None:
    make_table(tmp_path / "table.tsv", 15_000, seed=3)
    outcome = kill_loads(tmp_path / "table.tsv", store_uri, emptying(store_uri), kills=4, seed=3)
    assert len(outcome.moments) == 4
    assert outcome.wrong == []


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """A disk of so many bytes in the folder; gives what changes its size."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:

        def resize(bytes: int) -> None:
            subprocess.run(["mount", "-o", f"remount,size={bytes}", folder], check=True)

        yield resize
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("size", [2**20, 4 * 2**20])
def test_a_full_disk_stops_a_load_with_a_sentence_and_loses_nothing(tmp_path: Path, size: int) -> None:
    (small := tmp_path / "small").mkdir()
    before, table, graph = tmp_path / "before.tsv", tmp_path / "table.tsv", small / "graph"
    before.write_text("a\tknows\tb\n")
    make_table(table, 20_000, seed=4)

    def load(file: Path, source: str, uri: Path) -> subprocess.CompletedProcess[str]:
        arguments = ["--path", file, "--source", source, "--weight", "4" if file == table else "", "--store", uri]
        return subprocess.run(
            [sys.executable, "-m", "ingest", "triples", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
        )

    for file, source in ((before, "before"), (table, SOURCE)):
        assert load(file, source, tmp_path / "undisturbed").returncode == 0
    with _small_disk(small, 16 * 2**20) as resize:
        assert load(before, "before", graph).returncode == 0
        resize(max(size, sum(file.stat().st_size for file in small.iterdir()) + 2**16))
        stopped = load(table, SOURCE, graph)
        assert stopped.returncode == WRONG_CALL
        assert "no room" in stopped.stderr
        assert "Traceback" not in stopped.stderr
        with open_store(graph) as store:
            assert store.entity("before:a").sources == ("before",)
        resize(2**28)
        assert load(table, SOURCE, graph).returncode == 0
        with open_store(graph) as store, open_store(tmp_path / "undisturbed") as undisturbed:
            assert graph_digest(store) == graph_digest(undisturbed)
            assert all(mark.complete for mark in store.sources())


def test_what_a_killed_load_had_set_aside_is_taken_away_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "knowledge-clip-aside-left"
    left.mkdir()
    (left / "lock").touch()
    (left / "rows").touch()
    os.utime(left, (0, 0))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "t.tsv").write_text("a\tknows\tb\n")
    main(["triples", "--path", str(tmp_path / "t.tsv"), "--source", "s", "--dry-run"])
    assert [path.name for path in tmp_path.iterdir()] == ["t.tsv"]
