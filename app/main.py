"""The frame of all pages: the navigation, and errors as sentences in the page."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import streamlit as st

from app.escape import escape
from app.login import LOGOUT
from app.settings import current
from kgstore.errors import KgError

PAGES = (
    ("home", "Home", ":material/home:"),
    ("search", "Search", ":material/search:"),
    ("entity", "Entity", ":material/label:"),
    ("graph", "Graph", ":material/hub:"),
    ("review", "Review", ":material/fact_check:"),
    ("training", "Training", ":material/show_chart:"),
    ("query", "Query", ":material/code:"),
)


# A Material icon here would be fetched from Google.
COMPONENTS = Path(__file__).with_name("components")
ICON = str(COMPONENTS / "icon.svg")
# Streamlit leaves wide margins that a graph can use.
STYLE = "<style>.stMainBlockContainer { padding-inline: clamp(1rem, 3vw, 3rem) }</style>"
LOGO = str(COMPONENTS / "logo.svg")


def frame() -> None:
    """Draws the page that the address names; what goes wrong in it becomes a sentence."""
    st.set_page_config(page_title="Knowledge-CLIP", page_icon=ICON, layout="wide")
    st.html(STYLE)
    st.logo(LOGO, icon_image=ICON, size="large")
    pages = [
        st.Page(f"views/{name}.py", title=title, icon=icon, url_path=name, default=name == "home")
        for name, title, icon in PAGES
    ]
    page = st.navigation(pages)
    store = current().store
    st.sidebar.caption(f"Graph: {escape(Path(store).name if current().embedded else store)}")
    if current().password:
        st.sidebar.html(f'<a href="{LOGOUT}" target="_self" style="color: inherit; opacity: 0.7">Log out</a>')
    try:
        page.run()
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
    except Exception:
        traceback.print_exc(file=sys.stderr)
        st.error("This page could not be drawn; the server's output says why.", icon=":material/error:")


frame()
