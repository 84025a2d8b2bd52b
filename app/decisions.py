"""Accept, reject and undo: the same on every page, one or many at once. Who was first decides, the other is told."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from app.desk import desk, session
from app.escape import escape
from app.review_queue import review_queue
from app.reviewer import reviewer
from app.shared import graph
from app.words import count
from kgstore import Triple, TripleKey
from kgstore.decisions import Decided, taken_sentence, unknown_prediction
from kgstore.errors import KgError
from kgstore.values import Decision

#: Decisions of this session that can be undone, each of one prediction or of many.
STEPS = 100
DONE: dict[Decision, str] = {"accepted": "accepted", "rejected": "rejected", "": "waiting again"}


def decision_buttons(triple: Triple, place: str) -> None:
    """Accept and reject, or undo where it is decided; `place` keeps the same prediction apart on one page."""
    mark = f"{place}-{short_key(triple.key)}"
    if triple.decision:
        st.button("Undo", key=f"undo-{mark}", icon=":material/undo:", on_click=decide, args=([triple], ""))
        return
    with st.container(horizontal=True, gap="small", width="content"):
        st.button(
            "Accept", key=f"accept-{mark}", icon=":material/check:", on_click=decide, args=([triple], "accepted")
        )
        st.button(
            "Reject", key=f"reject-{mark}", icon=":material/close:", on_click=decide, args=([triple], "rejected")
        )


def decide(seen: Sequence[Triple], decision: Decision) -> None:
    """Writes the decision about predictions as they were seen; the page that is drawn next says how it went."""
    _decide(seen, decision)


def _decide(seen: Sequence[Triple], decision: Decision) -> bool:
    """Whether the store answered at all, whatever it said."""
    queue, steps = review_queue(), decided_steps()
    try:
        decided = graph().decide_all({triple.key: triple for triple in seen}, decision, reviewer())
    except KgError as error:
        _say("error", str(error))
        return False
    gone = [*(triple.key for triple in decided.taken if triple.decision), *decided.gone]
    desk().settle(session(), gone, waits=False)
    desk().settle(session(), [triple.key for triple in decided.done], waits=not decision)
    if decision:
        queue.take_out(decided.changed)
        steps += [decided.changed] if decided.changed else []
        del steps[:-STEPS]
    else:
        queue.put_back(decided.changed)
    if decided.taken or decided.gone:
        queue.read_at = None
    _tell(seen, decision, decided)
    return True


def _tell(seen: Sequence[Triple], decision: Decision, decided: Decided) -> None:
    """What is not plain to see on the page: what was not written, and how many were."""
    if len(seen) == 1 and decided.taken:
        _say("warning", taken_sentence(decided.taken[0]))
    elif len(seen) == 1 and decided.gone:
        _say("warning", str(unknown_prediction(decided.gone[0])))
    elif len(seen) > 1:
        missed = [
            f"{many:,} {why}"
            for many, why in (
                (len(decided.taken), "were decided by somebody else meanwhile and stay so"),
                (len(decided.gone), "are no predictions any more"),
            )
            if many
        ]
        _say("success", "; ".join((f"{count(len(decided.done), 'prediction')} {DONE[decision]}", *missed)) + ".")


def undo() -> None:
    """Takes this session's last decision back, and shows what it was about again; the one before is next."""
    steps = decided_steps()
    if steps and _decide(steps[-1], ""):
        desk().give(session(), steps.pop()[0].key)


def decided_steps() -> list[list[Triple]]:
    """What this session decided and can undo, the last at the end."""
    steps: list[list[Triple]] = st.session_state.setdefault("decided steps", [])
    return steps


def show_decision_error() -> None:
    """How the last decision went, where there is something to say; once."""
    kind, sentence = st.session_state.pop("decision said", ("", ""))
    if kind == "error":
        st.error(escape(sentence), icon=":material/error:")
    elif kind == "warning":
        st.warning(escape(sentence), icon=":material/group:")
    elif kind:
        st.success(escape(sentence), icon=":material/check:")


def short_key(key: TripleKey) -> str:
    """A word for a triple that may stand in a widget's key."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:12]


def _say(kind: str, sentence: str) -> None:
    st.session_state["decision said"] = (kind, sentence)
