"""Corrupted triples are false in every split, evenly drawn, of the right type if asked, none where none is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.sampler import BadSampling, Sampler
from tests.chi_square import critical


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """Forty entities; s:00 is LIKEd by all others, of which some are held out; few stand in the relation OF."""
    folder = tmp_path_factory.mktemp("negatives")
    ids = [f"s:{number:02}" for number in range(40)]
    triples = [Triple(id_, "LIKES", ids[0], split="test" if at % 3 else "train") for at, id_ in enumerate(ids) if at]
    triples += [Triple(ids[head], "OF", ids[tail]) for head, tail in ((1, 10), (2, 11), (3, 12), (3, 10))]
    with open_store(folder / "graph") as store:
        store.write([Entity(id_) for id_ in ids], triples)
        recipe = load_recipe("all", {"splits": ["train", "test"]})
        return project(store, recipe, folder / "projection")


@pytest.mark.parametrize("typed", [False, True])
def test_corrupted_triples_are_false_in_every_split(projection: Projection, typed: bool) -> None:
    sampler = Sampler(projection, batch_size=12, fanout=(), negatives=5, typed_negatives=typed, seed=1)
    types = [relation.type for relation in projection.relations]
    domain = {"OF": ({1, 2, 3}, {10, 11, 12}), "LIKES": (set(range(3, 40, 3)), {0})}
    for step in range(20):
        sample = sampler.sample(step)
        drawn = sample.negatives
        assert drawn is not None
        assert drawn.head.shape == drawn.tail.shape == (12, 5)
        triples = zip(sample.head, sample.relation, sample.tail, drawn.head, drawn.tail, strict=True)
        for head, relation, tail, heads, tails in triples:
            assert not projection.contains(heads[heads >= 0], relation, tail).any()
            assert not projection.contains(head, relation, tails[tails >= 0]).any()
            if types[relation] == "LIKES":  # every other entity likes s:00, so s:00 itself is the one false head
                assert set(heads.tolist()) == ({-1} if typed else {0})
            if typed:
                allowed = domain[types[relation]]
                assert set(heads.tolist()) <= allowed[0] | {-1}
                assert set(tails.tolist()) <= allowed[1] | {-1}


def test_all_false_tails_are_as_likely(projection: Projection) -> None:
    sampler = Sampler(projection, batch_size=4, shares={"OF": 1.0}, fanout=(), negatives=50)
    first = int(projection.numbers(["s:01"])[0])
    counts = np.zeros(40)
    for step in range(200):
        sample = sampler.sample(step)
        assert sample.negatives is not None
        tails = sample.negatives.tail[sample.head == first]
        counts += np.bincount(tails.ravel(), minlength=40)
    assert counts[10] == 0
    false = np.delete(counts, 10)
    expected = false.sum() / 39
    assert expected == 200 * 50 / 39
    assert ((false - expected) ** 2 / expected).sum() < critical(38)


def test_negatives_below_none_are_refused(projection: Projection, tmp_path: Path) -> None:
    with pytest.raises(BadSampling, match="negatives"):
        Sampler(projection, batch_size=4, negatives=-1)
    assert Sampler(projection, batch_size=4).sample(0).negatives is None
