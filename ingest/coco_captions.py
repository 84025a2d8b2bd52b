"""COCO captions: annotations/captions_train2017.json and the like, with pictures in a folder named as the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ingest.captioned import RELATIONS, Asked, Captioned, captioned, picture_folder, source_of, split_of
from ingest.records import BadSource, DataSet, Record, Skipped
from kgstore.images import ImageRoots

_FILE = re.compile(r"captions_(.+)\.json\Z")


def coco_files(path: Path) -> list[Path]:
    """The files of captions that a path names or holds."""
    if path.is_file():
        return [path] if path.suffix == ".json" else []
    return sorted(file for place in (path, path / "annotations") for file in place.glob("captions_*.json"))


def read_coco(annotations: list[Path], pictures: Path | None, asked: Asked) -> DataSet:
    """One or several files of captions whose pictures lie in folders beside each other."""
    files: list[tuple[Path, Path, str]] = []
    for file in annotations:
        match = _FILE.match(file.name)
        part = match[1] if match else ""
        split = split_of(part) or "train"
        if split in asked.only:
            root = file.parent.parent
            usual = (root / part, root / "images" / part, file.parent / part) if part else ()
            folder = pictures or next((folder for folder in usual if folder.is_dir()), None)
            files.append((file, picture_folder(folder, file), asked.split or split))
    if not files:
        raise BadSource(f"{annotations[0].parent} holds no captions of {', '.join(asked.only)}: leave --only out.")
    folders = {folder for _, folder, _ in files}
    if len({folder.parent for folder in folders}) > 1:
        raise BadSource("The pictures of these files of captions lie under different folders: load one file at a time.")
    path = annotations[0] if len(annotations) == 1 else annotations[0].parent
    source = source_of(asked, path, files[0][1].parent)
    read = (*(file for file, _, _ in files), *sorted(folders))  # a picture that is missing may come later
    return DataSet(source, partial(_records, files, asked), files=read)


def _records(files: list[tuple[Path, Path, str]], asked: Asked) -> Iterator[Record]:
    yield from RELATIONS
    for file, folder, split in files:
        pictures: dict[object, Captioned] = {}
        images, annotations = _lists(file)
        for image in images:
            if isinstance(image, dict) and "id" in image and isinstance(image.get("file_name"), str):
                reference = f"{asked.source}/{folder.name}/{image['file_name']}"
                pictures[image["id"]] = Captioned(str(image["id"]), reference, split)
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
        yield from captioned(pictures.values(), ImageRoots({asked.source: folder.parent}), asked)


def _key(id: object) -> object:
    """What may be looked up: a list or an object can be no id."""
    return id if isinstance(id, int | str) else None


def _lists(file: Path) -> tuple[list[object], list[object]]:
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
