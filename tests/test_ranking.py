"""Ranking, retrieval and probes against brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from model.probes import Relation, preference, relation_probe
from model.ranking import filtered_ranks, summary, top
from model.retrieval import average_precision, best_true_ranks, recall

NONE = np.zeros(0, dtype=np.int64)


def rank_by_hand(scores: np.ndarray, target: int, others: set[int]) -> float:
    rivals = [s for c, s in enumerate(scores) if c != target and c not in others]
    optimistic = 1 + sum(s > scores[target] for s in rivals)
    pessimistic = 1 + sum(s >= scores[target] for s in rivals)
    return float(optimistic + pessimistic) / 2


def test_filtered_ranks_equal_a_loop_over_candidates() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, size=(40, 30)).astype(np.float64)  # few values, so that there are many ties
    target = rng.integers(0, 30, size=40)
    known = rng.random((40, 30)) < 0.2
    row, column = np.nonzero(known)
    expected = [rank_by_hand(scores[i], target[i], set(np.flatnonzero(known[i]))) for i in range(40)]
    np.testing.assert_array_equal(filtered_ranks(scores, target, row, column), expected)


def test_a_model_that_scores_everything_alike_stands_in_the_middle() -> None:
    ranks = filtered_ranks(np.zeros((1, 101)), np.array([7]), NONE, NONE)
    assert ranks == [51.0]


def test_known_answers_do_not_push_the_true_one_down() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6]])
    assert filtered_ranks(scores, np.array([2]), NONE, NONE) == [3.0]
    assert filtered_ranks(scores, np.array([2]), np.array([0, 0, 0]), np.array([0, 1, 2])) == [1.0]


def test_a_score_that_is_not_a_number_never_ranks_first() -> None:
    scores = np.array([[np.nan, 0.1, 0.2], [np.nan, 0.1, 0.2]])
    assert filtered_ranks(scores, np.array([0, 2]), NONE, NONE).tolist() == [3.0, 1.0]


def test_the_summary_of_ranks_is_the_closed_form() -> None:
    assert summary(np.array([1.0, 2.0, 4.0, 20.0])) == pytest.approx(
        {"mrr": (1 + 0.5 + 0.25 + 0.05) / 4, "mean_rank": 6.75, "hits@1": 0.25, "hits@3": 0.5, "hits@10": 0.75}
    )
    with pytest.raises(ValueError, match="at least one"):
        summary(np.zeros(0))


def test_top_gives_the_best_first_and_leaves_out_what_is_excluded() -> None:
    scores = np.array([0.5, -np.inf, 0.9, 0.5, np.nan, 0.7])
    assert top(scores, 3).tolist() == [2, 5, 0]
    assert top(scores, 99).tolist() == [2, 5, 0, 3]
    assert top(scores, 0).tolist() == []


def test_top_equals_a_full_sort() -> None:
    scores = np.random.default_rng(1).integers(0, 50, 500).astype(np.float64)
    assert top(scores, 60).tolist() == sorted(range(500), key=lambda i: (-scores[i], i))[:60]


def test_recall_counts_any_of_several_captions() -> None:
    # Two pictures with two captions each; picture 1 finds only its second caption, in second place.
    similarity = np.array([[0.9, 0.1, 0.8, 0.0], [0.3, 0.2, 0.1, 0.25]])
    image, text = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3])
    measured = recall(similarity, image, text, at=(1, 2))
    assert measured["text_retrieval_r@1"] == 0.5
    assert measured["text_retrieval_r@2"] == 1.0
    # Captions 0 and 3 find their picture first, captions 1 and 2 find the other one.
    assert measured["image_retrieval_r@1"] == 0.5
    assert measured["image_retrieval_r@2"] == 1.0


def test_best_true_ranks_equal_a_loop() -> None:
    rng = np.random.default_rng(2)
    similarity = rng.integers(0, 8, (25, 40)).astype(np.float64)
    true = rng.random((25, 40)) < 0.08
    expected = []
    for row, mine in zip(similarity, true, strict=True):
        if not mine.any():
            expected.append(np.inf)
            continue
        best = row[mine].max()
        expected.append(1 + (row[~mine] > best).sum() + (row[~mine] == best).sum() / 2)
    assert np.isinf(expected).any()
    np.testing.assert_array_equal(best_true_ranks(similarity, *np.nonzero(true)), expected)


def test_recall_of_equal_similarities_is_chance_and_not_one() -> None:
    everyone = np.arange(50)
    assert recall(np.zeros((50, 50)), everyone, everyone)["text_retrieval_r@10"] == 0.0


def test_average_precision_is_the_worked_number() -> None:
    # True candidates at places 1 and 3: (1/1 + 2/3) / 2.
    similarity = np.array([[0.9, 0.8, 0.7, 0.1]])
    assert average_precision(similarity, np.array([0, 0]), np.array([0, 2])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.zeros((1, 4)), np.array([0, 0]), np.array([0, 2])) == pytest.approx(1.5 / 2.5)


def test_a_model_that_only_likes_a_word_is_found_out_by_the_mirrored_form() -> None:
    left_liker = np.array([[1.0, 0.0, 1.0, 0.0]])  # scores "left of" 1 and "right of" 0, whoever stands where
    probe = relation_probe(left_liker)
    assert (probe["word_as_written"], probe["word_mirrored"]) == (1.0, 0.0)
    assert probe["word"] == probe["swap"] == 0.5
    assert probe["all"] == 0.0


def test_a_model_that_understands_wins_every_form() -> None:
    assert set(relation_probe(np.array([[0.9, 0.8, 0.2, 0.1]] * 3)).values()) == {1.0}


def test_ties_are_half_a_win() -> None:
    assert preference(np.array([1.0, 0.0, 0.0, 2.0]), np.array([1.0, 1.0, -1.0, 2.0])) == 0.5


def test_the_four_sentences_of_a_relation() -> None:
    relation = Relation("a red cube", "left of", "a blue ball", "right of")
    assert relation.sentences("{head} {words} {tail}") == (
        "a red cube left of a blue ball",
        "a blue ball right of a red cube",
        "a blue ball left of a red cube",
        "a red cube right of a blue ball",
    )
