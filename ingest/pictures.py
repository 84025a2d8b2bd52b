"""Which pictures a load may refer to: those that are there, open, and are not too large."""

from __future__ import annotations

from PIL import Image

from kgstore.errors import BadImage
from kgstore.images import FORMATS, MAX_PIXELS, ImageRoots, open_picture

MISSING = "pictures that are missing"
TOO_LARGE = "pictures that are too large"
NOT_OPENING = "pictures that do not open"
NOT_DECODING = "pictures that do not decode"


def what_is_wrong(roots: ImageRoots, reference: str, *, decode: bool = False) -> str:
    """Why a picture cannot be used; empty when it can. Without `decode` only its header is read."""
    try:
        with roots.opened(reference) as file, Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
    except BadImage:
        return MISSING
    except (OSError, SyntaxError, ValueError, EOFError):
        return NOT_OPENING
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return TOO_LARGE
    if width * height > MAX_PIXELS:
        return TOO_LARGE
    if decode:
        try:
            open_picture(roots, reference)
        except BadImage:
            return NOT_DECODING
    return ""
