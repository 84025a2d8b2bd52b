"""The question that only this model answers: a picture or an entity and a relation in, ranked answers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from app.cards import Card, State, cards
from app.escape import escape
from app.filters import ANY, Kept
from app.runs import choose_run, model_of, objective_of, trained_runs
from app.shared import graph
from app.words import Catalogue, count, name_of, names
from kgstore import COMMON_TYPE, Entity, Triple
from kgstore.errors import KgError
from kgstore.facts import FactFilter
from model.track import Run

if TYPE_CHECKING:
    from model.predict import Answer

ANSWERS = 5
#: What is asked first, so that one picture shows two answers; others are asked by what the graph says of them.
FIRST = {"image": ("IMAGE_OF", "IS_A"), "region": ("DEPICTS", "HAS_COLOUR")}
USUAL = ("IS_A", "SYNONYM")
PREDICTED = 1000
#: What a card says of an answer, and how it looks.
STANDING: dict[str, tuple[str, State]] = {
    "": ("", ""),
    "new": ("new", ""),
    "known": ("known", "known"),
    "waiting": ("waits for review", "predicted"),
    "accepted": ("accepted", "accepted"),
    "rejected": ("rejected", "rejected"),
}


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


def choose_relations(head: Entity | Image.Image, key: str, catalogue: Catalogue) -> list[str]:
    """The relation types to ask by, up to three."""
    types = list(graph().statistics().types)
    return st.multiselect(
        "Relations",
        types,
        key=key,
        format_func=catalogue.text,
        max_selections=3,
        default=first_relations(head, types),
    )


def first_relations(head: Entity | Image.Image, types: Sequence[str]) -> list[str]:
    """Two relations to begin with; a picture of no entity is asked what one of the graph is asked."""
    own: list[str] = []
    if isinstance(head, Entity):
        own = [c.type for c in graph().neighbour_counts(head.id) if c.direction == "out"]
    kind = head.kind if isinstance(head, Entity) else "image"
    wanted = dict.fromkeys((*FIRST.get(kind, ()), *own, *USUAL))
    return [type_ for type_ in wanted if type_ in types][:2]


def draw_answers(
    head: Entity | Image.Image, types: Sequence[str], run: Run, catalogue: Catalogue, kept: Kept = ANY
) -> None:
    """A column of ranked answers for each relation."""
    asked, name = (head.id, name_of(head)) if isinstance(head, Entity) else (head, "This picture")
    for type_, column in zip(types, st.columns(len(types)), strict=True):
        with column:
            st.markdown(f"{escape(name)} **{escape(catalogue.text(type_))}** …")
            try:
                answers = model_of(run).tails(asked, type_, ANSWERS, kept.kinds, kept.sources)
            except KgError as error:
                st.error(escape(str(error)), icon=":material/error:")
                continue
            found = names(graph().entities([answer.id for answer in answers]))
            states = standing(head, type_, answers)
            cards(
                f"answers {type_}",
                [
                    Card(found[a.id], a.score, rank, *STANDING[states[a.id]])
                    for rank, a in enumerate(answers, 1)
                    if a.id in found
                ],
                layout="rows",
            )
            new = [answer for answer in answers if states[answer.id] == "new"]
            if isinstance(head, Entity) and new and type_ != COMMON_TYPE:
                st.button(
                    f"Put {count(len(new), 'new one')} up for review",
                    key=f"propose {type_}",
                    icon=":material/fact_check:",
                    type="tertiary",
                    on_click=propose,
                    args=(head.id, type_, new, run.name),
                )


def standing(head: Entity | Image.Image, type_: str, answers: Sequence[Answer]) -> dict[str, str]:
    """Whether the graph holds each answer to an entity as a fact, as a prediction in some state, or not at all."""
    if not isinstance(head, Entity):
        return {answer.id: "" for answer in answers}
    states = {answer.id: "known" if answer.known else "new" for answer in answers}
    chosen = FactFilter("out", (type_,), "predicted", rejected=True)
    predicted = graph().facts(head.id, chosen, order="score", limit=PREDICTED).triples
    return states | {triple.tail: triple.decision or "waiting" for triple in predicted if triple.tail in states}


def propose(head: str, type_: str, answers: Sequence[Answer], run: str) -> None:
    """Puts answers into the graph as predictions that wait for review."""
    graph().propose(
        [Triple(head, type_, answer.id, origin="predicted", score=answer.score, run=run) for answer in answers]
    )
