"""Batches as graphs of PyTorch Geometric: what the sampler drew, for any number of workers, in whatever order."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from kgstore import Entity, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from kgstore.values import KINDS
from model.batch import TripleSample
from model.sampler import BadSampling, GraphBatches, Sampler, graph_of, typed_graph_of
from tests.sampling_graph import random_graph


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    folder = tmp_path_factory.mktemp("graphs")
    (folder / "pictures").mkdir()
    with open_store(folder / "graph") as store:
        random_graph().load(store, folder / "pictures")
        return project(store, load_recipe("all", {"splits": ["train", "test"]}), folder / "projection")


@pytest.fixture
def sampler(projection: Projection) -> Sampler:
    return Sampler(projection, batch_size=20, shares={"IMAGE_OF": 0.5}, fanout=(3, 2), negatives=2, seed=5)


def arrays_of(sample: TripleSample) -> Iterator[np.ndarray]:
    for part in (sample, sample.neighbourhood, sample.negatives):
        assert part is not None
        for field in fields(part):
            if isinstance(value := getattr(part, field.name), np.ndarray):
                yield value


def test_a_graph_holds_what_was_drawn(sampler: Sampler, projection: Projection) -> None:
    sample = sampler.sample(3)
    graph = graph_of(sample)
    ids = graph.n_id.numpy()
    assert graph.num_nodes == len(ids) == len(set(ids.tolist()))
    for ends, relation, drawn in (
        (graph.edge_index, graph.edge_type, sample.neighbourhood),
        (graph.edge_label_index, graph.edge_label_type, sample),
    ):
        assert np.array_equal(ids[ends.numpy()], np.stack([drawn.head, drawn.tail]))
        assert np.array_equal(relation.numpy(), drawn.relation)
    assert graph.validate()

    typed = typed_graph_of(sample, projection)
    assert typed.validate()
    back: set[tuple[str, int, str, int]] = set()
    for (head, type_, tail), ends in typed.edge_index_dict.items():
        heads, tails = typed[head].n_id[ends[0]].tolist(), typed[tail].n_id[ends[1]].tolist()
        assert {KINDS[kind] for kind in projection.kinds[heads]} == {head}
        back |= {(type_, h, tail, t) for h, t in zip(heads, tails, strict=True)}
    wanted = {
        (projection.relations[r].type, h, KINDS[projection.kinds[t]], t)
        for h, r, t in zip(
            *(getattr(sample.neighbourhood, name).tolist() for name in ("head", "relation", "tail")), strict=True
        )
    }
    assert back == wanted
    labels = sum(typed[key].edge_label_index.shape[1] for key in typed.edge_types if "edge_label_index" in typed[key])
    assert labels == 20


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from Python 3.12 on
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # on a machine of few cores
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_batches_are_the_same_for_any_number_of_workers(sampler: Sampler, workers: int) -> None:
    expected = [graph_of(sampler.sample(step)) for step in range(2, 7)]
    loader = DataLoader(GraphBatches(sampler, 7, start=2), batch_size=None, num_workers=workers)
    drawn = list(loader)
    assert [graph.step for graph in drawn] == [2, 3, 4, 5, 6]
    for ours, theirs in zip(drawn, expected, strict=True):
        for name in ("n_id", "edge_index", "edge_type", "edge_label_index", "edge_label_type"):
            assert torch.equal(ours[name], theirs[name])


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from Python 3.12 on
def test_typed_graphs_come_from_workers_too(sampler: Sampler, projection: Projection, context: str) -> None:
    batches = GraphBatches(sampler, 2, typed=True)
    drawn = list(DataLoader(batches, batch_size=None, num_workers=1, multiprocessing_context=context))
    for step, graph in enumerate(drawn):
        expected = typed_graph_of(sampler.sample(step), projection)
        assert graph.node_types == expected.node_types
        assert graph.edge_types == expected.edge_types
        for ours, theirs in zip(graph.edge_stores, expected.edge_stores, strict=True):
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs.keys())  # noqa: SIM118


def test_samples_are_equal_byte_by_byte_in_whatever_order_and_after_pickling(sampler: Sampler) -> None:
    steps = [0, 1, 2, 50, 51]
    first = {step: [array.tobytes() for array in arrays_of(sampler.sample(step))] for step in steps}
    copied = pickle.loads(pickle.dumps(sampler))
    for step in reversed(steps):
        assert [array.tobytes() for array in arrays_of(copied.sample(step))] == first[step]


def test_a_sampler_is_not_unpickled_over_another_projection(tmp_path: Path) -> None:
    with open_store(tmp_path / "graph") as store:
        store.write([Entity(f"a:{i}") for i in range(4)], [Triple("a:0", "NEAR", f"a:{i}") for i in range(1, 3)])
        pickled = pickle.dumps(Sampler(project(store, load_recipe("all"), tmp_path / "projection"), batch_size=2))
        assert pickle.loads(pickled).sample(0).step == 0
        store.write((), [Triple("a:0", "NEAR", "a:3")])
        project(store, load_recipe("all"), tmp_path / "projection")
    with pytest.raises(BadSampling, match="was replaced"):
        pickle.loads(pickled)


def test_a_dataset_without_an_end_goes_on(sampler: Sampler) -> None:
    steps = [graph.step for graph, _ in zip(GraphBatches(sampler, start=9), range(3), strict=False)]
    assert steps == [9, 10, 11]
