"""The graph around an entity, and a panel for the node that is looked at: expand it, open its page."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from app.cards import open_entity
from app.escape import escape
from app.graph_view import graph_view
from app.neighbourhood import MORE, Neighbourhood
from app.shared import graph
from app.words import Catalogue, name_of
from kgstore import Entity, Triple
from kgstore.values import Direction

KEY = "graph"


def graph_panel(entity: Entity, predicted: Collection[Triple], catalogue: Catalogue) -> None:
    """What this session has unfolded around the entity; `predicted` are the predictions about it as they stand."""
    views: dict[str, Neighbourhood] = st.session_state.setdefault("neighbourhoods", {})
    shown = views.setdefault(entity.id, Neighbourhood(entity.id))
    shown.refresh(graph(), entity, predicted)
    draw_graph(shown, catalogue)


@st.fragment
def draw_graph(shown: Neighbourhood, catalogue: Catalogue) -> None:
    """The graph and the panel of the node that was clicked; expanding redraws only this part."""
    selection = f"selected {shown.focus}"

    def select() -> None:
        st.session_state[selection] = st.session_state[KEY]["selected"]

    def expand() -> None:
        st.session_state[selection] = st.session_state[KEY]["expand"]
        shown.expand(graph(), st.session_state[KEY]["expand"])

    graph_view(KEY, shown, catalogue, select, expand)
    chosen = st.session_state.get(selection) or shown.focus
    with st.container(border=True, key="panel"):
        draw_panel(shown.entities.get(chosen, shown.entities[shown.focus]), shown, catalogue)


def draw_panel(entity: Entity, shown: Neighbourhood, catalogue: Catalogue) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(name_of(entity))}** · {entity.kind}", width="stretch")
        elsewhere = entity.id != st.query_params.get("id")
        if elsewhere and st.button("Open", key="open-selected", icon=":material/arrow_forward:"):
            open_entity(entity.id)
    hidden = shown.hidden(graph().neighbour_counts(entity.id), entity.id)
    if shown.message:
        st.caption(escape(shown.message))
    if not hidden:
        st.caption("All of its relations are in the view.")
        return
    with st.container(horizontal=True, gap="small"):
        for type_, direction, rest in hidden[:8]:
            label = f"{direction_text(catalogue.text(type_), direction)} · {rest_text(rest)}"
            if st.button(escape(label), key=f"expand-{type_}-{direction}"):
                shown.expand(graph(), entity.id, type_, direction)
                st.rerun(scope="fragment")


def rest_text(rest: int) -> str:
    """What one more click brings."""
    return f"{rest} more" if rest <= MORE else f"{MORE} of {rest:,} more"


def direction_text(words: str, direction: Direction) -> str:
    return f"{words} →" if direction == "out" else f"← {words}"
