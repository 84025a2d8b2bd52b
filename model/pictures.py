"""Pictures as the image tower takes them; those of a projection decoded while training, for data beyond the disk."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64, UInt8
from PIL import Image, ImageOps

from kgstore.errors import BadImage
from kgstore.images import GREY, ImageRoots, Region, open_picture, open_reduced, region_of, whole_of
from kgstore.projection import Projection

#: A JPEG is decoded at a smaller scale (Pillow's draft mode) where that leaves this many times the side that is wanted:
#: twice as fast, and pixels of photographs differ by 0.6 of 255 in the mean from those of a whole decoding. At 1 it
#: would be 2.
_SPARE = 2

#: A picture this many times as long as it is wide is not scaled in one piece: a line of 25 million pixels is possible.
_LONGEST = 16

#: Pictures that are tried when a projection is opened: if none of them opens, the folder is the wrong one.
_TRIED = 32


class Pictures(Protocol):
    """The pictures of a projection; those of entity n are numbered `offsets[n]` to `offsets[n + 1]`.

    `failed` says of each reference that could not be decoded why.
    """

    offsets: Int64[np.ndarray, " n_1"]
    failed: dict[str, str]

    def take(self, numbers: Int64[np.ndarray, " p"]) -> tuple[UInt8[np.ndarray, "p 3 s s"], Bool[np.ndarray, " p"]]:
        """The pixels of these pictures, and which of them could be decoded: the others are black."""
        ...


def as_pixels(picture: Image.Image, side: int, size: tuple[float, float] | None = None) -> UInt8[np.ndarray, "3 s s"]:
    """A picture as CLIP takes it: the shorter side scaled to `side`, the middle cut out.

    Equal to transformers' image processor within one grey level, whatever the size and shape: the longer side is
    rounded down, and so is what is cut off on the left and above. `size` is what of the picture counts, if that is not
    all of it (see Reduced).
    """
    width, height = size or picture.size
    across, down = max(side, int(side * width / height)), max(side, int(side * height / width))
    left, above = (across - side) // 2, (down - side) // 2
    if max(across, down) <= _LONGEST * side:  # in this order, as between two passes Pillow rounds and clips
        scaled = picture.resize((across, down), Image.Resampling.BICUBIC, (0, 0, width, height))
        middle = scaled.crop((left, above, left + side, above + side))
    else:
        x, y = width / across, height / down
        box = (left * x, above * y, (left + side) * x, (above + side) * y)
        middle = picture.resize((side, side), Image.Resampling.BICUBIC, box)
    return np.asarray(middle).transpose(2, 0, 1)


def pixels_of(roots: ImageRoots, reference: str, side: int, region: Region = "crop") -> UInt8[np.ndarray, "3 s s"]:
    """The pixels of a reference; a region that keeps its place is padded to a square, for a cut could lose it."""
    if reference == whole_of(reference):
        reduced = open_reduced(roots, reference, _SPARE * side)
        return as_pixels(reduced.picture, side, reduced.size)
    return _of_region(open_picture(roots, reference, region), side, region)


def decoded(
    roots: ImageRoots, references: Sequence[str], side: int, region: Region = "crop"
) -> Iterator[UInt8[np.ndarray, "3 s s"] | BadImage]:
    """`pixels_of` each reference, or why there are none; regions of one picture that follow each other open it once."""
    for name, same in itertools.groupby(references, key=whole_of):
        whole: Image.Image | BadImage | None = None
        for reference in same:
            try:
                if reference == name:
                    yield pixels_of(roots, reference, side, region)
                    continue
                if whole is None:
                    whole = open_picture(roots, name)
                if isinstance(whole, BadImage):
                    raise whole
                yield _of_region(region_of(whole, reference, region), side, region)
            except BadImage as error:
                whole = whole or error
                yield error


def references_of(projection: Projection) -> tuple[Int64[np.ndarray, " n_1"], pa.LargeStringArray]:
    """All picture references in a row, and where those of each entity begin."""
    offsets, values = projection.all_images
    return offsets - offsets[0], values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))


class LivePictures:
    """The pictures of a projection, decoded each time they are asked for, with the pixels that the cache would hold.

    One that cannot be decoded is noted once in `failed` and not tried again. May be used by several threads.
    """

    def __init__(self, projection: Projection, roots: ImageRoots, side: int, region: Region = "crop") -> None:
        self.failed: dict[str, str] = {}
        self._roots, self._side, self._region = roots, side, region
        self._noting = threading.Lock()
        self.offsets: Int64[np.ndarray, " n_1"]
        self.offsets, self._references = references_of(projection)
        tried = np.unique(np.linspace(0, len(self._references) - 1, _TRIED).astype(np.int64))
        if len(self._references) and not self.take(tried)[1].any():
            reason = next(iter(self.failed.values()))
            raise BadImage(f"None of {len(tried):,} pictures that were tried can be opened. {reason}")

    def take(self, numbers: Int64[np.ndarray, " p"]) -> tuple[UInt8[np.ndarray, "p 3 s s"], Bool[np.ndarray, " p"]]:
        references = self._references.take(pa.array(numbers)).to_pylist()
        pixels = np.zeros((len(numbers), 3, self._side, self._side), np.uint8)
        good = np.zeros(len(numbers), bool)
        # Sorted, so that regions of one picture follow each other.
        wanted = sorted((each, place) for place, each in enumerate(references) if each not in self.failed)
        answers = decoded(self._roots, [reference for reference, _ in wanted], self._side, self._region)
        for (reference, place), answer in zip(wanted, answers, strict=True):
            if isinstance(answer, BadImage):
                with self._noting:
                    self.failed[reference] = str(answer)
            else:
                pixels[place], good[place] = answer, True
        return pixels, good


def _of_region(picture: Image.Image, side: int, region: Region) -> UInt8[np.ndarray, "3 s s"]:
    if region == "place":
        picture = ImageOps.pad(picture, (max(picture.size),) * 2, color=GREY)
    return as_pixels(picture, side)
