"""Widgets whose values stand in the page's address, so that it can be shared and Back takes a choice back."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st


def from_address(name: str, key: str, allowed: Collection[str] | None = None, default: str = "") -> None:
    """Before the widget `key` is drawn: gives it what the address says, where that is new or the widget is.

    What is none of `allowed` counts as the default, which never stands in the address.
    """
    said = st.query_params.get(name, default)
    known = _known()
    if key not in st.session_state or known.get(key) != said:
        known[key] = said
        st.session_state[key] = said if allowed is None or said in allowed else default


def to_address(name: str, key: str, *dropped: str, default: str = "") -> None:
    """The widget's callback: puts its value into the address, and takes the parameters out that it makes void."""
    said = str(st.session_state[key] or "")
    _known()[key] = said or default
    put(name, "" if said == default else said)
    for other in dropped:
        put(other, "")


def put(name: str, said: str) -> None:
    """Puts a parameter into the address; one that says nothing does not stand there."""
    if said:
        st.query_params[name] = said
    else:
        st.query_params.pop(name, None)


def number(name: str, default: int = 1) -> int:
    """A whole number of the address, from 1 on."""
    said = st.query_params.get(name, "")
    return max(int(said), 1) if said.isdecimal() and len(said) < 10 else default


def _known() -> dict[str, str]:
    known: dict[str, str] = st.session_state.setdefault("addresses", {})
    return known


def labelled(key: str, labels: Mapping[str, object]) -> str:
    """The key of a widget whose options are called like that. A browser tells options by their labels, so one whose
    label changed would lose its choice: that is another widget, which takes the choice from the address."""
    return f"{key} {hash(tuple(labels.items()))}"
