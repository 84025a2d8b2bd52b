"""A page of rows as a table: names are links, headings sort, rows can be marked. A Streamlit v2 component."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import streamlit as st

from app.cards import entity_address, open_entity
from app.component import component, no_callback
from app.escape import one_line, shorten
from app.pictures import picture_url
from app.theme import KIND_COLOURS
from app.words import name_of
from kgstore import Entity

_mount = component("table")
LENGTH = 300
Tone = Literal["", "soft", "accepted", "rejected", "waiting"]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; where it `sorts`, a click on it is told."""

    id: str
    label: str
    sorts: bool = True
    right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line, known by its key: an entity in a cell is its picture and its name as a link."""

    key: str
    cells: Sequence[str | Entity | Said]


class Said(NamedTuple):
    """Words with a tone, and what the pointer shows over them."""

    text: str
    tone: Tone = ""
    title: str = ""


def table(
    key: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    order: str = "",
    descending: bool = False,
    on_sort: Callable[[str], None] | None = None,
    marks: bool = False,
) -> frozenset[str]:
    """Draws the table and gives the keys of the rows that are marked; a click on a name opens the entity's page."""

    def sort() -> None:
        if on_sort and (clicked := st.session_state[key].get("sort")):
            on_sort(clicked)

    result = _mount(
        key=key,
        data={
            "columns": [
                {"id": c.id, "label": c.label, "sorts": c.sorts and on_sort is not None, "right": c.right}
                for c in columns
            ],
            "rows": [{"key": row.key, "cells": [_cell(cell) for cell in row.cells]} for row in rows],
            "order": order,
            "descending": descending,
            "marks": marks,
        },
        on_open_change=no_callback,
        on_sort_change=sort,
        on_marked_change=no_callback,
    )
    if result.get("open"):
        open_entity(result["open"])
    return frozenset(row.key for row in rows).intersection(result.get("marked") or ())


def _cell(cell: str | Entity | Said) -> dict[str, str]:
    if isinstance(cell, Entity):
        drawn = {
            "text": name_of(cell),
            "id": cell.id,
            "address": entity_address(cell.id),
            "colour": KIND_COLOURS[cell.kind],
            "initial": cell.kind[:1].upper(),
            "title": f"{name_of(cell)} ({cell.kind})",
        }
        return drawn | ({"picture": picture_url(cell.images[0], 64)} if cell.images else {})
    said = cell if isinstance(cell, Said) else Said(cell)
    drawn = {"text": shorten(said.text, LENGTH), "tone": said.tone}
    return drawn | ({"title": one_line(said.title)} if said.title else {})
