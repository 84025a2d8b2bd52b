"""What an entity is: its pictures, its name, its texts."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app.escape import escape, one_line
from app.picture_strip import reference_strip
from app.words import count, name_of
from kgstore import Entity

PICTURES, MORE_PICTURES = 12, 120
TEXTS, LETTERS = 8, 2000
#: Streamlit's badge colours nearest to KIND_COLOURS.
BADGES: dict[str, Literal["blue", "green", "orange", "violet", "red"]] = {
    "concept": "blue",
    "image": "green",
    "region": "orange",
    "caption": "violet",
    "phrase": "red",
}


def draw_head(entity: Entity) -> None:
    """The first picture beside name and texts; the others below."""
    if entity.images:
        pictures, words = st.columns([1, 4], gap="medium", vertical_alignment="center")
        with pictures:
            reference_strip(entity.images[:1], side=180)
            if "#xywh=" in entity.images[0]:
                st.caption("the region, and where it is in its picture")
    else:
        words = st.container()
    with words:
        st.title(escape(name_of(entity)), anchor=False)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.badge(entity.kind, color=BADGES[entity.kind])
            sources = f" · from {', '.join(entity.sources)}" if entity.sources else ""
            held_out = f" · held out: {entity.split}" if entity.split != "train" else ""
            st.caption(escape(entity.id + sources + held_out))
        draw_texts(entity)
    if entity.images[1:]:
        draw_more_pictures(entity)


def draw_texts(entity: Entity) -> None:
    said = [text for text in entity.texts if one_line(text) != name_of(entity)]
    for text in said[:TEXTS]:
        st.text(text[:LETTERS])
    if said[TEXTS:]:
        with st.expander(f"{count(len(said) - TEXTS, 'more text')}"):
            st.text("\n".join(one_line(text[:LETTERS]) for text in said[TEXTS : TEXTS + 200]))


def draw_more_pictures(entity: Entity) -> None:
    """All but the first, few at first."""
    rest = entity.images[1:]
    key = f"all pictures {entity.id}"
    shown = MORE_PICTURES if st.session_state.get(key) else PICTURES
    reference_strip(rest[:shown], side=72)
    if len(rest) > PICTURES:
        st.toggle(f"All {count(len(entity.images), 'picture')}", key=key)
        if len(rest) > shown > PICTURES:
            st.caption(f"The first {shown} of them.")
