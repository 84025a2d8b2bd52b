"""A CLIP of transformers in the form that open_clip reads: its configuration and its names of the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

from kgstore.errors import KgError
from model.towers import MEAN, STD

#: Where transformers has what stands in a layer of open_clip's.
_OF_LAYER = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}

#: The end token that OpenAI's files name, and which both libraries read as: the highest number of a text.
_HIGHEST = 2


class NoForm(KgError):
    """A CLIP that open_clip cannot express."""


def open_clip_config(config: CLIPConfig, *, own_vocabulary: bool = False) -> dict[str, Any]:
    """What open_clip_config.json holds. Raises NoForm.

    `own_vocabulary`: the tokenizer is the one in the same folder, instead of the original one, which open_clip has.
    """
    vision: Any = config.vision_config
    text: Any = config.text_config
    acts = {vision.hidden_act, text.hidden_act}
    if acts not in ({"gelu"}, {"quick_gelu"}):
        raise NoForm(f"open_clip has gelu or quick_gelu in both towers, and this CLIP {' and '.join(sorted(acts))}.")
    if vision.num_channels != 3 or vision.hidden_size % vision.num_attention_heads:
        raise NoForm("open_clip has pictures of three channels and heads of equal width, and this CLIP has not.")
    end = (
        {}
        if text.eos_token_id in (_HIGHEST, text.vocab_size - 1)
        else {"pool_type": "eos", "eos_id": text.eos_token_id}
    )
    return {
        "model_cfg": {
            "embed_dim": config.projection_dim,
            "quick_gelu": acts == {"quick_gelu"},
            "vision_cfg": {
                "image_size": vision.image_size,
                "patch_size": vision.patch_size,
                "width": vision.hidden_size,
                "layers": vision.num_hidden_layers,
                "head_width": vision.hidden_size // vision.num_attention_heads,
                **_layer_options(vision),
            },
            "text_cfg": {
                "context_length": text.max_position_embeddings,
                "vocab_size": text.vocab_size,
                "width": text.hidden_size,
                "heads": text.num_attention_heads,
                "layers": text.num_hidden_layers,
                **_layer_options(text),
                **end,
                **({"hf_tokenizer_name": "."} if own_vocabulary else {}),
            },
        },
        "preprocess_cfg": {
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def open_clip_tensors(clip: CLIPModel) -> dict[str, Tensor]:
    """The parameters by open_clip's names."""
    theirs = {name: tensor.detach() for name, tensor in clip.state_dict().items()}
    vision, text = "vision_model.embeddings", "text_model.embeddings"
    named = {
        "logit_scale": theirs["logit_scale"],
        "visual.class_embedding": theirs[f"{vision}.class_embedding"],
        "visual.positional_embedding": theirs[f"{vision}.position_embedding.weight"],
        "visual.conv1.weight": theirs[f"{vision}.patch_embedding.weight"],
        "visual.proj": theirs["visual_projection.weight"].T,
        "positional_embedding": theirs[f"{text}.position_embedding.weight"],
        "token_embedding.weight": theirs[f"{text}.token_embedding.weight"],
        "text_projection": theirs["text_projection.weight"].T,
        **_pair(theirs, "visual.ln_pre", "vision_model.pre_layrnorm"),
        **_pair(theirs, "visual.ln_post", "vision_model.post_layernorm"),
        **_pair(theirs, "ln_final", "text_model.final_layer_norm"),
    }
    for tower, theirs_tower in (("visual.transformer", "vision_model"), ("transformer", "text_model")):
        named |= dict(_layers(theirs, f"{tower}.resblocks", f"{theirs_tower}.encoder.layers"))
    return {name: tensor.contiguous() for name, tensor in named.items()}


def _layers(theirs: Mapping[str, Tensor], name: str, their_name: str) -> Iterator[tuple[str, Tensor]]:
    """The layers of a tower; open_clip has queries, keys and values in one matrix."""
    i = 0
    while f"{their_name}.{i}.layer_norm1.weight" in theirs:
        layer, their_layer = f"{name}.{i}", f"{their_name}.{i}"
        for kind in ("weight", "bias"):
            parts = [theirs[f"{their_layer}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            yield f"{layer}.attn.in_proj_{kind}", torch.cat(parts)
        for own, other in _OF_LAYER.items():
            yield from _pair(theirs, f"{layer}.{own}", f"{their_layer}.{other}").items()
        i += 1


def _pair(theirs: Mapping[str, Tensor], name: str, their_name: str) -> dict[str, Tensor]:
    return {f"{name}.{kind}": theirs[f"{their_name}.{kind}"] for kind in ("weight", "bias")}


def _layer_options(tower: Any) -> dict[str, Any]:
    """The widths of a tower's layers; open_clip rounds the product of width and ratio down."""
    ratio = tower.intermediate_size / tower.hidden_size
    if int(tower.hidden_size * ratio) != tower.intermediate_size:
        ratio = math.nextafter(ratio, math.inf)
    norm = {} if tower.layer_norm_eps == 1e-5 else {"norm_kwargs": {"eps": tower.layer_norm_eps}}
    return {"mlp_ratio": ratio, **norm}
