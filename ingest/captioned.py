"""A picture with its captions, as every data set of captions has them, and what becomes of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.pictures import MISSING, NOT_OPENING, what_is_wrong
from ingest.records import BadSource, Record, Skipped, data_source
from kgstore.images import ImageRoots
from kgstore.values import SPLITS, Entity, Relation, Source, Triple

RELATIONS = (Relation("IMAGE_OF", "image of"), Relation("CAPTION_OF", "caption of"))

#: What data sets call the splits.
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "dev": "valid",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}

WEB_PAGE = "pictures that are a web page"


@dataclass(frozen=True)
class Asked:
    """What the caller wants of a data set: its name in the graph, which splits, one split for all of it, and which part
    of the training pictures is held out as valid."""

    source: str
    only: frozenset[str] = frozenset(SPLITS)
    split: str | None = None
    valid_part: float = 0.0

    def split_of(self, picture: Captioned) -> str:
        """Pictures are held out by their keys alone, so that the same ones are whatever else is there."""
        if picture.split == "train" and hashed(picture.key) < self.valid_part:
            return "valid"
        return picture.split


@dataclass
class Captioned:
    """A picture as its data set describes it; `reference` is empty where there is none."""

    key: str
    reference: str
    split: str
    captions: dict[str, str] = field(default_factory=dict)  # key -> words


def hashed(key: str) -> float:
    """A number in [0, 1) that is as good as drawn, and always the same for a key."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=6).digest()) / 2**48


def split_of(name: str) -> str:
    """The split that a word of a file's or folder's name tells; empty where none does."""
    words = re.split(r"[^A-Za-z]+", name.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "")


def captioned(pictures: Iterable[Captioned], roots: ImageRoots, asked: Asked) -> Iterator[Record]:
    """The records of these pictures; one that is not there or does not open is left out with its captions."""
    for picture in pictures:
        if not picture.captions:
            reason = "pictures without a caption"
        elif not picture.reference:
            reason = MISSING
        else:
            reason = what_is_wrong(roots, picture.reference)
            if reason == NOT_OPENING and _is_web_page(roots, picture.reference):
                reason = WEB_PAGE
        if reason:
            yield Skipped(reason, picture.reference or picture.key)
            for key in picture.captions:
                yield Skipped("captions of a picture that was left out", key)
            continue
        source, split = asked.source, asked.split_of(picture)
        image = f"{source}:image/{picture.key}"
        name = picture.reference.rpartition("/")[2]
        yield Entity(image, "image", name, images=(picture.reference,), sources=(source,), split=split)
        for key, words in picture.captions.items():
            caption = f"{source}:caption/{key}"
            yield Entity(caption, "caption", words, (words,), sources=(source,), split=split)
            yield Triple(image, "IMAGE_OF", caption, sources=(source,), split=split)
            yield Triple(caption, "CAPTION_OF", image, sources=(source,), split=split)


def source_of(asked: Asked, path: Path, root: Path) -> Source:
    options = (sorted(asked.only), asked.split, *([asked.valid_part] if asked.valid_part else []))
    return data_source(asked.source, path, options, image_root=str(root))


def picture_folder(folder: Path | None, beside: Path) -> Path:
    if folder is None:
        raise BadSource(f"No folder of pictures beside {beside}: say where they are with --pictures DIR.")
    if not folder.is_dir():
        raise BadSource(f"{folder} is no folder: say where the pictures are with --pictures DIR.")
    return folder.resolve()


def _is_web_page(roots: ImageRoots, reference: str) -> bool:
    """Whether a server that no longer has the picture answered with a page."""
    with roots.opened(reference) as file:
        if isinstance(file, Path):
            with file.open("rb") as content:
                start = content.read(512)
        else:
            start = file.read(512)
    return (
        re.match(rb"\s*<(?:!doctype|html|\?xml|head|body|script)", start.removeprefix(b"\xef\xbb\xbf"), re.I)
        is not None
    )
