"""The linear probe: logistic regression on frozen picture features, as in CLIP (Radford et al. 2021, 3.2 and A.3).

Fitted by L-BFGS on the train split, the strength of the L2 penalty chosen on the valid split (or a fifth of train where
there is none), fitted again on both, and reported on the split that is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from kgstore.values import SPLITS
from model.classes import CLASS_RELATIONS, Classed, classed_pictures
from model.held_out import Figures, NothingToMeasure, drawn
from model.predict import Predictor
from model.ranking import filtered_ranks

#: Strengths of the penalty on the mean loss, strong to weak: each fit starts where the one before it ended.
PENALTIES = tuple(10.0**-power for power in (2, 3, 4, 5, 6))

#: Steps of L-BFGS at most (CLIP's probe has 1000, from zero; ours go on from the fit before).
STEPS = 200

#: Training pictures whose every OWN_PART-th stands in for a valid split.
OWN_PART = 5


class Pictures(NamedTuple):
    """Rows of the embedded pictures with one class each."""

    rows: Int64[np.ndarray, " p"]
    class_: Int64[np.ndarray, " p"]


class Linear(NamedTuple):
    """A fitted classifier: logits are features @ weight + bias."""

    weight: Float[Tensor, "d c"]
    bias: Float[Tensor, " c"]

    def logits(self, features: Float[Tensor, "p d"]) -> Float[Tensor, "p c"]:
        return features @ self.weight + self.bias


def evaluate_linear_probe(
    subject: Predictor, split: str = "test", limit: int = 0, relations: Sequence[str] = CLASS_RELATIONS
) -> Figures:
    """Top 1 and 5 in percent for each relation that gives pictures classes; features of the towers and of Y(-,-,p).

    Pictures with several classes are left out, and held-out ones of classes that train does not show; `majority/top1`
    is what always saying the most frequent class gets.
    """
    if split == "train":
        raise NothingToMeasure("A linear probe is fitted on the train split, so it is not measured there.")
    figures: Figures = {}
    for type_ in relations:
        classed = classed_pictures(subject, type_)
        parts = {name: _single(classed, name) for name in SPLITS} if classed else {}
        if classed and len(parts["train"].rows) and len(parts[split].rows):
            own = _probed(subject, parts, split, limit)
            figures |= {f"{type_}/{name}": value for name, value in own.items()}
    if not figures:
        raise NothingToMeasure(
            f"The graph has no classes of which it shows pictures in both train and {split}, so no linear probe is "
            "fitted."
        )
    return figures


def _single(classed: Classed, split: str) -> Pictures:
    """Pictures of a split that have one class."""
    alone = np.bincount(classed.picture, minlength=len(classed.rows))[classed.picture] == 1
    own = alone & (classed.split == SPLITS.index(split))
    return Pictures(classed.rows[classed.picture[own]], classed.class_[own])


def _probed(subject: Predictor, parts: dict[str, Pictures], split: str, limit: int) -> Figures:
    train, asked = parts["train"], parts[split]
    classes = np.unique(train.class_)
    chosen = drawn(np.flatnonzero(np.isin(asked.class_, classes)), limit)
    if not len(chosen):
        return {}
    asked = Pictures(asked.rows[chosen], asked.class_[chosen])
    valid = parts["valid"]
    if split == "valid" or not len(valid.rows):
        apart = np.arange(len(train.rows)) % OWN_PART == OWN_PART - 1
        train, valid = (Pictures(train.rows[own], train.class_[own]) for own in (~apart, apart))
    valid = Pictures(*(each[np.isin(valid.class_, classes)] for each in valid))

    most_frequent = np.bincount(parts["train"].class_).argmax()
    figures = {
        "train_pictures": float(len(train.rows) + len(valid.rows)),
        "pictures": float(len(asked.rows)),
        "classes": float(len(classes)),
        "majority/top1": 100 * float(np.mean(asked.class_ == most_frequent)),
    }
    pictures = subject.embeddings.pictures
    for name, features in (("towers", pictures.pooled), ("fused", pictures.fused)):
        if features is None:
            continue
        told = {
            "train": _tensors(features, train, classes),
            "valid": _tensors(features, valid, classes),
        }
        penalty = chosen_penalty(*told["train"], *told["valid"], len(classes))
        both = tuple(torch.cat(pair) for pair in zip(told["train"], told["valid"], strict=True))
        fitted = fit(both[0], both[1], len(classes), penalty)
        held_out, wanted = _tensors(features, asked, classes)
        nothing = np.zeros(0, np.int64)
        ranks = filtered_ranks(fitted.logits(held_out).numpy(), wanted.numpy(), nothing, nothing)
        figures |= {f"{name}/top{k}": 100 * float(np.mean(ranks <= k)) for k in (1, 5)}
        figures[f"{name}/penalty"] = penalty
    return figures


def chosen_penalty(
    features: Float[Tensor, "p d"],
    labels: Int64[Tensor, " p"],
    valid: Float[Tensor, "v d"],
    wanted: Int64[Tensor, " v"],
    classes: int,
) -> float:
    """The penalty with the most right answers on the valid pictures, the strongest of equals."""
    best, found, start = -1.0, PENALTIES[0], None
    for penalty in PENALTIES:
        start = fit(features, labels, classes, penalty, start)
        right = float((start.logits(valid).argmax(1) == wanted).double().mean()) if len(wanted) else 0.0
        if right > best:
            best, found = right, penalty
    return found


def fit(
    features: Float[Tensor, "p d"],
    labels: Int64[Tensor, " p"],
    classes: int,
    penalty: float,
    start: Linear | None = None,
) -> Linear:
    """The minimum of mean cross-entropy + penalty / 2 * |weight|^2; it is convex, so `start` only saves steps."""
    weight = start.weight.clone() if start else features.new_zeros(features.shape[1], classes)
    bias = start.bias.clone() if start else features.new_zeros(classes)
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=STEPS, tolerance_grad=1e-6, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(features @ weight + bias, labels) + penalty / 2 * weight.square().sum()
        torch.autograd.backward(loss)
        return loss

    step: Any = optimizer.step  # it ships no types
    step(closure)
    return Linear(weight.detach(), bias.detach())


def _tensors(
    features: Float[np.ndarray, "v d"], pictures: Pictures, classes: Int64[np.ndarray, " c"]
) -> tuple[Float[Tensor, "p d"], Int64[Tensor, " p"]]:
    """In double precision, with the labels counted from 0."""
    told = torch.from_numpy(np.asarray(features[pictures.rows], np.float64))
    return told, torch.from_numpy(np.searchsorted(classes, pictures.class_))
