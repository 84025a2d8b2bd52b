"""An entity: its pictures and texts, what is asserted and predicted about it, the graph around it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.ask import draw_ask
from app.cards import Card, cards
from app.decisions import show_decision_error
from app.entity_head import draw_head
from app.escape import escape
from app.facts_table import draw_facts
from app.graph_panel import graph_panel
from app.predicted import SHOWN, draw_predicted
from app.shared import graph
from app.words import Catalogue, names
from kgstore import Entity, NeighbourCount, Triple
from kgstore.errors import UnknownEntity
from kgstore.facts import FactFilter

PREDICTIONS = 200


@dataclass(frozen=True)
class EntityPage:
    entity: Entity
    counts: list[NeighbourCount]
    predicted: list[Triple]
    predicted_total: int
    others: dict[str, Entity]
    catalogue: Catalogue


def fetch(id: str) -> EntityPage:
    store = graph()
    entity = store.entity(id)
    chosen = FactFilter(origin="predicted", rejected=True)
    predicted, total = store.facts(id, chosen, order="score", limit=PREDICTIONS)
    ends = dict.fromkeys(end for triple in predicted for end in (triple.head, triple.tail))
    others = dict(names(store.entities(list(ends)))) | {id: entity}
    return EntityPage(entity, store.neighbour_counts(id), predicted, total, others, Catalogue(store))


def draw(page: EntityPage) -> None:
    draw_head(page.entity)
    show_decision_error()
    left, right = st.columns([5, 3], gap="medium")
    with left:
        st.subheader("Around it")
        accepted = [triple for triple in page.predicted if triple.decision == "accepted"]
        graph_panel(page.entity, [*accepted[:SHOWN], *page.predicted[:SHOWN]], page.catalogue)
    with right:
        draw_predicted(page.entity, page.predicted, page.others, page.predicted_total, page.catalogue)
    runs = list(dict.fromkeys(triple.run for triple in page.predicted))
    draw_facts(page.entity, page.counts, runs, page.catalogue)
    draw_ask(page.entity, page.catalogue)


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
