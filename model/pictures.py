"""All pictures of a projection, decoded once into a mapped uint8 array."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64, UInt8
from PIL import Image, ImageOps
from tqdm import tqdm

from kgstore.errors import BadImage
from kgstore.images import GREY, ImageRoots, Region, open_picture
from kgstore.projection import Projection

_CHUNK = 64


class Pictures:
    """Decoded pictures of a projection: those of entity n are rows `rows[offsets[n]:offsets[n + 1]]` of `pixels`.

    `failed` says of each reference that could not be decoded why; no entity has a row for it.
    """

    def __init__(self, pixels: np.ndarray, offsets: np.ndarray, rows: np.ndarray, failed: dict[str, str]) -> None:
        self.pixels: UInt8[np.ndarray, "k 3 s s"] = pixels
        self.offsets: Int64[np.ndarray, " n_1"] = offsets
        self.rows: Int64[np.ndarray, " v"] = rows
        self.failed = failed


def as_pixels(picture: Image.Image, side: int) -> UInt8[np.ndarray, "3 s s"]:
    """A picture as the image tower takes it: the shorter side scaled to `side`, the middle cut out."""
    return np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def pixels_of(roots: ImageRoots, reference: str, side: int, region: Region = "crop") -> UInt8[np.ndarray, "3 s s"]:
    """The pixels of a reference; a region that keeps its place is padded to a square, for a cut could lose it."""
    picture = open_picture(roots, reference, region, at_least=side)
    if region == "place" and "#xywh=" in reference:
        picture = ImageOps.pad(picture, (max(picture.size),) * 2, color=GREY)
    return as_pixels(picture, side)


def pictures_of(
    projection: Projection,
    roots: ImageRoots,
    side: int,
    cache: str | Path,
    *,
    region: Region = "crop",
    progress: bool = False,
) -> Pictures:
    """The pictures of a projection from below `cache`, decoded there by all cores if they were not before.

    A cache belongs to a set of references, their folders, side and region, so projections of a graph whose relations
    changed share it. Pictures that cannot be decoded are remembered with the reason, and told on stderr; remove the
    cache to try them again. Raises BadImage if that is true of all.
    """
    offsets, values = projection.all_images
    values = values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    if not len(values):
        nothing = np.zeros((0, 3, side, side), np.uint8)
        return Pictures(nothing, np.zeros(projection.entity_count + 1, np.int64), np.empty(0, np.int64), {})
    distinct = pc.unique(values)
    distinct = distinct.take(pc.sort_indices(distinct))
    directory = Path(cache) / f"pictures-{_key(distinct, roots, side, region)}"
    if not directory.is_dir():
        _make(directory, distinct.to_pylist(), roots, side, region, progress)
    failed: dict[str, str] = json.loads((directory / "failed.json").read_text(encoding="utf-8"))
    if failed:
        print(
            f"{len(failed):,} of {len(distinct):,} pictures cannot be opened and are left out. "
            f"{next(iter(failed.values()))} To try them again, remove {directory}.",
            file=sys.stderr,
        )
    rows = pc.index_in(values, value_set=distinct).to_numpy().astype(np.int64)
    decoded = ~pc.is_in(values, value_set=pa.array(list(failed), pa.large_string())).to_numpy(zero_copy_only=False)
    kept = np.concatenate([[0], np.cumsum(decoded)])
    pixels = np.load(directory / "pixels.npy", mmap_mode="r", allow_pickle=False)
    return Pictures(pixels, kept[offsets - offsets[0]], rows[decoded], failed)


def _key(references: pa.LargeStringArray, roots: ImageRoots, side: int, region: Region) -> str:
    digest = hashlib.sha256()
    for reference in references.to_pylist():
        digest.update(reference.encode() + b"\0")
    folders = sorted((source, str(folder)) for source, folder in roots.folders.items())
    digest.update(json.dumps([folders, side, region]).encode())
    return digest.hexdigest()[:16]


def _make(
    directory: Path, references: Sequence[str], roots: ImageRoots, side: int, region: Region, progress: bool
) -> None:
    """Decodes all references aside and renames the result."""
    aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        pixels = np.lib.format.open_memmap(
            aside / "pixels.npy", mode="w+", dtype=np.uint8, shape=(len(references), 3, side, side)
        )
        failed = _decode(references, roots, side, region, pixels, progress)
        if len(failed) == len(references):
            raise BadImage(f"None of the {len(references):,} pictures can be opened. {next(iter(failed.values()))}")
        pixels.flush()
        (aside / "failed.json").write_text(json.dumps(failed, indent=1), encoding="utf-8")
        if not directory.is_dir():  # another process may have been faster
            aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _decode(
    references: Sequence[str], roots: ImageRoots, side: int, region: Region, pixels: np.ndarray, progress: bool
) -> dict[str, str]:
    """Fills `pixels`, row by row; the references that cannot be decoded and why."""

    def decode(start: int) -> dict[str, str]:
        failed = {}
        for row, reference in enumerate(references[start : start + _CHUNK], start):
            try:
                pixels[row] = pixels_of(roots, reference, side, region)
            except BadImage as error:
                failed[reference] = str(error)
        return failed

    failed: dict[str, str] = {}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        chunks = [pool.submit(decode, start) for start in range(0, len(references), _CHUNK)]
        with tqdm(total=len(references), desc="pictures", unit=" pictures", disable=not progress) as bar:
            for done in as_completed(chunks):
                failed.update(done.result())
                bar.update(min(_CHUNK, len(references) - bar.n))
    finally:
        pool.shutdown(cancel_futures=True)
    return {reference: failed[reference] for reference in references if reference in failed}
