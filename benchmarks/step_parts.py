"""What each part of a knowledge step costs, forward and backward, and what each saving against the naive form saves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.clip_step import clip_like
from benchmarks.naive_form import Form, naive_losses
from benchmarks.setting import Setting
from ingest.load import load
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.batch import Batch
from model.config import PRESETS, TOWERS, ModelConfig, TrainConfig
from model.fusion import Elements
from model.knowledge_clip import KnowledgeClip, distinct, pair_features
from model.objectives import total_loss
from model.prepare import relation_names
from model.representations import Representations
from model.sampler import Sampler
from model.schedule import make_optimizer, set_rates
from model.step import backward
from model.tokens import Tokenizer
from model.torch_compile import compile_layers
from model.towers import Towers, attention_for
from model.views import Views

#: The forms of a step from the naive one to ours, each with one saving more: the form, and what is masked.
FORMS = {
    "naive": (Form(shared=False, unpadded=False), "zero"),
    "entities encoded once": (Form(shared=True, unpadded=False), "zero"),
    "text unpadded": (Form(shared=True, unpadded=True), "zero"),
    "masked positions dropped": (Form(shared=True, unpadded=True), "drop"),
}


class Work(NamedTuple):
    """A step's batch and settings, and the network that learns from it, by what is masked."""

    batch: Batch
    config: TrainConfig
    teacher: Towers
    networks: dict[str, KnowledgeClip]


@contextmanager
def drawn_graph(pictures: int) -> Iterator[tuple[Projection, Path]]:
    """A drawn world as a projection, and a folder for what is cached of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_world(folder / "world", Settings(pictures=pictures, scenes=pictures // 16), progress=False)
        with open_store(folder / "graph") as store:
            load(store, read_world(folder / "world"), progress=False)
            yield project(store, load_recipe("all"), folder / "projection"), folder


def work_of(setting: Setting, fanout: tuple[int, ...]) -> Work:
    """A batch of a drawn world, as the sampler gives it, and networks of equal weights to learn from it."""
    with drawn_graph(1024) as (projection, folder):
        shape = {name: value for name, value in PRESETS.get(setting.towers, {}).items() if hasattr(ModelConfig, name)}
        clip = clip_like(setting)
        attention = attention_for("auto", setting.device)
        views = Views(
            projection,
            Tokenizer.of(),
            side=TOWERS[setting.towers].image_size,
            context=setting.context,
            cache=folder,
        )
        sampler = Sampler(projection, batch_size=setting.batch_size, fanout=fanout)
        batch = views.batch(sampler.sample(0)).to(setting.device)
        networks = {}
        for masked in ("drop", "zero"):
            torch.manual_seed(0)
            config = ModelConfig(**{**shape, "towers": setting.towers, "masked": masked})
            network = KnowledgeClip(clip_like(setting), config, relation_names(projection), attention)
            networks[masked] = network.to(setting.device).train()
            if setting.compiled:
                compile_layers(networks[masked])
        train = TrainConfig(batch_size=setting.batch_size, precision=setting.precision)
        teacher = Towers(clip).to(setting.device).eval().requires_grad_(False)
        return Work(batch, train, teacher, networks)


def forms(work: Work) -> dict[str, Callable[[], object]]:
    """A whole training step in each form."""
    return {name: _step(work, work.networks[masked], form) for name, (form, masked) in FORMS.items()}


def parts(work: Work) -> dict[str, Callable[[], object]]:
    """The parts of our step, each alone, forward and backward; and "all", the whole step."""
    model, batch, config = work.networks["drop"], work.batch, work.config
    optimizer = make_optimizer(model, config)
    with torch.no_grad():
        entities = model.encode(batch)
        relations = model.encode_relations(batch.relation_tokens, batch.relation_lengths)
        whole = model.representations(batch, config.weights, work.teacher)
        alone, places = distinct(torch.cat([batch.tail, batch.edge_head, batch.edge_tail]))
        Y_t = model.represent(tail=entities.elements.take(alone))
        heads, tails = torch.cat([batch.head, batch.edge_head]), torch.cat([batch.tail, batch.edge_tail])
        R = model.represent_relation(entities.elements.take(heads), entities.elements.take(tails))
    b, e = len(batch.head), len(batch.edge_head)

    def image_tower() -> list[Tensor]:
        seen = model.encode_pictures(batch.pixels)
        return [seen.elements.tokens, seen.pooled]

    def text_tower() -> list[Tensor]:
        said = model.encode_texts(batch.tokens, batch.lengths)
        return [
            said.elements.tokens,
            said.pooled,
            model.encode_relations(batch.relation_tokens, batch.relation_lengths),
        ]

    def fusion() -> list[Tensor]:
        elements = Elements(entities.elements.tokens.detach().requires_grad_(), entities.elements.present)
        named = relations.detach().requires_grad_()
        return [
            model.represent(tail=elements.take(alone)),
            model.represent_relation(elements.take(heads), elements.take(tails)),
            model.represent(head=elements.take(batch.head), relation=named[batch.relation]),
        ]

    def graph() -> list[Tensor]:
        own, gates = Y_t.detach().requires_grad_(), R[b:].detach().requires_grad_()
        return [model.graph(own, places[b : b + e], places[b + e :], gates)]

    def losses() -> list[Tensor]:
        read = {name: value.detach().float().requires_grad_() for name, value in whole.read.items()}
        read["R_logits"] = model.relation_head(R[:b].detach().requires_grad_())
        terms = model.objectives(Representations(read, whole.told), config.weights, work.teacher)
        return [total_loss(terms, config.weights)]

    def distillation() -> list[Tensor]:
        with torch.no_grad():
            pair_features(work.teacher, batch)
        return []

    def optimize() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        optimizer.step()

    def cleared(step: Callable[[], object]) -> Callable[[], object]:
        def clear_and_step() -> None:
            model.zero_grad()
            step()

        return clear_and_step

    backward(model, [batch], config, 0, work.teacher)  # gradients for the optimizer, whose part comes first
    alone_steps = {
        "image tower": image_tower,
        "text tower": text_tower,
        "fusion": fusion,
        "graph network": graph,
        "distillation's teacher": distillation,
        "losses": losses,
    }
    both_ways = {name: cleared(_both_ways(work, part)) for name, part in alone_steps.items()}
    with_gradients = {"all": _step(work, model, Form(shared=True, unpadded=True)), "optimizer": optimize}
    return {**with_gradients, **both_ways}


def _both_ways(work: Work, part: Callable[[], list[Tensor]]) -> Callable[[], object]:
    def step() -> None:
        with torch.autocast(work.batch.head.device.type, torch.bfloat16, enabled=work.config.precision == "bf16"):
            results = part()
        if results:
            torch.autograd.backward(results, [torch.ones_like(result) for result in results])

    return step


def _step(work: Work, model: KnowledgeClip, form: Form) -> Callable[[], object]:
    optimizer = make_optimizer(model, work.config)
    weights = work.config.weights

    def step() -> None:
        set_rates(optimizer, work.config, 0)
        optimizer.zero_grad()
        with torch.autocast(work.batch.head.device.type, torch.bfloat16, enabled=work.config.precision == "bf16"):
            loss = total_loss(naive_losses(model, work.batch, weights, work.teacher, form), weights)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), work.config.clip_grad)
        optimizer.step()
        model.clamp_temperatures()

    return step
