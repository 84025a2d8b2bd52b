"""A run measured on the valid split while it trains.

The losses on held-out batches, and what the evaluation measures (model/measures.py) on as many triples: retrieval,
relations, and tails, which are ranked among the measured entities and as many others. A graph of many more entities
than that flatters them [D]: they tell one checkpoint from another, and `python -m model.evaluate` ranks over all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from kgstore.images import ImageRoots, Region
from kgstore.projection import Projection
from model.checkpoint import TrainedModel
from model.config import TrainConfig
from model.embed import Encoder, NoFusion, embed
from model.entity_vectors import rows_of
from model.held_out import Figures, NothingToMeasure, drawn, held_out_edges
from model.held_out_batches import HeldOutBatches
from model.knowledge_clip import KnowledgeClip
from model.measures import captioned, evaluate_relations, evaluate_retrieval, evaluate_tails, examples
from model.objectives import total_loss
from model.predict import Predictor
from model.results_table import COUNTS
from model.tokens import Tokenizer
from model.towers import Towers
from model.track import Run
from model.views import Views

SPLIT = "valid"

#: What is measured beside the losses. Of figures of single relations there would be too many for a curve.
PARTS: dict[str, Callable[[Predictor, str, int], Figures]] = {
    "retrieval": evaluate_retrieval,
    "relations": evaluate_relations,
    "tails": evaluate_tails,
}


class Measured(NamedTuple):
    """Figures by name, and held-out questions with the answers of the model as it stands."""

    figures: Figures
    examples: list[dict[str, object]]


class Watched(Predictor):
    """A model in training as the evaluation sees a finished run, with some entities as candidates."""

    def __init__(self, trained: TrainedModel, projection: Projection, encoder: Encoder, numbers: np.ndarray) -> None:
        self.run, self.trained, self.store = trained.directory, trained, None
        self.projection, self.encoder = projection, encoder
        self.embeddings = embed(encoder, projection, numbers.tolist(), progress=False)


class Validation:
    """Measures a model on the valid split of a projection; always on the same triples, pictures and candidates."""

    def __init__(
        self,
        run: Run,
        projection: Projection,
        tokenizer: Tokenizer,
        relations: list[str],
        config: TrainConfig,
        teacher: Towers | None,
        *,
        roots: ImageRoots,
        region: Region,
        side: int,
        context: int,
        entities: Sequence[str] = (),
    ) -> None:
        self.run, self.projection, self.tokenizer, self.config = run, projection, tokenizer, config
        self.teacher, self.roots, self.region, self.entities = teacher, roots, region, tuple(entities)
        views = Views(
            projection,
            tokenizer,
            side=side,
            context=context,
            cache=run.directory.parent / "projections",
            roots=roots,
            region=region,
            live=True,  # a few of perhaps millions
            picture_share=config.picture_share,
            swaps="swap" in config.weights,
            heads="e2e_heads" in config.weights,
            vectors=rows_of(entities, projection) if entities else None,
            seed=config.seed,
            progress=True,
        )
        self.batches = HeldOutBatches(views, config, relations)
        self.numbers = _candidates(projection, config.eval_samples)
        self._told: set[str] = set()

    def measure(self, model: KnowledgeClip, step: int) -> Measured:
        """Percents and losses. The model is left as it was, and so are torch's random states."""
        began, training = time.perf_counter(), model.training
        model.eval()
        try:
            figures = self._losses(model)
            trained = TrainedModel(
                name=self.run.name,
                directory=self.run.directory,
                checkpoint=f"step-{step}",
                model=model,
                tokenizer=self.tokenizer,
                config=model.config,
                train=self.config,
                projection_dir=Path(self.projection.directory),
                entities=self.entities,
            )
            encoder = Encoder(trained, self.roots, self.region, self.projection)
            subject = Watched(trained, self.projection, encoder, self.numbers)
            for part, evaluate in PARTS.items():
                try:
                    found = evaluate(subject, SPLIT, self.config.eval_samples)
                except (NothingToMeasure, NoFusion) as reason:
                    self._tell(f"{part} is not measured while training: {reason}")
                    continue
                whole = {name: value for name, value in found.items() if name not in COUNTS and _of_all(part, name)}
                figures |= {f"{part}/{name}": value for name, value in whole.items()}
            if encoder.skipped:
                self._tell(f"{encoder.skipped.total():,} held-out pictures are left out: {next(iter(encoder.skipped))}")
            return Measured(figures | {"seconds": time.perf_counter() - began}, examples(subject, SPLIT))
        finally:
            model.train(training)

    @torch.no_grad()
    def _losses(self, model: KnowledgeClip) -> Figures:
        """The mean over the held-out batches of each loss and of their weighted sum."""
        device, weights = next(model.parameters()).device, self.config.weights
        sums: Figures = {}
        for batch in self.batches:
            with torch.autocast(device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
                terms = model.losses(batch.to(device), weights, self.teacher)
            for name, value in {"loss": total_loss(terms, weights), **terms}.items():
                sums[name] = sums.get(name, 0.0) + float(value) / self.batches.count
        return sums

    def _tell(self, sentence: str) -> None:
        """Once a run."""
        if sentence not in self._told:
            self._told.add(sentence)
            print(sentence, file=sys.stderr)


def _of_all(part: str, name: str) -> bool:
    """Retrieval tells the towers from the fusion by a prefix; the others have one for each relation."""
    return part == "retrieval" or "/" not in name


def _candidates(projection: Projection, samples: int) -> np.ndarray:
    """The entities that are embedded, ascending: what the measured triples hold, and as many others."""
    tails = projection.tail[held_out_edges(projection, split=SPLIT, limit=samples)]
    found = [np.asarray(tails, np.int64)]
    try:
        shown = captioned(projection, SPLIT, samples)
        found += [np.asarray(side[shown], np.int64) for side in (projection.head, projection.tail)]
    except NothingToMeasure:
        pass
    measured = np.unique(np.concatenate(found))
    others = drawn(np.setdiff1d(np.arange(projection.entity_count), measured), max(samples, len(measured)))
    return np.union1d(measured, others)
