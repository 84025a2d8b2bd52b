"""Probes of relations, attributes and word order: their sentences are true and false as the graph says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.load import load
from ingest.visual_genome import read_visual_genome
from kgstore import Entity, Relation, Source, Triple, open_store
from kgstore.projection import Projection
from model.predict import everything
from model.probes import attribute_probe, sentence_scores
from model.scene_graph import SceneGraph
from model.scene_probes import attributed, related, with_article
from model.spaces import Space
from model.word_order import ORDERS, reordered

SLICE = Path(__file__).parent.parent.parent / "shared" / "data" / "visual-genome"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """A test picture: a red cube left of a blue ball, on a green mat, next to a lamp; and a chair and a table."""
    things = {"cube": "red", "ball": "blue", "mat": "green", "lamp": "", "chair": "blue", "table": "red"}
    regions = {name: f"s:region/{name}" for name in things}
    entities = [
        Entity("s:image", "image", split="test", images=("s/1.png",)),
        *(Entity(id_, "region", split="test", images=("s/1.png#xywh=0,0,8,8",)) for id_ in regions.values()),
        *(Entity(f"s:{word}", name=word) for word in {*things, *things.values()} if word),
    ]
    told = [
        *((regions[name], "PART_OF", "s:image") for name in things),
        *((regions[name], "DEPICTS", f"s:{name}") for name in things),
        *((regions[name], "HAS_ATTRIBUTE", f"s:{colour}") for name, colour in things.items() if colour),
        (regions["cube"], "LEFT_OF", regions["ball"]),
        (regions["cube"], "ON", regions["mat"]),
        (regions["cube"], "NEXT_TO", regions["lamp"]),
        (regions["chair"], "HOLDS", regions["table"]),
        (regions["table"], "HOLDS", regions["chair"]),
    ]
    catalogue = [Relation(type_, type_.lower().replace("_", " ")) for type_ in dict.fromkeys(t for _, t, _ in told)]
    folder = tmp_path_factory.mktemp("scene")
    with open_store(folder / "graph.db") as store:
        store.write(entities, [Triple(h, r, t, split="test") for h, r, t in told], catalogue, Source("s"))
        return everything(store, folder, progress=False)


def test_a_relation_is_asked_against_its_swap_where_the_swap_is_false(scene: Projection) -> None:
    found = {each.forms[0]: each for each in related(scene, "test")}
    assert set(found) == {
        "a cube left of a ball",
        "a cube on a mat",
    }  # not what is next to it, nor what holds both ways
    assert found["a cube left of a ball"].forms == (
        "a cube left of a ball",
        "a ball right of a cube",
        "a ball left of a cube",
        "a cube right of a ball",
    )
    assert found["a cube left of a ball"].mirrored
    assert not found["a cube on a mat"].mirrored
    assert found["a cube on a mat"].forms[2] == "a mat on a cube"
    assert related(scene, "valid") == []


def test_attributes_are_swapped_between_things_that_do_not_share_them(scene: Projection) -> None:
    found = {each.forms for each in attributed(scene, "test")}
    true = ("a blue ball and a red cube", "a red cube and a blue ball")
    assert (*true, "a red ball and a blue cube", "a blue cube and a red ball") in found
    assert not any("blue ball and a blue chair" in form for forms in found for form in forms)
    assert attributed(scene, "train") == []


def test_a_scorer_that_sees_the_attributes_wins_both_orders_and_one_that_likes_a_word_neither() -> None:
    assert set(attribute_probe(np.array([[0.9, 0.8, 0.2, 0.1]] * 3)).values()) == {1.0}
    likes_the_first = attribute_probe(np.array([[1.0, 0.0, 0.0, 1.0]]))
    assert likes_the_first["swap"] == 0.5
    assert likes_the_first["all"] == 0.0


def test_sentences_are_scored_with_their_picture_and_with_the_average_one() -> None:
    words = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
    space = Space(np.eye(2), lambda texts: np.array([words[text] for text in texts]))
    own, average = sentence_scores(space, np.array([1, 0, 0]), [("a", "b"), ("b", "a"), ("b", "b")])
    assert own.tolist() == [[0, 1], [0, 1], [0, 0]]
    assert (average == 0.5).all()


def test_reordered_captions_are_the_same_words_in_another_order() -> None:
    caption = "Two dogs run after a red ball on the beach ."
    forms = reordered(caption)
    assert forms is not None
    assert forms == reordered(caption)
    assert forms[0] == "two dogs run after a red ball on the beach"
    assert len(forms) == 1 + len(ORDERS)
    assert len({tuple(sorted(form.split())) for form in forms}) == 1
    assert forms[0] not in forms[1:]
    trigrams = forms[1 + [*ORDERS].index("trigrams")]
    assert "two dogs run" in trigrams
    assert "after a red" in trigrams


@pytest.mark.parametrize("caption", ["a red cube", "dog dog dog dog", ""])
def test_captions_whose_order_says_nothing_are_not_asked(caption: str) -> None:
    assert reordered(caption) is None


@pytest.mark.skipif(not SLICE.is_dir(), reason="the real slices are not here")
def test_on_visual_genome_no_false_sentence_is_known_to_be_true(tmp_path: Path) -> None:
    with open_store(tmp_path / "graph.db") as store:
        load(store, read_visual_genome(SLICE, split="test"), progress=False)
        projection = everything(store, tmp_path, progress=False)
    scene = SceneGraph(projection)
    asked, pairs = related(projection, "test"), attributed(projection, "test")
    assert len(asked) > 500
    assert len(pairs) > 100
    true = {
        (scene.picture(int(head)), f"{with_article(a)} {projection.relations[int(relation)].text} {with_article(b)}")
        for head, relation, tail in zip(projection.head, projection.relation, projection.tail, strict=True)
        for a in scene.names(int(head))
        for b in scene.names(int(tail))
    }
    for each in asked:
        assert (each.picture, each.forms[0]) in true
        assert (each.picture, each.forms[2]) not in true
