"""Query: Cypher that only reads the graph, as a table."""

from __future__ import annotations

import re
import time

import streamlit as st

from app.escape import escape, one_line
from app.shared import graph
from app.words import count
from kgstore import Rows
from kgstore.errors import KgError

SECONDS, ROWS = 10.0, 500
EXAMPLES = {
    "Some facts": "MATCH (h:Entity)-[r]->(t:Entity)\nRETURN h.name AS head, t.name AS tail LIMIT 25",
    "Entities by kind": "MATCH (e:Entity)\nRETURN e.kind AS kind, count(*) AS entities\nORDER BY entities DESC",
    "The most connected": "MATCH (e:Entity)-[r]-()\nRETURN e.id AS id, e.name AS name, count(r) AS relations\n"
    "ORDER BY relations DESC LIMIT 20",
}


def facts_of_type(type_: str) -> str:
    """Some relations of one type; a type that is none gives the first example."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", type_):
        return EXAMPLES["Some facts"]
    return (
        f"MATCH (h:Entity)-[r:{type_}]->(t:Entity)\n"
        "RETURN h.name AS head, t.name AS tail, h.id AS head_id, t.id AS tail_id LIMIT 50"
    )


def run(cypher: str) -> None:
    begun = time.perf_counter()
    try:
        answer = graph().query(cypher, seconds=SECONDS, rows=ROWS)
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    draw(answer, time.perf_counter() - begun)


def draw(answer: Rows, seconds: float) -> None:
    rest = f"; the first {ROWS} are shown" if answer.truncated else ""
    st.caption(f"{count(len(answer.rows), 'row')} in {seconds * 1000:.0f} ms{rest}.")
    if answer.rows:
        table = {column: [cell(row[i]) for row in answer.rows] for i, column in enumerate(answer.columns)}
        st.dataframe(table, hide_index=True)


def cell(value: object) -> object:
    """What a table can show: numbers as they are, the rest as text on one line."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        named = value.get("name") or value.get("id") or value.get("type")
        return one_line(str(named)) if named else one_line(str(value))
    return one_line(str(value))


def choose_example() -> None:
    st.session_state["cypher"] = EXAMPLES.get(st.session_state["example"], st.session_state["cypher"])


st.title("Query")
st.caption("Cypher that reads the graph; what would write, open files or reach the network is refused.")
if "cypher" not in st.session_state or (asked := st.query_params.get("type")):
    st.session_state["cypher"] = facts_of_type(st.query_params.get("type", ""))
    st.query_params.clear()
st.pills("Examples", list(EXAMPLES), key="example", on_change=choose_example)
text = st.text_area("Cypher", key="cypher", height=130)
st.button("Run", key="run-query", type="primary", icon=":material/play_arrow:")
if text.strip():
    run(text)
