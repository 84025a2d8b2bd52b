"""Names, texts and captions are shown as they are, whatever they contain."""

from __future__ import annotations

import re
import string

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
# Overrides of the writing direction would reorder the words around the name; isolates keep a name's own direction.
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    """Text from data for a Markdown label or heading: nothing in it is markup, and it stays on one line."""
    return _PUNCTUATION.sub(r"\\\1", one_line(text))


def one_line(text: str) -> str:
    """Text without newlines, control characters and direction overrides, for places that show plain text."""
    return _DIRECTION.sub("", _CONTROL.sub(" ", text)).strip()


def shorten(text: str, length: int) -> str:
    """The text on one line and, where it is longer, cut at `length` with an ellipsis."""
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
