"""Home: what the graph holds, without a query."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.bars import bars
from app.cards import Card, cards
from app.escape import escape
from app.graph_panel import graph_panel
from app.query_examples import OWN
from app.runs import run_line, runs_of
from app.settings import current
from app.shared import graph
from app.theme import KIND_COLOURS
from app.words import Catalogue, count
from kgstore import Entity, Statistics, Triple
from model.track import Run

PICTURES, TYPES, SOURCES, RUNS, PREDICTIONS = 14, 12, 6, 5, 6


@dataclass(frozen=True)
class Home:
    statistics: Statistics
    pictures: list[Entity]
    predicted: list[Triple]  # about the first of the pictures
    catalogue: Catalogue
    runs: list[Run]


def fetch() -> Home:
    store = graph()
    named, seen = store.pictures(PICTURES // 2, ["concept"]), store.pictures(PICTURES, ["image", "region"])
    pictures = [*named, *seen][:PICTURES]
    predicted = store.neighbours(pictures[0].id, limit=PREDICTIONS, origin="predicted") if pictures else []
    return Home(store.statistics(), pictures, predicted, Catalogue(store), runs_of(current().runs))


def draw(home: Home) -> None:
    held = home.statistics
    st.title("What the graph holds")
    if not held.entities:
        draw_empty()
        draw_runs(home.runs)
    else:
        draw_counts(held)
        if home.pictures:
            st.subheader("Some of its pictures")
            cards("pictures", [Card(entity) for entity in home.pictures], kinds=False)
        kinds, types = st.columns(2, gap="large")
        with kinds:
            st.subheader("Entities by kind")
            bars("kinds", [(kind, kind, n, KIND_COLOURS[kind]) for kind, n in held.kinds.items()], go_kind)
            st.subheader("Entities by source")
            draw_sources(held)
        with types:
            st.subheader("Relations by type")
            shown = list(held.types.items())[:TYPES]
            bars("types", [(type_, home.catalogue.text(type_), n, "") for type_, n in shown], go_type)
            if len(held.types) > TYPES:
                st.caption(f"and {count(len(held.types) - TYPES, 'more type')}.")
        draw_runs(home.runs)
        if home.pictures:
            st.subheader("A look inside")
            graph_panel(home.pictures[0], home.predicted, home.catalogue)


def draw_counts(held: Statistics) -> None:
    """Each count, with the page that shows what it counts."""
    counts: list[tuple[str, int, str, str, dict[str, str]]] = [
        ("Entities", held.entities, "Search them", "search", {}),
        ("Relations", held.triples, "See some", "query", {"cypher": OWN["Some facts"]}),
        ("Relation types", len(held.types), "Compare them", "query", {"cypher": OWN["Relations by type"]}),
        ("Predictions waiting", held.waiting, "Review them", "review", {}),
    ]
    with st.container(horizontal=True):
        for label, many, does, page, asked in counts:
            with st.container(border=True, gap="xsmall"):
                st.metric(label, f"{many:,}")
                st.page_link(
                    f"views/{page}.py",
                    label=does,
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    disabled=not many,
                    query_params=asked,
                )


def draw_sources(held: Statistics) -> None:
    if not held.sources:
        st.caption("No entity says which source it is from.")
    shown = list(held.sources.items())[:SOURCES]
    bars("sources", [(source, source, n, "") for source, n in shown], go_source)
    if len(held.sources) > SOURCES:
        st.caption(f"and {count(len(held.sources) - SOURCES, 'more source')}.")


def draw_empty() -> None:
    st.info("The graph is empty. This draws a small world of pictures and facts and loads it:", icon=":material/info:")
    store = current().store
    st.code(f"python -m ingest world --path world --store {store}", language=None)
    if current().embedded:
        st.caption("An embedded graph belongs to one process: end this app first (Ctrl-C), then start it again.")


def draw_runs(runs: list[Run]) -> None:
    st.subheader("Training runs")
    if not runs:
        st.caption("None yet. `python -m model.train --store URI --runs DIR` trains one from the graph.")
    for run in runs[:RUNS]:
        st.page_link(
            "views/training.py",
            label=escape(run_line(run)),
            icon=":material/show_chart:",
            query_params={"run": run.name},
        )


def go_kind(kind: str) -> None:
    st.switch_page("views/search.py", query_params={"kind": kind})


def go_source(source: str) -> None:
    st.switch_page("views/search.py", query_params={"source": source})


def go_type(type_: str) -> None:
    st.switch_page("views/query.py", query_params={"type": type_})


draw(fetch())
