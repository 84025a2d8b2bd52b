"""An evaluation measures what it says: held to brute force, to a scorer that knows and to one that guesses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from kgstore import Entity, GraphStore, Relation, Source, Triple, open_store
from kgstore.command import run_command
from model import evaluate
from model.held_out import NothingToMeasure, held_out_edges, known_tails, triples_of
from model.link_prediction import head_ranks, tail_ranks
from model.measures import evaluate_heads, evaluate_relations, evaluate_retrieval, evaluate_tails, examples
from model.predict import Predictor
from model.run_links import RunLinks
from model.track import Run
from model.world_questions import Scorer, ask_names, ask_probe, name_shares, read_truth, shown_pictures
from tests.trained_world import World, trained_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return trained_world(tmp_path_factory.getbasetemp() / "trained")


@pytest.fixture(scope="module")
def store(world: World) -> Iterator[GraphStore]:
    with open_store(world.store) as store:
        yield store


@pytest.fixture(scope="module")
def subject(world: World, store: GraphStore) -> Predictor:
    return Predictor(world.knowledge_clip, store, progress=False)


def test_known_tails_are_all_answers_the_graph_has(subject: Predictor) -> None:
    projection = subject.projection
    edges = np.random.default_rng(0).integers(0, projection.edge_count, 50)
    heads, relations = np.asarray(projection.head[edges], np.int64), np.asarray(projection.relation[edges], np.int64)
    rows, tails = known_tails(projection, heads, relations)
    expected = [
        (i, int(tail))
        for i, (head, relation) in enumerate(zip(heads, relations, strict=True))
        for h, r, tail in zip(projection.head, projection.relation, projection.tail, strict=True)
        if (h, r) == (head, relation)
    ]
    assert sorted(zip(rows.tolist(), tails.tolist(), strict=True)) == sorted(expected)


def test_tails_are_ranked_over_all_entities_without_what_is_true_elsewhere(subject: Predictor) -> None:
    projection, figures = subject.projection, evaluate_tails(subject)
    assert figures["triples"] == len(held_out_edges(projection))
    assert figures["entities"] == projection.entity_count
    facts: dict[tuple[int, int], set[int]] = {}
    for head, relation, tail in zip(projection.head, projection.relation, projection.tail, strict=True):
        facts.setdefault((int(head), int(relation)), set()).add(int(tail))
    edges = held_out_edges(projection)
    ranks = tail_ranks(projection, edges, RunLinks(subject))
    for rank, head, relation, tail in zip(ranks, *triples_of(projection, edges), strict=True):
        question = subject.encoder.questions(projection, np.array([head]), np.array([relation]))
        scores = subject.embeddings.scores(question, "fused")[0]
        assert_stands(rank, scores[tail], np.delete(scores, [*facts[head, relation]]))
    assert figures["mrr"] == pytest.approx(100 * np.mean(1 / ranks))


def assert_stands(rank: float, score: float, rivals: np.ndarray) -> None:
    """A score has this rank, whatever the last digits say that change with the shape of a batch."""
    assert 1 + (rivals > score + 1e-5).sum() <= rank <= 1 + (rivals > score - 1e-5).sum()


def test_heads_are_ranked_by_the_scores_that_rank_tails(subject: Predictor) -> None:
    projection = subject.projection
    edges = held_out_edges(projection, limit=2)
    ranks = head_ranks(projection, edges, RunLinks(subject, np.unique(projection.relation[edges]).tolist()))
    everyone = np.arange(projection.entity_count)
    for rank, head, relation, tail in zip(ranks, *triples_of(projection, edges), strict=True):
        questions = subject.encoder.questions(projection, everyone, np.full(len(everyone), relation))
        scores = subject.embeddings.scores(questions, "fused")[:, tail]
        known = (projection.relation == relation) & (projection.tail == tail)
        assert_stands(rank, scores[head], np.delete(scores, np.unique(projection.head[known])))
    assert evaluate_heads(subject, limit=2)["mrr"] == pytest.approx(100 * np.mean(1 / ranks), rel=0.02)


def test_a_run_that_was_trained_to_find_heads_ranks_them_by_that_question(subject: Predictor) -> None:
    projection, encoder = subject.projection, subject.encoder
    edges = held_out_edges(projection, limit=2)
    scorer = RunLinks(subject, np.unique(projection.relation[edges]).tolist())
    scorer.asks_for_heads = True
    for _, relation, tail in zip(*triples_of(projection, edges), strict=True):
        own, of = np.array([relation]), np.array([tail])
        question = encoder.questions(projection, of, own, encoder.asked_for_head)
        np.testing.assert_allclose(scorer.heads(own, of), subject.embeddings.scores(question, "fused"), atol=1e-6)


def test_relations_are_measured_by_type(subject: Predictor) -> None:
    figures = evaluate_relations(subject)
    types = [name.partition("/")[0] for name in figures if name.endswith("/top1")]
    assert types
    assert figures["triples"] == sum(figures[f"{type_}/triples"] for type_ in types)
    assert figures["macro_top1"] == pytest.approx(np.mean([figures[f"{type_}/top1"] for type_ in types]))
    whole = sum(figures[f"{type_}/top5"] * figures[f"{type_}/triples"] for type_ in types) / figures["triples"]
    assert figures["top5"] == pytest.approx(whole)


def test_retrieval_takes_the_test_split_and_every_caption(subject: Predictor, world: World) -> None:
    truth = json.loads((world.pictures / "truth.json").read_text(encoding="utf-8"))
    held_out = [each for part in ("pictures", "scenes") for each in truth[part].values() if each["split"] == "test"]
    figures = evaluate_retrieval(subject)
    assert figures["pictures"] == len(held_out)
    assert 0 <= figures["towers/text_retrieval_r@1"] <= figures["towers/text_retrieval_r@10"] <= 100
    assert "fused/image_retrieval_r@5" in figures


def words_of(subject: Predictor) -> dict[str, tuple[str, str]]:
    """Every name that has a kind or a colour, graph-only ones too, and which it is."""
    truth = read_truth(subject)
    kinds = {
        name: kind
        for kind in truth["kinds"]
        for name in (kind, truth["synonyms"][kind], truth["second_synonyms"][kind])
    }
    colours = {name: colour for colour in truth["colours"] for name in (colour, truth["colour_synonyms"][colour])}
    return {
        **{name: ("kind", kind) for name, kind in kinds.items()},
        **{name: ("colour", colour) for name, colour in colours.items()},
        **{truth["glosses"][kind]: ("kind", kind) for kind in truth["kinds"]},
        **{f"a {truth['hypernyms'][kind]}": ("hypernym", truth["hypernyms"][kind]) for kind in truth["kinds"]},
    }


def knowing(subject: Predictor) -> Scorer:
    """A scorer that knows what each name means."""
    truth, meaning = read_truth(subject), words_of(subject)
    shown = shown_pictures(subject, truth)

    def score(texts: Sequence[str]) -> np.ndarray:
        columns = []
        for text in texts:
            right = np.zeros(len(shown.rows))
            for word in [text] if text in meaning else text.split()[1:]:
                what, name = meaning[word]
                if what == "kind":
                    right += np.array(truth["kinds"])[shown.kind] == name
                elif what == "colour":
                    right += np.array(truth["colours"])[shown.colour] == name
                else:
                    right += np.array([truth["hypernyms"][truth["kinds"][kind]] for kind in shown.kind]) == name
            columns.append(right)
        return np.stack(columns, axis=1)

    return score


def test_whoever_knows_the_names_gets_every_picture(subject: Predictor) -> None:
    truth = read_truth(subject)
    shares = name_shares(truth, shown_pictures(subject, truth), knowing(subject))
    assert shares == pytest.approx(dict.fromkeys(shares, 1.0))
    assert {"graph_only_128", "two_hops_16", "gloss_16", "hypernym_map"} <= set(shares)


def test_whoever_guesses_is_at_chance(subject: Predictor) -> None:
    truth = read_truth(subject)
    shown, rng = shown_pictures(subject, truth), np.random.default_rng(0)
    rounds = [name_shares(truth, shown, lambda texts: rng.random((len(shown.rows), len(texts)))) for _ in range(200)]
    mean = {name: np.mean([shares[name] for shares in rounds]) for name in rounds[0]}
    assert mean["graph_only_128"] == pytest.approx(1 / 128, abs=0.01)
    assert mean["synonym_16"] == pytest.approx(1 / 16, abs=0.02)
    assert mean["gloss_16"] == pytest.approx(1 / 16, abs=0.02)
    assert mean["colour_8"] == pytest.approx(1 / 8, abs=0.03)


def test_a_trained_run_is_asked_by_both_relations(subject: Predictor) -> None:
    figures = ask_names(subject)
    assert {"towers/graph_only_128", "fused/graph_only_128", "asked/image_of_gives_leaf"} <= set(figures)
    assert {"towers/relation_word", "fused/relation_word", "relation_head/relation_word"} <= set(figures)
    assert figures["asked/is_a_gives_hypernym"] <= figures["asked/is_a_hypernym_4"]
    probe = ask_probe(subject)
    assert probe["scenes"] == 2
    assert {"towers/swap_held_out", "fused/all_held_out"} <= set(probe)
    assert probe["towers/swap"] == pytest.approx((probe["towers/swap_as_written"] + probe["towers/swap_mirrored"]) / 2)


def test_a_graph_without_a_test_split_says_so_part_by_part(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = tmp_path / "other.db"
    entities = [Entity("s:a", name="a thing"), Entity("s:b", name="another")]
    with open_store(uri) as store:
        store.write(entities, [Triple("s:a", "IS_A", "s:b")], [Relation("IS_A", "is a")], Source("s"))
    call = ["--run", str(world.knowledge_clip), "--store", str(uri)]
    assert run_command(lambda: evaluate.main(call)) == 0
    said = capfd.readouterr()
    for part in evaluate.PARTS:
        assert re.search(rf"^{part}: The graph (holds|has) no", said.err, re.MULTILINE)


def test_the_command_writes_results_and_prints_them(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = world.with_own_store(tmp_path)
    call = ["--store", str(own.store), "--only", "retrieval,relations,names"]
    assert run_command(lambda: evaluate.main(["--run", str(own.clip), *call])) == 0
    said = capfd.readouterr()
    assert re.search(r"leaf_128 +\d", said.out)
    assert "relations: Run clip trained a CLIP alone" in said.err
    results = Run(own.clip).results
    assert results["checkpoint"] == "step-6"
    assert results["metrics"]["retrieval/pictures"] == 15
    assert not any(name.startswith("relations/") for name in results["metrics"])
    assert (
        run_command(lambda: evaluate.main(["--run", str(own.clip), "--store", str(own.store), "--only", "probe"])) == 0
    )
    assert set(Run(own.clip).results["metrics"]) > set(results["metrics"])


def test_examples_are_answers_of_the_run_to_held_out_triples(subject: Predictor) -> None:
    projection, found = subject.projection, examples(subject)
    held_out = {projection.relations[number].type for number in projection.relation[held_out_edges(projection)]}
    assert {each["relation"] for each in found} == held_out
    for each in found:
        answers = subject.tails(str(each["head"]), str(each["relation"]), 5)
        assert each["answers"] == [{"id": answer.id, "score": answer.score} for answer in answers]


def test_retrieval_is_the_same_without_the_rest_of_the_graph(world: World, store: GraphStore) -> None:
    whole = Predictor(world.clip, store, progress=False)
    only = evaluate.ends_of_captions(whole.projection, "test")
    assert 0 < len(only) < whole.projection.entity_count / 2
    few = Predictor(world.clip, whole.projection, only=only, progress=False)
    parts = sorted(evaluate.OF_CAPTIONS)
    assert evaluate.evaluate(few, parts) == evaluate.evaluate(whole, parts)


def test_a_part_that_does_not_exist_is_named(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    call = ["--run", str(world.clip), "--store", str(world.store), "--only", "retrieval,dreams"]
    assert run_command(lambda: evaluate.main(call)) == 2
    assert "no part 'dreams'" in capfd.readouterr().err


def test_held_out_edges_of_a_type_that_has_none_are_asked_for_in_vain(subject: Predictor) -> None:
    with pytest.raises(NothingToMeasure, match="no GLOSS_OF triples of the test split"):
        held_out_edges(subject.projection, "GLOSS_OF")
