"""Batches are a function of seed and step; neighbourhoods are exact, evenly drawn, and never tell the answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection, open_projection
from kgstore.recipes import load_recipe
from model.batch import TripleSample
from model.neighbours import draw_evenly
from model.permutation import Purpose, mix, permuted, uniform
from model.sampler import BadSampling, Sampler
from tests.chi_square import critical
from tests.sampling_graph import random_graph

ALL = 10**9


@pytest.fixture(scope="module")
def projections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Projection]:
    folder = tmp_path_factory.mktemp("sampling")
    (folder / "pictures").mkdir()
    with open_store(folder / "graph") as store:
        random_graph().load(store, folder / "pictures")
        return {
            "train": project(store, load_recipe("all"), folder / "train"),
            "all splits": project(store, load_recipe("all", {"splits": ["train", "valid", "test"]}), folder / "all"),
            "held out": project(store, load_recipe("all", {"splits": ["test"]}), folder / "test"),
        }


@pytest.fixture
def projection(projections: dict[str, Projection]) -> Projection:
    return projections["train"]


def edges(sample: TripleSample) -> list[tuple[int, int, int]]:
    drawn = sample.neighbourhood
    return list(zip(drawn.head.tolist(), drawn.relation.tolist(), drawn.tail.tolist(), strict=True))


def triples(sample: TripleSample) -> list[tuple[int, int, int]]:
    return list(zip(sample.head.tolist(), sample.relation.tolist(), sample.tail.tolist(), strict=True))


def same(first: TripleSample, second: TripleSample) -> bool:
    return triples(first) == triples(second) and edges(first) == edges(second)


def test_the_same_seed_and_step_give_the_same_batch(projection: Projection) -> None:
    def sampler(seed: int) -> Sampler:
        again = open_projection(projection.directory)
        return Sampler(again, batch_size=32, shares={"IMAGE_OF": 0.5}, fanout=(3, 2), seed=seed)

    first, second = sampler(1), sampler(1)
    for step in (0, 1, 5, 4, 1000):  # in whatever order
        assert same(first.sample(step), second.sample(step))
    assert not same(first.sample(0), first.sample(1))
    assert not same(first.sample(0), sampler(2).sample(0))
    for field in fields(TripleSample):
        if field.name in ("head", "relation", "tail"):
            assert getattr(first.sample(0), field.name).dtype == np.int64


@pytest.mark.parametrize("which", ["train", "all splits"])
@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_neighbourhood_is_the_whole_one_when_the_fanout_exceeds_the_degree(
    projections: dict[str, Projection], which: str, hops: int
) -> None:
    projection = projections[which]
    sampler = Sampler(projection, batch_size=16, fanout=(ALL,) * hops, seed=3)
    learnt = [
        (h, r, t)
        for h, r, t, split in zip(
            projection.head.tolist(),
            projection.relation.tolist(),
            projection.tail.tolist(),
            projection.split.tolist(),
            strict=True,
        )
        if split == 0
    ]
    for step in range(20):
        sample = sampler.sample(step)
        own = set(triples(sample))
        assert own <= set(learnt)
        inverses = {(tail, head) for head, _, tail in own}
        usable = [(h, r, t) for h, r, t in learnt if (h, r, t) not in own and (h, t) not in inverses]
        wanted: set[tuple[int, int, int]] = set()
        met = frontier = set(sample.tail.tolist())
        for _ in range(hops):
            reached = {edge for edge in usable if edge[2] in frontier}
            wanted |= reached
            frontier = {head for head, _, _ in reached} - met
            met = met | frontier
        drawn = edges(sample)
        assert len(drawn) == len(set(drawn))
        assert set(drawn) == wanted


def test_a_fanout_bounds_the_edges_of_each_entity(projection: Projection) -> None:
    sampler = Sampler(projection, batch_size=64, fanout=(3, 2), seed=0)
    for step in range(20):
        sample = sampler.sample(step)
        drawn = edges(sample)
        assert len(drawn) == len(set(drawn))
        assert not set(drawn) & set(triples(sample))
        assert not {(t, h) for h, _, t in drawn} & {(h, t) for h, _, t in triples(sample)}
        per_tail = Counter(tail for _, _, tail in drawn)
        tails = set(sample.tail.tolist())
        assert max(per_tail[tail] for tail in tails) == 3
        assert max(count for tail, count in per_tail.items() if tail not in tails) <= 2
        assert projection.contains(*(np.array(column) for column in zip(*drawn, strict=True))).all()


def test_every_set_of_edges_is_as_likely_as_any_other() -> None:
    # four entities of 10, 0, 30 and 3 edges; some are left out
    offsets, excluded, fanout, draws = np.array([0, 10, 10, 40, 43]), np.array([2, 3, 9, 12, 39]), 4, 20_000
    counts = np.zeros(43)
    sets: Counter[tuple[int, ...]] = Counter()
    entities = np.array([2, 0, 3, 1])
    for key in mix(np.arange(draws)):
        edges, tails = draw_evenly(offsets, entities, entities, fanout, excluded, key)
        assert (np.searchsorted(offsets, edges, side="right") - 1 == tails).all()
        counts[edges] += 1
        sets[tuple(sorted(edges[edges < 10].tolist()))] += 1
    assert not counts[excluded].any()
    assert (counts[40:] == draws).all()
    for first, last in ((0, 10), (10, 40)):
        free = np.setdiff1d(np.arange(first, last), excluded)
        inclusion = fanout / len(free)
        statistic = ((counts[free] - draws * inclusion) ** 2).sum() / (draws * inclusion * (1 - inclusion))
        assert statistic * (len(free) - 1) / len(free) < critical(len(free) - 1)
    expected = draws / 35  # sets of 4 out of 7
    assert len(sets) == 35
    assert sum((count - expected) ** 2 / expected for count in sets.values()) < critical(34)


def test_batches_draw_every_triple_evenly_and_once_an_epoch(projection: Projection) -> None:
    sampler = Sampler(projection, batch_size=50, fanout=(), seed=5)
    steps = projection.edge_count // 50
    counts: Counter[tuple[int, int, int]] = Counter()
    epochs = 200
    for epoch in range(epochs):
        drawn = [
            triple for step in range(epoch * steps, (epoch + 1) * steps) for triple in triples(sampler.sample(step))
        ]
        assert len(drawn) == len(set(drawn)) == steps * 50
        counts.update(drawn)
    inclusion = steps * 50 / projection.edge_count
    assert len(counts) == projection.edge_count
    spread = sum((count - epochs * inclusion) ** 2 for count in counts.values())
    if inclusion < 1:
        statistic = spread / (epochs * inclusion * (1 - inclusion)) * (len(counts) - 1) / len(counts)
        assert statistic < critical(len(counts) - 1)
    sample = sampler.sample(0)
    assert edges(sample) == []


def test_shares_set_the_mixture_and_pictures_come_once_a_batch(projection: Projection) -> None:
    types = np.array([relation.type for relation in projection.relations])
    sampler = Sampler(projection, batch_size=40, shares={"IMAGE_OF": 0.5, "IS_A": 0.25}, fanout=(2,), seed=5)
    pictures: Counter[int] = Counter()
    held = np.unique(projection.head[types[projection.relation] == "IMAGE_OF"])
    steps = len(held) // 20
    for step in range(steps):
        sample = sampler.sample(step)
        counts = Counter(types[sample.relation].tolist())
        assert (counts["IMAGE_OF"], counts["IS_A"], counts.total()) == (20, 10, 40)
        heads = sample.head[types[sample.relation] == "IMAGE_OF"]
        assert len(set(heads.tolist())) == 20
        pictures.update(heads.tolist())
    assert max(pictures.values()) == 1


def test_a_share_larger_than_its_group_takes_it_in_turns(projections: dict[str, Projection]) -> None:
    projection = projections["train"]
    types = np.array([relation.type for relation in projection.relations])
    group = (types[projection.relation] == "ON").sum()
    sampler = Sampler(projection, batch_size=int(group) * 3, shares={"ON": 1.0}, fanout=(), seed=0)
    assert set(Counter(triples(sampler.sample(4))).values()) == {3}


def test_source_shares_set_the_mixture_of_sources(tmp_path: Path) -> None:
    sizes = {"small": 30, "large": 400, "other": 90}
    ids = [f"s:{number}" for number in range(60)]
    pairs = [(head, tail) for head in ids for tail in ids if head != tail]
    triples = []
    for source, size in sizes.items():
        for at in range(size):
            head, tail = pairs.pop()
            triples.append(Triple(head, ("IS_A", "NEAR")[at % 5 == 0], tail, sources=(source,)))
    with open_store(tmp_path / "graph") as store:
        store.write([Entity(id_) for id_ in ids], triples)
        projection = project(store, load_recipe("all"), tmp_path / "projection")
    types = np.array([relation.type for relation in projection.relations])
    sources = np.array(projection.sources)
    sampler = Sampler(
        projection, batch_size=20, shares={"NEAR": 0.2}, source_shares={"small": 0.5, "large": 0.2}, fanout=()
    )
    for step in range(30):
        sample = sampler.sample(step)
        place = np.searchsorted(projection.keys, projection.packed(sample.head, sample.relation, sample.tail))
        drawn = zip(sources[projection.source[place]].tolist(), types[sample.relation].tolist(), strict=True)
        counts = Counter(source if type_ != "NEAR" else type_ for source, type_ in drawn)
        assert counts == {"small": 10, "large": 4, "other": 2, "NEAR": 4}
        assert len({*zip(sample.head.tolist(), sample.relation.tolist(), sample.tail.tolist(), strict=True)}) == 20
    with pytest.raises(BadSampling, match="1 or less"):
        Sampler(projection, batch_size=20, shares={"NEAR": 0.6}, source_shares={"small": 0.5})
    with pytest.raises(BadSampling, match="nobody"):
        Sampler(projection, batch_size=20, source_shares={"nobody": 0.5})


def test_choices_of_different_purpose_are_independent() -> None:
    """The order of a batch and the choice of captions once came from one stream of numbers."""
    order = permuted(np.arange(4096), 4096, (Purpose.SHUFFLE, 3, 9))
    captions = uniform(Purpose.CAPTION, 0, 3, 9, np.arange(4096))
    assert abs(np.corrcoef(order, captions)[0, 1]) < 0.06


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fanout": (3, 0)}, "fanout"),
        ({"batch_size": 0}, "batch_size"),
        ({"shares": {"NOT_THERE": 0.5}}, "NOT_THERE"),
        ({"shares": {"IS_A": 0.8, "PART_OF": 0.4}}, "1 or less"),
    ],
)
def test_a_way_of_sampling_that_cannot_be_is_refused(
    projection: Projection, options: dict[str, object], said: str
) -> None:
    with pytest.raises(BadSampling, match=said):
        Sampler(projection, **{"batch_size": 8, **options})  # type: ignore[arg-type]


def test_a_projection_without_training_triples_is_refused(projections: dict[str, Projection]) -> None:
    with pytest.raises(BadSampling, match="no triple for training"):
        Sampler(projections["held out"], batch_size=8)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 1000, 4097])
def test_a_keyed_permutation_is_one(size: int) -> None:
    places = permuted(np.arange(size), size, (1, 2))
    assert sorted(places.tolist()) == list(range(size))


def test_keyed_permutations_are_all_as_likely() -> None:
    seen = Counter(tuple(permuted(np.arange(4), 4, (3, key)).tolist()) for key in range(24_000))
    assert len(seen) == 24
    assert sum((count - 1000) ** 2 / 1000 for count in seen.values()) < critical(23)


def test_hashed_numbers_are_spread_evenly() -> None:
    numbers = uniform(0, 7, np.arange(100_000))
    counts = np.bincount((numbers * 64).astype(int), minlength=64)
    assert (((counts - 100_000 / 64) ** 2) / (100_000 / 64)).sum() < critical(63)
