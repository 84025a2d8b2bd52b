"""RotatE and ComplEx, trained by PyKEEN (Ali et al. 2021) and asked like a run.

RotatE is trained as in its paper (Sun et al. 2019): adversarial negatives drawn for head and tail. ComplEx (Trouillon
et al. 2016) is trained as was later found best for it (Lacroix et al. 2018, Ruffinelli et al. 2020): cross-entropy over
all tails, heads by inverse relations.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import nn

from kgstore.command import WrongCall
from model.baseline_counts import Facts

NAMES = ("rotate", "complex")

#: Rates of Adam and epochs where a call says none. On the valid split of WN9-IMG ComplEx, which has no regularizer
#: here, is best after about ten epochs (MRR 87) and gets worse when it has its triples by heart (56 after 20 at 5e-2).
RATES = {"rotate": 2e-2, "complex": 1e-2}
EPOCHS = {"rotate": 30, "complex": 10}

#: Numbers that a scoring call may hold at once.
MOST = 64_000_000


@dataclass(frozen=True)
class Training:
    """How an embedding is trained; 0 epochs or a rate of 0 are those that fit it."""

    dim: int = 64
    epochs: int = 0
    batch_size: int = 256
    learning_rate: float = 0.0
    negatives: int = 64
    margin: float = 6.0
    device: str = "cpu"

    def of(self, name: str) -> Training:
        """Of one embedding, all said."""
        epochs, rate = self.epochs or EPOCHS[name], self.learning_rate or RATES[name]
        return replace(self, epochs=epochs, learning_rate=rate)


class PykeenLinks:
    """A trained model of PyKEEN as a LinkScorer, which can be asked for relations too.

    `seconds` are what its training took: of processors on a CPU, else of the clock.
    """

    def __init__(self, model: Any, relations: int, width: int, seconds: float) -> None:
        self.model, self.seconds = model, seconds
        self._relations, self._width = relations, width

    def tails(self, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """PyKEEN's scores of all tails."""
        return self._scores(self.model.predict_t, heads, relations)

    def heads(self, relations: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b n"]:
        """PyKEEN's scores of all heads."""
        return self._scores(self.model.predict_h, relations, tails)

    def relations(self, heads: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b r"]:
        """PyKEEN's scores of all relations, without inverse ones."""
        return self._scores(self.model.predict_r, heads, tails)[:, : self._relations]

    def both_sides_by_pykeen(
        self, asked: Int64[np.ndarray, "k 3"], known: Int64[np.ndarray, "e 3"]
    ) -> dict[str, float]:
        """What PyKEEN's own evaluator finds of head, relation, tail triples, filtered by the known ones."""
        logging.getLogger("torch_max_mem").setLevel(logging.ERROR)  # it warns of memory that it need not look for
        evaluator = _pykeen("evaluation").RankBasedEvaluator(filtered=True)
        results = evaluator.evaluate(
            model=self.model,
            mapped_triples=torch.from_numpy(asked),
            additional_filter_triples=[torch.from_numpy(known)],
            batch_size=self._rows,
            use_tqdm=False,
        )
        names = {"mrr": "inverse_harmonic_mean_rank", "hits@1": "hits_at_1", "hits@10": "hits_at_10"}
        return {own: 100 * float(results.get_metric(f"both.realistic.{name}")) for own, name in names.items()}

    @property
    def _rows(self) -> int:
        """Questions that are scored at once."""
        return max(1, MOST // (self.model.num_entities * self._width))

    @torch.inference_mode()
    def _scores(self, predict: Any, *columns: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b c"]:
        batch = torch.from_numpy(np.stack(columns, axis=1)).to(self.model.device)
        parts = [batch[start : start + self._rows] for start in range(0, len(batch), self._rows)]
        return torch.cat([predict(part).float().cpu() for part in parts]).numpy()


def train(name: str, facts: Facts, training: Training, seed: int) -> PykeenLinks:
    """An embedding of these facts; the same seed gives the same one on a CPU. Raises WrongCall without PyKEEN."""
    training = training.of(name)
    models, triples = _pykeen("models"), _pykeen("triples")
    factory = triples.CoreTriplesFactory(
        np.stack([facts.head, facts.relation, facts.tail], axis=1),
        num_entities=len(facts.kinds),
        num_relations=facts.relations,
        create_inverse_triples=name == "complex",
    )
    shared = {"triples_factory": factory, "embedding_dim": training.dim, "random_seed": seed}
    if name == "rotate":
        loss = {"loss": "nssa", "loss_kwargs": {"margin": training.margin, "adversarial_temperature": 1.0}}
        # As in RotatE's own code: near PyKEEN's smaller first values the loss is flat at this margin.
        reach = (training.margin + 2.0) / training.dim
        model = models.RotatE(**shared, **loss, entity_initializer=partial(nn.init.uniform_, a=-reach, b=reach))
        loop_class, options = "SLCWATrainingLoop", {"negative_sampler_kwargs": {"num_negs_per_pos": training.negatives}}
    else:
        model = models.ComplEx(**shared, loss="crossentropy", entity_initializer="xavier_uniform_", regularizer=None)
        loop_class, options = "LCWATrainingLoop", {}
    model = model.to(training.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    loop = getattr(_pykeen("training"), loop_class)(
        model=model, triples_factory=factory, optimizer=optimizer, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyKEEN's, of torch's newer versions
        now = time.process_time if training.device == "cpu" else time.perf_counter
        began = now()
        gc.freeze()  # PyKEEN collects garbage every epoch, and looks through all that is loaded: half a second
        try:
            loop.train(
                triples_factory=factory,
                num_epochs=training.epochs,
                batch_size=training.batch_size,
                use_tqdm_batch=False,
                tqdm_kwargs={"desc": name, "file": sys.stderr, "leave": False},
                pin_memory=False,
            )
        finally:
            gc.unfreeze()
    return PykeenLinks(model, facts.relations, 2 * training.dim, now() - began)


def _pykeen(part: str) -> Any:
    """A module of PyKEEN, imported when it is needed: it takes seconds, and is an extra of this package."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(f"pykeen.{part}")
    except ImportError as error:
        raise WrongCall(
            f"PyKEEN is not installed ({error}): `pip install pykeen` brings it, or leave out {', '.join(NAMES)}."
        ) from error
