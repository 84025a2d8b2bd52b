"""Graph: a view of its own, from any entities, that can be shared by its address."""

from __future__ import annotations

import streamlit as st

from app.cards import Card, cards
from app.escape import escape, one_line
from app.graph_address import address_text, ids_of
from app.graph_panel import draw_graph, view_of
from app.shared import graph
from app.words import Catalogue, count

HITS, SOME = 8, 12
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


def draw_search(key: str) -> None:
    """A box for a name, and what it finds; a click takes it."""
    text = st.text_input(
        "Name or text",
        key=f"find-{key}-{st.query_params.get(SEEDS, '')}",
        placeholder="a name, a word of a caption; a typo is forgiven",
        label_visibility="collapsed",
        max_chars=500,
    ).strip()
    if text:
        with st.spinner("Searching …"):
            hits = [hit.entity for hit in graph().search(text, limit=HITS)]
        st.caption(
            f"{count(len(hits), 'result')}, best first." if hits else "Nothing is called or described like that."
        )
        cards(f"hits-{key}", [Card(entity) for entity in hits], layout="rows", take=take)
    elif key == "begin":
        draw_some(key)


def draw_some(key: str) -> None:
    """In place of the hits, and as the same component: a click that comes along with words has to find it still."""
    some = graph().pictures(SOME)
    if some:
        st.caption("Or begin with one of these:")
        cards(f"hits-{key}", [Card(entity) for entity in some], take=take)
    elif not graph().statistics().entities:
        st.info("The graph is empty; Home says which command fills it.", icon=":material/info:")


def take(id: str) -> None:
    """Begins a view with the entity, or adds it to the one that is shown; the address says so."""
    text = st.query_params.get(SEEDS, "")
    seeds = address_text(list(dict.fromkeys((*ids_of(text), id))))
    if text:
        shown = view_of(text, ids_of(text))
        shown.add(graph(), id)
        st.session_state["neighbourhoods"][seeds] = shown
    st.query_params[SEEDS] = seeds
    st.rerun()


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
