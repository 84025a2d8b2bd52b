"""What all sessions know of each other's reviewing: who looks at which prediction, and what was decided just now."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Sequence

import streamlit as st

from app.settings import current
from kgstore import Triple, TripleKey

#: A prediction is left to whoever looks at it for so long; then somebody else may get it.
SECONDS = 120.0
REMEMBERED = 100_000


class Desk:
    """It only spares reviewers double work: that no decision is overwritten is the store's promise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looking: dict[str, tuple[TripleKey, float]] = {}
        self._settled: OrderedDict[TripleKey, float] = OrderedDict()

    def take(
        self, session: str, queue: Sequence[Triple], read_at: float, last: Collection[TripleKey] = ()
    ) -> Triple | None:
        """What the session looks at next: what it looks at already if that waits, else the first that nobody else has.

        The queue is as the store had it at `read_at`; what was decided here since is left out. Those of `last` come
        after all others, in their order.
        """
        with self._lock:
            now = time.monotonic()
            own = self._looking.pop(session, None)
            busy = {key for key, at in self._looking.values() if now - at < SECONDS}
            waiting = [triple for triple in queue if self._settled.get(triple.key, read_at) <= read_at]
            places = {key: place for place, key in enumerate(last)}
            waiting.sort(key=lambda triple: places.get(triple.key, -1))
            kept = [triple for triple in waiting if own and triple.key == own[0] and triple.key not in last]
            free = [triple for triple in waiting if triple.key not in busy]
            chosen = next(iter((*kept, *free, *waiting)), None)
            if chosen is not None:
                self._looking[session] = (chosen.key, now)
            return chosen

    def give(self, session: str, key: TripleKey) -> None:
        """Lets the session look at this one next."""
        with self._lock:
            self._looking[session] = (key, time.monotonic())

    def settle(self, keys: Collection[TripleKey], waits: bool) -> None:
        """Says that these were decided, or `waits` again."""
        with self._lock:
            for key in keys:
                self._settled.pop(key, None)
                if not waits:
                    self._settled[key] = time.monotonic()
            while len(self._settled) > REMEMBERED:
                self._settled.popitem(last=False)

    def others(self, session: str) -> int:
        """How many other sessions have looked at something lately."""
        with self._lock:
            now = time.monotonic()
            return sum(1 for name, (_, at) in self._looking.items() if name != session and now - at < SECONDS)


def desk() -> Desk:
    """The one of this process and its graph."""
    return _desk(current().store)


@st.cache_resource(show_spinner=False)
def _desk(store: str) -> Desk:
    return Desk()


def session() -> str:
    """A word for this session, by which reviewers are told apart."""
    name: str = st.session_state.setdefault("session", uuid.uuid4().hex)
    return name
