"""Review: the queue of predicted relations, one at a time or as a table, by key and button, for several at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.address import from_address, to_address
from app.decision_csv import decisions_address
from app.decisions import decide, decided_steps, show_decision_error, undo
from app.desk import desk, session
from app.escape import one_line
from app.keys import keys
from app.review_card import draw_card
from app.review_filter import chosen_filter, draw_filter
from app.review_queue import ReviewQueue, review_queue
from app.review_table import draw_review_table
from app.reviewer import draw_reviewer
from app.shared import graph
from app.words import Catalogue, count, names

ONE, TABLE = "One at a time", "Table"


def draw() -> None:
    catalogue, queue = Catalogue(graph()), review_queue()
    if queue.read_at is not None and desk().moved(session(), queue.read_at):
        queue.read_at = None
    queue.bring_up_to(graph(), chosen_filter())
    draw_top(queue)
    draw_filter(queue.waiting_by("type"), queue.waiting_by("run"), catalogue)
    show_decision_error()
    draw_progress(queue)
    if st.session_state["review view"] == TABLE:
        draw_review_table(queue, catalogue)
    else:
        draw_next(queue, catalogue)


def draw_top(queue: ReviewQueue) -> None:
    title, how, who = st.columns([3, 3, 2], gap="medium", vertical_alignment="bottom")
    with title:
        st.title("Review", anchor=False)
    with how, st.container(horizontal=True, vertical_alignment="center"):
        from_address("view", "review view", [ONE, TABLE], ONE)
        st.segmented_control(
            "How",
            [ONE, TABLE],
            key="review view",
            required=True,
            on_change=to_address,
            args=("view", "review view", "page"),
            kwargs={"default": ONE},
            label_visibility="collapsed",
        )
        run = queue.chosen.run
        st.link_button(
            "CSV",
            decisions_address(run),
            icon=":material/download:",
            help=f"All decisions {'about run ' + one_line(run) if run else 'there are'}, with who made them and when",
        )
    with who:
        draw_reviewer()


def draw_progress(queue: ReviewQueue) -> None:
    accepted, rejected, waiting = queue.total("accepted"), queue.total("rejected"), queue.total("")
    if total := accepted + rejected + waiting:
        done = accepted + rejected
        words = f"{done:,} of {total:,} decided: {accepted:,} accepted, {rejected:,} rejected"
        others = desk().others(session())
        beside = f" · {count(others, 'other reviewer')} at work" if others else ""
        st.progress(done / total, text=words + beside)


def draw_next(queue: ReviewQueue, catalogue: Catalogue) -> None:
    """The prediction that this session looks at, with keys and buttons."""
    triple = desk().take(session(), queue.waiting, queue.read_at or 0.0, tuple(queue.skipped))
    does: dict[str, Callable[[], None]] = {"u": undo} if decided_steps() else {}
    if triple is None:
        draw_done(queue)
        if does:
            st.button("Undo the last decision", key="undo-last", icon=":material/undo:", on_click=undo)
    else:
        entities = names(graph().entities([triple.head, triple.tail]))
        does |= {
            "a": partial(decide, [triple], "accepted"),
            "r": partial(decide, [triple], "rejected"),
            "s": partial(queue.skip, triple.key),
        }
        draw_card(triple, entities, catalogue, does)
        if triple.key in queue.skipped:
            st.caption("You skipped this one before; nothing else waits that nobody looks at.")
    keys("review keys", does, "" if triple is None else "\n".join(triple.key))


def draw_done(queue: ReviewQueue) -> None:
    if queue.total("accepted", "rejected"):
        st.success("Nothing waits here. What was decided stands in the table, where it can be undone.")
    else:
        st.info("No prediction waits. A trained run proposes some:", icon=":material/info:")
        st.code("python -m model.predict --run RUN --store URI --head ID --relation TYPE --write", language=None)


draw()
