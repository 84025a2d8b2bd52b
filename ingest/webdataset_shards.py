"""WebDataset's tar shards: members that share a key are a sample, KEY.jpg with KEY.txt, perhaps KEY.json.

The pictures stay in their shard; a reference names the byte at which they begin. Shards are plain tar files: a packed
one cannot be read in place.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ingest.captioned import RELATIONS, Asked, Captioned, captioned, source_of, split_of
from ingest.records import BadSource, DataSet, Record, Skipped
from kgstore.images import ImageRoots
from kgstore.shards import Member

PICTURES = ("jpg", "jpeg", "png", "webp")
_TEXTS = ("txt", "json", "caption")


def shard_files(path: Path) -> list[Path]:
    """The shards that a path names or holds."""
    if path.is_file():
        return [path] if path.suffix == ".tar" else []
    return sorted(path.rglob("*.tar"))


def read_shards(shards: list[Path], root: Path, asked: Asked) -> DataSet:
    """Shards below a folder; the words of a shard's path tell its split."""
    root = root.resolve()
    splits: dict[Path, str] = {}
    for shard in (shard.resolve() for shard in shards):
        split = split_of(shard.relative_to(root).as_posix()) or "train"
        if split in asked.only:
            splits[shard] = asked.split or split
    if not splits:
        raise BadSource(f"{root} holds no shards of {', '.join(asked.only)}: leave --only out.")
    # The folder and not the shards: to hash gigabytes of pictures costs more than to read the captions between them.
    return DataSet(source_of(asked, root, root), partial(_records, splits, root, asked), files=(root,))


def _records(splits: dict[Path, str], root: Path, asked: Asked) -> Iterator[Record]:
    # It brings torch, which takes seconds that only a load of shards should wait.
    from webdataset.tariterators import group_by_keys

    yield from RELATIONS
    roots = ImageRoots({asked.source: root})
    for shard, split in splits.items():
        name = shard.relative_to(root).as_posix()
        broken: list[Skipped] = []

        def twice(error: Exception, name: str = name, broken: list[Skipped] = broken) -> bool:
            broken.append(Skipped("members whose name another one bears", f"{name}: {error.args[0]}"))
            return True

        for sample in group_by_keys(_members(shard, name, broken), handler=twice):
            yield from broken
            broken.clear()
            yield from _sample(sample, f"{name.removesuffix('.tar')}/{sample['__key__']}", split, roots, asked)
        yield from broken


def _members(shard: Path, name: str, broken: list[Skipped]) -> Iterator[dict[str, Any]]:
    """The members as the library groups them: of a picture only the place, of texts what they say."""
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                suffix = member.name.rpartition("/")[2].partition(".")[2].lower()
                data: Member | bytes | None = None
                if not member.isreg() or re.match(r"__[^/]*__(/|\Z)", member.name):  # the second are the library's own
                    continue
                if suffix in PICTURES:
                    data = Member(name, member.offset, member.name)
                elif suffix in _TEXTS and (content := archive.extractfile(member)):
                    data = content.read()
                if data is not None:
                    yield {"fname": member.name, "data": data, "__url__": name}
    except tarfile.TarError as error:
        broken.append(Skipped("shards that end too early or are no tar file", f"{name}: {error}"))
    except OSError as error:
        raise BadSource(f"{shard} cannot be read: {error.strerror or error}.") from error


def _sample(sample: dict[str, Any], key: str, split: str, roots: ImageRoots, asked: Asked) -> Iterator[Record]:
    picture = next((sample[suffix] for suffix in PICTURES if suffix in sample), None)
    words = _caption(sample, key)
    if isinstance(words, Skipped):
        yield words
    elif picture is None:
        yield Skipped("samples without a picture", key)
    else:
        yield from captioned([Captioned(key, f"{asked.source}/{picture}", split, {key: words})], roots, asked)


def _caption(sample: dict[str, Any], key: str) -> str | Skipped:
    """What the text says, else what the JSON beside it calls the caption."""
    told = next((sample[suffix] for suffix in ("txt", "caption") if suffix in sample), None)
    try:
        if told is not None:
            words = told.decode("utf-8-sig")
        else:
            content = json.loads(sample.get("json", b"{}"))
            words = content.get("caption") if isinstance(content, dict) else None
    except UnicodeDecodeError:
        return Skipped("captions that are not UTF-8", key)
    except ValueError:
        return Skipped("samples whose JSON does not read", key)
    words = " ".join(words.split()) if isinstance(words, str) else ""
    return words or Skipped("samples without a caption", key)
