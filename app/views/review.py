"""Review: the queue of predicted relations, one at a time, best first."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.cards import ENTITY_PAGE
from app.decisions import LAST, decide, decision_buttons, show_decision_error
from app.escape import escape, one_line
from app.picture_strip import picture_strip
from app.pictures import picture_url
from app.shared import graph
from app.words import Catalogue, name_of, names, score_text, since
from kgstore import Entity, Statistics, Triple, TripleKey

QUEUE = 200
NEXT = 8
PICTURE_SIDE = 170


@dataclass(frozen=True)
class ReviewPage:
    statistics: Statistics
    queue: list[Triple]
    entities: dict[str, Entity]
    catalogue: Catalogue


def fetch(type_: str, run: str) -> ReviewPage:
    store = graph()
    queue = store.predictions(types=[type_] if type_ else (), run=run, limit=QUEUE)
    skipped: set[TripleKey] = st.session_state.setdefault("skipped", set())
    queue.sort(key=lambda triple: triple.key in skipped)
    ends = dict.fromkeys(end for triple in queue[:NEXT] for end in (triple.head, triple.tail))
    return ReviewPage(store.statistics(), queue, dict(names(store.entities(list(ends)))), Catalogue(store))


def draw(page: ReviewPage) -> None:
    show_decision_error()
    draw_progress(page.statistics)
    draw_undo()
    if not page.queue:
        draw_done(page.statistics)
        return
    draw_candidate(page.queue[0], page)
    if page.queue[1:]:
        st.subheader("Next")
        st.dataframe(
            [
                {
                    "head": one_line(name_of(page.entities[triple.head])),
                    "relation": page.catalogue.of(triple),
                    "tail": one_line(name_of(page.entities[triple.tail])),
                    "score": triple.score,
                    "run": triple.run,
                }
                for triple in page.queue[1:NEXT]
            ],
            column_config={"score": st.column_config.NumberColumn(format="%.2f")},
            hide_index=True,
        )


def draw_progress(held: Statistics) -> None:
    decided = held.accepted + held.rejected
    total = decided + held.waiting
    if total:
        words = f"{decided:,} of {total:,} decided: {held.accepted:,} accepted, {held.rejected:,} rejected"
        st.progress(decided / total, text=words)


def draw_undo() -> None:
    last: TripleKey | None = st.session_state.get(LAST)
    if last is not None:
        st.button("Undo the last decision", key="undo-last", icon=":material/undo:", on_click=decide, args=(last, ""))


def draw_done(held: Statistics) -> None:
    if held.accepted + held.rejected:
        st.success("Nothing waits here. What was decided stands at its entities, where it can be undone.")
    else:
        st.info("No prediction waits. A trained run proposes some:", icon=":material/info:")
        st.code("python -m model.predict --run RUN --store URI --head ID --relation TYPE --write", language=None)


def draw_candidate(triple: Triple, page: ReviewPage) -> None:
    with st.container(border=True, key="candidate"):
        left, middle, right = st.columns([3, 2, 3], gap="medium")
        with left:
            draw_end(page.entities[triple.head])
        with middle, st.container(height=PICTURE_SIDE, border=False, vertical_alignment="center"):
            st.subheader(f"{escape(page.catalogue.of(triple))} →", anchor=False, text_alignment="center")
            details = (f"score {score_text(triple.score)}", f"run {triple.run}", since(triple.when))
            st.caption(escape(" · ".join(details)), text_alignment="center")
        with right:
            draw_end(page.entities[triple.tail])
        with st.container(horizontal=True, horizontal_alignment="center"):
            decision_buttons(triple, "review")
            st.button("Skip", key="skip", icon=":material/skip_next:", on_click=skip, args=(triple.key,))


def draw_end(entity: Entity) -> None:
    """One end of the relation: its picture, its name as a link, its texts."""
    if entity.images:
        picture_strip([picture_url(entity.images[0], 320)], side=PICTURE_SIDE)
    st.page_link(ENTITY_PAGE, label=f"**{escape(name_of(entity))}**", query_params={"id": entity.id})
    st.caption(entity.kind)
    for text in entity.texts[:3]:
        if one_line(text) != name_of(entity):
            st.text(text[:400])


def skip(key: TripleKey) -> None:
    """Puts the prediction at the end of this session's queue."""
    st.session_state["skipped"].add(key)


st.title("Review")
catalogue = Catalogue(graph())
with st.container(horizontal=True):
    waiting = graph().predictions(limit=QUEUE)
    types = sorted({triple.type for triple in waiting})
    runs = sorted({triple.run for triple in waiting})
    chosen_type = st.selectbox(
        "Relation", ["", *types], key="type", format_func=lambda t: catalogue.text(t) if t else "all"
    )
    chosen_run = st.selectbox("Run", ["", *runs], key="run", format_func=lambda run: one_line(run) or "all")
draw(fetch(chosen_type, chosen_run))
