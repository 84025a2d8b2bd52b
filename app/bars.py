"""Counts by name as a small chart of bars, each of which leads somewhere: a Streamlit v2 component."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.component import component, no_callback
from app.escape import one_line

_mount = component("bars")


def bars(key: str, items: Sequence[tuple[str, str, int, str]], on_open: Callable[[str], None]) -> None:
    """Items are (id, name, count, colour or ""); a click calls `on_open` with the id."""
    data = [
        {"id": id, "name": one_line(name), "count": number, "shown": f"{number:,}", "colour": colour}
        for id, name, number, colour in items
    ]
    result = _mount(key=key, data={"items": data}, on_open_change=no_callback)
    if result.get("open"):
        on_open(result["open"])
