"""Captions with their two things exchanged, made of their own words: hard negatives for CLIP (NegCLIP's kind).

"a red cube is left of a blue ball" becomes "a blue ball is left of a red cube". Between the things stand the words of a
relation of the graph's catalogue; a thing begins with an article and ends before the next word that no thing contains.
All of it on tokens, so that nothing is read or cut twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Int64

from model.tokens import Tokenizer

#: Relations that hold both ways, so that a swapped sentence is as true.
SYMMETRIC = frozenset(
    {
        *("next to", "near", "beside", "by", "close to", "adjacent to", "along", "against", "with", "and"),
        *("touching", "touch", "touches", "attached to", "connected to", "similar to", "same as", "facing", "face"),
    }
)

ARTICLES = ("a", "an", "the", "one", "two", "three", "his", "her", "their", "its", "some")

#: What ends the name of a thing.
ENDS = (
    *(".", ",", ";", ":", "!", "?", "-", "and", "or", "but", "while", "as", "that", "which", "who", "is", "are", "was"),
    *("were", "with", "in", "on", "at", "of", "to", "from", "by", *ARTICLES),
)


class Swapping:
    """Exchanges the things of captions, as the words of some relations tell them."""

    def __init__(self, tokenizer: Tokenizer, relations: Collection[str], context: int) -> None:
        def inside(texts: Sequence[str]) -> list[tuple[int, ...]]:
            tokens, lengths = tokenizer.encode(list(texts), context)
            return [tuple(row[1 : length - 1].tolist()) for row, length in zip(tokens, lengths, strict=True)]

        asked = sorted({words for words in relations if words.strip() and words.casefold() not in SYMMETRIC})
        self._phrases = sorted(filter(None, inside(asked)), key=lambda phrase: (-len(phrase), phrase))
        self._articles = {words[0] for words in inside(ARTICLES)}
        self._ends = {words[0] for words in inside(ENDS)}
        self._seen: dict[tuple[int, ...], tuple[int, ...]] = {}

    def swapped(
        self, tokens: Int64[np.ndarray, "m l"], lengths: Int64[np.ndarray, " m"]
    ) -> tuple[Int64[np.ndarray, "m l"], Int64[np.ndarray, " m"]]:
        """The captions swapped, of the same shape, and their lengths; 0 for those that tell of no two things."""
        found, kept = np.zeros_like(tokens), np.zeros_like(lengths)
        for row, length in enumerate(lengths.tolist()):
            told = tuple(tokens[row, :length].tolist())
            if told not in self._seen:
                self._seen[told] = self.swap(told)
            if other := self._seen[told]:
                found[row, :length], kept[row] = other, length
        return found, kept

    def swap(self, told: tuple[int, ...]) -> tuple[int, ...]:
        """One caption, with start and end; nothing where it tells of no two things. The longest relation counts."""
        for phrase in self._phrases:
            for at in range(2, len(told) - len(phrase) - 1):
                if told[at : at + len(phrase)] == phrase and (other := self._around(told, at, at + len(phrase))):
                    return other
        return ()

    def _around(self, told: tuple[int, ...], at: int, after: int) -> tuple[int, ...]:
        """With what stands before `at` and from `after` on exchanged."""
        first = next((place for place in range(at - 1, 0, -1) if told[place] in self._articles), 0)
        if not first or told[after] not in self._articles:
            return ()
        end, last = self._end(told, first, at), self._end(told, after, len(told) - 1)
        head, tail = told[first:end], told[after:last]
        if min(len(head), len(tail)) < 2 or head == tail:
            return ()
        return (*told[:first], *tail, *told[end:after], *head, *told[last:])

    def _end(self, told: tuple[int, ...], first: int, most: int) -> int:
        """Where the thing that begins at `first` is told."""
        return next((place for place in range(first + 1, most) if told[place] in self._ends), most)
