"""Search by a relation: a picture or an entity and a relation in, ranked answers out."""

from __future__ import annotations

import streamlit as st

from app.ask import choose_relations, draw_answers
from app.asked import ask_for_entity, ask_for_picture, choose_given
from app.filters import choose_filters
from app.runs import choose_run, no_run, objective_of, trained_runs
from app.shared import graph
from app.words import Catalogue
from kgstore import Entity


def by_relation() -> None:
    """Answers are of the kinds that the relation leads to in the graph, unless others are chosen."""
    runs = [run for run in trained_runs() if objective_of(run) == "knowledge-clip"]
    if not runs:
        no_run()
        return
    catalogue = Catalogue(graph())
    given = choose_given("about", ("An entity", "A picture of yours"))
    left, right = st.columns([2, 3])
    with left:
        head = ask_for_entity() if given == "An entity" else ask_for_picture()
    with right:
        run = choose_run(runs, key="run")
        if head is None:
            return
        key = head.id if isinstance(head, Entity) else "upload"
        chosen = choose_relations(head, f"relations {key}", catalogue)
        kept = choose_filters()
    if chosen:
        draw_answers(head, chosen, run, catalogue, kept)
