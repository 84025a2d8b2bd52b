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
from kgstore.images import GREY, ImageRoots, Region, open_picture, region_of, whole_of
from kgstore.projection import Projection

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


def as_pixels(picture: Image.Image, side: int) -> UInt8[np.ndarray, "3 s s"]:
    """A picture as the image tower takes it: the shorter side scaled to `side`, the middle cut out."""
    return np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def pixels_of(roots: ImageRoots, reference: str, side: int, region: Region = "crop") -> UInt8[np.ndarray, "3 s s"]:
    """The pixels of a reference; a region that keeps its place is padded to a square, for a cut could lose it.

    A JPEG is decoded at a smaller scale where that is enough (Pillow's draft mode), several times faster; pixels of
    photographs then differ by 1 or 2 of 255 in the mean from those of a whole decoding.
    """
    return _fitted(open_picture(roots, reference, region, at_least=side), reference, side, region)


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
                yield _fitted(region_of(whole, reference, region), reference, side, region)
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


def _fitted(picture: Image.Image, reference: str, side: int, region: Region) -> UInt8[np.ndarray, "3 s s"]:
    if region == "place" and reference != whole_of(reference):
        picture = ImageOps.pad(picture, (max(picture.size),) * 2, color=GREY)
    return as_pixels(picture, side)
