"""Graph: a view of its own, from any entities, that can be shared by its address."""

from __future__ import annotations

import streamlit as st

from app.escape import escape, one_line
from app.graph_panel import address_text, draw_graph, ids_of, view_of
from app.shared import graph
from app.words import Catalogue, count, line_of_text, name_of
from kgstore import Entity

HITS, SOME = 8, 6
SEEDS, LAST = "seeds", "last graph"


def draw(text: str) -> None:
    """The view of the entities that the address names."""
    asked = ids_of(text)
    found = [entity.id for entity in graph().entities(asked)]
    st.session_state[LAST] = text
    draw_head(asked, found)
    if not found:
        return
    shown = view_of(text, found)
    shown.refresh(graph())
    draw_graph(shown, Catalogue(graph()), "graph-page", wide=True)


def draw_head(asked: list[str], found: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Graph", width="stretch")
        with st.popover("Add an entity", icon=":material/add:"):
            draw_search("add")
        st.button("Start over", key="start-over", icon=":material/restart_alt:", on_click=start_over)
    if missing := [id for id in asked if id not in found]:
        st.warning(escape(f"Not in the graph: {', '.join(one_line(id) for id in missing[:5])}."))


def choose() -> None:
    """The page without an entity in its address."""
    st.title("Graph")
    st.caption("Find an entity to begin with. A double click then brings what is around it; the address can be shared.")
    draw_search("begin")
    if not st.session_state.get("find-begin", "").strip():
        some = graph().pictures(SOME)
        if some:
            st.caption("Or begin with one of these:")
            draw_choice(some, "some")
        elif not graph().statistics().entities:
            st.info("The graph is empty; Home says which command fills it.", icon=":material/info:")


def draw_search(key: str) -> None:
    """A box for a name, and what it finds as buttons."""
    text = st.text_input(
        "Name or text",
        key=f"find-{key}",
        placeholder="a name, a word of a caption; a typo is forgiven",
        label_visibility="collapsed",
        max_chars=500,
    ).strip()
    if not text:
        return
    with st.spinner("Searching …"):
        hits = [hit.entity for hit in graph().search(text, limit=HITS)]
    st.caption(f"{count(len(hits), 'result')}, best first." if hits else "Nothing is called or described like that.")
    draw_choice(hits, key)


def draw_choice(entities: list[Entity], key: str) -> None:
    for entity in entities:
        text = line_of_text(entity, 60)
        label = " · ".join(part for part in (f"**{escape(name_of(entity)[:60])}**", entity.kind, escape(text)) if part)
        st.button(label, key=f"{key}-{entity.id}", on_click=take, args=(entity.id,), type="tertiary")


def take(id: str) -> None:
    """Begins a view with the entity, or adds it to the one that is shown; the address says so."""
    text = st.query_params.get(SEEDS, "")
    if not text:
        st.query_params[SEEDS] = address_text([id])
        return
    shown = view_of(text, ids_of(text))
    shown.add(graph(), id)
    st.session_state["find-add"] = ""
    seeds = address_text(list(dict.fromkeys((*ids_of(text), id))))
    st.session_state["neighbourhoods"][seeds] = shown
    st.query_params[SEEDS] = seeds


def start_over() -> None:
    st.session_state.pop(LAST, None)
    st.session_state["neighbourhoods"].pop(st.query_params.get(SEEDS, ""), None)
    st.query_params.clear()


if SEEDS not in st.query_params and st.session_state.get(LAST):
    st.query_params[SEEDS] = st.session_state[LAST]  # navigation drops the address's parameters
if st.query_params.get(SEEDS):
    draw(st.query_params[SEEDS])
else:
    choose()
