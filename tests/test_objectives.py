"""Each equation against a naive double loop, against a value worked out by hand, and for finite gradients."""

from __future__ import annotations

import math
from collections.abc import Container

import pytest
import torch
from torch import Tensor

from model.objectives import (
    NO_RELATION,
    clip_loss,
    cosines,
    e2e_loss,
    e2r_loss,
    g2e_loss,
    kd_loss,
    swap_loss,
    total_loss,
)

TAU = torch.tensor(0.07)


def features(count: int, seed: int, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator, dtype=torch.float64).float().requires_grad_()


def cosine(a: Tensor, b: Tensor) -> float:
    x, y = a.detach().double(), b.detach().double()
    return float((x * y).sum() / (x.norm() * y.norm()))


def naive_matching(anchors: Tensor, candidates: Tensor, tau: float, left_out: Container[tuple[int, int]] = ()) -> float:
    """Eq. 8 and 13 as they are written, sample by sample."""
    total = 0.0
    for i in range(len(anchors)):
        below = 0.0
        for j in range(len(candidates)):
            if (i, j) not in left_out:
                below += math.exp(cosine(anchors[i], candidates[j]) / tau)
        total -= math.log(math.exp(cosine(anchors[i], candidates[i]) / tau) / below)
    return total / len(anchors)


def finite_gradients(loss: Tensor, *leaves: Tensor) -> bool:
    gradients = torch.autograd.grad(loss, leaves)
    return all(bool(gradient.isfinite().all() and gradient.abs().sum() > 0) for gradient in gradients)


def test_e2e_is_equation_8() -> None:
    tails, queries = features(7, 0), features(7, 1)
    loss = e2e_loss(tails, queries, TAU)
    assert loss.item() == pytest.approx(naive_matching(tails, queries, 0.07), rel=1e-5)
    assert finite_gradients(loss, tails, queries)


def test_e2e_leaves_known_positives_out_of_the_negatives() -> None:
    tails, queries = features(4, 0), features(4, 1)
    known = torch.eye(4, dtype=torch.bool)
    known[0, 2] = known[3, 1] = True
    loss = e2e_loss(tails, queries, TAU, known)
    assert loss.item() == pytest.approx(naive_matching(tails, queries, 0.07, {(0, 2), (3, 1)}), rel=1e-5)
    assert finite_gradients(loss, tails, queries)


def test_symmetric_e2e_is_the_mean_of_both_directions() -> None:
    tails, queries = features(5, 0), features(5, 1)
    known = torch.eye(5, dtype=torch.bool)
    known[0, 2] = True
    both = naive_matching(tails, queries, 0.07, {(0, 2)}) + naive_matching(queries, tails, 0.07, {(2, 0)})
    loss = e2e_loss(tails, queries, TAU, known, symmetric=True)
    assert loss.item() == pytest.approx(both / 2, rel=1e-5)
    assert finite_gradients(loss, tails, queries)


def test_what_is_asked_about_is_one_negative_more_of_its_question() -> None:
    """Orthogonal triples whose questions are as like their heads as their tails: a tie of two, but for the loop."""
    n, tau = 4, 0.5
    tails, queries, own = torch.eye(n) * 3, torch.eye(n), torch.eye(n).requires_grad_()
    loop = torch.tensor([[0.0], [1.0], [1.0], [1.0]])
    loss = e2e_loss(tails, queries, torch.tensor(tau), symmetric=True, own=own * loop)
    rest = (n - 1) * math.exp(-1 / tau)
    asked = (math.log(1 + rest) + (n - 1) * math.log(2 + rest)) / n
    assert loss.item() == pytest.approx((math.log(1 + rest) + asked) / 2, rel=1e-6)
    other = features(n, 2, n)
    assert finite_gradients(e2e_loss(tails, queries, TAU, symmetric=True, own=other * loop), other)


def test_e2e_of_orthogonal_triples_has_a_closed_form() -> None:
    # Cosines are 1 on the diagonal and 0 elsewhere: -log(e^(1/tau) / (e^(1/tau) + n - 1)).
    n, tau = 6, 0.5
    loss = e2e_loss(torch.eye(n) * 3, torch.eye(n), torch.tensor(tau))
    assert loss.item() == pytest.approx(math.log(1 + (n - 1) * math.exp(-1 / tau)), rel=1e-6)


def test_e2e_with_everything_known_is_zero() -> None:
    loss = e2e_loss(features(3, 0), features(3, 1), TAU, torch.ones(3, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_e2r_is_equation_10() -> None:
    logits, relation = features(6, 2, width=4), torch.tensor([0, 3, 1, 1, 2, 0])
    naive = 0.0
    for i in range(6):
        row = logits[i].detach().double()
        naive -= math.log(math.exp(row[relation[i]]) / sum(math.exp(row[k]) for k in range(4)))
    loss = e2r_loss(logits, relation)
    assert loss.item() == pytest.approx(naive / 6, rel=1e-5)
    assert finite_gradients(loss, logits)


def test_e2r_of_even_logits_is_the_logarithm_of_the_number_of_relations() -> None:
    assert e2r_loss(torch.zeros(3, 9), torch.tensor([0, 4, 8])).item() == pytest.approx(math.log(9))


def test_g2e_is_equation_13() -> None:
    tails, graphs = features(5, 3), features(5, 4)
    loss = g2e_loss(tails, graphs, TAU)
    assert loss.item() == pytest.approx(naive_matching(tails, graphs, 0.07), rel=1e-5)
    assert finite_gradients(loss, tails, graphs)


def test_g2e_of_equal_graphs_is_the_logarithm_of_their_number() -> None:
    assert g2e_loss(features(4, 0), torch.ones(4, 5), TAU).item() == pytest.approx(math.log(4), rel=1e-5)


def test_clip_loss_is_equation_1() -> None:
    images, texts = features(6, 5), features(6, 6)
    both = naive_matching(images, texts, 0.07) + naive_matching(texts, images, 0.07)
    loss = clip_loss(images, texts, TAU)
    assert loss.item() == pytest.approx(both / 2, rel=1e-5)
    assert finite_gradients(loss, images, texts)


def test_swap_loss_is_equation_1_with_a_text_more_for_those_that_have_one() -> None:
    images, texts, swapped = features(5, 5), features(5, 6), features(5, 7)
    has, known = torch.tensor([True, False, True, True, False]), torch.eye(5, dtype=torch.bool)
    known[0, 2] = True
    naive = 0.0
    for i in (0, 2, 3):
        others = [texts[j] for j in range(5) if (i, j) != (0, 2)]
        below = sum(math.exp(cosine(images[i], text) / 0.07) for text in (*others, swapped[i]))
        naive -= math.log(math.exp(cosine(images[i], texts[i]) / 0.07) / below)
    loss = swap_loss(images, texts, swapped, has, TAU, known)
    assert loss.item() == pytest.approx(naive / 3, rel=1e-5)
    assert finite_gradients(loss, images, texts, swapped)


def test_swap_loss_of_orthogonal_pairs_has_a_closed_form() -> None:
    # Of each of n images its text is 1, the n - 1 others 0, and its swapped caption is as good as its own.
    loss = swap_loss(torch.eye(3), torch.eye(3), torch.eye(3), torch.ones(3, dtype=torch.bool), torch.tensor(1.0))
    assert loss.item() == pytest.approx(math.log(2 + 2 * math.exp(-1)), rel=1e-6)


def test_swap_loss_without_a_swapped_caption_is_zero_with_gradient() -> None:
    images, texts = features(3, 0), features(3, 1)
    loss = swap_loss(images, texts, features(3, 2), torch.zeros(3, dtype=torch.bool), TAU)
    assert loss.item() == 0
    assert all(bool(each.isfinite().all()) for each in torch.autograd.grad(loss, [images, texts]))


def test_clip_loss_of_orthogonal_pairs_has_a_closed_form() -> None:
    loss = clip_loss(torch.eye(3), torch.eye(3), torch.tensor(1.0))
    assert loss.item() == pytest.approx(math.log(1 + 2 * math.exp(-1)), rel=1e-6)


def test_a_text_that_is_true_of_another_image_is_no_negative() -> None:
    images, texts = features(3, 5), features(3, 6)
    known = torch.eye(3, dtype=torch.bool)
    known[1, 0] = True
    both = naive_matching(images, texts, 0.07, {(1, 0)}) + naive_matching(texts, images, 0.07, {(0, 1)})
    assert clip_loss(images, texts, TAU, known).item() == pytest.approx(both / 2, rel=1e-5)


def test_kd_is_the_divergence_from_the_teacher_in_both_directions() -> None:
    student, teacher = features(4, 7, width=4), features(4, 8, width=4)
    naive = 0.0
    for s, t in ((student, teacher), (student.T, teacher.T)):
        p, q = (x.detach().double().softmax(-1) for x in (t, s))
        for i in range(4):
            for j in range(4):
                naive += float(p[i, j] * (p[i, j].log() - q[i, j].log())) / 4
    loss = kd_loss(student, teacher)
    assert loss.item() == pytest.approx(naive / 2, rel=1e-5)
    assert finite_gradients(loss, student)


def test_kd_from_an_equal_teacher_is_zero_and_from_a_sure_one_the_students_surprise() -> None:
    student = features(4, 7, width=4)
    assert kd_loss(student, student.detach()).item() == pytest.approx(0.0, abs=1e-6)
    # The teacher puts all on the diagonal, the student evenly on all: log 4 both ways.
    assert kd_loss(torch.zeros(4, 4), torch.eye(4) * 1e4).item() == pytest.approx(math.log(4), rel=1e-5)


def test_the_total_is_the_weighted_sum() -> None:
    terms = {"e2e": torch.tensor(1.0), "kd": torch.tensor(4.0)}
    assert total_loss(terms, {"e2e": 2.0, "kd": 0.5, "g2e": 9.0}).item() == pytest.approx(4.0)


def test_a_loss_without_samples_is_zero_and_can_be_differentiated() -> None:
    nothing, none = torch.zeros(0, 5, requires_grad=True), torch.zeros(0, dtype=torch.long)
    square = cosines(nothing, nothing)
    for loss in (
        e2e_loss(nothing, nothing, TAU),
        e2r_loss(nothing, none),
        g2e_loss(nothing, nothing, TAU),
        clip_loss(nothing, nothing, TAU),
        kd_loss(square, square.detach()),
    ):
        assert loss.item() == 0.0
        torch.autograd.backward(loss)


def test_a_very_cold_temperature_keeps_gradients_finite() -> None:
    tails, queries = features(5, 0), features(5, 1)
    assert finite_gradients(e2e_loss(tails, queries, torch.tensor(0.01)), tails, queries)


def test_e2r_leaves_out_relations_that_it_does_not_tell_apart() -> None:
    logits, relation = features(4, 0), torch.tensor([2, NO_RELATION, 0, NO_RELATION])
    assert e2r_loss(logits, relation).item() == pytest.approx(e2r_loss(logits[[0, 2]], relation[[0, 2]]).item())
    nothing = e2r_loss(logits, torch.full((4,), NO_RELATION))
    assert nothing.item() == 0
    assert torch.equal(torch.autograd.grad(nothing, logits)[0], torch.zeros(4, 5))
