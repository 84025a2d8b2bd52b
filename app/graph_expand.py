"""What an entity could still bring into the view: how many relations of which type, and a choice of them."""

from __future__ import annotations

import streamlit as st

from app.escape import escape
from app.neighbourhood import MOST, USUAL, Neighbourhood, Way
from app.shared import graph
from app.words import Catalogue, count
from kgstore.values import Direction


def draw_expand(id: str, shown: Neighbourhood, catalogue: Catalogue, key: str) -> None:
    """Counts by type and direction, which are also the choice, and how many to bring."""
    counts = graph().neighbour_counts(id)
    rest = shown.rest(counts, id)
    if not rest:
        st.caption("All of its relations are in the view." if counts else "No relation leads to it or from it.")
        return
    numbers: dict[Way, int] = {(one.type, one.direction): one.count for one in rest}
    total = sum(numbers.values())
    controls = st.container()
    chosen = st.pills(
        "Relations to bring",
        list(numbers),
        selection_mode="multi",
        key=f"ways-{key}-{id}",
        format_func=lambda way: escape(f"{direction_text(catalogue.text(way[0]), way[1])} · {numbers[way]:,}"),
        label_visibility="collapsed",
    )
    ways = [way for way in chosen or () if way in numbers]
    with controls:
        st.caption(f"{count(total, 'relation')} more; choose which below, or take all in turn.")
    with controls, st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        most = st.number_input(
            "At most",
            1,
            MOST,
            min(USUAL, MOST),
            key=f"most-{key}",
            width=120,
            help=f"Up to {MOST} relations come at once, the heaviest first; the view holds 300 entities.",
        )
        wanted = sum(numbers[way] for way in ways) if ways else total
        st.button(
            f"Expand · {min(wanted, most):,}" if wanted <= most else f"Expand · {most:,} of {wanted:,}",
            key=f"expand-{key}",
            type="primary",
            icon=":material/expand_content:",
            on_click=shown.attempt,
            args=(lambda: shown.expand(graph(), id, ways, most),),
        )


def direction_text(words: str, direction: Direction) -> str:
    return f"{words} →" if direction == "out" else f"← {words}"
