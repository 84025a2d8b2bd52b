"""Query: Cypher that only reads the graph, its answer as a table, a graph and pictures."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import streamlit as st

from app.escape import escape, one_line, shorten
from app.query_examples import Asked, example, example_names, facts_of_type
from app.query_results import draw_results, entities_in
from app.shared import graph
from app.shown import MOST_ENTITIES
from app.words import count, names
from kgstore import Entity, Rows
from kgstore.errors import KgError, QueryRefused

SECONDS = 10.0
LIMITS = (100, 500, 5000)
REMEMBERED = 20


@dataclass(frozen=True)
class Answered:
    """What was asked last, and the answer or the sentence that came."""

    asked: Asked
    limit: int
    rows: Rows | None
    entities: dict[str, Entity]
    seconds: float
    error: str = ""


def draw() -> None:
    st.title("Query")
    take_from_address()
    st.pills("Examples", example_names(), key="example", on_change=choose_example, label_visibility="collapsed")
    st.text_area("Cypher", key="cypher", height=150, label_visibility="collapsed")
    if "$" in st.session_state["cypher"]:
        st.text_input("Parameters, as JSON", key="parameters")
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Run", key="run-query", type="primary", icon=":material/play_arrow:", shortcut="Ctrl+Enter")
        limit = st.selectbox(
            "Rows", LIMITS, index=1, key="limit", format_func="{:,} rows at most".format,
            label_visibility="collapsed", width=190,
        )  # fmt: skip
        history = st.container(width="content")
    st.caption(
        f"Cypher that reads the graph, stopped after {SECONDS:.0f} s. "
        "What would write, open files or reach the network is refused."
    )
    if st.session_state["cypher"].strip():
        answer(st.session_state["cypher"], st.session_state.get("parameters", ""), limit, pressed)
    with history:
        draw_history()


def take_from_address() -> None:
    """The query of the address, once; a relation type there means some facts of it."""
    cypher, type_ = st.query_params.get("cypher"), st.query_params.get("type")
    if cypher is not None and cypher != st.session_state.get("addressed"):
        put(Asked(cypher, {}), st.query_params.get("parameters", "{}"))
    elif type_ is not None or "cypher" not in st.session_state:
        put(facts_of_type(type_ or ""))
        st.query_params.pop("type", None)


def put(asked: Asked, parameters: str = "") -> None:
    st.session_state["cypher"] = asked.cypher
    st.session_state["parameters"] = parameters or json.dumps(asked.parameters, ensure_ascii=False)


def choose_example() -> None:
    if st.session_state["example"]:
        put(example(st.session_state["example"], graph()))


def answer(cypher: str, parameters: str, limit: int, pressed: bool) -> None:
    """Asks the graph, unless this is what was asked last; then puts the query into the address and the history."""
    try:
        asked = Asked(cypher, parameters_of(parameters) if "$" in cypher else {})
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    last: Answered | None = st.session_state.get("answered")
    if pressed or last is None or (last.asked, last.limit) != (asked, limit):
        with st.spinner(f"Asking the graph, for {SECONDS:.0f} s at most …"):
            last = st.session_state["answered"] = ask(asked, limit)
        remember(asked)
    st.session_state["addressed"] = st.query_params["cypher"] = asked.cypher
    if asked.parameters:
        st.query_params["parameters"] = parameters
    else:
        st.query_params.pop("parameters", None)
    if last.rows is None:
        st.error(escape(last.error), icon=":material/error:")
        return
    rest = f"; there are more than these {limit:,}" if last.rows.truncated else ""
    st.caption(f"{count(len(last.rows.rows), 'row')} in {last.seconds * 1000:,.0f} ms{rest}.")
    if last.rows.rows:
        draw_results(last.rows, last.entities)


def ask(asked: Asked, limit: int) -> Answered:
    begun = time.perf_counter()
    try:
        rows = graph().query(asked.cypher, asked.parameters, seconds=SECONDS, rows=limit)
    except KgError as error:
        return Answered(asked, limit, None, {}, 0.0, str(error))
    seconds = time.perf_counter() - begun
    ids = entities_in(rows.rows)
    found = dict(names(graph().entities(ids[: 4 * MOST_ENTITIES])))
    return Answered(asked, limit, rows, dict(list(found.items())[:MOST_ENTITIES]), seconds)


def parameters_of(text: str) -> dict[str, object]:
    """Raises QueryRefused for what is no JSON object."""
    try:
        parameters = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise QueryRefused(f'The parameters are no JSON: {error}. Write them as {{"name": value}}.') from error
    if not isinstance(parameters, dict):
        raise QueryRefused('The parameters are no JSON object; write them as {"name": value}.')
    return parameters


def remember(asked: Asked) -> None:
    history: list[Asked] = st.session_state.setdefault("queries", [])
    st.session_state["queries"] = [asked, *(other for other in history if other != asked)][:REMEMBERED]


def draw_history() -> None:
    """What this session asked, latest first; a click puts it back. The address holds the query too, to be shared."""
    history: list[Asked] = st.session_state.get("queries", [])
    with st.popover("History", icon=":material/history:", disabled=not history):
        for number, asked in enumerate(history):
            label = escape(shorten(one_line(asked.cypher), 80))
            st.button(label, key=f"history-{number}", on_click=put, args=(asked,), type="tertiary")


draw()
