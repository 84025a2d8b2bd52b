"""Streamlit v2 components from files: `components/<name>.{html,css,js}`, and scripts that stand before the last one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).with_name("components")


def component(name: str, *parts: str) -> ComponentRenderer:
    """Registers the component; call it once, when the module is loaded.

    Its script is one module: those of `parts`, then its own. Modules cannot import each other, since Streamlit gives
    each to the browser as a blob, from where no address leads to another.
    """
    scripts = "\n".join(_read(f"{part}.js") for part in (*parts, name))
    return st.components.v2.component(
        f"knowledge_clip_{name}", html=_read(f"{name}.html"), css=_read(f"{name}.css"), js=scripts
    )


def _read(file: str) -> str:
    return (_FOLDER / file).read_text(encoding="utf-8")


def no_callback() -> None:
    """Streamlit reports a trigger only to a mount that has a callback for it."""
