"""Which predictions a reviewer wants: relation, run and bounds of the score, all in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from app.address import from_address, to_address
from app.escape import one_line
from app.words import Catalogue
from kgstore.facts import PredictionFilter

KEYS = {name: f"review {name}" for name in ("relation", "run", "low", "high")}


def draw_filter(types: Mapping[str, int], runs: Mapping[str, int], catalogue: Catalogue) -> None:
    """The widgets; numbers are how many wait of each."""
    from_address("relation", KEYS["relation"], types)
    from_address("run", KEYS["run"], runs)
    from_address("low", KEYS["low"])
    from_address("high", KEYS["high"])
    relation, run, low, high = st.columns([3, 3, 1, 1], gap="small")
    with relation:
        st.selectbox(
            "Relation",
            ["", *types],
            key=KEYS["relation"],
            format_func=lambda name: f"{catalogue.text(name)} ({types[name]:,})" if name else "all",
            on_change=to_address,
            args=("relation", KEYS["relation"], "page"),
        )
    with run:
        st.selectbox(
            "Run",
            ["", *runs],
            key=KEYS["run"],
            format_func=lambda name: f"{one_line(name)} ({runs[name]:,})" if name else "all",
            on_change=to_address,
            args=("run", KEYS["run"], "page"),
        )
    for column, name, label in ((low, "low", "Score from"), (high, "high", "to")):
        with column:
            st.text_input(
                label,
                key=KEYS[name],
                placeholder="any",
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
