"""The address of a graph: which entities it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import unquote, urlencode

import streamlit as st

GRAPH_PAGE = "views/graph.py"


def graph_address(ids: Sequence[str]) -> str:
    """The shareable address of a graph that begins with these entities."""
    return f"/graph?{urlencode({'seeds': address_text(ids)})}"


def open_graph(ids: Sequence[str]) -> NoReturn:
    """Goes to the graph of these entities; Back comes back."""
    st.switch_page(GRAPH_PAGE, query_params={"seeds": address_text(ids)})


def address_text(ids: Sequence[str]) -> str:
    """Ids in one parameter: commas part them, so those within an id are written %2C."""
    return ",".join(id.replace("%", "%25").replace(",", "%2C") for id in ids)


def ids_of(text: str) -> list[str]:
    return list(dict.fromkeys(unquote(part) for part in text.split(",") if part))
