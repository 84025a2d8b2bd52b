"""What a search is given: words while they are typed, an entity that is found by them, a picture of one's own."""

from __future__ import annotations

from typing import Literal

import streamlit as st
from PIL import Image

from app.address import from_address, to_address
from app.cards import Card, cards
from app.escape import escape, one_line
from app.shared import graph
from app.upload import uploaded_picture
from app.words import name_of
from kgstore import Entity

#: So long after the last letter the answer comes.
PAUSE = "150ms"
LONGEST = 500
HEADS = 20
CHOSEN = "chosen head"
PICTURED = ("image", "region")
Given = Literal["Words", "An entity", "A picture of yours"]


def ask_for_text(label: str, placeholder: str) -> str:
    """The one box; it answers while somebody types."""
    return st.text_input(
        label,
        key="q",
        bind="query-params",
        type="search",
        live=PAUSE,
        placeholder=placeholder,
        label_visibility="collapsed",
        max_chars=LONGEST,
    ).strip()


def choose_given(key: str, ways: tuple[Given, ...]) -> Given:
    """With what to ask."""
    chosen: Given | None = st.segmented_control(
        "With", ways, key=key, bind="query-params", default=ways[0], required=True, label_visibility="collapsed"
    )
    return chosen or ways[0]


def ask_for_entity() -> Entity | None:
    """An entity: the one that the address names, or one found by words; pictures to begin with."""
    text = ask_for_text("Picture or entity", "find what to ask about by its name or text")
    hits = [hit.entity for hit in graph().search(text, limit=HEADS)] if text else []
    named = graph().entities([st.query_params["head"]]) if "head" in st.query_params else []
    if "head" in st.query_params and not named:
        st.warning(escape(f"Not in the graph: {one_line(st.query_params['head'])}. Choose another below."))
    found = {entity.id: entity for entity in (*hits, *named)}
    if not text:
        found |= {entity.id: entity for entity in graph().pictures(HEADS, PICTURED)}
    if not found:
        st.info("Nothing is called or described like that.")
        return None
    from_address("head", CHOSEN, found)
    if st.session_state[CHOSEN] not in found:
        st.session_state[CHOSEN] = next(iter(found))
    head: str = st.selectbox(
        "About",
        list(found),
        key=CHOSEN,
        format_func=lambda id: one_line(name_of(found[id])),
        on_change=to_address,
        args=("head", CHOSEN),
    )
    cards("head card", [Card(found[head])], layout="rows")
    return found[head]


def ask_for_picture() -> Image.Image | None:
    """A picture that is not in the graph."""
    return uploaded_picture("upload", "A picture of yours")
