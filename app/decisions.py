"""Accept, reject and undo: the buttons of a prediction, the same on every page."""

from __future__ import annotations

import hashlib

import streamlit as st

from app.escape import escape
from app.shared import graph
from kgstore import Triple, TripleKey
from kgstore.errors import KgError
from kgstore.values import Decision

LAST = "last decision"
STATES = {"": "waiting", "accepted": "accepted", "rejected": "rejected"}


def decision_buttons(triple: Triple, place: str) -> None:
    """Accept and reject, or undo where it is decided; `place` keeps the same prediction apart on one page."""
    mark = f"{place}-{short_key(triple.key)}"
    if triple.decision:
        st.button("Undo", key=f"undo-{mark}", icon=":material/undo:", on_click=decide, args=(triple.key, ""))
        return
    with st.container(horizontal=True, gap="small", width="content"):
        st.button(
            "Accept", key=f"accept-{mark}", icon=":material/check:", on_click=decide, args=(triple.key, "accepted")
        )
        st.button(
            "Reject", key=f"reject-{mark}", icon=":material/close:", on_click=decide, args=(triple.key, "rejected")
        )


def decide(key: TripleKey, decision: Decision) -> None:
    """Writes the decision into the graph; the page that is drawn next says how it went."""
    try:
        graph().decide(key, decision)
    except KgError as error:
        st.session_state["decision error"] = str(error)
    else:
        if decision:
            st.session_state[LAST] = key
        else:
            st.session_state.pop(LAST, None)


def show_decision_error() -> None:
    """The sentence of a decision that could not be written, once."""
    sentence = st.session_state.pop("decision error", "")
    if sentence:
        st.error(escape(sentence), icon=":material/error:")


def short_key(key: TripleKey) -> str:
    """A word for a triple that may stand in a widget's key."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:12]
