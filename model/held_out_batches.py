"""Batches of held-out triples, always the same ones, as training would see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from kgstore.projection import Projection
from kgstore.values import SPLITS
from model.batch import Batch, TripleSample
from model.config import TrainConfig
from model.objectives import NO_RELATION
from model.parts import parts_of
from model.sampler import Sampler
from model.training_edges import BadSampling, TrainingEdges
from model.views import Views

_NONE = np.empty(0, np.int64)


class HeldOutSampler(Sampler):
    """Draws triples of the valid split, with neighbourhoods of training triples: an answer is never shown.

    Parts are those of training as far as the held-out triples have them, else even [D]. A batch is as large as in
    training, which a contrastive loss depends on, or holds all triples of the split.
    """

    def __init__(self, projection: Projection, config: TrainConfig) -> None:
        self.available = int((projection.split == SPLITS.index("valid")).sum())
        size = min(config.batch_size, self.available)
        super().__init__(
            projection, batch_size=size, fanout=config.fanout, by_weight=config.by_weight, seed=config.seed
        )
        self._asked = TrainingEdges(projection, "valid")
        try:
            self._parts = parts_of(self._asked, size, config.shares, config.source_shares, {}, 2)
        except BadSampling:
            self._parts = parts_of(self._asked, size, {}, {}, {}, 2)

    def sample(self, step: int) -> TripleSample:
        edges, fact = self._triples(step)
        head, relation, tail = self._asked.triples(edges)
        inverses = self._edges.with_inverses(_NONE, head, tail)
        return TripleSample(
            step, head, relation, tail, self.neighbourhood(tail, inverses, (self.seed, step)), fact, None
        )


class HeldOutBatches:
    """About `config.eval_samples` held-out triples; `relations` are the classes of the run, by name."""

    def __init__(self, views: Views, config: TrainConfig, relations: Sequence[str]) -> None:
        self.views, self.sampler = views, HeldOutSampler(views.projection, config)
        self.count = max(1, min(config.eval_samples, self.sampler.available) // self.sampler.batch_size)
        classes = {name: number for number, name in enumerate(relations)}
        names = [relation.name for relation in views.projection.relations]
        self._classes = torch.tensor([classes.get(name, NO_RELATION) for name in names])

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.count):
            sample = self.sampler.sample(step)
            batch = self.views.batch(sample)
            known = self.views.projection.contains(sample.head, sample.relation, sample.tail[:, None])
            heads = batch.known_heads
            if heads is not None:
                found = self.views.projection.contains(sample.head[:, None], sample.relation, sample.tail)
                heads = heads | torch.from_numpy(found)
            yield dataclasses.replace(
                batch,
                relation_class=self._classes[batch.relation_class],
                known=batch.known | torch.from_numpy(known),  # of any split
                known_heads=heads,
            )
