"""Boxes in a picture as crops: clipped to it, and written behind its reference."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from kgstore.images import FORMATS, Box

#: A width and a height; None where nobody knows.
Size = tuple[int, int] | None


def clipped(box: Box, size: Size) -> Box | None:
    """The part of the box within the picture; None where it holds no pixel."""
    left, top, right, bottom = max(box.x, 0), max(box.y, 0), box.x + box.width, box.y + box.height
    if size is not None:
        right, bottom = min(right, size[0]), min(bottom, size[1])
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def crop(reference: str, box: Box) -> str:
    """The reference of a region: the picture's with a media fragment."""
    return f"{reference}#xywh={box.x},{box.y},{box.width},{box.height}"


def picture_size(file: Path) -> Size:
    """By the header alone; None for what is missing or no picture."""
    try:
        with Image.open(file, formats=FORMATS) as picture:
            return picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
