"""The image and the text encoder: a transformers CLIPModel, read out token by token and pooled.

Any CLIP of that library works: from a folder, from a hub, or made from nothing by a preset of model/config.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from kgstore.errors import KgError
from model.config import TOWERS, BadConfig, TowerShape

#: Byte-pair vocabulary of CLIP: 49,152 merges, 256 bytes, start and end.
VOCABULARY, START, END = 49_408, 49_406, 49_407
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class BadTowers(KgError):
    """A CLIP that cannot be loaded."""


class Encoded(NamedTuple):
    """What a tower says of pictures or texts."""

    tokens: Float[Tensor, "n l d"]
    pooled: Float[Tensor, "n d_p"]


class Towers(nn.Module):
    """Both encoders of a CLIP. `pooled` equals CLIPModel's image and text features.

    `image_projected` and `text_projected` say whether tokens go through CLIP's projection as the pooled ones do [D]: an
    image's do, where they are comparable with texts; a text's do not, as CLIP has learnt that for the end token alone.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, clip: CLIPModel, image_projected: bool = True, text_projected: bool = False) -> None:
        super().__init__()
        self.clip, self.image_projected, self.text_projected = clip, image_projected, text_projected
        self.config: Any = clip.config
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1) * 255, persistent=False)

    @property
    def image_size(self) -> int:
        return self.config.vision_config.image_size

    @property
    def context(self) -> int:
        return self.config.text_config.max_position_embeddings

    @property
    def image_tokens(self) -> int:
        """The class token and the patches."""
        vision = self.config.vision_config
        return 1 + (vision.image_size // vision.patch_size) ** 2

    @property
    def image_width(self) -> int:
        return self.config.projection_dim if self.image_projected else self.config.vision_config.hidden_size

    @property
    def text_width(self) -> int:
        return self.config.projection_dim if self.text_projected else self.config.text_config.hidden_size

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """CLIP's own tau, which its checkpoints carry as the logarithm of its inverse."""
        return (-self.clip.logit_scale).exp()

    def image(self, pixels: UInt8[Tensor, "p 3 s s"]) -> Encoded:
        """Eq. 2 for pictures: all tokens after the last norm; the class token, projected, is the pooled."""
        if not len(pixels):  # transformers' attention cannot be shown nothing
            return Encoded(self.mean.new_zeros(0, self.image_tokens, self.image_width), self._no_pooled())
        seen = (pixels.to(self.mean.dtype) - self.mean) / self.std
        states = self.clip.vision_model(pixel_values=seen).last_hidden_state
        tokens = self.clip.vision_model.post_layernorm(states)
        if not self.image_projected:
            return Encoded(tokens, self.clip.visual_projection(tokens[:, 0]))
        tokens = self.clip.visual_projection(tokens)
        return Encoded(tokens, tokens[:, 0])

    def text(self, tokens: Int64[Tensor, "q l"], lengths: Int64[Tensor, " q"]) -> Encoded:
        """Eq. 2 for texts: all tokens after the last norm; the end token, projected, is the pooled.

        Attention is causal, so that what pads a text cannot be seen by its tokens and needs no mask. Texts of like
        length go together, each group as long as its longest; what pads the result is zero.
        """
        if not len(tokens):
            return Encoded(self.mean.new_zeros(0, tokens.shape[1], self.text_width), self._no_pooled())
        groups = by_length(lengths)
        parts = []
        for rows in groups:
            states = self.clip.text_model(input_ids=tokens[rows, : int(lengths[rows].max())]).last_hidden_state
            parts.append(F.pad(states, (0, 0, 0, tokens.shape[1] - states.shape[1])))
        states = torch.cat(parts)[torch.cat(groups).argsort()]
        if not self.text_projected:
            return Encoded(states, self.clip.text_projection(at_end(states, lengths)))
        tokens = self.clip.text_projection(states)
        return Encoded(tokens, at_end(tokens, lengths))

    def _no_pooled(self) -> Tensor:
        return self.mean.new_zeros(0, self.config.projection_dim)


def by_length(lengths: Int64[Tensor, " q"]) -> list[Int64[Tensor, " k"]]:
    """Rows in groups of like length. Groups of a few rows would cost more than they save, and so would two groups
    that are padded to the same length."""
    groups = lengths.argsort(stable=True).tensor_split(min(4, max(1, len(lengths) // 24)))
    longest = lengths[torch.stack([rows[-1] for rows in groups])].tolist() if len(groups) > 1 else [0]
    alike: dict[int, list[Tensor]] = {}
    for rows, length in zip(groups, longest, strict=True):
        alike.setdefault(length, []).append(rows)
    return [torch.cat(each) for each in alike.values()]


def at_end(states: Float[Tensor, "q l d"], lengths: Int64[Tensor, " q"]) -> Float[Tensor, "q d"]:
    """The state of each text's end token."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]


def new_clip(preset: str, attention: str = "eager") -> CLIPModel:
    """A CLIP of random weights in the shape of a preset."""
    if preset not in TOWERS:
        raise BadConfig(f"--towers is {preset!r}; it must be one of {', '.join(TOWERS)}.")
    shape = TOWERS[preset]
    config = CLIPConfig(
        vision_config={
            "hidden_size": shape.image_width,
            "intermediate_size": 4 * shape.image_width,
            "num_hidden_layers": shape.image_layers,
            "num_attention_heads": shape.image_heads,
            "image_size": shape.image_size,
            "patch_size": shape.patch,
            "projection_dim": shape.projection,
        },
        text_config={
            "hidden_size": shape.text_width,
            "intermediate_size": 4 * shape.text_width,
            "num_hidden_layers": shape.text_layers,
            "num_attention_heads": shape.text_heads,
            "max_position_embeddings": shape.context,
            "vocab_size": VOCABULARY,
            "bos_token_id": START,
            "eos_token_id": END,
            "projection_dim": shape.projection,
        },
        projection_dim=shape.projection,
    )
    clip = clip_of_config(config, attention)
    nn.init.normal_(clip.vision_model.embeddings.position_embedding.weight, std=shape.position_scale)
    if shape.text_scale != TowerShape._field_defaults["text_scale"]:  # which is what transformers draws by itself
        words = clip.text_model.embeddings
        nn.init.normal_(words.token_embedding.weight, std=shape.text_scale)
        nn.init.normal_(words.position_embedding.weight, std=shape.text_scale)
    return clip


def clip_of_config(config: CLIPConfig, attention: str = "eager") -> CLIPModel:
    """A CLIP of random weights in a given shape."""
    untyped: Any = CLIPModel
    return untyped._from_config(config, attn_implementation=attention)


def clip_from_checkpoint(name: str, attention: str = "eager") -> CLIPModel:
    """A CLIP from a folder in transformers' layout, or by its name from a hub; no pickle, which could run code."""
    try:
        return CLIPModel.from_pretrained(name, attn_implementation=attention, use_safetensors=True, dtype=torch.float32)
    except Exception as error:  # what goes wrong here has no common base: OSError, ValueError, safetensors' own, ...
        kind = "folder" if Path(name).exists() else "name"
        raise BadTowers(
            f"No CLIP can be loaded from the {kind} {name!r}; give a folder with config.json and model.safetensors, "
            f"or the name of a CLIP on a hub that can be reached. ({_first_line(error)})"
        ) from error


def attention_for(choice: str, device: torch.device | str) -> str:
    """The attention that `auto` means: short sequences on a CPU are faster written out than in the fused kernel."""
    if choice != "auto":
        return choice
    return "eager" if torch.device(device).type == "cpu" else "sdpa"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
