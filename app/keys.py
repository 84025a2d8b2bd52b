"""Single keys that do something on a page: a Streamlit v2 component, since Streamlit keeps R for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.component import component

_mount = component("keys")


def keys(key: str, does: Mapping[str, Any], shown: str) -> None:
    """Listens for the keys of `does`, whose callables are called before the page is drawn again.

    A key counts for what is on the screen: it does nothing if by the time it arrives the page shows something other
    than `shown`, of which the session remembers the last. Nor does it while a reader types into a field.
    """
    turn = st.session_state[f"{key} turn"] = st.session_state.get(f"{key} turn", 0) + 1
    st.session_state[f"{key} shown"] = shown

    def press() -> None:
        pressed = st.session_state[key].get("pressed") or {}
        act = does.get(pressed.get("key", ""))
        if act and pressed.get("shown") == st.session_state[f"{key} shown"]:
            act()

    _mount(key=key, data={"keys": list(does), "shown": shown, "turn": turn}, on_pressed_change=press)
