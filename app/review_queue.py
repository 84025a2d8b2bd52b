"""What waits for a session's review: read from the store some at a time, with how far the review is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import streamlit as st

from kgstore import GraphStore, Triple, TripleKey
from kgstore.facts import PredictionCount, PredictionFilter
from kgstore.values import Decision

#: Predictions read at a time; fewer than REFILL left, or older than SECONDS, and they are read again.
READ, REFILL, SECONDS = 100, 10, 15.0


@dataclass
class ReviewQueue:
    """The best predictions that wait under a filter, and how many there are in each state."""

    chosen: PredictionFilter = field(default_factory=PredictionFilter)
    waiting: list[Triple] = field(default_factory=list)
    undone: list[Triple] = field(default_factory=list)
    counts: list[PredictionCount] = field(default_factory=list)
    skipped: dict[TripleKey, None] = field(default_factory=dict)
    read_at: float | None = None

    def bring_up_to(self, store: GraphStore, chosen: PredictionFilter) -> None:
        """Reads again what is another filter's, nearly used up or old. What was skipped is read beyond."""
        fresh = self.read_at is not None and time.monotonic() - self.read_at < SECONDS
        enough = len(self.waiting) - len(self.skipped) >= REFILL or self.total() <= len(self.waiting)
        if chosen == self.chosen and fresh and enough:
            return
        self.chosen = chosen
        limit = READ + len(self.skipped)
        best = store.predictions(
            types=chosen.types, run=chosen.run, low=chosen.low, high=chosen.high, limit=limit
        )
        self.undone = still_waiting(store, self.undone[:READ])
        first = [triple for triple in self.undone if lets_through(chosen, triple)]
        again = {triple.key for triple in first}
        self.waiting = [*first, *(triple for triple in best if triple.key not in again)]
        self.counts = store.prediction_counts(low=chosen.low, high=chosen.high)
        self.read_at = time.monotonic()

    def skip(self, key: TripleKey) -> None:
        """Puts it behind all others, also behind those that were skipped before."""
        self.skipped.pop(key, None)
        self.skipped[key] = None

    def take_out(self, decided: Collection[Triple]) -> None:
        """Notes decisions without reading again."""
        gone = {triple.key for triple in decided}
        self.waiting = [triple for triple in self.waiting if triple.key not in gone]
        self.undone = [triple for triple in self.undone if triple.key not in gone]
        counts: Counter[tuple[str, str, Decision]] = Counter()
        for counted in self.counts:
            counts[counted.type, counted.run, counted.decision] += counted.count
        for triple in decided:
            counts[triple.type, triple.run, triple.decision] += 1
            counts[triple.type, triple.run, ""] -= 1
            self.skipped.pop(triple.key, None)
        self.counts = [PredictionCount(*key, many) for key, many in sorted(counts.items())]

    def put_back(self, undone: Collection[Triple]) -> None:
        """What waits again comes first."""
        again = {triple.key for triple in undone}
        self.undone = [*undone, *(triple for triple in self.undone if triple.key not in again)]
        self.read_at = None

    def total(self, *decisions: Decision) -> int:
        """How many there are under the filter, in these states; without any, how many wait."""
        wanted: tuple[Decision, ...] = decisions or ("",)
        return sum(
            counted.count
            for counted in self.counts
            if counted.decision in wanted
            and (not self.chosen.types or counted.type in self.chosen.types)
            and self.chosen.run in ("", counted.run)
        )

    def waiting_by(self, name: str) -> dict[str, int]:
        """How many wait of each `type` or `run`, under the bounds of the score alone."""
        found: Counter[str] = Counter()
        for counted in self.counts:
            found[getattr(counted, name)] += 0 if counted.decision else counted.count
        return dict(sorted(found.items()))


def still_waiting(store: GraphStore, undone: Collection[Triple]) -> list[Triple]:
    """What was put back, as the store has it, without what somebody else decided since."""
    if not undone:
        return []
    found = store.among({end for triple in undone for end in (triple.head, triple.tail)})
    waiting = {triple.key: triple for triple in found if triple.origin == "predicted" and not triple.decision}
    return [waiting[triple.key] for triple in undone if triple.key in waiting]


def lets_through(chosen: PredictionFilter, triple: Triple) -> bool:
    """Whether the filter's relation, run and bounds let the prediction through, as the store's `predictions` do."""
    score = triple.score
    return (
        (not chosen.types or triple.type in chosen.types)
        and chosen.run in ("", triple.run)
        and (chosen.low is None or (score is not None and score >= chosen.low))
        and (chosen.high is None or (score is not None and score <= chosen.high))
    )


def review_queue() -> ReviewQueue:
    """This session's."""
    queue: ReviewQueue = st.session_state.setdefault("review queue", ReviewQueue())
    return queue
