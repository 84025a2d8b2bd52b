"""Predictions as a table, to be decided in bulk: those that are marked, or all that the filter lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app.address import from_address, to_address
from app.decisions import decide
from app.facts_table import STATES as STATE_NAMES
from app.facts_table import TONES
from app.paging import PAGE_ROWS, asked_row, draw_paging, last_page_row
from app.review_queue import ReviewQueue
from app.shared import graph
from app.table import Column, Row, Said, table
from app.words import Catalogue, count, names, score_text, since
from kgstore import Triple
from kgstore.facts import PredictionFilter
from kgstore.values import Decision

#: So many are decided at once at most: each transaction holds them all.
MOST = 10_000
STATES: dict[str, Decision | None] = {"waiting": "", "accepted": "accepted", "rejected": "rejected", "all": None}
COLUMNS = (
    Column("head", "Head", sorts=False),
    Column("relation", "Relation", sorts=False),
    Column("tail", "Tail", sorts=False),
    Column("score", "Score", sorts=False, right=True),
    Column("state", "State", sorts=False),
    Column("run", "Run", sorts=False),
    Column("when", "When", sorts=False, right=True),
)
VERBS: dict[Decision, str] = {"accepted": "Accept", "rejected": "Reject", "": "Put back"}


def draw_review_table(queue: ReviewQueue, catalogue: Catalogue) -> None:
    from_address("state", "review state", [*STATES], "waiting")
    state = st.segmented_control(
        "State",
        [*STATES],
        key="review state",
        required=True,
        on_change=to_address,
        args=("state", "review state", "page"),
        kwargs={"default": "waiting"},
        label_visibility="collapsed",
    )
    decision = STATES[state or "waiting"]
    chosen = replace(queue.chosen, decision=decision)
    total = queue.total(*(("", "accepted", "rejected") if decision is None else (decision,)))
    first = min(asked_row(), last_page_row(total))
    found = read(chosen, first, PAGE_ROWS)
    if not found:
        st.caption("No prediction is like that.")
        return
    ends = names(graph().entities(list({end for triple in found for end in (triple.head, triple.tail)})))
    keys = {"\n".join(triple.key): triple for triple in found}
    rows = [
        Row(
            key,
            [
                ends[triple.head],
                catalogue.of(triple),
                ends[triple.tail],
                score_text(triple.score),
                state_of(triple),
                Said(triple.run, "soft"),
                Said(since(triple.when), "soft", triple.when),
            ],
        )
        for key, triple in keys.items()
    ]
    bulk = st.container()
    chosen_keys = table("predictions", COLUMNS, rows, marks=True)
    marked = [triple for key, triple in keys.items() if key in chosen_keys]
    draw_paging(total, first)
    with bulk:
        draw_bulk(marked, chosen, total, queue)


def state_of(triple: Triple) -> Said:
    by = f" by {triple.who}" if triple.who else ""
    return Said(STATE_NAMES[triple.decision] + by, TONES[triple.decision])


def read(chosen: PredictionFilter, first: int, limit: int) -> list[Triple]:
    return graph().predictions(
        decision=chosen.decision,
        types=chosen.types,
        run=chosen.run,
        low=chosen.low,
        high=chosen.high,
        newest=chosen.decision != "",
        offset=first,
        limit=limit,
    )


def draw_bulk(marked: Sequence[Triple], chosen: PredictionFilter, total: int, queue: ReviewQueue) -> None:
    """The buttons, and once one was pressed the question how many it shall be."""
    asked: tuple[Decision, bool] | None = st.session_state.get("bulk asked")
    many = min(total, MOST)
    with st.container(horizontal=True, vertical_alignment="center", key="bulk"):
        if asked is not None and (asked[1] or marked):
            decision, whole = asked
            what = count(many if whole else len(marked), "prediction")
            first = f" (the first {MOST:,} of {total:,})" if whole and total > MOST else ""
            st.markdown(f"**{VERBS[decision]}: {what}{first}?**", width="content")
            st.button(
                f"Yes, {VERBS[decision].lower()} {many if whole else len(marked):,}",
                key="bulk-yes",
                type="primary",
                on_click=act,
                args=(None if whole else marked, decision, chosen, queue),
            )
            st.button("No", key="bulk-no", on_click=ask, args=(None,))
            return
        possible: list[Decision] = ["accepted", "rejected"] if chosen.decision == "" else [""]
        for decision in possible:
            st.button(
                f"{VERBS[decision]} {len(marked) or ''} marked".replace("  ", " "),
                key=f"bulk-marked-{decision}",
                disabled=not marked,
                on_click=ask,
                args=((decision, False),),
            )
        for decision in possible if chosen.decision is not None else []:
            st.button(
                f"{VERBS[decision]} all {total:,}",
                key=f"bulk-all-{decision}",
                type="tertiary",
                help="All that the filter lets through, on every page; you are asked once more.",
                on_click=ask,
                args=((decision, True),),
            )


def ask(what: tuple[Decision, bool] | None) -> None:
    st.session_state["bulk asked"] = what


def act(marked: Sequence[Triple] | None, decision: Decision, chosen: PredictionFilter, queue: ReviewQueue) -> None:
    """Decides about the marked ones, or about all that the filter lets through now."""
    ask(None)
    decide(read(chosen, 0, MOST) if marked is None else marked, decision)
    queue.read_at = None
