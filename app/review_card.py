"""One prediction for review: both ends with pictures and texts, what is known of it, and why it may be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from app.cards import ENTITY_PAGE
from app.entity_head import BADGES
from app.escape import escape, one_line
from app.picture_strip import reference_strip
from app.why import draw_why
from app.words import Catalogue, name_of, score_text, since
from kgstore import Entity, Triple

PICTURE_SIDE = 190
TEXTS, LETTERS = 4, 400


def draw_card(
    triple: Triple, entities: Mapping[str, Entity], catalogue: Catalogue, does: Mapping[str, Callable[[], None]]
) -> None:
    """`does` holds what the buttons do: a accept, r reject, s skip, and u undo where there is something to undo."""
    with st.container(border=True, key="candidate"):
        left, middle, right = st.columns([3, 2, 3], gap="medium", vertical_alignment="center")
        with left:
            draw_end(entities[triple.head])
        with middle:
            st.subheader(f"{escape(catalogue.of(triple))} →", anchor=False, text_alignment="center")
            details = (f"score {score_text(triple.score)}", f"run {triple.run}", since(triple.when))
            st.caption(escape(" · ".join(details)), text_alignment="center")
        with right:
            draw_end(entities[triple.tail])
        with st.container(horizontal=True, horizontal_alignment="center", key="deciding"):
            for key, label, icon in (
                ("a", "Accept", "check"),
                ("r", "Reject", "close"),
                ("s", "Skip", "skip_next"),
                ("u", "Undo", "undo"),
            ):
                st.button(
                    label,
                    key=f"press-{key}",
                    icon=f":material/{icon}:",
                    help=f"Key {key}",
                    type="primary" if key == "a" else "secondary",
                    on_click=does.get(key),
                    disabled=key not in does,
                )
    st.subheader("Why", anchor=False)
    draw_why(triple, entities, catalogue, "review")


def draw_end(entity: Entity) -> None:
    """One end of the relation: its pictures, its name as a link, its texts."""
    if entity.images:
        reference_strip(entity.images[:1], side=PICTURE_SIDE)
        if entity.images[1:]:
            reference_strip(entity.images[1:7], side=56)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = f"**{escape(name_of(entity))}**"
        st.page_link(ENTITY_PAGE, label=label, query_params={"id": entity.id}, width="content")
        st.badge(entity.kind, color=BADGES[entity.kind])
    for text in entity.texts[:TEXTS]:
        if one_line(text) != name_of(entity):
            st.text(text[:LETTERS])
