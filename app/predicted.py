"""What runs predict about an entity, best first, with what people decided about it and why a run may be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from app.cards import ENTITY_PAGE
from app.decisions import decision_buttons, short_key
from app.escape import escape
from app.facts_table import STATES
from app.path_lines import path_lines
from app.why import draw_why
from app.words import Catalogue, score_text, since
from kgstore import Entity, Triple

SHOWN = 10
STATE_COLOURS = {"waiting": "violet", "accepted": "green", "rejected": "red"}


def draw_predicted(
    entity: Entity, predicted: Sequence[Triple], entities: Mapping[str, Entity], total: int, catalogue: Catalogue
) -> None:
    """`predicted` are the best of `total`."""
    st.subheader("Predicted")
    if not predicted:
        st.caption("No prediction about it. `python -m model.predict --write` lets a run propose some.")
        return
    counts = Counter(STATES[triple.decision] for triple in predicted)
    state = None
    if len(counts) > 1:
        state = st.pills(
            "State",
            list(counts),
            format_func=lambda name: f"{name} ({counts[name]})",
            key=f"state {entity.id}",
            label_visibility="collapsed",
        )
    shown = [triple for triple in predicted if state in (None, STATES[triple.decision])]
    for triple in shown[:SHOWN]:
        draw_prediction(triple, entities, catalogue)
    if total > SHOWN and len(shown) > SHOWN:
        st.page_link(
            ENTITY_PAGE,
            label=f"All {total:,}, as facts",
            query_params={"id": entity.id, "origin": "predicted", "sort": "score"},
        )


def draw_prediction(triple: Triple, entities: Mapping[str, Entity], catalogue: Catalogue) -> None:
    mark = short_key(triple.key)
    with st.container(border=True, key=f"prediction-{mark}"):
        path_lines(f"prediction-{mark}-ends", triple.head, [[triple]], entities, catalogue)
        state = STATES[triple.decision]
        by = f" by {triple.who}" if triple.who else ""
        told = f"{by} {since(triple.when)}" if triple.decision else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            badge = f":{STATE_COLOURS[state]}-badge[{state}]"
            rest = escape(f"{told} · score {score_text(triple.score)} · run {triple.run}".removeprefix(" · "))
            st.markdown(f"{badge} :small[:gray[{rest}]]", width="stretch")
            decision_buttons(triple, "entity")
            why = st.toggle("Why", key=f"why-{mark}")
        if why:
            draw_why(triple, entities, catalogue, "entity", wide=False)
