"""Search by meaning: words to pictures, and an entity or a picture to what is like it, by a run's towers."""

from __future__ import annotations

import streamlit as st
from PIL import Image

from app.asked import ask_for_entity, ask_for_picture, ask_for_text, choose_given
from app.cards import Card, cards
from app.escape import escape
from app.filters import Kept, choose_filters
from app.runs import choose_run, model_of, no_run, objective_of, start_of, trained_runs
from app.shared import graph
from app.words import names
from kgstore import Entity
from kgstore.errors import KgError
from model.track import Run

PICTURES, SIMILAR = 12, 24


def by_meaning() -> None:
    """What is asked is compared with all entities of the graph, or with those that the filters leave."""
    runs = trained_runs()
    if not runs:
        no_run()
        return
    given = choose_given("with", ("Words", "An entity", "A picture of yours"))
    if given == "Words":
        text = ask_for_text("What the picture shows", "in any words of the graph, also those that no caption contains")
        kept, run = choose_filters(), choose_run(runs, key="run")
        if text:
            draw_beside(run, runs, text, kept)
        else:
            st.caption("Names that only the graph tells, and no caption of a picture contains, are understood too.")
        return
    asked = ask_for_entity() if given == "An entity" else ask_for_picture()
    kept, run = choose_filters(), choose_run(runs, key="run")
    if asked is not None:
        draw_similar(run, asked, kept)


def draw_beside(run: Run, runs: list[Run], text: str, kept: Kept) -> None:
    """The run's pictures for the words; beside them those of the CLIP it started from, where that is a run too."""
    start = start_of(run, runs)
    shown = [(run, "Knowledge-CLIP" if objective_of(run) == "knowledge-clip" else "CLIP")]
    if start is not None:
        shown.append((start, "The CLIP it started from"))
    for (each, title), column in zip(shown, st.columns(len(shown), gap="large"), strict=True):
        with column:
            st.subheader(title, anchor=False)
            st.caption(escape(each.name))
            draw_pictures(each, text, kept)


def draw_pictures(run: Run, text: str, kept: Kept) -> None:
    fused = objective_of(run) == "knowledge-clip"
    try:
        answers = model_of(run).search_pictures(text, PICTURES, fused, kept.kinds, kept.sources)
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    found = names(graph().entities([answer.id for answer in answers]))
    cards(
        f"pictures {run.name}",
        [Card(found[a.id], a.score, rank, picture=a.picture) for rank, a in enumerate(answers, 1) if a.id in found],
        kinds=False,
    )
    if not answers:
        st.caption("No picture is among what is chosen above.")


def draw_similar(run: Run, asked: Entity | Image.Image, kept: Kept) -> None:
    to = asked.id if isinstance(asked, Entity) else asked
    answers = model_of(run).similar(to, SIMILAR, kept.kinds, kept.sources)
    found = names(graph().entities([answer.id for answer in answers]))
    if answers:
        st.caption("Most alike, by the cosine of what the towers make of them.")
        shown = [Card(found[a.id], a.score, rank) for rank, a in enumerate(answers, 1) if a.id in found]
        cards("similar", shown, kinds=len(kept.kinds) != 1)
    else:
        st.caption("Nothing to compare it with among what is chosen above.")
