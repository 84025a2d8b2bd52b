"""A training step on image-text pairs, CLIP's objective alone: ours and open_clip's, on the same towers and batch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from transformers import CLIPModel

from benchmarks.setting import Setting
from model.batch import Batch
from model.config import TOWERS, ModelConfig, TrainConfig
from model.knowledge_clip import KnowledgeClip
from model.open_clip_form import open_clip_config, open_clip_tensors
from model.schedule import make_optimizer, set_rates
from model.step import backward
from model.torch_compile import compile_layers
from model.towers import END, START, attention_for, clip_of_config, new_clip

Step = Callable[[], torch.Tensor]


def clip_like(setting: Setting) -> CLIPModel:
    """A CLIP of random weights in the shape of a preset, with another context."""
    torch.manual_seed(0)
    clip = new_clip(setting.towers, attention_for("auto", setting.device))
    if setting.context != TOWERS[setting.towers].context:
        clip.config.text_config.max_position_embeddings = setting.context  # type: ignore[union-attr]
        clip = clip_of_config(clip.config, attention_for("auto", setting.device))
    return clip


def pairs(setting: Setting) -> Batch:
    """Random pictures, each with a text of its own."""
    generator = torch.Generator().manual_seed(0)
    m, side = setting.batch_size, TOWERS[setting.towers].image_size
    shortest, longest = setting.lengths
    lengths = torch.randint(shortest, longest + 1, (m,), generator=generator)
    lengths[0] = longest
    tokens = torch.randint(300, 40_000, (m, longest), generator=generator)
    places = torch.arange(longest)
    tokens[:, 0] = START
    tokens[places == lengths[:, None] - 1] = END
    tokens[places >= lengths[:, None]] = 0
    nothing, all_of = torch.empty(0, dtype=torch.int64), torch.arange(m)
    return Batch(
        pixels=torch.randint(0, 256, (m, 3, side, side), generator=generator, dtype=torch.uint8),
        tokens=tokens,
        lengths=lengths,
        is_picture=torch.arange(2 * m) < m,
        row=torch.cat([all_of, all_of]),
        relation_tokens=torch.tensor([[START, END]]),
        relation_lengths=torch.tensor([2]),
        relation_class=torch.zeros(1, dtype=torch.int64),
        head=all_of,
        relation=torch.zeros(m, dtype=torch.int64),
        tail=all_of + m,
        place=all_of,
        known=torch.eye(m, dtype=torch.bool),
        pairs=all_of,
        edge_head=nothing,
        edge_tail=nothing,
        seeds=nothing,
    )


def our_step(clip: CLIPModel, batch: Batch, setting: Setting) -> Step:
    """What model/train.py does in a step."""
    config = TrainConfig(objective="clip", batch_size=setting.batch_size, precision=setting.precision)
    model = KnowledgeClip(clip, ModelConfig(), (), clip.config._attn_implementation).to(setting.device).train()
    if setting.compiled:
        compile_layers(model)
    optimizer = make_optimizer(model, config)
    on_device = batch.to(setting.device)

    def step() -> torch.Tensor:
        set_rates(optimizer, config, 0)
        optimizer.zero_grad()
        loss = backward(model, [on_device], config, 0)["loss"]
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        optimizer.step()
        model.clamp_temperatures()
        return loss

    return step


def open_clips_step(clip: CLIPModel, batch: Batch, setting: Setting, *, fused: bool) -> Step:
    """What open_clip_train does in a step; AdamW as it makes it, or fused, which is faster on a CPU too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from open_clip.loss import ClipLoss
        from open_clip.model import CLIP

    config = open_clip_config(clip.config)["model_cfg"]
    model = CLIP(**config, output_dict=True)
    model.load_state_dict(open_clip_tensors(clip))
    model = model.to(setting.device).train()
    trained: Any = torch.compile(model) if setting.compiled else model
    ours = TrainConfig(objective="clip")
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    spared = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": ours.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=ours.lr_towers / 100, fused=fused or None)
    loss_of = ClipLoss()
    # Its loader normalises the pictures beforehand, and its tokenizer pads all texts.
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (_preprocess(clip)["mean"], _preprocess(clip)["std"]))
    images = ((batch.pixels / 255 - mean) / std).to(setting.device)
    texts = torch.nn.functional.pad(batch.tokens, (0, setting.context - batch.tokens.shape[1])).to(setting.device)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast(setting.device.type, torch.bfloat16, enabled=setting.precision == "bf16"):
            loss: torch.Tensor = loss_of(**trained(images, texts))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), ours.clip_grad)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        return loss.detach()

    return step


def _preprocess(clip: CLIPModel) -> dict[str, Any]:
    found: dict[str, Any] = open_clip_config(clip.config)["preprocess_cfg"]
    return found
