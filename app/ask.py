"""The question that only this model answers: an entity and a relation in, ranked answers out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.cards import Card, cards
from app.escape import escape
from app.runs import choose_run, model_of, objective_of, trained_runs
from app.shared import graph
from app.words import Catalogue, name_of, names
from kgstore import Entity
from kgstore.errors import KgError
from model.track import Run

ANSWERS = 5
#: What is asked first, so that one picture shows two answers; others are asked by what the graph says of them.
FIRST = {"image": ("IMAGE_OF", "IS_A"), "region": ("DEPICTS", "HAS_COLOUR")}
USUAL = ("IS_A", "SYNONYM")


def draw_ask(entity: Entity, catalogue: Catalogue) -> None:
    """The part of an entity's page that asks a run's model about it."""
    st.subheader("Ask the model")
    runs = [run for run in trained_runs() if objective_of(run) == "knowledge-clip"]
    if not runs:
        st.caption("No trained Knowledge-CLIP among the runs; Training says how to make one.")
        return
    relations, answering = st.columns(2, gap="medium")
    with relations:
        chosen = choose_relations(entity, f"ask {entity.id}", catalogue)
    with answering:
        run = choose_run(runs, key="ask run")
    if chosen and st.toggle("Show its answers", key="asking", value=False):
        draw_answers(entity, chosen, run, catalogue)


def choose_relations(entity: Entity, key: str, catalogue: Catalogue) -> list[str]:
    """The relation types to ask by, up to three."""
    types = list(graph().statistics().types)
    return st.multiselect(
        "Relations",
        types,
        key=key,
        format_func=catalogue.text,
        max_selections=3,
        default=first_relations(entity, types),
    )


def first_relations(entity: Entity, types: Sequence[str]) -> list[str]:
    """Two relations to begin with."""
    own = [c.type for c in graph().neighbour_counts(entity.id) if c.direction == "out"]
    wanted = dict.fromkeys((*FIRST.get(entity.kind, ()), *own, *USUAL))
    return [type_ for type_ in wanted if type_ in types][:2]


def draw_answers(entity: Entity, types: Sequence[str], run: Run, catalogue: Catalogue) -> None:
    """A column of ranked answers for each relation."""
    for type_, column in zip(types, st.columns(len(types)), strict=True):
        with column:
            st.markdown(f"{escape(name_of(entity))} **{escape(catalogue.text(type_))}** …")
            try:
                answers = model_of(run).tails(entity.id, type_, ANSWERS)
            except KgError as error:
                st.error(escape(str(error)), icon=":material/error:")
                continue
            found = names(graph().entities([answer.id for answer in answers]))
            cards(
                f"answers {type_}",
                [
                    Card(found[a.id], a.score, rank, "known" if a.known else "", "known" if a.known else "")
                    for rank, a in enumerate(answers, 1)
                    if a.id in found
                ],
                layout="rows",
            )
