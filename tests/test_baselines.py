"""Baselines answer what can be counted by hand, and embeddings stand as PyKEEN's own evaluator has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, Relation, Source, Triple, open_store
from kgstore.command import run_command
from model import baselines, compare
from model.baseline_counts import Facts, Frequency, Majority
from model.baselines import facts_of
from model.clip_similarity import ClipSimilarity
from model.predict import Predictor, everything
from tests.trained_world import World, trained_world

# Relation 0 leads from 0, 1, 2 to 3 and from 4 to 5; relation 1 from 3 to 4, 5 and 0. Entity 6 is new, of kind 1.
FACTS = Facts(
    head=np.array([0, 1, 2, 4, 3, 3, 3]),
    relation=np.array([0, 0, 0, 0, 1, 1, 1]),
    tail=np.array([3, 3, 3, 5, 4, 5, 0]),
    kinds=np.array([1, 1, 1, 0, 1, 0, 1], np.uint8),
    relations=2,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return trained_world(tmp_path_factory.getbasetemp() / "trained")


@pytest.fixture(scope="module")
def subject(world: World) -> Iterator[Predictor]:
    with open_store(world.store) as store:
        yield Predictor(world.clip, store, progress=False)


def test_the_majority_is_the_same_whatever_is_asked() -> None:
    majority, ask = Majority(FACTS), np.array([0, 6])
    assert majority.tails(ask, np.array([0, 1])).tolist() == [[1, 0, 0, 3, 1, 2, 0]] * 2
    assert majority.heads(np.array([0, 1]), ask).tolist() == [[1, 1, 1, 3, 1, 0, 0]] * 2
    assert majority.relations(ask, ask).argmax(axis=1).tolist() == [0, 0]


def test_the_frequency_reads_the_relation_and_the_ends() -> None:
    frequency, ask = Frequency(FACTS), np.array([0, 6])
    assert frequency.tails(ask, np.array([0, 1])).tolist() == [[0, 0, 0, 3, 0, 1, 0], [1, 0, 0, 0, 1, 1, 0]]
    assert frequency.heads(np.array([1, 0]), ask).tolist() == [[0, 0, 0, 3, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0]]
    by_ends = frequency.relations(np.array([3, 0, 6]), np.array([4, 3, 3]))
    assert by_ends.argmax(axis=1).tolist() == [1, 0, 0]  # a new entity is asked by its kind, which heads relation 0


def test_the_same_things_are_called_alike_and_a_thing_is_not_like_itself(subject: Predictor) -> None:
    similar, projection = ClipSimilarity(subject), subject.projection
    number = projection.numbers(["world:concept/cube"])
    (scores,) = similar.tails(number, np.array([0]))
    assert scores[number] == -np.inf
    assert np.isfinite(np.delete(scores, number)).any()
    np.testing.assert_array_equal(scores, similar.heads(np.array([0]), number)[0])


def test_the_command_measures_counts_and_a_clip_as_runs_are(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = world.with_own_store(tmp_path)
    call = ["--store", str(own.store), "--runs", str(tmp_path), "--run", str(own.clip), "--limit", "40"]
    assert run_command(lambda: baselines.main([*call, "--only", "majority,frequency,clip-similarity"])) == 0
    said = capfd.readouterr()
    assert re.search(r"frequency: tails\n +entities +triples +mrr", said.out)
    found = {name: json.loads((tmp_path / f"baselines/{name}.json").read_text()) for name in ("majority", "frequency")}
    assert found["frequency"]["metrics"]["tails/triples"] == 40
    assert found["frequency"]["metrics"]["relations/top5"] >= found["frequency"]["metrics"]["relations/top1"]
    assert "tails/mean_rank" in found["majority"]["counts"]
    assert found["majority"]["settings"]["split"] == "test"
    assert run_command(lambda: compare.main(["--runs", str(tmp_path), "--parts", "links", "--markdown"])) == 0
    table = capfd.readouterr().out
    assert re.search(r"\|\s+\| clip-similarity \| frequency \| majority \|", table)
    assert "| links/mrr |" in table
    assert "IS_A" not in table
    assert run_command(lambda: baselines.main([*call[:4], "--only", "clip-similarity"])) == 2
    assert "needs the run" in capfd.readouterr().err


def test_embeddings_learn_a_rule_and_stand_as_pykeens_evaluator_has_them(tmp_path: Path) -> None:
    """Forty things in a ring: whoever knows the nexts of most can tell the befores of the others."""
    entities = [Entity(f"s:{i}", name=str(i)) for i in range(40)]
    triples = [Triple(f"s:{i}", "NEXT", f"s:{(i + 1) % 40}") for i in range(40)]
    triples += [Triple(f"s:{(i + 1) % 40}", "BEFORE", f"s:{i}", split="train" if i % 4 else "test") for i in range(40)]
    with open_store(tmp_path / "graph.db") as store:
        store.write(entities, triples, [Relation("NEXT", "next"), Relation("BEFORE", "before")], Source("s"))
        projection = everything(store, tmp_path, progress=False)
    facts = facts_of(projection, projection)
    assert len(facts.head) == 70
    call = [
        "--store",
        str(tmp_path / "graph.db"),
        "--runs",
        str(tmp_path),
        "--only",
        "rotate,complex",
        "--device",
        "cpu",
    ]
    small = ["--dim", "16", "--epochs", "12", "--batch-size", "8", "--negatives", "8", "--seeds", "0,1"]
    assert run_command(lambda: baselines.main([*call, *small])) == 0
    for name in ("rotate", "complex"):
        found = json.loads((tmp_path / f"baselines/{name}.json").read_text())
        metrics = found["metrics"]
        for figure in ("mrr", "hits@1", "hits@10"):
            assert metrics[f"links/{figure}"] == pytest.approx(metrics[f"pykeen/{figure}"], rel=1e-6)
        assert metrics["relations/triples"] == 10
        assert found["settings"]["seeds"] == [0, 1]
        assert "links/mrr" in found["spread"]
        assert metrics["seconds"] > 0
        assert "seconds" in found["counts"]
    assert metrics["links/mrr"] > 50  # chance is about 11


def test_a_baseline_that_does_not_exist_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: baselines.main(["--only", "oracle", "--store", "x", "--runs", "y"])) == 2
    assert "no baseline 'oracle'" in capfd.readouterr().err
