"""Pictures with captions: Flickr8k and Flickr30k token files, COCO captions.

Source: Flickr8k/30k (Hodosh et al. 2013, Young et al. 2014), COCO Captions (Chen et al. 2015). Licence: Flickr for
non-commercial research, pictures with their photographers; COCO annotations CC BY 4.0, pictures under Flickr's terms.
To get it: from their authors' sites; keep the folders as they unpack. `--path` is that folder, or the file in it.

  Flickr  `NAME.jpg#k TAB caption`; split lists (..trainImages.txt, ..devImages.txt, ..testImages.txt) beside it say
          what is train, valid and test: a picture in none of them is left out. Pictures in images/ ...
  COCO    annotations/captions_train2017.json with pictures in train2017/, and so on; the file's name gives the split.

Entities   image `SOURCE:image/..` and caption `SOURCE:caption/..` with the words as its text
Relations  image IMAGE_OF caption, caption CAPTION_OF image

A picture that is missing, or whose header does not read, is left out with its captions.
The image root is the folder above the pictures' folder: references begin `SOURCE/train2017/..` or `SOURCE/images/..`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from ingest.lines import read_lines
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from kgstore.errors import BadImage
from kgstore.images import FORMATS, MAX_PIXELS, ImageRoots
from kgstore.values import SPLITS, Entity, Relation, Source, Triple

HELP = "pictures with captions: Flickr8k/30k token files with split lists, COCO captions JSON"

RELATIONS = (Relation("IMAGE_OF", "image of"), Relation("CAPTION_OF", "caption of"))

#: Names of the folder with Flickr's pictures, beside the token file or one folder above it.
FLICKR_PICTURES = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images", "flickr30k_images")

_SPLIT_LIST = re.compile(r"(?:.*[._-])?(train|dev|val|valid|test)_?(?:images)?\.txt\Z", re.IGNORECASE)
_COCO_FILE = re.compile(r"captions_(.+)\.json\Z")
_SPLITS = {"train": "train", "dev": "valid", "val": "valid", "valid": "valid", "test": "test"}


@dataclass
class Captioned:
    """A picture as its data set describes it."""

    key: str
    file: str
    split: str
    captions: dict[str, str] = field(default_factory=dict)  # key -> words


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", type=Path, required=True, metavar="P", help="the data set's folder, or its captions file"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="where the pictures are, if not in the usual place"
    )
    parser.add_argument("--source", metavar="NAME", help="what to call it in the graph (flickr, coco)")
    parser.add_argument("--only", metavar="SPLITS", default="", help="load only these, as train,valid")
    parser.add_argument("--split", choices=SPLITS, help="give everything this split, whatever the data set says")


def from_options(options: argparse.Namespace) -> DataSet:
    only = [word.strip() for word in options.only.split(",") if word.strip()]
    if unknown := [word for word in only if word not in _SPLITS]:
        raise BadSource(f"--only takes a list of {', '.join(SPLITS)}; {unknown[0]!r} is none of them.")
    wanted = {_SPLITS[word] for word in only} or set(SPLITS)
    path, source = options.path, options.source
    if not path.exists():
        raise BadSource(f"{path} does not exist: give --path the data set's folder or its captions file.")
    annotations = _coco_files(path)
    if annotations:
        return read_coco(annotations, options.pictures, source or "coco", only=wanted, split=options.split)
    return read_flickr(_token_file(path), options.pictures, source or "flickr", only=wanted, split=options.split)


def read_flickr(
    token_file: Path,
    pictures: Path | None = None,
    source: str = "flickr",
    *,
    only: Collection[str] = SPLITS,
    split: str | None = None,
) -> DataSet:
    places = (token_file.parent, token_file.parent.parent)
    folder = pictures or next((p / name for p in places for name in FLICKR_PICTURES if (p / name).is_dir()), None)
    folder = _picture_folder(folder, token_file)
    lists = _split_lists(token_file.parent)
    records = partial(_flickr_records, token_file, folder, source, lists, only, split)
    return DataSet(_source(source, token_file, folder, only, split), records)


def read_coco(
    annotations: list[Path],
    pictures: Path | None = None,
    source: str = "coco",
    *,
    only: Collection[str] = SPLITS,
    split: str | None = None,
) -> DataSet:
    """One or several annotation files whose pictures lie in folders beside each other."""
    files: list[tuple[Path, Path, str]] = []
    for file in annotations:
        match = _COCO_FILE.match(file.name)
        part = match[1] if match else ""
        file_split = next((_SPLITS[word] for word in ("train", "val", "test") if part.startswith(word)), "train")
        if file_split in only:
            root = file.parent.parent
            usual = (root / part, root / "images" / part, file.parent / part) if part else ()
            folder = pictures or next((folder for folder in usual if folder.is_dir()), None)
            files.append((file, _picture_folder(folder, file), split or file_split))
    if not files:
        raise BadSource(f"{annotations[0].parent} holds no captions of {', '.join(only)}: leave --only out.")
    if len({folder.parent for _, folder, _ in files}) > 1:
        raise BadSource("The pictures of these annotation files lie under different folders: load one file at a time.")
    records = partial(_coco_records, files, source)
    path = annotations[0] if len(annotations) == 1 else annotations[0].parent
    return DataSet(_source(source, path, files[0][1], only, split), records)


def _source(name: str, path: Path, folder: Path, only: Collection[str], split: str | None) -> Source:
    return data_source(name, path, (sorted(only), split, str(folder)), image_root=str(folder.parent))


def _picture_folder(folder: Path | None, beside: Path) -> Path:
    if folder is None:
        raise BadSource(f"No folder of pictures beside {beside}: say where they are with --pictures DIR.")
    if not folder.is_dir():
        raise BadSource(f"{folder} is no folder: say where the pictures are with --pictures DIR.")
    return folder.resolve()


def _coco_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".json" else []
    return sorted(file for place in (path, path / "annotations") for file in place.glob("captions_*.json"))


def _token_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted({*path.glob("*token*"), *path.glob("*/*token*")} - {*path.glob("*lemma*"), *path.glob("*/*lemma*")})
    if not found:
        raise BadSource(f"{path} holds neither captions_*.json (COCO) nor a token file (Flickr): give --path the file.")
    return found[0]


def _split_lists(folder: Path) -> dict[str, str]:
    """Picture -> split, from the lists in the folder; a picture in two lists keeps the more careful one (test)."""
    lists: dict[str, str] = {}
    for file in sorted(folder.glob("*.txt")):
        if match := _SPLIT_LIST.match(file.name):
            split = _SPLITS[match[1].lower()]
            names = (line.strip() for line in read_lines(file) if isinstance(line, str))
            for name in filter(None, names):
                lists[name] = max(split, lists.get(name, split), key=SPLITS.index)
    return lists


def _flickr_records(
    token_file: Path, folder: Path, source: str, lists: dict[str, str], only: Collection[str], split: str | None
) -> Iterator[Record]:
    yield from RELATIONS
    pictures: dict[str, Captioned] = {}
    for number, line in enumerate(read_lines(token_file), 1):
        if isinstance(line, bytes):
            yield Skipped("lines that are not UTF-8", f"line {number}: {line!r}")
            continue
        key, tab, words = line.partition("\t")
        name, mark, _ = key.strip().rpartition("#")
        words = " ".join(words.split())
        if not line.strip():
            continue
        if not (tab and mark and name):
            yield Skipped("lines that are not `NAME#k TAB caption`", f"line {number}: {line}")
        elif lists and name not in lists:
            yield Skipped("captions of a picture that is in no split list", f"line {number}: {line}")
        elif lists.get(name, "train") not in only:
            yield Skipped("captions of a split that was not asked for", f"line {number}: {line}")
        elif not words:
            yield Skipped("captions without words", f"line {number}: {line}")
        else:
            picture = pictures.setdefault(name, Captioned(name, name, split or lists.get(name, "train")))
            key = key.strip()
            if picture.captions.setdefault(key, words) != words:
                yield Skipped("captions whose number another one bears", f"line {number}: {line}")
    yield from _captioned(pictures.values(), folder, source)


def _coco_records(files: list[tuple[Path, Path, str]], source: str) -> Iterator[Record]:
    yield from RELATIONS
    for file, folder, split in files:
        pictures: dict[object, Captioned] = {}
        images, annotations = _coco_lists(file)
        for image in images:
            if isinstance(image, dict) and "id" in image and isinstance(image.get("file_name"), str):
                pictures[image["id"]] = Captioned(str(image["id"]), image["file_name"], split)
            else:
                yield Skipped("images without id or file_name", json.dumps(image))
        for annotation in annotations:
            found = annotation if isinstance(annotation, dict) else {}
            picture, words = pictures.get(_key(found.get("image_id"))), found.get("caption")
            if "id" not in found or not isinstance(words, str):
                yield Skipped("annotations without id or caption", json.dumps(annotation))
            elif picture is None:
                yield Skipped("captions of an image that the file does not list", json.dumps(annotation))
            elif not words.strip():
                yield Skipped("captions without words", json.dumps(annotation))
            else:
                picture.captions[str(found["id"])] = " ".join(words.split())
        yield from _captioned(pictures.values(), folder, source)


def _key(id: object) -> object:
    """What may be looked up: a list or an object can be no id."""
    return id if isinstance(id, int | str) else None


def _coco_lists(file: Path) -> tuple[list[object], list[object]]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise BadSource(f"{file} is no whole JSON file ({error}): fetch it again.") from error
    images, annotations = (content.get("images"), content.get("annotations")) if isinstance(content, dict) else (0, 0)
    if not (isinstance(images, list) and isinstance(annotations, list)):
        raise BadSource(f"{file} is no COCO captions file: it needs the lists `images` and `annotations`.")
    return images, annotations


def _captioned(pictures: Iterable[Captioned], folder: Path, source: str) -> Iterator[Record]:
    roots = ImageRoots({source: folder.parent})
    for picture in pictures:
        reference = f"{source}/{folder.name}/{picture.file}"
        reason = "pictures without a caption" if not picture.captions else _what_is_wrong(roots, reference)
        if reason:
            yield Skipped(reason, picture.file)
            for key in picture.captions:
                yield Skipped("captions of a picture that was left out", key)
            continue
        image = f"{source}:image/{picture.key}"
        yield Entity(image, "image", picture.file, images=(reference,), sources=(source,), split=picture.split)
        for key, words in picture.captions.items():
            caption = f"{source}:caption/{key}"
            yield Entity(caption, "caption", words, (words,), sources=(source,), split=picture.split)
            yield Triple(image, "IMAGE_OF", caption, sources=(source,), split=picture.split)
            yield Triple(caption, "CAPTION_OF", image, sources=(source,), split=picture.split)


def _what_is_wrong(roots: ImageRoots, reference: str) -> str:
    """Why a picture cannot be used, by its header alone; empty when it can."""
    try:
        path, _ = roots.resolve(reference)
    except BadImage:
        return "pictures that are missing"
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
    except (OSError, SyntaxError, ValueError, EOFError):
        return "pictures that do not open"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return "pictures that are too large"
    return "pictures that are too large" if width * height > MAX_PIXELS else ""
