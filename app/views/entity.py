"""An entity: its pictures and texts, what is asserted and predicted about it, the graph around it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app.ask import draw_ask
from app.cards import Card, Group, cards
from app.decisions import decision_buttons, show_decision_error
from app.escape import escape, one_line
from app.graph_expand import direction_text
from app.graph_panel import graph_panel
from app.picture_strip import picture_strip
from app.pictures import picture_url
from app.shared import graph
from app.words import Catalogue, count, name_of, names, score_text, since
from kgstore import Entity, NeighbourCount, Triple
from kgstore.errors import UnknownEntity
from kgstore.values import Direction

FACTS_PER_TYPE = 14
PREDICTIONS_PER_TYPE, PREDICTIONS = 100, 10
PICTURES = 12
#: Streamlit's badge colours nearest to KIND_COLOURS.
BADGES: dict[str, Literal["blue", "green", "orange", "violet", "red"]] = {
    "concept": "blue",
    "image": "green",
    "region": "orange",
    "caption": "violet",
    "phrase": "red",
}


@dataclass(frozen=True)
class EntityPage:
    entity: Entity
    counts: list[NeighbourCount]
    facts: list[Triple]
    predicted: list[Triple]
    others: dict[str, Entity]
    catalogue: Catalogue

    @property
    def accepted(self) -> list[Triple]:
        return [triple for triple in self.predicted if triple.decision == "accepted"]


def fetch(id: str) -> EntityPage:
    store = graph()
    entity = store.entity(id)
    facts = store.neighbours(id, limit=FACTS_PER_TYPE, origin="asserted")
    predicted = store.neighbours(id, limit=PREDICTIONS_PER_TYPE, origin="predicted", rejected=True)
    ends = dict.fromkeys(end for triple in (*facts, *predicted) for end in (triple.head, triple.tail))
    others = dict(names(store.entities(list(ends)))) | {id: entity}
    return EntityPage(entity, store.neighbour_counts(id), facts, predicted, others, Catalogue(store))


def draw(page: EntityPage) -> None:
    draw_head(page.entity)
    show_decision_error()
    left, right = st.columns([5, 3], gap="medium")
    with left:
        st.subheader("Around it")
        best = sorted(page.predicted, key=lambda triple: -(triple.score or 0.0))[:PREDICTIONS]
        graph_panel(page.entity, [*page.accepted[:PREDICTIONS], *best], page.catalogue)
    with right:
        draw_predictions(page)
    draw_ask(page.entity, page.catalogue)
    draw_facts(page)


def draw_head(entity: Entity) -> None:
    if entity.images:
        pictures, words = st.columns([1, 4], gap="medium", vertical_alignment="center")
        with pictures:
            draw_pictures(entity)
    else:
        words = st.container()
    with words:
        st.title(escape(name_of(entity)), anchor=False)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.badge(entity.kind, color=BADGES[entity.kind])
            st.caption(escape(entity.id) + (f" · held out: {entity.split}" if entity.split != "train" else ""))
        for text in entity.texts[:8]:
            if one_line(text) != name_of(entity):
                st.text(text[:2000])
        if entity.images[1:]:
            picture_strip([picture_url(reference, 64) for reference in entity.images[1:PICTURES]], side=56)
        if len(entity.texts) > 8:
            st.caption(f"and {count(len(entity.texts) - 8, 'more text')}.")


def draw_pictures(entity: Entity) -> None:
    """The first picture; a region also in the whole picture."""
    first = entity.images[0]
    picture_strip([picture_url(first, 320)], side=180)
    if "#xywh=" in first:
        picture_strip([picture_url(first.partition("#xywh=")[0], 320)], side=180)
        st.caption("the region, and the picture it is part of")


def draw_predictions(page: EntityPage) -> None:
    st.subheader("Predicted, for review")
    if not page.predicted:
        st.caption("No prediction about it. `python -m model.predict --write` lets a run propose some.")
    order = sorted(page.predicted, key=lambda t: (bool(t.decision), -(t.score or 0.0)))
    for triple in order[:PREDICTIONS]:
        draw_prediction(triple, page)
    if len(order) > PREDICTIONS:
        st.caption("The best of them; Review shows all.")


def draw_prediction(triple: Triple, page: EntityPage) -> None:
    head, tail = (escape(name_of(page.others[end])) for end in (triple.head, triple.tail))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = f"{head} **{escape(page.catalogue.of(triple))}** {tail}"
        state = f"{triple.decision} {since(triple.when)}" if triple.decision else f"score {score_text(triple.score)}"
        st.markdown(f"{words}  \n:small[:gray[{escape(state)} · run {escape(triple.run)}]]", width="stretch")
        decision_buttons(triple, "entity")


def draw_facts(page: EntityPage) -> None:
    st.subheader("Facts")
    if not page.counts:
        st.caption("No relation leads to it or from it.")
        return
    grouped: dict[tuple[str, Direction], list[Triple]] = defaultdict(list)
    for triple in page.facts:
        if triple.head == page.entity.id:
            grouped[triple.type, "out"].append(triple)
        if triple.tail == page.entity.id:
            grouped[triple.type, "in"].append(triple)
    groups = [fact_group(page, c, grouped[c.type, c.direction]) for c in page.counts]
    cards("facts", [group for group in groups if group.cards], layout="chips")


def fact_group(page: EntityPage, counted: NeighbourCount, facts: list[Triple]) -> Group:
    """One relation type in one direction: what is asserted, then what a person accepted."""
    own, other = ("head", "tail") if counted.direction == "out" else ("tail", "head")
    agreed = [t for t in page.accepted if t.type == counted.type and getattr(t, own) == page.entity.id]
    shown = [
        Card(
            page.others[getattr(triple, other)],
            note=fact_note(triple),
            state="accepted" if triple.origin == "predicted" else "",
        )
        for triple in (*facts, *agreed)
    ]
    rest = counted.count - len(shown)
    title = direction_text(page.catalogue.text(counted.type), counted.direction)
    return Group(shown, title, f"and {rest:,} more" if shown and rest > 0 else "")


def fact_note(triple: Triple) -> str:
    """What is particular about a fact: its own words, that a person accepted it, that it is held out."""
    own = f"“{triple.words}”" if triple.words else ""
    accepted = "accepted" if triple.origin == "predicted" else ""
    held_out = triple.split if triple.split != "train" else ""
    return " · ".join(part for part in (own, accepted, held_out) if part)


def choose() -> None:
    """The page without an entity in its address."""
    st.title("Entity")
    st.caption("No entity is named in the address. Search finds one; here are some with pictures.")
    cards("some", [Card(entity) for entity in graph().pictures(18)])


def missing(error: UnknownEntity) -> None:
    """The page of an entity that is not, or no longer, in the graph."""
    st.title("Entity")
    st.error(escape(str(error)), icon=":material/error:")
    st.page_link("views/search.py", label="Search for it", icon=":material/search:")


if asked := st.query_params.get("id"):
    try:
        found = fetch(asked)
    except UnknownEntity as error:
        missing(error)
    else:
        draw(found)
else:
    choose()
