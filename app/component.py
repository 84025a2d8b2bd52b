"""Streamlit v2 components from files: `components/<name>.{html,css,js}`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).with_name("components")


def component(name: str) -> ComponentRenderer:
    """Registers the component; call it once, when the module is loaded."""
    html, css, js = ((_FOLDER / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("html", "css", "js"))
    return st.components.v2.component(f"knowledge_clip_{name}", html=html, css=css, js=js)


def no_callback() -> None:
    """Streamlit reports a trigger only to a mount that has a callback for it."""
