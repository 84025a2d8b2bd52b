"""Drawn neighbours against closed forms and a plain simulation, over many draws; what cannot be drawn is told."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest

from kgstore import Entity, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.compiled import INTS, compiled
from model.neighbours import draw_by_weight, draw_evenly, running_sums
from model.permutation import mix
from model.sampler import BadSampling, Sampler
from tests.chi_square import critical, inclusion_statistic

DRAWS = 100_000
NONE = np.empty(0, np.int64)
#: Entities of few edges, of many, and of so many that weighted draws go by running sums.
OFFSETS = np.array([0, 8, 20, 84])


def weights(kind: str) -> np.ndarray:
    if kind == "alike":
        return np.ones(84, np.float32)
    weight = np.random.default_rng(1).random(84).astype(np.float32) + np.float32(0.05)
    if kind == "one bears most":
        weight[[3, 10, 30]] = 40.0
    weight[[5, 15, 50]] = 0.0
    return weight


def counts_by_weight(weight: np.ndarray, fanout: int, excluded: np.ndarray) -> np.ndarray:
    entities, sums = np.arange(3), running_sums(OFFSETS, weight)
    counts = np.zeros(84)
    for key in mix(17, np.arange(DRAWS)):
        counts[draw_by_weight(OFFSETS, entities, entities, weight, sums, fanout, excluded, key)[0]] += 1
    return counts


def simulated(weight: np.ndarray, fanout: int, rng: np.random.Generator) -> np.ndarray:
    """Successive draws as they are defined: each in proportion to the weights of what is left."""
    counts = np.zeros(len(weight))
    for start in range(0, DRAWS, 10_000):
        left = np.tile(weight.astype(np.float64), (min(10_000, DRAWS - start), 1))
        rows = np.arange(len(left))
        for _ in range(fanout):
            sums = left.cumsum(axis=1)
            drawn = (sums <= rng.random(len(left))[:, None] * sums[:, -1:]).sum(axis=1)
            counts += np.bincount(drawn, minlength=len(weight))
            left[rows, drawn] = 0.0
    return counts


def test_every_edge_is_drawn_as_often_as_any_other_over_many_draws() -> None:
    entities, counts, fanout = np.arange(3), np.zeros(84), 5
    for key in mix(11, np.arange(DRAWS)):
        counts[draw_evenly(OFFSETS, entities, entities, fanout, NONE, key)[0]] += 1
    for first, last in pairwise(OFFSETS.tolist()):
        assert inclusion_statistic(counts[first:last], DRAWS, fanout) < critical(last - first - 1)


@pytest.mark.parametrize("kind", ["alike", "uneven", "one bears most"])
def test_weighted_draws_are_successive_draws(kind: str) -> None:
    weight, fanout, excluded = weights(kind), 3, np.array([0, 25, 26])
    drawn = counts_by_weight(weight, fanout, excluded)
    assert not drawn[excluded].any()
    assert not drawn[weight == 0].any()
    rng = np.random.default_rng(2)
    left = weight.copy()
    left[excluded] = 0
    for first, last in pairwise(OFFSETS.tolist()):
        expected = simulated(left[first:last], fanout, rng)
        possible = expected > 0
        difference = (drawn[first:last] - expected)[possible]
        chance = (drawn[first:last] + expected)[possible] / (2 * DRAWS)
        # Counts of one draw are negatively correlated, so this is at most chi-square of as many degrees of freedom
        statistic = (difference**2 / (2 * DRAWS * chance * (1 - chance) + 1)).sum()
        assert statistic < critical(int(possible.sum()))
        assert drawn[first:last].sum() == DRAWS * fanout


def test_an_edge_is_drawn_once_however_many_are_wanted() -> None:
    weight = weights("one bears most")
    sums, entities = running_sums(OFFSETS, weight), np.arange(3)
    for fanout in (1, 7, 40, 63, 64, 1000):
        for key in mix(3, np.arange(50)):
            for excluded in (NONE, np.array([2, 21, 22, 83])):
                for edges, tails in (
                    draw_evenly(OFFSETS, entities, entities, fanout, excluded, key),
                    draw_by_weight(OFFSETS, entities, entities, weight, sums, fanout, excluded, key),
                ):
                    assert len(set(edges.tolist())) == len(edges)
                    assert not set(edges.tolist()) & set(excluded.tolist())
                    assert (np.searchsorted(OFFSETS, edges, side="right") - 1 == tails).all()
                free = np.diff(OFFSETS) - np.bincount(np.searchsorted(OFFSETS, excluded, side="right") - 1, minlength=3)
                assert (
                    len(draw_evenly(OFFSETS, entities, entities, fanout, excluded, key)[0])
                    == np.minimum(fanout, free).sum()
                )


def test_what_is_drawn_for_an_entity_depends_on_nothing_else() -> None:
    key = mix(5)[0]
    alone = [draw_evenly(OFFSETS, np.array([n]), np.array([n]), 4, NONE, key)[0].tolist() for n in range(3)]
    backwards = np.array([2, 1, 0])
    together = draw_evenly(OFFSETS, backwards, backwards, 4, NONE, key)[0].reshape(3, 4)
    assert together.tolist() == alone[::-1]


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    folder = tmp_path_factory.mktemp("weighted")
    entities = [Entity(f"s:{number:02}") for number in range(30)]
    triples = [Triple(f"s:{n:02}", "NEAR", "s:00", weight=float(n)) for n in range(1, 20)]
    triples += [Triple("s:20", "NEAR", "s:21", weight=0.0), Triple("s:22", "OF", "s:23", weight=-1.0)]
    with open_store(folder / "graph") as store:
        store.write(entities, triples)
        return project(store, load_recipe("all"), folder / "projection", all_entities=True)


def test_bad_input_gets_a_sentence_or_a_defined_result(projection: Projection, tmp_path: Path) -> None:
    sampler = Sampler(projection, batch_size=4, fanout=(2, 2))
    assert len(sampler.neighbourhood(np.array([29])).head) == 0  # nothing leads there
    assert len(sampler.neighbourhood(NONE).head) == 0
    twice = sampler.neighbourhood(np.array([0, 0]))
    assert len(twice.head) == 2  # an entity is expanded once
    for seed in (-1, 30):
        with pytest.raises(BadSampling, match=f"Seed {seed} is no entity"):
            sampler.neighbourhood(np.array([0, seed]))
    for fanout in ((0,), (3, -1)):
        with pytest.raises(BadSampling, match="fanout"):
            Sampler(projection, batch_size=4, fanout=fanout)
    with pytest.raises(BadSampling, match=r"weight that is negative.*-1\.0 from s:22 to s:23"):
        Sampler(projection, batch_size=4, by_weight=True)


def test_a_weight_of_zero_is_never_drawn_and_heavier_edges_come_more_often(
    projection: Projection, tmp_path: Path
) -> None:
    with open_store(tmp_path / "graph") as store:
        store.write(
            [Entity(f"s:{number}") for number in range(5)],
            [Triple(f"s:{number}", "NEAR", "s:0", weight=float(number - 1)) for number in range(1, 5)],
        )
        weighted = project(store, load_recipe("all"), tmp_path / "projection")
    sampler = Sampler(weighted, batch_size=1, fanout=(1,), by_weight=True)
    counts = np.zeros(5)
    for key in range(6000):
        counts[sampler.neighbourhood(np.array([0]), key=(key,)).head] += 1
    assert counts[:2].sum() == 0
    expected = 6000 * np.array([1, 2, 3]) / 6
    assert ((counts[2:] - expected) ** 2 / expected).sum() < critical(2)
    every = Sampler(weighted, batch_size=1, fanout=(9,), by_weight=True)
    assert sorted(every.neighbourhood(np.array([0])).head.tolist()) == [2, 3, 4]


def test_a_shared_place_that_cannot_be_written_costs_no_more_than_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> None:
        raise RuntimeError("cannot cache function 'first': no locator available for file 'here'")

    monkeypatch.setattr(numba.core.caching.FunctionCache, "__init__", nowhere)

    @compiled(INTS)
    def first(numbers: np.ndarray) -> int:
        return int(numbers[0])

    assert first(np.array([7, 8])) == 7
