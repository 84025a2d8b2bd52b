"""What all sessions know of each other's reviewing: who looks at which prediction, and what was decided just now."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Sequence

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

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
        self._decided_at: dict[str, float] = {}
        self._settled: OrderedDict[TripleKey, float] = OrderedDict()

    def take(
        self, session: str, queue: Sequence[Triple], read_at: float, last: Collection[TripleKey] = ()
    ) -> Triple | None:
        """What the session looks at next: what it looks at already if that waits, else the first that nobody else has.

        The queue is as the store had it at `read_at`; what was decided here since is left out. Those of `last` come
        after all others, in their order.
        """
        with self._lock:
            own = self._looking.pop(session, None)
            busy = set(self._looked_at().values())
            waiting = [triple for triple in queue if self._settled.get(triple.key, read_at) <= read_at]
            places = {key: place for place, key in enumerate(last)}
            waiting.sort(key=lambda triple: places.get(triple.key, -1))
            kept = [triple for triple in waiting if own and triple.key == own[0] and triple.key not in last]
            free = [triple for triple in waiting if triple.key not in busy]
            chosen = next(iter((*kept, *free, *waiting)), None)
            if chosen is not None:
                self._looking[session] = (chosen.key, time.monotonic())
            return chosen

    def give(self, session: str, key: TripleKey) -> None:
        """Lets the session look at this one next."""
        with self._lock:
            self._looking[session] = (key, time.monotonic())

    def settle(self, session: str, keys: Collection[TripleKey], waits: bool) -> None:
        """Says that the session decided about these, or that they wait again."""
        with self._lock:
            self._decided_at[session] = time.monotonic()
            for key in keys:
                self._settled.pop(key, None)
                if not waits:
                    self._settled[key] = time.monotonic()
            while len(self._settled) > REMEMBERED:
                self._settled.popitem(last=False)

    def moved(self, session: str, since: float) -> bool:
        """Whether another session decided about anything since then."""
        with self._lock:
            return any(at > since for name, at in self._decided_at.items() if name != session)

    def others(self, session: str) -> int:
        """How many other sessions have looked at something lately."""
        with self._lock:
            return len(self._looked_at().keys() - {session})

    def _looked_at(self) -> dict[str, TripleKey]:
        """What sessions look at whose window is open, or was lately."""
        now = time.monotonic()
        return {name: key for name, (key, at) in self._looking.items() if now - at < SECONDS and _here(name)}


def desk() -> Desk:
    """The one of this process and its graph."""
    return _desk(current().store)


@st.cache_resource(show_spinner=False)
def _desk(store: str) -> Desk:
    return Desk()


def session() -> str:
    """Two words for this session, by which reviewers are told apart: Streamlit's own and one of ours."""
    context = get_script_run_ctx()
    own: str = st.session_state.setdefault("session", uuid.uuid4().hex)
    return f"{context.session_id if context else ''} {own}"


def _here(session: str) -> bool:
    """Whether its window is still open: what was looked at in one that was closed or loaded anew is free again."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session.partition(" ")[0])
