"""Classes without a training picture, hypernyms and glosses: held to a scorer that knows, and to guessing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from kgstore import open_store
from kgstore.values import SPLITS
from model.classes import classed_pictures
from model.held_out import NothingToMeasure
from model.predict import Predictor
from model.retrieval import average_precision, chance_precision
from model.taxonomy import Explained, View, answered, evaluate_taxonomy, explained, questions
from tests.trained_world import trained_world

#: Two animals, one of which no training picture shows, and two vehicles; a picture of each class but the last.
ANIMALS = Explained(
    rows=np.arange(3),
    classes=np.arange(4),
    truth=np.eye(4, dtype=bool)[:3],
    unseen=np.array([False, True, True, False]),
    hypernyms=np.array([4, 5]),
    above=np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool),
    glosses=np.arange(6, 10),
    meaning=np.eye(4, dtype=bool),
)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    world = trained_world(tmp_path_factory.getbasetemp() / "trained")
    with open_store(world.store) as store:
        yield Predictor(world.knowledge_clip, store, progress=False)


def test_a_model_that_knows_every_name_gets_everything() -> None:
    one = np.eye(4)
    leaf = np.hstack([one, np.zeros((4, 2))])
    hypernym = np.hstack([np.zeros((4, 4)), ANIMALS.above])
    of_hypernym = View(leaf[:3], hypernym[:3], leaf[:3], leaf, np.unique(hypernym, axis=0)[::-1], leaf)
    found = {name: answered(name, *asked) for name, asked in questions(ANIMALS, of_hypernym).items()}
    assert {value for value, _ in found.values()} == {1.0}
    assert found["unseen_top1"][1] == 1 / 2
    assert found["unseen_top1_of_all"][1] == 1 / 4
    assert found["above_top1"][1] == 1 / 6


def test_an_unseen_class_is_asked_for_among_unseen_ones_only() -> None:
    pictures = np.array([[1.0, 0, 0, 0], [0.9, 0.5, 0, 0.8], [0, 0.3, 0.2, 0]])  # the second prefers two seen classes
    nothing = np.zeros((3, 4))
    asked = questions(ANIMALS, View(pictures, nothing, nothing, np.eye(4), np.zeros((2, 4)), np.eye(4)))
    assert answered("unseen_top1", *asked["unseen_top1"])[0] == 1 / 2
    assert answered("unseen_top1_of_all", *asked["unseen_top1_of_all"])[0] == 0
    assert answered("seen_top1_of_all", *asked["seen_top1_of_all"])[0] == 1


def test_chance_is_what_random_scores_find() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((2, 30), bool)
    truth[0, :12] = truth[1, 5:8] = True
    found = [average_precision(rng.random(truth.shape), *np.nonzero(truth)) for _ in range(2000)]
    assert np.mean(found) == pytest.approx(chance_precision(truth), abs=0.01)


def test_what_is_above_a_kind_and_what_it_means_is_read_from_the_graph(subject: Predictor) -> None:
    classed = classed_pictures(subject, "DEPICTS")
    assert classed is not None
    first = classed.class_ == 0
    unseen = replace(classed, split=np.where(first, SPLITS.index("test"), classed.split).astype(np.uint8))
    told, projection = explained(subject.projection, unseen, "test"), subject.projection
    assert told.classes[told.unseen].tolist() == [classed.entities[0]]
    assert told.of_unseen.sum() == len(np.unique(classed.picture[first]))
    for entities, table, relation in ((told.hypernyms, told.above, "IS_A"), (told.glosses, told.meaning, "HAS_GLOSS")):
        number = subject.relation_number(relation)
        for row, entity in enumerate(told.classes.tolist()):
            tails = set(projection.tail[(projection.head == entity) & (projection.relation == number)].tolist())
            assert set(entities[table[row]].tolist()) == tails & set(entities.tolist())
        assert len(entities)


def test_a_drawn_world_is_asked_for_its_hypernyms_and_glosses(subject: Predictor) -> None:
    figures = evaluate_taxonomy(subject)
    for space in ("towers", "fused", "asked", "chance"):
        for measure in ("hypernym_map", "gloss_map", "gloss_top1", "class_top1", "above_top1", "seen_top1_of_all"):
            assert 0 <= figures[f"{space}/{measure}"] <= 100
    assert figures["unseen/pictures"] == 0
    assert "towers/unseen_top1" not in figures
    with pytest.raises(NothingToMeasure, match="no valid pictures with classes"):
        evaluate_taxonomy(subject, "valid")
