"""The words of a search index: which of them an asked word is part of, and which a mistyped one may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Int64, UInt8

from kgstore.search import word_closeness

#: Letters are counted in so many classes: enough to leave few words to compare letter by letter.
CLASSES = 32
#: Words whose letters are counted at a time.
COUNTED = 50_000
#: Of the words with the right letters, so many are compared in their order.
COMPARED = 150


class Vocabulary:
    """Distinct words, each known by its place in `words`; `many` says how often each is said."""

    def __init__(self, words: Sequence[str], many: Sequence[int]) -> None:
        self.words = words
        self.many = np.array(many, np.int64)
        self._text = "\n" + "\n".join(words) + "\n"
        self._lengths = np.fromiter(map(len, words), np.int64, len(words))
        self._begins = np.r_[1, 1 + np.cumsum(self._lengths + 1)]

    def holding(self, part: str, most: int, *, at_start: bool = False) -> list[tuple[int, float]]:
        """Words that contain a part, or start with it, and how close they are to it; the most frequent of many."""
        found: list[int] = []
        sought = f"\n{part}" if at_start else part
        at = self._text.find(sought)
        while at >= 0:
            number = int(np.searchsorted(self._begins, at + at_start, side="right")) - 1
            found.append(number)
            at = self._text.find(sought, int(self._begins[number + 1]) - 1)
        if len(found) > most:
            numbers = np.array(found)
            # The word itself is among them however rare it is.
            order = np.lexsort((-self.many[numbers], self._lengths[numbers] != len(part)))
            found = numbers[order[:most]].tolist()
        return [(number, word_closeness(part, self.words[number])) for number in found]

    def alike(self, word: str, most: int) -> list[tuple[int, float]]:
        """The words most like a mistyped one, best first, with their closeness."""
        if not self.words:
            return []
        own = _letters([word])[0]
        common = np.minimum(self._counts, own).sum(axis=1, dtype=np.int64)
        likeness = 2.0 * common / (self._lengths + len(word))
        likeness[np.abs(self._lengths - len(word)) > 2] = 0.0
        some = min(COMPARED, len(self.words))
        nearest = np.argpartition(-likeness, some - 1)[:some]
        scored = [(int(number), word_closeness(word, self.words[number])) for number in nearest]
        return sorted((pair for pair in scored if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))[:most]

    @cached_property
    def _counts(self) -> UInt8[np.ndarray, "words classes"]:
        parts = [_letters(self.words[at : at + COUNTED]) for at in range(0, len(self.words), COUNTED)]
        return np.concatenate(parts)


def _letters(words: Sequence[str]) -> UInt8[np.ndarray, "words classes"]:
    """How often each class of letters is in each word."""
    codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths: Int64[np.ndarray, " words"] = np.fromiter(map(len, words), np.int64, len(words))
    owner = np.repeat(np.arange(len(words)), lengths)
    counts = np.bincount(owner * CLASSES + codes % CLASSES, minlength=len(words) * CLASSES)
    return np.minimum(counts, 255).astype(np.uint8).reshape(len(words), CLASSES)
