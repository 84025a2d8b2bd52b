"""The rows of a query as a table, and the entities in them as a graph and as pictures; all of it as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st

from app.cards import Card, cards
from app.escape import one_line
from app.graph_panel import entities_graph
from app.shared import graph
from app.shown import MOST_ENTITIES
from app.words import Catalogue, count, name_of
from kgstore import Entity, Rows

TABLE, GRAPH, PICTURES = "Table", "Graph", "Pictures"
MOST_CARDS = 60
#: Digits of a number in the table; the files have all of them.
DIGITS = 4


def draw_results(answer: Rows, names: dict[str, Entity]) -> None:
    """`names` are the entities that the rows hold."""
    catalogue = Catalogue(graph())
    pictured = [entity for entity in names.values() if entity.images]
    ways = [TABLE, *([GRAPH] if names else []), *([PICTURES] if pictured else [])]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        way = st.segmented_control(
            "As", ways, key="as", bind="query-params", default=TABLE, required=True, label_visibility="collapsed"
        )
        draw_downloads(answer)
    if way == GRAPH and names:
        if len(names) == MOST_ENTITIES:
            st.caption(f"The first {MOST_ENTITIES} entities of the answer, and the relations among them.")
        entities_graph("query", list(names), catalogue)
    elif way == PICTURES and pictured:
        if len(pictured) > MOST_CARDS:
            st.caption(f"The first {MOST_CARDS} of {count(len(pictured), 'entity', 'entities')} with a picture.")
        cards("answer", [Card(entity) for entity in pictured[:MOST_CARDS]])
    else:
        columns = zip(*answer.rows, strict=True)
        cells = ([cell(value, names, catalogue) for value in column] for column in columns)
        st.dataframe(dict(zip(answer.columns, cells, strict=True)), hide_index=True)


def draw_downloads(answer: Rows) -> None:
    with st.container(horizontal=True, width="content"):
        for name, content, kind in (("CSV", as_csv, "text/csv"), ("JSON", as_json, "application/json")):
            st.download_button(
                name,
                partial(content, answer),
                f"answer.{name.lower()}",
                kind,
                on_click="ignore",
                icon=":material/download:",
            )


def cell(value: object, names: dict[str, Entity], catalogue: Catalogue) -> object:
    """What a table can show: numbers that can be read, entities by their names, the rest as text on one line."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        if {"head", "type", "tail"} <= value.keys():
            words = catalogue.text(str(value["type"]), str(value.get("words") or ""))
            head, tail = (_named(str(value[end]), names) for end in ("head", "tail"))
            return one_line(f"{head} – {words} → {tail}")
        if str(value.get("id")) in names:
            return name_of(names[str(value["id"])])
        return one_line(json.dumps(value, ensure_ascii=False, default=str))
    if isinstance(value, list):
        return ", ".join(str(cell(part, names, catalogue)) for part in value)
    return one_line(str(value))


def _named(id: str, names: dict[str, Entity]) -> str:
    return name_of(names[id]) if id in names else id


def entities_in(rows: Sequence[Sequence[object]]) -> list[str]:
    """What may be ids of entities in the rows, in their order: of nodes, of the ends of relations, and texts alone."""
    return list(dict.fromkeys(id for row in rows for value in row for id in _ids(value)))


def _ids(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if {"head", "type", "tail"} <= value.keys():
            yield from (str(value["head"]), str(value["tail"]))
        elif "id" in value:
            yield str(value["id"])
        else:
            for part in value.values():
                yield from _ids(part)
    elif isinstance(value, list):
        for part in value:
            yield from _ids(part)
    elif isinstance(value, str) and ":" in value:
        yield value


def as_csv(answer: Rows) -> bytes:
    """With a header; what is no text or number is JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow([_json(value) if isinstance(value, dict | list) else value for value in row])
    return text.getvalue().encode()


def as_json(answer: Rows) -> bytes:
    """A list of objects, one for each row."""
    return _json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows]).encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
