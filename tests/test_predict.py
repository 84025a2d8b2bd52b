"""What a run says about a graph: the same as the network says when asked by hand, and told apart from what is known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kgstore import GraphStore, open_store
from kgstore.command import run_command
from kgstore.errors import BadImage, UnknownEntity
from kgstore.images import open_picture
from model import predict
from model.embed import NoFusion, entities_fingerprint
from model.embeddings import Embeddings, Rows, unit
from model.predict import Predictor, UnknownRelation
from model.track import BadRun
from tests.trained_world import World, trained_world

PICTURE = "world:image/train-00000"
TEST_PICTURE = "world:image/test-00000"
CUBE = "world:concept/cube"
BLICK = "world:concept/blick"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return trained_world(tmp_path_factory.getbasetemp() / "trained")


@pytest.fixture(scope="module")
def store(world: World) -> Iterator[GraphStore]:
    with open_store(world.store) as store:
        yield store


@pytest.fixture(scope="module")
def both(world: World, store: GraphStore) -> Predictor:
    return Predictor(world.knowledge_clip, store, progress=False)


@pytest.fixture(scope="module")
def clip(world: World, store: GraphStore) -> Predictor:
    return Predictor(world.clip, store, progress=False)


def random_rows(rng: np.random.Generator, entities: int, rows: int, width: int) -> Rows:
    owner = np.sort(rng.integers(0, entities, rows))
    place = np.arange(rows) - np.searchsorted(owner, owner)
    return Rows(owner, place, unit(rng.normal(size=(rows, width)).astype(np.float32)))


def test_an_entity_scores_as_its_best_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.embeddings.ROWS_AT_ONCE", 7)  # many parts, which cut entities in two
    rng = np.random.default_rng(0)
    embeddings = Embeddings(30, random_rows(rng, 30, 40, 5), random_rows(rng, 30, 25, 5))
    queries = rng.normal(size=(4, 5)).astype(np.float32)
    expected = np.full((4, 30), -np.inf, np.float32)
    for rows in (embeddings.pictures, embeddings.texts):
        for owner, vector in zip(rows.owner, rows.pooled, strict=True):
            for i, query in enumerate(queries):
                expected[i, owner] = max(expected[i, owner], vector @ query / np.linalg.norm(query))
    np.testing.assert_allclose(embeddings.scores(queries, "pooled"), expected, rtol=1e-5)
    assert np.isinf(expected).any()


def test_embeddings_come_back_from_their_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    embeddings = Embeddings(9, random_rows(rng, 9, 12, 4), random_rows(rng, 9, 3, 4))
    embeddings.save(tmp_path / "there")
    found = Embeddings.open(tmp_path / "there", 9)
    queries = rng.normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_array_equal(found.scores(queries, "pooled"), embeddings.scores(queries, "pooled"))
    assert found.texts.fused is None


def test_tails_are_the_cosines_of_the_paper(both: Predictor) -> None:
    model, tokenizer = both.trained.model, both.trained.tokenizer

    def texts(*words: str) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, lengths = tokenizer.encode(words, 32)
        return torch.from_numpy(tokens), torch.from_numpy(lengths)

    answers = {answer.id: answer.score for answer in both.tails(BLICK, "SYNONYM", 1000, ("concept",))}
    with torch.inference_mode():
        relation = model.encode_relations(*texts("synonym"))
        heads = [model.encode_texts(*texts(text)).elements for text in ("blick", "a blick", "a picture of a blick")]
        asked = [torch.nn.functional.normalize(model.represent(head, relation), dim=-1) for head in heads]
        question = torch.cat(asked).mean(0)
        tail = model.represent(tail=model.encode_texts(*texts("crimson")).elements)[0]
    expected = torch.cosine_similarity(question, tail, dim=0).item()
    assert answers["world:concept/crimson"] == pytest.approx(expected, abs=1e-5)


def test_tails_come_best_first_without_the_head_and_of_the_kinds_the_relation_leads_to(both: Predictor) -> None:
    answers = both.tails(CUBE, "IS_A", 1000)
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    ids = {answer.id for answer in answers}
    assert CUBE not in ids
    assert BLICK in ids
    assert all(id_.startswith("world:concept/") for id_ in ids)
    assert both.tails(CUBE, "IS_A", 3) == answers[:3]
    assert both.tails(CUBE, "IS_A", 1, ("caption",))[0].id.startswith("world:caption/")


def test_known_answers_are_marked(both: Predictor) -> None:
    known = {answer.id for answer in both.tails(CUBE, "IS_A", 1000) if answer.known}
    assert known == {"world:concept/solid"}


def test_a_projection_alone_is_enough_to_ask(both: Predictor, world: World) -> None:
    alone = Predictor(world.knowledge_clip, both.projection, progress=False)
    assert alone.tails(CUBE, "IS_A", 1000) == both.tails(CUBE, "IS_A", 1000)
    assert "world:concept/solid" not in {triple.tail for triple in alone.propose([CUBE], "IS_A", top=1000)}


def test_a_relation_may_be_named_by_its_words(both: Predictor) -> None:
    assert both.tails(CUBE, "is a", 5) == both.tails(CUBE, "IS_A", 5)


def test_a_picture_from_outside_answers_as_the_same_picture_in_the_graph(both: Predictor) -> None:
    reference = both.projection.images(int(both.projection.numbers([PICTURE])[0]))[0]
    picture = open_picture(both.encoder.roots, reference)
    inside = {answer.id: answer.score for answer in both.tails(PICTURE, "IMAGE_OF", 20)}
    outside = {answer.id: answer.score for answer in both.tails(picture, "IMAGE_OF", 20)}
    assert outside == pytest.approx(inside, abs=1e-5)


def test_pictures_are_found_by_the_towers_as_clip_finds_them(clip: Predictor) -> None:
    answers = clip.search_pictures("a red cube", 1000, fused=False, kinds=("image",))
    model = clip.trained.model
    tokens, lengths = clip.trained.tokenizer.encode(["a red cube"], 32)
    with torch.inference_mode():
        text = model.towers.text(torch.from_numpy(tokens), torch.from_numpy(lengths)).pooled
    rows = clip.embeddings.pictures
    row = int(np.searchsorted(rows.owner, clip.projection.numbers([answers[0].id])[0]))
    assert answers[0].score == pytest.approx(float(rows.pooled[row] @ unit(text.numpy())[0]), abs=1e-5)
    assert len(answers) == (clip.projection.kinds == 2).sum()


def test_a_found_picture_is_one_of_its_entity(both: Predictor) -> None:
    for answer in both.search_pictures("a red cube", 20, kinds=("concept",)):
        assert answer.picture in both.projection.images(int(both.projection.numbers([answer.id])[0]))


def test_searching_by_the_fusion_asks_each_picture_for_its_caption(both: Predictor) -> None:
    fused = both.search_pictures("a blue ball", 5, fused=True, kinds=("image",))
    question = both.encoder.alone(both.encoder.texts(["a blue ball"]))
    for answer in fused:
        asked = both.encoder.questions(
            both.projection, both.projection.numbers([answer.id]), np.array([both.relation_number("IMAGE_OF")])
        )
        assert answer.score == pytest.approx(float(asked[0] @ question[0]), abs=1e-5)


def test_a_picture_that_cannot_be_opened_gives_a_sentence_and_no_answers(
    world: World, store: GraphStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = Predictor(world.knowledge_clip, store, images=[f"world={tmp_path}"], progress=False)
    with pytest.raises(BadImage, match="--images SOURCE=DIR"):
        moved.tails(PICTURE, "IS_A")
    assert [triple.head for triple in moved.propose([PICTURE, CUBE], "IS_A")] == [CUBE]
    assert PICTURE in capsys.readouterr().err


def test_pictures_that_were_missing_are_embedded_once_they_are_there(
    world: World, store: GraphStore, both: Predictor, tmp_path: Path
) -> None:
    moved = Predictor(world.knowledge_clip, store, images=[f"world={tmp_path}"], progress=False)
    assert not len(moved.embeddings.pictures.owner)
    assert len(both.embeddings.pictures.owner)


def test_similar_leaves_out_the_entity_itself(both: Predictor) -> None:
    answers = both.similar(PICTURE, 5)
    assert len(answers) == 5
    assert PICTURE not in {answer.id for answer in answers}
    assert both.similar(Image.new("RGB", (40, 20), "red"), 3)


def test_relations_between_two_entities_are_probabilities(both: Predictor) -> None:
    answers = both.relations_between(CUBE, "world:concept/solid", 100)
    assert sum(answer.probability for answer in answers) == pytest.approx(1, abs=1e-5)
    assert {answer.type for answer in answers} == set(both.trained.relations)
    assert answers[0].probability >= answers[-1].probability


def test_a_clip_alone_cannot_be_asked_by_a_relation_and_says_so(clip: Predictor) -> None:
    with pytest.raises(NoFusion, match="--objective knowledge-clip"):
        clip.tails(CUBE, "IS_A")
    with pytest.raises(NoFusion):
        clip.search_pictures("a red cube", fused=True)
    with pytest.raises(NoFusion):
        clip.relations_between(CUBE, BLICK)
    with pytest.raises(NoFusion):
        clip.propose([CUBE], "IS_A")


def test_what_the_graph_does_not_have_is_named(both: Predictor, world: World, store: GraphStore) -> None:
    with pytest.raises(UnknownRelation, match="no relation 'EATS'; it has ABOVE"):
        both.tails(CUBE, "EATS")
    with pytest.raises(UnknownEntity, match="world:nobody"):
        both.tails("world:nobody", "IS_A")
    with pytest.raises(BadRun, match="no run folder"):
        Predictor(world.pictures, store)


def test_proposals_are_new_and_say_where_they_come_from(both: Predictor) -> None:
    triples = both.propose([CUBE, TEST_PICTURE], "IS_A", top=3)
    assert [triple.head for triple in triples] == [CUBE] * 3 + [TEST_PICTURE] * 3
    assert "world:concept/solid" not in {triple.tail for triple in triples if triple.head == CUBE}
    for triple in triples:
        assert (triple.type, triple.origin, triple.run, triple.decision) == ("IS_A", "predicted", "both", "")
        assert triple.score is not None
        assert triple.when
    lowest = (triples[1].score or 0.0) - 1e-6  # one head alone is another batch, which moves the last digits
    assert len(both.propose([CUBE], "IS_A", top=3, min_score=lowest)) == 2


def test_what_was_decided_is_not_proposed_again(world: World, tmp_path: Path) -> None:
    own = world.with_own_store(tmp_path)
    with open_store(own.store) as store:
        predictor = Predictor(own.knowledge_clip, store, progress=False)
        first = predictor.propose([CUBE], "IS_A", top=3)
        assert store.propose(first).new_triples == 3
        store.decide(first[0].key, "accepted")
        store.decide(first[1].key, "rejected")
        again = predictor.propose([CUBE], "IS_A", top=3)
        assert first[2].tail == again[0].tail
        assert not {first[0].tail, first[1].tail} & {triple.tail for triple in again}
        marked = {answer.id: answer.known for answer in predictor.tails(CUBE, "IS_A", 1000)}
        assert [marked[triple.tail] for triple in first] == [True, False, False]


def test_embeddings_are_computed_once_and_outlive_a_decision(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = world.with_own_store(tmp_path)
    with open_store(own.store) as store:
        before = Predictor(own.knowledge_clip, store, progress=False)
        capfd.readouterr()
        triple = before.propose([CUBE], "IS_A")[0]
        store.propose([triple])
        store.decide(triple.key, "accepted")
        after = Predictor(own.knowledge_clip, store)
        assert "embedding entities" not in capfd.readouterr().err
        assert after.projection.edge_count == before.projection.edge_count + 1
        assert entities_fingerprint(after.projection) == entities_fingerprint(before.projection)


def test_heads_without_an_answer_come_first(both: Predictor) -> None:
    heads = both.heads("IS_A", 10_000)
    assert len(heads) == len(set(heads))
    number = both.relation_number("IS_A")
    asked = np.asarray(both.projection.relation) == number
    answered = set(both.projection.entity_ids(np.unique(both.projection.head[asked]).astype(np.int64)))
    states = [head in answered for head in heads]
    assert states == sorted(states)
    assert set(heads) >= answered
    assert not any(head.startswith("world:region") for head in heads)


def test_a_picture_that_is_gone_is_left_out_with_a_sentence(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = world.with_own_store(tmp_path)
    pictures = Path(shutil.copytree(world.pictures, tmp_path / "moved"))
    (pictures / "objects/train-00000.png").write_bytes(b"no picture")
    run = Path(shutil.copytree(world.knowledge_clip, tmp_path / "runs/both"))
    shutil.rmtree(run / "embeddings", ignore_errors=True)
    with open_store(own.store) as store:
        predictor = Predictor(run, store, images=[f"world={pictures}"], progress=False)
        assert "2 pictures were left out; the first: " in capfd.readouterr().err
        found = {answer.id for answer in predictor.search_pictures("a red cube", 1000)}
        assert TEST_PICTURE in found
        assert PICTURE not in found


def command(*arguments: str) -> int:
    return run_command(lambda: predict.main(arguments))


def test_the_command_ranks_and_writes(world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = world.with_own_store(tmp_path)
    call = ("--run", str(own.knowledge_clip), "--store", str(own.store), "--relation", "IS_A")
    assert command(*call, "--head", CUBE, "--top", "4", "--write") == 0
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 4
    assert "4 predicted relations are new" in said.err
    assert command(*call, "--all-heads", "20", "--top", "1", "--most", "5", "--write") == 0
    said = capfd.readouterr()
    scores = [float(line.split()[0]) for line in said.out.splitlines()]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    with open_store(own.store) as store:
        waiting = store.predictions()
        assert len(waiting) == 9
        assert {triple.run for triple in waiting} == {"both"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--head", CUBE, "--relation", "EATS"), "no relation 'EATS'"),
        (("--head", "world:nobody", "--relation", "IS_A"), "world:nobody"),
        (("--head", CUBE, "--relation", "IS_A", "--top", "0"), "1 or more"),
        (("--all-heads", "3", "--relation", "IS_A", "--most", "-1"), "0 or more"),
        (("--head", CUBE, "--relation", "IS_A", "--checkpoint", "step-99"), "step-99"),
    ],
)
def test_a_wrong_call_ends_with_a_sentence(
    world: World,
    capfd: pytest.CaptureFixture[str],
    store: GraphStore,
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
) -> None:
    own = world.with_own_store(tmp_path)
    assert command("--run", str(world.knowledge_clip), "--store", str(own.store), *arguments) == 2
    said = capfd.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert not said.out
