"""Random crops of a batch's pictures, scaled back to their side: where is decided by (seed, step), done on the device.

Nothing is mirrored or coloured anew: the graph says what is left of what, and what is red.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from model.batch import Batch
from model.permutation import uniform

#: Longest to shortest side of a crop [D: as OpenCLIP].
_RATIO = 4 / 3


def random_crops(seed: int, step: int, entities: Int64[np.ndarray, " p"], least: float) -> Float32[np.ndarray, "p 4"]:
    """Left, top, width and height of a crop of each entity's picture, as parts of its side.

    A crop holds `least` to all of the picture's area, any part equally likely; its shape and place are random too.
    """
    area = least + (1 - least) * uniform(seed, step, entities, 2)
    ratio = np.exp(math.log(_RATIO) * (2 * uniform(seed, step, entities, 3) - 1))
    width, height = np.minimum(np.sqrt(area * ratio), 1), np.minimum(np.sqrt(area / ratio), 1)
    left, top = (1 - width) * uniform(seed, step, entities, 4), (1 - height) * uniform(seed, step, entities, 5)
    return np.stack([left, top, width, height], axis=1).astype(np.float32)


def cropped(pixels: UInt8[Tensor, "p 3 s s"], crops: Float32[Tensor, "p 4"]) -> UInt8[Tensor, "p 3 s s"]:
    """These parts of the pictures at the pictures' size."""
    if not len(pixels):
        return pixels
    left, top, width, height = crops.unbind(1)
    nothing = torch.zeros_like(left)
    across = torch.stack([width, nothing, 2 * left + width - 1], dim=1)
    down = torch.stack([nothing, height, 2 * top + height - 1], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(pixels.shape), align_corners=False)
    shown = F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return shown.round().clamp(0, 255).to(torch.uint8)


def augmented(batch: Batch) -> Batch:
    """The batch with its crops carried out, wherever its tensors lie."""
    return batch if batch.crops is None else replace(batch, pixels=cropped(batch.pixels, batch.crops), crops=None)
