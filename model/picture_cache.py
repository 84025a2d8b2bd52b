"""All pictures of a projection, decoded once into a mapped uint8 array.

pictures-KEY/    pixels.npy  references.arrow  settings.json  failed.json
pictures-KEY.part/    the same in the making, with done.npy: which rows are there; a killed build goes on from it
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64, UInt8
from tqdm import tqdm

from kgstore.errors import BadImage, KgError
from kgstore.images import ImageRoots, Region
from kgstore.projection import Projection
from model.derived import mapped
from model.pictures import decoded, references_of

#: Raised whenever as_pixels makes other pixels of a picture than it did.
_PIXELS = 2

_CHUNK = 64
#: Chunks between two markings of what is done: what a killed build loses at most.
_CHUNKS_A_MARK = 32
_ROWS_COPIED = 4096
_REFERENCES = pa.schema([("reference", pa.large_string())])

Mapped: TypeAlias = "np.memmap[Any, Any]"


class CacheFull(KgError):
    """A disk that cannot hold the pictures."""


class CachedPictures:
    """The pictures of a projection as rows of a mapped array; rows of those that cannot be decoded are black."""

    def __init__(
        self, pixels: np.ndarray, good: np.ndarray, rows: np.ndarray, offsets: np.ndarray, failed: dict[str, str]
    ) -> None:
        self.failed = failed
        self.offsets: Int64[np.ndarray, " n_1"] = offsets
        self._pixels: UInt8[np.ndarray, "k 3 s s"] = pixels
        self._good: Bool[np.ndarray, " k"] = good
        self._rows: Int64[np.ndarray, " v"] = rows

    def take(self, numbers: Int64[np.ndarray, " p"]) -> tuple[UInt8[np.ndarray, "p 3 s s"], Bool[np.ndarray, " p"]]:
        rows = self._rows[numbers]
        return self._pixels[rows], self._good[rows]


def cached_pictures(
    projection: Projection,
    roots: ImageRoots,
    side: int,
    cache: str | Path,
    *,
    region: Region = "crop",
    progress: bool = False,
) -> CachedPictures:
    """The pictures of a projection from below `cache`, decoded there by all cores if they were not before.

    A cache belongs to a set of references, their folders, side and region, so projections of a graph whose relations
    changed share it; for other references what another cache holds is copied and the rest decoded. A picture that
    changed on the disk under the same name is not noticed. Pictures that cannot be decoded are remembered with the
    reason, and told on stderr; remove the cache to try them again. Raises BadImage if that is true of all.
    """
    offsets, values = references_of(projection)
    distinct = pc.unique(values)
    distinct = distinct.take(pc.sort_indices(distinct))
    wanted = _Wanted(distinct, roots, side, region)
    directory = Path(cache) / f"pictures-{wanted.key}"
    if len(distinct) and not directory.is_dir():
        _make(directory, wanted, progress)
    failed: dict[str, str] = {}
    pixels = np.zeros((0, 3, side, side), np.uint8)
    if len(distinct):
        failed = json.loads((directory / "failed.json").read_text(encoding="utf-8"))
        pixels = mapped(directory / "pixels.npy")
    if failed:
        print(
            f"{len(failed):,} of {len(distinct):,} pictures cannot be opened and are left out. "
            f"{next(iter(failed.values()))} To try them again, remove {directory}.",
            file=sys.stderr,
        )
    good = ~pc.is_in(distinct, value_set=_strings(failed)).to_numpy(zero_copy_only=False)
    rows = pc.index_in(values, value_set=distinct).to_numpy().astype(np.int64)
    return CachedPictures(pixels, good, rows, offsets, failed)


@dataclass(frozen=True)
class _Wanted:
    """The pictures of a cache: a row for each reference, which are distinct and sorted, and how they are shown."""

    references: pa.LargeStringArray
    roots: ImageRoots
    side: int
    region: Region

    @property
    def settings(self) -> dict[str, Any]:
        """How the pictures are shown, and the folder of each source that has some here."""
        sources = pc.unique(_sources(self.references)).to_pylist()
        folders = {source: str(self.roots.folders[source]) for source in sources if source in self.roots.folders}
        return {"folders": dict(sorted(folders.items())), "side": self.side, "region": self.region, "pixels": _PIXELS}

    @property
    def key(self) -> str:
        digest = hashlib.sha256(json.dumps(self.settings).encode())
        _, offsets, content = self.references.buffers()
        ends = np.frombuffer(offsets, np.int64)[self.references.offset :][: len(self.references) + 1]
        digest.update(np.diff(ends).tobytes())
        digest.update(memoryview(content)[ends[0] : ends[-1]])
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Making:
    """A cache in the making. What `done` says is there survives the end of the process and of the machine."""

    directory: Path
    pixels: Mapped  # uint8 [k, 3, s, s]
    done: Mapped  # bool [k]
    failed: dict[str, str]

    def mark(self, rows: Int64[np.ndarray, " m"]) -> None:
        self.pixels.flush()
        _write_json(self.directory / "failed.json", self.failed)
        self.done[rows] = True
        self.done.flush()


def _make(directory: Path, wanted: _Wanted, progress: bool) -> None:
    """Decodes what is wanted, from where a killed build stopped; another process that is at it is waited for."""
    aside = directory.with_name(f"{directory.name}.part")
    aside.mkdir(parents=True, exist_ok=True)
    with (aside / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
            return
        making = _begun(aside, wanted) if (aside / "done.npy").is_file() else _begin(aside, wanted)
        _decode(making, wanted, progress)
        if len(making.failed) == len(wanted.references):
            shutil.rmtree(aside)
            reason = next(iter(making.failed.values()))
            raise BadImage(f"None of the {len(making.failed):,} pictures can be opened. {reason}")
        aside.rename(directory)
        (directory / "done.npy").unlink()
        (directory / "lock").unlink()


def _begin(directory: Path, wanted: _Wanted) -> _Making:
    """An empty cache in the making, with what other caches hold copied; done.npy comes last."""
    shape = (len(wanted.references), 3, wanted.side, wanted.side)
    needed, free = math.prod(shape), shutil.disk_usage(directory).free
    try:
        if needed > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        pixels = np.lib.format.open_memmap(directory / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
        with (directory / "pixels.npy").open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, file.seek(0, os.SEEK_END))  # else a full disk kills the process
    except OSError as error:
        shutil.rmtree(directory)
        raise CacheFull(
            f"{shape[0]:,} pictures need {needed / 2**30:,.1f} GiB in {directory.parent}, which has "
            f"{free / 2**30:,.1f}: {error.strerror}. Make room, or decode them while training: --pictures live."
        ) from error
    with pa.ipc.new_file(str(directory / "references.arrow"), _REFERENCES) as writer:
        writer.write_batch(pa.record_batch([wanted.references], schema=_REFERENCES))
    _write_json(directory / "settings.json", wanted.settings)
    _write_json(directory / "failed.json", {})
    done = np.zeros(len(pixels), bool)
    for other in sorted(directory.parent.glob("pictures-*/")):
        if other.suffix != ".part":
            _copy(other, wanted, pixels, done)
    np.save(directory / "done.aside.npy", done)
    (directory / "done.aside.npy").rename(directory / "done.npy")
    return _begun(directory, wanted)


def _begun(directory: Path, wanted: _Wanted) -> _Making:
    pixels = np.load(directory / "pixels.npy", mmap_mode="r+", allow_pickle=False)
    done = np.load(directory / "done.npy", mmap_mode="r+", allow_pickle=False)
    return _Making(directory, pixels, done, json.loads((directory / "failed.json").read_text(encoding="utf-8")))


def _copy(other: Path, wanted: _Wanted, pixels: np.ndarray, done: np.ndarray) -> None:
    """Takes the rows over that another cache holds of the same pictures from the same folders."""
    try:
        theirs = json.loads((other / "settings.json").read_text(encoding="utf-8"))
        with pa.memory_map(str(other / "references.arrow")) as file:
            references = pa.ipc.open_file(file).read_all()["reference"].combine_chunks()
        failed = json.loads((other / "failed.json").read_text(encoding="utf-8"))
        held = np.load(other / "pixels.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, pa.ArrowInvalid):
        return  # of an earlier version, or being removed: nothing to be had
    ours = wanted.settings
    if any(theirs.get(name) != ours[name] for name in ("side", "region", "pixels")):
        return
    same = [source for source, folder in ours["folders"].items() if theirs["folders"].get(source) == folder]
    place = pc.index_in(wanted.references, value_set=references)
    there = pc.and_(pc.is_valid(place), pc.is_in(_sources(wanted.references), value_set=_strings(same)))
    there = pc.and_not(there, pc.is_in(wanted.references, value_set=_strings(failed)))
    rows = np.flatnonzero(there.to_numpy(zero_copy_only=False) & ~done)
    from_rows = place.fill_null(0).to_numpy()[rows]
    for start in range(0, len(rows), _ROWS_COPIED):
        part = slice(start, start + _ROWS_COPIED)
        pixels[rows[part]] = held[from_rows[part]]
    done[rows] = True


def _decode(making: _Making, wanted: _Wanted, progress: bool) -> None:
    """Fills the rows that are not there yet."""
    todo = np.flatnonzero(~making.done)

    def decode(rows: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
        references = wanted.references.take(pa.array(rows)).to_pylist()
        answers = decoded(wanted.roots, references, wanted.side, wanted.region)
        failed = {}
        for row, reference, answer in zip(rows, references, answers, strict=True):
            if isinstance(answer, BadImage):
                failed[reference] = str(answer)
            else:
                making.pixels[row] = answer
        return rows, failed

    pool = ThreadPoolExecutor(os.cpu_count())
    unmarked: list[np.ndarray] = []
    try:
        chunks = [pool.submit(decode, todo[start : start + _CHUNK]) for start in range(0, len(todo), _CHUNK)]
        with tqdm(
            total=len(making.done),
            initial=len(making.done) - len(todo),
            desc="pictures",
            unit=" pictures",
            disable=not progress,
        ) as bar:
            for chunk in as_completed(chunks):
                rows, failed = chunk.result()
                making.failed.update(failed)
                unmarked.append(rows)
                bar.update(len(rows))
                if len(unmarked) >= _CHUNKS_A_MARK:
                    making.mark(np.concatenate(unmarked))
                    unmarked = []
    finally:
        pool.shutdown(cancel_futures=True)
        if unmarked:
            making.mark(np.concatenate(unmarked))


def _sources(references: pa.LargeStringArray) -> pa.LargeStringArray:
    """What stands before the first slash."""
    return pc.replace_substring_regex(references, "/.*", "")


def _strings(values: Any) -> pa.LargeStringArray:
    return pa.array(list(values), pa.large_string())


def _write_json(path: Path, value: Any) -> None:
    """Whole or as it was."""
    aside = path.with_suffix(".aside")
    aside.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")
    aside.rename(path)
