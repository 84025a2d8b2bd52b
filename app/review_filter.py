"""Which predictions a reviewer wants: relation, run and bounds of the score, all in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from app.address import from_address, labelled, to_address
from app.escape import one_line
from app.words import Catalogue
from kgstore.facts import PredictionFilter

KEYS = {name: f"review {name}" for name in ("low", "high")}


def draw_filter(types: Mapping[str, int], runs: Mapping[str, int], catalogue: Catalogue) -> None:
    """The widgets; numbers are how many wait of each."""
    relation_key, run_key = labelled("review relation", types), labelled("review run", runs)
    from_address("relation", relation_key, types)
    from_address("run", run_key, runs)
    from_address("low", KEYS["low"])
    from_address("high", KEYS["high"])
    relation, run, bounds = st.columns([3, 3, 2], gap="small")
    with relation:
        st.selectbox(
            "Relation",
            ["", *types],
            key=relation_key,
            format_func=lambda name: f"{catalogue.text(name)} ({types[name]:,})" if name else "all",
            on_change=to_address,
            args=("relation", relation_key, "page"),
        )
    with run:
        st.selectbox(
            "Run",
            ["", *runs],
            key=run_key,
            format_func=lambda name: f"{one_line(name)} ({runs[name]:,})" if name else "all",
            on_change=to_address,
            args=("run", run_key, "page"),
        )
    with bounds, st.container(horizontal=True, gap="small"):
        for name, label in (("low", "Score from"), ("high", "to")):
            st.text_input(
                label,
                key=KEYS[name],
                placeholder="any",
                width=90,
                on_change=to_address,
                args=(name, KEYS[name], "page"),
            )
    for name in ("low", "high"):
        if (said := st.session_state[KEYS[name]].strip()) and bound(said) is None:
            st.warning(f"A score is a number, such as 0.5; {said!r} is none, so it bounds nothing.")


def chosen_filter() -> PredictionFilter:
    """What the address asks for, before and after the widgets are drawn."""
    said = st.query_params
    return PredictionFilter(
        types=(said["relation"],) if said.get("relation") else (),
        run=said.get("run", ""),
        low=bound(said.get("low", "")),
        high=bound(said.get("high", "")),
    )


def bound(said: str) -> float | None:
    """A bound of the score; None where nothing or no number is said."""
    try:
        number = float(said.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
