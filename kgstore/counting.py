"""Statistics as both stores put them together from what they count, and remember them while the graph stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kgstore import merge
from kgstore.values import Statistics

Rows = Iterable[tuple[Any, ...]]


def statistics_of(entities: int, types: Mapping[str, int], kinds: Rows, sources: Rows, decisions: Rows) -> Statistics:
    """`types` counts triples; the others are rows of a name and a count."""
    predicted: dict[str, int] = dict(decisions)
    return Statistics(
        entities=entities,
        triples=sum(types.values()),
        kinds=merge.by_count(kinds),
        types=merge.by_count((name, count) for name, count in types.items() if count),
        sources=merge.by_count(sources),
        waiting=predicted.get("", 0),
        accepted=predicted.get("accepted", 0),
        rejected=predicted.get("rejected", 0),
    )


class Remembered:
    """The statistics of the graph as it was at one fingerprint."""

    def __init__(self) -> None:
        self._last: tuple[str, Statistics] | None = None

    def at(self, fingerprint: str, count: Callable[[], Statistics]) -> Statistics:
        if self._last is None or self._last[0] != fingerprint:
            self._last = (fingerprint, count())
        return self._last[1]
