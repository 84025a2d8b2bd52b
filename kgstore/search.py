"""How close what was asked is to a name or a text, with typos forgiven: both stores rank what they find by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

#: A word counts as the one that was meant from this similarity on (difflib: 0.67 is a swap in three letters).
ALIKE = 0.6
#: A hit matches the asked words at least this well, on average.
GOOD_ENOUGH = 0.5
#: With this many hits of this closeness, what was asked is taken to be what was meant.
ENOUGH, FOUND = 5, 0.85
#: Long texts are compared up to here.
WORDS_COMPARED = 200
#: What a text counts beside a name.
TEXT_WEIGHT = 0.9


def words_of(text: str) -> list[str]:
    """The words of a text, without regard to case; names like `red_cube` are two."""
    return re.findall(r"[^\W_]+", text.casefold())


def closeness(query: str, name: str, texts: Iterable[str]) -> float:
    """How well an entity answers a search, from 0 to 1; a name counts more than a text."""
    asked = words_of(query)
    if not asked:
        return 0.0
    return max([_text_closeness(asked, name), *(TEXT_WEIGHT * _text_closeness(asked, text) for text in texts)])


def _text_closeness(asked: Sequence[str], text: str) -> float:
    words = words_of(text)[:WORDS_COMPARED]
    if not words:
        return 0.0
    each = sum(max(word_closeness(ask, word) for word in words) for ask in asked) / len(asked)
    return combined(each, len(asked), len(words), in_order=" ".join(asked) in " ".join(words))


def combined(each: float, asked: int, words: int, *, in_order: bool) -> float:
    """The closeness of a text of so many words, of the mean closeness of each asked word to one of them."""
    return each * (0.9 + 0.07 * min(1.0, asked / words) + (0.03 if in_order else 0.0))


@lru_cache(maxsize=65536)
def word_closeness(asked: str, word: str) -> float:
    """From 0 to 1: 1 for the word itself, less for one that it is part of, still less for one with other letters."""
    if asked == word:
        return 1.0
    if asked in word:
        return 0.8 + 0.15 * len(asked) / len(word)
    if abs(len(asked) - len(word)) > 2:
        return 0.0
    matcher = SequenceMatcher(None, asked, word, autojunk=False)
    if matcher.quick_ratio() < ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return 0.9 * ratio if ratio >= ALIKE else 0.0
