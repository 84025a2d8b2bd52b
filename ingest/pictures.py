"""Which pictures a load may refer to: those that are there, open, and are not too large."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image

from kgstore.errors import BadImage
from kgstore.images import FORMATS, MAX_PIXELS, ImageRoots, open_picture

#: A picture and its regions follow each other closely, so that few files need to be remembered.
_REMEMBERED = 2**16

MISSING = "pictures that are missing"
TOO_LARGE = "pictures that are too large"
NOT_OPENING = "pictures that do not open"
NOT_DECODING = "pictures that do not decode"


class PictureCheck:
    """Looks at each picture file once, at its header; with `decode` at all of it."""

    def __init__(self, roots: ImageRoots, *, decode: bool = False) -> None:
        self._roots = roots
        self._decode = decode
        self._unseen: dict[str, bool] = {}  # source -> its pictures lie elsewhere, or nobody said where
        self._of_file = lru_cache(_REMEMBERED)(self._look)

    def what_is_wrong(self, reference: str) -> str:
        """Why a picture cannot be used, in a few words; empty when it can, or when its folder is not here at all."""
        return self._of_file(reference.partition("#xywh=")[0])

    def elsewhere(self) -> list[str]:
        """The sources whose pictures were not looked at because their folder is not here."""
        return sorted(source for source, unseen in self._unseen.items() if unseen)

    def _look(self, reference: str) -> str:
        source = reference.partition("/")[0]
        if source not in self._unseen:
            folder = self._roots.folders.get(source)
            self._unseen[source] = folder is None or not folder.is_dir()
        return "" if self._unseen[source] else what_is_wrong(self._roots, reference, decode=self._decode)


def what_is_wrong(roots: ImageRoots, reference: str, *, decode: bool = False) -> str:
    """Why the file of a reference cannot be used; empty when it can. Without `decode` only its header is read."""
    try:
        path, _ = roots.resolve(reference)
    except BadImage:
        return MISSING
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
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
