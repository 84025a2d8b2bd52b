"""From a picture reference to a picture: `<source>/<path>` below that source's image root, a region by `#xywh=x,y,w,h`.

A picture that stays in a tar file is `<source>/<path>.tar@<byte>/<name>`.

References come from data sets and pictures from strangers: paths stay inside their root, sizes are read from the header
before anything is decoded, and only plain raster formats are opened.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, NamedTuple, Self

from PIL import Image

from kgstore.errors import BadImage
from kgstore.shards import member_of, open_member

if TYPE_CHECKING:
    from kgstore.store import GraphStore

MAX_PIXELS = 25_000_000
GREY = (127, 127, 127)

#: EPS, PDF and their like would start other programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")

Region = Literal["crop", "place"]

_FRAGMENT = re.compile(r"(?:pixel:)?(-?\d+),(-?\d+),(\d+),(\d+)\Z")


class Box(NamedTuple):
    """A rectangle in pixels of the whole picture; it may hang over the edge, as boxes of data sets do."""

    x: int
    y: int
    width: int
    height: int


class Reduced(NamedTuple):
    """A picture that was decoded at a smaller scale; `size` is what the original measures at that scale.

    A last column or row that the original fills in part hangs over it.
    """

    picture: Image.Image
    size: tuple[float, float]


class ImageRoots:
    """The folder that holds each source's pictures."""

    def __init__(self, folders: Mapping[str, str | Path] | None = None) -> None:
        self.folders = {source: Path(folder).expanduser() for source, folder in (folders or {}).items()}

    @classmethod
    def of(cls, store: GraphStore, overrides: Iterable[str] = ()) -> Self:
        """The roots the loads remembered, with KG_IMAGES and then `overrides` (SOURCE=DIR each) put over them."""
        remembered = {source.name: source.image_root for source in store.sources() if source.image_root}
        return cls(remembered).replaced(overrides)

    def replaced(self, overrides: Iterable[str] = ()) -> Self:
        """These roots with KG_IMAGES (pairs SOURCE=DIR joined by os.pathsep) and then `overrides` put over them."""
        from_environment = [pair for pair in os.environ.get("KG_IMAGES", "").split(os.pathsep) if pair]
        folders: dict[str, str | Path] = dict(self.folders)
        for pair in (*from_environment, *overrides):
            source, equals, folder = pair.partition("=")
            if not (source and equals and folder):
                raise BadImage(f"{pair!r} does not name a picture folder; write SOURCE=DIR, such as coco=/data/coco.")
            folders[source] = folder
        return type(self)(folders)

    def resolve(self, reference: str) -> tuple[Path, Box | None]:
        """The file and the region that a reference names; of a picture in a tar file, that one.

        Raises BadImage; the file is there and inside its root.
        """
        name, box = _split_fragment(reference)
        source, _, relative = name.partition("/")
        if source not in self.folders:
            raise BadImage(
                f"No picture folder is known for source {source!r} (of {reference!r}); "
                f"name it with --images {source}=DIR or in KG_IMAGES."
            )
        root = self.folders[source].resolve()
        try:
            member = member_of(relative)
            path = (root / (member.shard if member else relative)).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a null byte, a name too long, a loop of links
            raise BadImage(f"Picture {reference!r} has a path that cannot be followed: {error}.") from error
        if not relative or not path.is_relative_to(root):
            raise BadImage(f"Picture {reference!r} lies outside its source's picture folder {root} and is not opened.")
        if not path.is_file():
            raise BadImage(
                f"Picture {reference!r} is not in {root}; if the pictures have moved, say --images {source}=DIR."
            )
        return path, box

    @contextmanager
    def opened(self, reference: str) -> Iterator[Path | IO[bytes]]:
        """What Pillow can open: the file that a reference names, or the bytes of one in a tar file.

        Raises BadImage as `resolve` does, and OSError for a tar file that holds something else there by now.
        """
        path, _ = self.resolve(reference)
        if member := member_of(whole_of(reference).partition("/")[2]):
            with open_member(path, member) as content:
                yield content
        else:
            yield path


def open_picture(
    roots: ImageRoots, reference: str, region: Region = "crop", at_least: int | None = None
) -> Image.Image:
    """The picture in RGB. A region comes as its crop, or at its place on a grey picture of the whole size.

    `at_least` lets a JPEG without a region be decoded smaller, no side below that many pixels: several times faster.
    """
    _, box = _split_fragment(reference)
    whole = _opened(roots, reference, at_least if box is None else None).picture
    return whole if box is None else _region(whole, box, reference, region)


def open_reduced(roots: ImageRoots, reference: str, at_least: int) -> Reduced:
    """A whole picture, of a JPEG at the smallest scale of 1/1, 1/2, 1/4 or 1/8 that leaves no side below `at_least`."""
    return _opened(roots, reference, at_least)


def picture_of(file: IO[bytes], name: str) -> Image.Image:
    """A picture that is in no source, in RGB; `name` is for the sentence of BadImage."""
    with _decoding(name):
        return _decoded(file, name).picture


def whole_of(reference: str) -> str:
    """The reference of the whole picture: this one without its region."""
    return reference.rpartition("#xywh=")[0] or reference


def box_of(reference: str) -> Box | None:
    """The region that the reference names, if it does. Raises BadImage."""
    return _split_fragment(reference)[1]


def region_of(whole: Image.Image, reference: str, region: Region = "crop") -> Image.Image:
    """What `open_picture` gives for a region, when the whole picture is open already."""
    _, box = _split_fragment(reference)
    return whole if box is None else _region(whole, box, reference, region)


def _opened(roots: ImageRoots, reference: str, at_least: int | None) -> Reduced:
    with _decoding(reference), roots.opened(reference) as file:
        return _decoded(file, reference, at_least)


def _decoded(file: Path | IO[bytes], name: str, at_least: int | None = None) -> Reduced:
    with Image.open(file, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise BadImage(
                f"Picture {name!r} has {width} x {height} pixels, above the limit of {MAX_PIXELS:,}; scale it down."
            )
        drafted = None if at_least is None else picture.draft("RGB", (at_least, at_least))
        return Reduced(_rgb(picture), drafted[1][2:] if drafted else (width, height))


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """What Pillow says of a broken picture in our words."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise BadImage(f"Picture {name!r} cannot be decoded: {error}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(f"Picture {name!r} is above the limit of {MAX_PIXELS:,} pixels; scale it down.") from error


def _split_fragment(reference: str) -> tuple[str, Box | None]:
    name, mark, fragment = reference.rpartition("#xywh=")
    if not mark:
        return reference, None
    match = _FRAGMENT.match(fragment)
    if not match:
        raise BadImage(f"Picture {reference!r} has a region that is not #xywh=x,y,width,height in whole pixels.")
    return name, Box(*(int(number) for number in match.groups()))


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")  # a plain convert would cut off at 255
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert("RGB")


def _region(whole: Image.Image, box: Box, reference: str, region: Region) -> Image.Image:
    left, top = max(box.x, 0), max(box.y, 0)
    right, bottom = min(box.x + box.width, whole.width), min(box.y + box.height, whole.height)
    if left >= right or top >= bottom:
        size = f"{whole.width} x {whole.height}"
        raise BadImage(f"The region of {reference!r} holds no pixel of its picture, which is {size}.")
    crop = whole.crop((left, top, right, bottom))
    if region == "crop":
        return crop
    placed = Image.new("RGB", whole.size, GREY)
    placed.paste(crop, (left, top))
    return placed
