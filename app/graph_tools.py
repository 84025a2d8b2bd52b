"""The tools of a graph: paths, what is hidden, relations among what is shown, the view as files."""

from __future__ import annotations

import streamlit as st

from app.escape import escape, one_line
from app.graph_address import open_graph
from app.graph_export import as_csv, as_json, as_page
from app.neighbourhood import Neighbourhood
from app.shared import graph
from app.words import Catalogue

LONGEST = 6
#: As many as an address holds.
MOST_SEEDS = 50


def draw_tools(shown: Neighbourhood, catalogue: Catalogue, key: str, elsewhere: bool) -> None:
    """In a row; `elsewhere` is a graph that stands on another page than its own."""
    with st.container(horizontal=True, gap="small"):
        # A key of its own for every step: it closes when a path is found, which it would hide.
        with st.popover("Path", icon=":material/route:", key=f"path-{key}-{len(shown.past)}"):
            draw_path(shown, key)
        st.button(
            "Connect",
            key=f"connect-{key}",
            icon=":material/share:",
            help="Show all relations among the entities in the view",
            on_click=shown.attempt,
            args=(lambda: shown.connect(graph()),),
        )
        if shown.shown.hidden:
            st.button(
                f"Show {len(shown.shown.hidden)} hidden",
                key=f"hidden-{key}",
                icon=":material/visibility:",
                on_click=shown.show_hidden,
            )
        with st.popover("Export", icon=":material/download:"):
            draw_export(shown, catalogue, key)
        own = elsewhere and len(shown.seeds) <= MOST_SEEDS
        if own and st.button("Own page", key=f"own-page-{key}", icon=":material/open_in_full:", help="With more room"):
            open_graph(shown.seeds)


def draw_path(shown: Neighbourhood, key: str) -> None:
    """From one entity of the view to another, whatever way the relations point."""
    st.caption("The shortest paths between two entities of the view.")
    visible = sorted(shown.shown.visible, key=lambda id: (shown.called(id).casefold(), id))
    if len(visible) < 2:
        st.caption("A path has two ends: expand, or add another entity.")
        return
    first = shown.focus if shown.focus in visible else visible[0]
    last = shown.selected if shown.selected in visible and shown.selected != first else None
    last = last or next((id for id in shown.seeds[1:] if id in visible), next(id for id in visible if id != first))
    a, b = (
        st.selectbox(
            label,
            visible,
            index=visible.index(id),
            format_func=lambda id: f"{one_line(shown.called(id))} ({shown.entities[id].kind})",
            key=f"{label}-{key}-{id}",
        )
        for label, id in (("From", first), ("To", last))
    )
    hops = st.slider("Steps at most", 1, LONGEST, 4, key=f"hops-{key}")
    if a == b:
        st.caption("Both ends are the same entity.")
    if st.button("Find the shortest paths", key=f"find-path-{key}", type="primary", disabled=a == b):
        steps = len(shown.past)
        with st.spinner("Looking for the shortest paths …"):
            shown.attempt(lambda: shown.find_path(graph(), a, b, hops))
        if len(shown.past) > steps:
            st.rerun(scope="fragment")
        st.info(escape(shown.message))


def draw_export(shown: Neighbourhood, catalogue: Catalogue, key: str) -> None:
    """Files of what the view shows, without what the legend hides; made when they are asked for."""
    st.caption(escape("What is in the view, as files. The button PNG in the picture saves it as it looks."))
    files = (
        ("CSV", "graph.csv", "text/csv", as_csv, "the relations, a line each"),
        ("JSON", "graph.json", "application/json", as_json, "entities and relations with all that is known of them"),
        ("Web page", "graph.html", "text/html", as_page, "to look at in any browser, without a network"),
    )
    for label, name, media, make, what in files:
        st.download_button(
            label,
            lambda make=make: make(shown, catalogue),  # type: ignore[misc]  # bound now, called on a click
            file_name=name,
            mime=media,
            key=f"export-{name}-{key}",
            help=what,
            on_click="ignore",
            width="stretch",
        )
