"""What a search keeps to: kinds and sources, both in the page's address."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from app.shared import graph
from kgstore.values import KINDS


class Kept(NamedTuple):
    """None of either means any."""

    kinds: list[str]
    sources: list[str]


ANY = Kept([], [])


def choose_filters() -> Kept:
    """A row of kinds and one of sources, those that the graph holds; of a single source there is nothing to choose."""
    held = graph().statistics()
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        kinds = st.pills(
            "Kinds",
            [kind for kind in KINDS if kind in held.kinds] or KINDS,
            key="kind",
            bind="query-params",
            selection_mode="multi",
            label_visibility="collapsed",
        )
        sources = choose_sources(list(held.sources))
    return Kept(list(kinds), sources)


def choose_sources(sources: list[str]) -> list[str]:
    if len(sources) < 2:
        return []
    return st.multiselect(
        "Sources",
        sources,
        key="source",
        bind="query-params",
        placeholder="Any source",
        label_visibility="collapsed",
        width=260,
    )
