"""The benchmarks' graph is what it says, and what samples it by Cypher draws what it should."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cypher_sampling import forms_on_embedded, forms_on_neo4j
from benchmarks.power_law import TYPES, PowerLaw, load
from benchmarks.sampling import LIVE, LOADER, OURS, Row, fall, over, plot
from kgstore import GraphStore
from kgstore.errors import KgError


def edges_of(graph: PowerLaw) -> np.ndarray:
    """Head, type and tail of every edge."""
    blocks = [
        np.stack([head, np.full(len(head), number), tail])
        for number in range(len(TYPES))
        for head, tail in graph.edge_blocks(number)
    ]
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("edges", [100, 1234, 200_000])
def test_no_edge_comes_twice_and_none_is_missing(edges: int) -> None:
    graph = PowerLaw(edges)
    found = edges_of(graph)
    assert np.unique(found, axis=1).shape == (3, edges)
    assert (found[0] != found[2]).all()
    assert found[[0, 2]].min() >= 0
    assert found[[0, 2]].max() < graph.entities
    assert (np.bincount(found[2], minlength=graph.entities) == graph.in_degrees).all()


def test_degrees_follow_a_power_law() -> None:
    degrees = np.sort(PowerLaw(500_000).in_degrees)[::-1]
    ranks = np.array([10, 100, 1000, 10_000])
    slope = np.polyfit(np.log(ranks), np.log(degrees[ranks]), 1)[0]
    assert slope == pytest.approx(-0.75, abs=0.02)


def test_the_graph_is_the_same_each_time_and_another_for_another_seed() -> None:
    assert (edges_of(PowerLaw(1000)) == edges_of(PowerLaw(1000))).all()
    assert (edges_of(PowerLaw(1000)) != edges_of(PowerLaw(1000, seed=1))).any()


def test_a_graph_too_small_for_a_power_law_is_one_sentence() -> None:
    with pytest.raises(KgError, match="give 100 or more"):
        PowerLaw(99)


def test_every_cypher_form_draws_what_the_fan_out_allows(store: GraphStore) -> None:
    graph = PowerLaw(3000)
    load(store, graph)
    seeds = np.argsort(graph.in_degrees)[::-1][:60:3]
    expected = int(np.minimum(graph.in_degrees[seeds], 7).sum())
    forms = list((forms_on_neo4j if "://" in store.uri else forms_on_embedded)(store, [7]))
    assert len(forms) >= 2
    for form in forms:
        assert form.draw([f"b:{seed}" for seed in seeds]) == expected, form.name


def test_ratios_are_the_least_over_all_graphs() -> None:
    rows = [
        Row(OURS, "projection", 2_000_000, 512, 300.0),
        Row(LOADER, "projection", 2_000_000, 512, 100.0),
        Row("some Cypher", "embedded", 2_000_000, 512, 1.0),
        Row(OURS, "projection", 34_000_000, 512, 200.0),
        Row(LOADER, "projection", 34_000_000, 512, 20.0),
        Row(LIVE, "neo4j", 34_000_000, 512, 4.0),
    ]
    assert over(rows, lambda row: row.sampler == LOADER) == 3.0
    assert over(rows, lambda row: row.store != "projection") == 50.0
    assert fall(rows) == 1.5
    assert over(rows[:1], lambda row: row.sampler == LOADER) is None
    assert fall(rows[:3]) is None
    assert "microseconds" in plot(rows).to_json()
