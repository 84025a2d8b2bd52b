"""Vectors of entities: each is its entity's in every graph, and what they are for can be learnt with them alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgstore import Entity, Relation, Source, Triple, open_store
from model.checkpoint import load_run
from model.entity_vectors import EntityVectors, read_entities, rows_of
from model.fusion import Elements
from model.knowledge_clip import distinct
from model.objectives import total_loss
from model.predict import Predictor, everything
from model.track import BadRun
from model.train import main as train
from tests.training_batches import TINY, random_batch, tiny_network

#: A ring of things of one name: nothing but a vector tells one from another.
RING = 12


def load_ring(uri: Path, numbers: Iterable[int] = range(RING)) -> None:
    entities = [Entity(f"ring:{i:02}", name="thing") for i in numbers]
    triples = [Triple(f"ring:{i:02}", "NEXT", f"ring:{(i + 1) % RING:02}") for i in range(RING)]
    triples.append(Triple("ring:00", "NEXT", "ring:06", split="valid"))
    with open_store(uri) as store:
        store.write(entities, triples, [Relation("NEXT", "next to")], Source("ring"))


def trained(folder: Path, name: str, *flags: str) -> Path:
    common = ["--store", str(folder / "graph.db"), "--runs", str(folder), "--device", "cpu", "--threads", "1"]
    settings = ["--clip", "0", "--kd", "0", "--g2e", "0", "--batch-size", "12", "--name", name]
    assert train([*common, *settings, *flags]) == 0
    return folder / name


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ring")
    load_ring(folder / "graph.db")
    flags = ["--steps", "60", "--e2e-heads", "1", "--e2e-symmetric", "--drop-path", "0", "--no-mask-known"]
    trained(folder, "alone", "--entity-vectors", "alone", "--towers", "words", "--role-scale", "1", *flags)
    return folder


def vectors_of(run: Path) -> dict[str, torch.Tensor]:
    trained = load_run(run)
    assert trained.model.vectors is not None
    return dict(zip(trained.entities, trained.model.vectors.weight.detach()[1:], strict=True))


def answers(run: Path, store_uri: Path) -> dict[str, str]:
    with open_store(store_uri) as store:
        subject = Predictor(run, store, progress=False)
        return {id_: subject.tails(id_, "NEXT", top=1)[0].id for id_ in subject.projection.entity_ids(range(RING))}


def test_things_of_one_name_are_told_apart_by_their_vectors_alone(ring: Path) -> None:
    found = answers(ring / "alone", ring / "graph.db")
    assert found == {f"ring:{i:02}": f"ring:{(i + 1) % RING:02}" for i in range(RING)}


def test_a_vector_is_found_by_its_entity_wherever_that_stands_in_a_graph(ring: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "other.db") as store:  # first, and between those that the run knows
        others = [Entity(id_, name="thing") for id_ in ("a:first", "ring:03b")]
        store.write(others, [], [], Source("others"))
    load_ring(tmp_path / "other.db", reversed(range(RING)))
    ids = read_entities(ring / "alone")
    with open_store(tmp_path / "other.db") as store:
        projection = everything(store, tmp_path, progress=False)
        rows = rows_of(ids, projection)
        for number, id_ in enumerate(projection.entity_ids(np.arange(projection.entity_count))):
            assert rows[number] == (ids.index(id_) + 1 if id_ in ids else 0)
        subject = Predictor(ring / "alone", store, progress=False)
        assert subject.tails("ring:07", "NEXT", top=1)[0].id == "ring:08"


def test_a_run_that_goes_on_from_another_takes_over_the_vectors_of_what_both_know(ring: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "graph.db") as store:
        store.write([Entity("a:first", name="new")], [], [], Source("new"))
    load_ring(tmp_path / "graph.db")
    with open_store(tmp_path / "graph.db") as store:
        store.write([], [Triple("a:first", "NEXT", "ring:00")], [], Source("new"))
    flags = ("--steps", "1", "--lr-new", "0", "--lr-towers", "0", "--lr-vectors", "0")
    after = trained(tmp_path, "after", "--init", str(ring / "alone"), *flags)
    old, new = vectors_of(ring / "alone"), vectors_of(after)
    assert new.keys() - old.keys() == {"a:first"}
    for id_, vector in old.items():
        torch.testing.assert_close(new[id_], vector)


def test_a_run_without_its_list_of_entities_says_so(tmp_path: Path) -> None:
    load_ring(tmp_path / "graph.db")
    flags = ("--entity-vectors", "beside", "--towers", "words", "--steps", "1", "--eval-every", "1")
    run = trained(tmp_path, "run", *flags)
    assert load_run(run).entities
    (run / "entities.json").unlink()
    with pytest.raises(BadRun, match=r"entities\.json"):
        load_run(run)


def test_a_vector_stands_before_what_an_entity_shows() -> None:
    vectors = EntityVectors(3, 4, 0.1)
    shown = Elements(torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True] * 2 + [False] * 3]))
    both = vectors.before(shown, torch.tensor([2, 0]))
    torch.testing.assert_close(both.tokens[:, 1:], shown.tokens)
    torch.testing.assert_close(both.tokens[0, 0], vectors.weight[2])
    assert both.present[:, 0].tolist() == [True, False]
    assert both.present[:, 1:].equal(shown.present)


@pytest.mark.parametrize("how", ["beside", "alone"])
def test_what_a_batch_shows_moves_its_vectors_and_no_others(how: str) -> None:
    torch.manual_seed(0)
    network = tiny_network(replace(TINY, entity_vectors=how), entities=40)
    batch = random_batch()
    rows = torch.arange(len(batch.row)) + 5
    losses = network.losses(replace(batch, vector=rows), ("e2e", "e2r", "g2e", "clip"))
    torch.autograd.backward(total_loss(losses, dict.fromkeys(losses, 1.0)))
    assert network.vectors is not None
    assert network.vectors.weight.grad is not None
    moved = network.vectors.weight.grad.abs().sum(1).nonzero().flatten()
    asked, _ = distinct(torch.cat([batch.head, batch.tail, batch.edge_head, batch.edge_tail]))
    assert set(moved.tolist()) <= set(rows[asked].tolist())
    assert len(moved) > len(asked) / 2
    with pytest.raises(ValueError, match="Views"):
        network.losses(batch, ("e2e",))
