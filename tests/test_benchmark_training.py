"""What the training benchmark compares computes the same: the naive form of a step, and open_clip's step."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.clip_step import clip_like, open_clips_step, our_step, pairs
from benchmarks.naive_form import Form, naive_losses
from benchmarks.setting import Setting
from model.towers import Towers
from tests.training_batches import TINY, random_batch, tiny_clip, tiny_network

LOSSES = ("e2e", "e2r", "g2e", "kd", "clip")


@pytest.mark.parametrize("masked", ["drop", "zero"])
@pytest.mark.parametrize("form", [Form(False, False), Form(True, False), Form(False, True)])
def test_the_naive_form_computes_the_losses_of_the_network(form: Form, masked: str) -> None:
    model, teacher = tiny_network(dataclasses.replace(TINY, masked=masked)), Towers(tiny_clip(9)).eval()
    for batch in (random_batch(edges=1), random_batch(1, pictures=3), random_batch(2, edges=30)):
        ours, naive = model.losses(batch, LOSSES, teacher), naive_losses(model, batch, LOSSES, teacher, form)
        for name in LOSSES:
            torch.testing.assert_close(naive[name], ours[name], atol=1e-5, rtol=1e-5)
    gradients = []
    for terms in (ours, naive):
        model.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append({name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_open_clips_step_begins_with_our_loss() -> None:
    for lengths in ((20, 20), (4, 9)):
        setting = Setting("small", 20, 6, lengths, torch.device("cpu"))
        clip, batch = clip_like(setting), pairs(setting)
        theirs = open_clips_step(clip, batch, setting, fused=True)()
        torch.testing.assert_close(our_step(clip, batch, setting)(), theirs, atol=1e-5, rtol=0)
