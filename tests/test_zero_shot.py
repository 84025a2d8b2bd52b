"""Zero-shot classes and the linear probe: held to worked numbers, a scorer that knows, and scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from kgstore import open_store
from kgstore.command import WrongCall
from kgstore.values import SPLITS
from model.classes import classed_pictures
from model.held_out import NothingToMeasure
from model.linear_probe import PENALTIES, chosen_penalty, evaluate_linear_probe, fit
from model.predict import Predictor
from model.spaces import Space
from model.templates import EIGHTY, SEVEN, sentences, templates_of
from model.zero_shot import class_vectors, evaluate_zero_shot
from tests.trained_world import trained_world


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    world = trained_world(tmp_path_factory.getbasetemp() / "trained")
    with open_store(world.store) as store:
        yield Predictor(world.knowledge_clip, store, progress=False)


def test_a_class_is_the_mean_of_its_sentences() -> None:
    told = {"a cat": [1.0, 0.0], "the cat": [0.0, 1.0], "a dog": [-1.0, 0.0], "the dog": [-1.0, 0.0]}

    def texts(some: Sequence[str]) -> np.ndarray:
        return np.array([told[text] for text in some])

    vectors = class_vectors(Space(np.zeros((0, 2)), texts), ["a {}", "the {}"], ["cat", "dog"])
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5], [-1.0, 0.0]])


def test_pictures_and_classes_are_those_the_graph_joins(subject: Predictor) -> None:
    projection, classed = subject.projection, classed_pictures(subject, "DEPICTS")
    assert classed is not None
    owners = subject.embeddings.pictures.owner[classed.rows[classed.picture]]
    found = set(zip(owners.tolist(), classed.entities[classed.class_].tolist(), strict=True))
    depicts = subject.relation_number("DEPICTS")
    edges = np.flatnonzero(projection.relation == depicts)
    assert found == set(zip(projection.head[edges].tolist(), projection.tail[edges].tolist(), strict=True))
    assert classed_pictures(subject, "IMAGE_OF") is None  # a caption is no class


def test_regions_of_a_drawn_world_are_classified_by_the_names_of_their_kinds(subject: Predictor) -> None:
    figures = evaluate_zero_shot(subject, templates=("a {}", "a picture of a {}"))
    classed = classed_pictures(subject, "DEPICTS")
    assert classed is not None
    assert figures["DEPICTS/pictures"] == (classed.split == SPLITS.index("test")).sum()
    assert figures["DEPICTS/classes"] == len(classed.entities)
    for space in ("towers", "fused", "asked"):
        assert 0 <= figures[f"DEPICTS/{space}/top1"] <= figures[f"DEPICTS/{space}/top5"] <= 100
    assert evaluate_zero_shot(subject, limit=3)["DEPICTS/pictures"] == 3
    with pytest.raises(NothingToMeasure, match="HAS_GLOSS to a concept"):
        evaluate_zero_shot(subject, relations=["HAS_GLOSS"])


def test_a_probe_on_features_that_tell_the_class_gets_every_picture(subject: Predictor) -> None:
    figures = evaluate_linear_probe(subject)
    assert figures["DEPICTS/towers/top1"] <= figures["DEPICTS/towers/top5"] <= 100
    assert figures["DEPICTS/majority/top1"] < 100
    labels = torch.arange(4).repeat(5)
    features = torch.eye(4, dtype=torch.float64)[labels]
    assert (fit(features, labels, 4, 1e-3).logits(features).argmax(1) == labels).all()


def test_the_probe_is_scikit_learns_logistic_regression() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(90, 6)), rng.integers(0, 3, 90)
    penalty = 1e-2
    theirs = LogisticRegression(C=1 / (penalty * len(labels)), tol=1e-9, max_iter=5000).fit(features, labels)
    ours = fit(torch.from_numpy(features), torch.from_numpy(labels), 3, penalty)
    chances = ours.logits(torch.from_numpy(features)).softmax(1).numpy()
    np.testing.assert_allclose(chances, theirs.predict_proba(features), atol=1e-4)


def test_the_penalty_is_the_one_that_does_best_on_the_valid_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(40, 30, generator=generator, dtype=torch.float64)
    labels = (clean[:, 0] > 0).long()
    noisy = torch.where(torch.rand(40, generator=generator) < 0.3, 1 - labels, labels)

    def right(penalty: float) -> float:
        return float((fit(clean, noisy, 2, penalty).logits(clean).argmax(1) == labels).double().mean())

    assert chosen_penalty(clean, noisy, clean, labels, 2) == max(PENALTIES, key=right)  # the first, strongest of equals


def test_templates_are_clips_or_ones_own(tmp_path: Path) -> None:
    assert templates_of("clip-7") == SEVEN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what open_clip imports
        eighty = templates_of(EIGHTY)
    assert len(eighty) == 80
    assert set(SEVEN) <= set(eighty)
    own = tmp_path / "own.txt"
    own.write_text("a drawing of a {}\n\none {} more\n", encoding="utf-8")
    assert sentences(templates_of(str(own)), ["cat", "dog"])[2:] == ["a drawing of a dog", "one dog more"]
    own.write_text("no place\n", encoding="utf-8")
    for wrong, said in ((str(own), "each with one {}"), ("clip-9", "neither an ensemble")):
        with pytest.raises(WrongCall, match=said):
            templates_of(wrong)
