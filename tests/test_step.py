"""A step in parts is the step at once: the same losses, the same gradients, for every loss."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgstore.command import WrongCall
from model.cut import Cut
from model.distributed import Processes
from model.prepare import check_parts
from model.step import backward
from tests.steps import CONFIG, LOSSES, Steps, gradients, project_graph, teacher, trained, with_swapped


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    folder = tmp_path_factory.mktemp("steps")
    project_graph(folder)
    return Steps(folder)


def close(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=1e-5, rtol=1e-4), name


def test_parts_put_together_are_the_batch(steps: Steps) -> None:
    cut = Cut(passes=5, hops=2)
    (whole,), parts = steps.parts(Cut()), steps.parts(cut)
    assert torch.equal(torch.cat([part.place for part in parts]), whole.place)
    assert torch.equal(torch.cat([part.known for part in parts]), whole.known)
    assert torch.equal(torch.cat([part.place[part.pairs] for part in parts]), whole.pairs)
    assert [len(part.place) for part in parts] == [4, 4, 5, 4, 5]
    sample = steps.sampler.sample(0)
    seeds = np.concatenate([part.seeds for part in cut.parts(sample)])
    assert sorted(seeds) == sorted(set(sample.tail) & set(sample.neighbourhood.tail))
    assert len(sample.tail) > len(set(sample.tail)) > len(seeds) > 0  # tails that come twice, and some without edges
    halves = [part for rank in (0, 1) for part in Cut(rank, 2, 2).parts(sample)]
    assert [len(half.place) for half in halves] == [len(part.place) for part in Cut(passes=4).parts(sample)]


def test_a_part_shows_its_own_pictures_alone(steps: Steps) -> None:
    (whole,), parts = steps.parts(Cut()), steps.parts(Cut(passes=4, hops=2))
    assert all(len(part.pixels) < len(whole.pixels) / 2 for part in parts)


def test_the_losses_of_one_part_are_plain_backpropagation(steps: Steps) -> None:
    model, taught, parts = steps.network(), teacher(), steps.parts(Cut())
    terms = model.losses(parts[0], LOSSES, taught)
    torch.autograd.backward(list(terms.values()))
    wanted = {**{name: term.detach() for name, term in terms.items()}, **gradients(model)}
    model.zero_grad()
    found = {**backward(model, parts, CONFIG, 0, taught), **gradients(model)}
    assert found.pop("loss").item() == pytest.approx(sum(terms.values()).item())  # type: ignore[union-attr]
    close(found, wanted)


@pytest.mark.parametrize("name", LOSSES)
def test_accumulation_keeps_the_negatives_of_the_whole_batch(steps: Steps, name: str) -> None:
    alone: dict[str, Any] = {each: float(each == name) for each in LOSSES}
    config = dataclasses.replace(CONFIG, **alone)
    model, taught, found = steps.network(), teacher(), []
    for passes in (1, 2, 7):
        model.zero_grad()
        terms = backward(model, steps.parts(Cut(passes=passes, hops=2), step=2), config, 2, taught)
        assert list(terms) == ["loss", name]
        found.append({**terms, **gradients(model)})
    assert found[0][name] > 0
    close(found[1], found[0])
    close(found[2], found[0])


def test_a_part_may_have_no_triple(steps: Steps) -> None:
    """As where the graph has lost triples that were drawn."""
    drawn = steps.sampler.sample(0)
    two = {name: getattr(drawn, name)[:2] for name in ("head", "relation", "tail")}
    sample = dataclasses.replace(drawn, fact=None, **two)
    model, taught, found = steps.network(), teacher(), []
    for passes in (1, 3):
        model.zero_grad()
        parts = [with_swapped(steps.views.batch(sample, part)) for part in Cut(passes=passes, hops=2).parts(sample)]
        found.append({**backward(model, parts, CONFIG, 0, taught), **gradients(model)})
    assert min(len(part.head) for part in parts) == 0
    close(found[1], found[0])


def test_several_steps_of_accumulation_train_as_large_batches_do(steps: Steps) -> None:
    close(trained(steps, 4), trained(steps, 1))


def test_what_cannot_be_cut_gets_a_sentence() -> None:
    two, config = Processes(0, 2), dataclasses.replace(CONFIG, batch_size=7, accumulate=4)
    with pytest.raises(WrongCall, match="--batch-size 7 has fewer triples than the 8 parts that --accumulate 4 and"):
        check_parts(config, "graph.db", two)
    live = dataclasses.replace(CONFIG, sampler="live")
    check_parts(live, "bolt://localhost", two)
    with pytest.raises(WrongCall, match="an embedded one is open to one alone; use a Neo4j"):
        check_parts(live, "graph.db", two)


def test_a_part_is_gone_through_twice_with_the_same_drop_path(steps: Steps) -> None:
    """Finite differences of what the first pass saw agree with what the second pass gave."""
    model, taught = steps.network(), teacher()
    for layer in model.fusion.layers:
        layer.drop_path = 0.5  # type: ignore[assignment]
    parts = steps.parts(Cut(passes=3, hops=2))
    first = backward(model, parts, CONFIG, 7, taught)
    slope = sum(float((gradient**2).sum()) for gradient in gradients(model).values())
    assert backward(model, parts, CONFIG, 8, taught)["loss"] != first["loss"]  # another step leaves out others
    size = 1e-3 / slope**0.5
    model.zero_grad()
    assert backward(model, parts, CONFIG, 7, taught)["loss"] == first["loss"]
    with torch.no_grad():
        for name, gradient in gradients(model).items():
            model.get_parameter(name).add_(gradient, alpha=size / slope**0.5)
    after = backward(model, parts, CONFIG, 7, taught)["loss"]
    assert (after - first["loss"]).item() == pytest.approx(size * slope**0.5, rel=0.05)
