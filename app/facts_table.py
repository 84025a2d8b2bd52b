"""All facts of an entity as a table with where each comes from; the store sorts, filters and pages it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.address import from_address, labelled, put, to_address
from app.graph_expand import direction_text
from app.paging import PAGE_ROWS, asked_row, draw_paging, last_page_row
from app.shared import graph
from app.table import Column, Row, Said, Tone, table
from app.words import Catalogue, count, names, score_text, since
from kgstore import Entity, NeighbourCount, Triple
from kgstore.facts import FACT_ORDERS, LARGEST_FIRST, FactFilter, FactOrder
from kgstore.values import Decision

COLUMNS = (Column("relation", "Relation"), Column("name", "Entity"), Column("origin", "Says"))
WEIGHT, SCORE = Column("weight", "Weight", right=True), Column("score", "Score", right=True)
RUN, WHEN = Column("run", "Run"), Column("when", "When", right=True)
STATES: dict[Decision, str] = {"": "waiting", "accepted": "accepted", "rejected": "rejected"}
TONES: dict[Decision, Tone] = {"": "waiting", "accepted": "accepted", "rejected": "rejected"}


def draw_facts(entity: Entity, counts: Sequence[NeighbourCount], runs: Sequence[str], catalogue: Catalogue) -> None:
    """The table with its filters; `runs` are those that predicted something about the entity."""
    st.subheader("Facts")
    if not counts and not runs:
        st.caption("No relation leads to it or from it.")
        return
    chosen = draw_filter(entity, counts, runs, catalogue)
    order, descending = order_of(st.query_params.get("sort", ""))
    first = asked_row()
    page = graph().facts(entity.id, chosen, order=order, descending=descending, offset=first, limit=PAGE_ROWS)
    if first and not page.triples:
        first = last_page_row(page.total)
        page = graph().facts(entity.id, chosen, order=order, descending=descending, offset=first, limit=PAGE_ROWS)
    if not page.total:
        st.caption("No fact is like that; take a filter away.")
        return
    others = names(graph().entities([end for triple in page.triples for end in (triple.head, triple.tail)]))
    columns = [*COLUMNS, WEIGHT, *((SCORE, RUN, WHEN) if runs else ())]
    rows = [fact_row(triple, entity, others, catalogue)[: len(columns)] for triple in page.triples]
    table(
        "facts",
        columns,
        [Row("\n".join(triple.key), row) for triple, row in zip(page.triples, rows, strict=True)],
        order,
        order in LARGEST_FIRST if descending is None else descending,
        sort,
    )
    draw_paging(page.total, first)


def draw_filter(
    entity: Entity, counts: Sequence[NeighbourCount], runs: Sequence[str], catalogue: Catalogue
) -> FactFilter:
    """What the reader wants to see, from widgets that stand in the address."""
    kinds = {f"{c.type} {c.direction}": c for c in counts}
    sources = [source.name for source in graph().sources()]
    said = ["asserted", *(f"by {name}" for name in sources), *(("predicted",) if runs else ())]
    said += [f"run {run}" for run in runs]
    relation = labelled(f"relation {entity.id}", kinds)
    origin, find = (f"{name} {entity.id}" for name in ("origin", "find"))
    from_address("relation", relation, kinds)
    from_address("origin", origin, said)
    from_address("find", find)
    left, middle, right = st.columns([3, 2, 2], gap="small")
    with left:
        st.selectbox(
            "Relation",
            ["", *kinds],
            key=relation,
            format_func=lambda name: relation_text(kinds[name], catalogue) if name else "all relations",
            on_change=to_address,
            args=("relation", relation, "page"),
            label_visibility="collapsed",
        )
    with middle:
        st.selectbox(
            "Who says so",
            ["", *said],
            key=origin,
            format_func=lambda name: origin_text(name) or "whoever says so",
            on_change=to_address,
            args=("origin", origin, "page"),
            label_visibility="collapsed",
        )
    with right:
        st.text_input(
            "Name contains",
            key=find,
            placeholder="name contains …",
            on_change=to_address,
            args=("find", find, "page"),
            label_visibility="collapsed",
        )
    type_, _, direction = str(st.session_state[relation]).partition(" ")
    who, _, named = str(st.session_state[origin]).partition(" ")
    return FactFilter(
        direction="out" if direction == "out" else "in" if direction == "in" else None,
        types=(type_,) if type_ else (),
        origin="asserted" if who == "asserted" else "predicted" if who in ("predicted", "run") else None,
        source=named if who == "by" else "",
        run=named if who == "run" else "",
        text=st.session_state[find].strip(),
        rejected=who in ("predicted", "run"),
    )


def relation_text(counted: NeighbourCount, catalogue: Catalogue) -> str:
    return f"{direction_text(catalogue.text(counted.type), counted.direction)} ({counted.count:,})"


def origin_text(name: str) -> str:
    who, _, named = name.partition(" ")
    return {"by": f"source {named}", "run": f"predicted by run {named}"}.get(who, name)


def order_of(said: str) -> tuple[FactOrder, bool | None]:
    """The order in an address: `name`, or `-name` for the other way round."""
    name = said.removeprefix("-")
    order: FactOrder = next((each for each in FACT_ORDERS if each == name), "relation")
    return order, (order not in LARGEST_FIRST) if said.startswith("-") else None


def sort(column: str) -> None:
    """A click on a heading: by it, or if it is so already the other way round."""
    put("sort", f"-{column}" if st.query_params.get("sort", "relation") == column else column)
    put("page", "")


def fact_row(
    triple: Triple, entity: Entity, others: Mapping[str, Entity], catalogue: Catalogue
) -> list[str | Entity | Said]:
    """The cells of a relation: which, to whom, who says so, how much, and of a prediction by what run and when."""
    out = triple.head == entity.id
    other = others.get(triple.tail if out else triple.head, entity)
    relation = direction_text(catalogue.of(triple), "out" if out else "in")
    return [
        Said(relation, "", triple.text or relation),
        other,
        provenance(triple),
        Said(f"{triple.weight:.4g}", "soft"),
        score_text(triple.score),
        Said(triple.run, "soft"),
        Said(since(triple.when) if triple.when else "", "soft", triple.when),
    ]


def provenance(triple: Triple) -> Said:
    """Who says so: sources, or a run and what a person decided about it."""
    held_out = f" · held out: {triple.split}" if triple.split != "train" else ""
    if triple.origin == "asserted":
        many = len(triple.sources)
        shown = ", ".join(triple.sources) if many <= 3 else count(many, "source")
        return Said((shown or "nobody named") + held_out, "", ", ".join(triple.sources))
    by = f" by {triple.who}" if triple.who else ""
    return Said(f"predicted, {STATES[triple.decision]}{by}{held_out}", TONES[triple.decision])
