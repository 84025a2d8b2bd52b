"""Classes without a training picture, hypernyms and glosses: held to a scorer that knows, and to guessing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, Triple, open_store
from kgstore.projecting import project
from kgstore.recipes import load_recipe
from model.evaluate import Asked, asked_about
from model.held_out import NothingToMeasure
from model.predict import Predictor
from model.retrieval import average_precision, chance_precision
from model.taxonomy import Explained, View, answered, class_pairs, evaluate_taxonomy, explained, questions
from tests.trained_world import trained_world

#: Two animals, one of which no training picture shows, and two vehicles; a picture of each class but the last.
ANIMALS = Explained(
    pictures=np.arange(10, 13),
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
    found = [average_precision(rng.random(truth.shape), *np.nonzero(truth)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(chance_precision(truth), abs=0.01)


def test_what_is_above_a_class_and_what_it_means_is_read_from_the_graph(tmp_path: Path) -> None:
    """A pug is a dog and by that a carnivore, as a cat is; of the pug there is no training picture."""
    is_a = {"pug": "dog", "collie": "dog", "dog": "carnivore", "cat": "carnivore", "cup": "ware", "pen": "ware"}
    entities = [Entity(f"m:{name}", "concept", name) for name in {*is_a, *is_a.values()}]
    triples = [Triple(f"m:{low}", "IS_A", f"m:{high}") for low, high in is_a.items()]
    for name in ("pug", "collie", "cat", "cup", "pen"):
        entities.append(Entity(f"m:{name}/gloss", "phrase", f"what a {name} means"))
        triples.append(Triple(f"m:{name}", "HAS_GLOSS", f"m:{name}/gloss"))
        for split in ("test",) if name == "pug" else ("train", "test"):
            entities.append(Entity(f"m:{name}/{split}", "image", images=("m/a.png",), split=split))
            triples.append(Triple(f"m:{name}/{split}", "IMAGE_OF", f"m:{name}", split=split))
    with open_store(tmp_path / "graph") as store:
        store.write(entities, triples)
        recipe = load_recipe("all", {"splits": ["train", "test"]})
        projection = project(store, recipe, tmp_path / "projection")
    told = explained(projection, "IMAGE_OF", *class_pairs(projection, "IMAGE_OF", "test"))
    names = [id_[2:] for id_ in projection.entity_ids(told.classes)]
    assert names == ["cat", "collie", "cup", "pen", "pug"]
    assert projection.entity_ids(told.pictures) == [f"m:{name}/test" for name in names]
    assert (told.truth == np.eye(5, dtype=bool)).all()
    assert told.unseen.tolist() == [False, False, False, False, True]
    # a carnivore is more than half of the classes
    assert projection.entity_ids(told.hypernyms) == ["m:dog", "m:ware"]
    assert told.above.T.tolist() == [[False, True, False, False, True], [False, False, True, True, False]]
    assert projection.entity_ids(told.glosses) == [f"m:{name}/gloss" for name in names]
    assert (told.meaning == np.eye(5, dtype=bool)).all()


def test_a_drawn_world_is_asked_for_its_hypernyms_and_glosses(subject: Predictor) -> None:
    figures = evaluate_taxonomy(subject)
    for space in ("towers", "fused", "asked", "chance"):
        for measure in ("hypernym_map", "gloss_map", "gloss_top1", "class_top1", "above_top1", "seen_top1_of_all"):
            assert 0 <= figures[f"{space}/{measure}"] <= 100
    assert figures["unseen/pictures"] == 0
    assert "towers/unseen_top1" not in figures
    only = asked_about(subject.projection, ["taxonomy"], Asked())
    assert only is not None
    assert len(only) < subject.projection.entity_count / 4
    few = Predictor(subject.run, subject.projection, only=only, progress=False)
    assert evaluate_taxonomy(few) == pytest.approx(figures, abs=0.01)
    with pytest.raises(NothingToMeasure, match="no valid pictures with classes"):
        evaluate_taxonomy(subject, "valid")
