"""Who reviews: a name that goes with each decision."""

from __future__ import annotations

import getpass
import os

import streamlit as st

from app.escape import one_line

KEY = "reviewer"
LONGEST = 80


def reviewer() -> str:
    """The name that this session gave, else KG_REVIEWER of the environment, else whoever runs the server."""
    return st.session_state.get(f"{KEY} name", _usual())


def draw_reviewer() -> None:
    """The field for the name, kept while the session lasts."""
    st.text_input(
        "Reviewing as",
        value=reviewer(),
        key=KEY,
        max_chars=LONGEST,
        placeholder="your name",
        help="It stands with each of your decisions. KG_REVIEWER in the server's environment is where it begins.",
        on_change=_keep,
    )


def _keep() -> None:
    st.session_state[f"{KEY} name"] = one_line(st.session_state[KEY])


def _usual() -> str:
    if name := os.environ.get("KG_REVIEWER", ""):
        return one_line(name)[:LONGEST]
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        return ""
    return "" if name == "root" else name
