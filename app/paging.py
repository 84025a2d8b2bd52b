"""Which page of a long table is shown: in the address, with buttons for those beside it."""

from __future__ import annotations

import streamlit as st

from app.address import number, put

PAGE_ROWS = 25


def asked_row(name: str = "page", rows: int = PAGE_ROWS) -> int:
    """Where the page that the address names begins, whether there are so many rows or not."""
    return (number(name) - 1) * rows


def last_page_row(total: int, rows: int = PAGE_ROWS) -> int:
    """Where the last page begins."""
    return max(total - 1, 0) // rows * rows


def draw_paging(total: int, first: int, name: str = "page", rows: int = PAGE_ROWS) -> None:
    """How much there is, and buttons to the first, previous, next and last page."""
    page, pages = first // rows + 1, max(-(-total // rows), 1)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"paging {name}"):
        last = min(first + rows, total)
        st.caption(f"{first + 1:,} to {last:,} of {total:,}" if total else "None.", width="content")
        if pages == 1:
            return
        for label, icon, to in (
            ("First page", "first_page", 1),
            ("Previous page", "chevron_left", page - 1),
            ("Next page", "chevron_right", page + 1),
            ("Last page", "last_page", pages),
        ):
            st.button(
                "",
                key=f"{name} {icon}",
                icon=f":material/{icon}:",
                help=label,
                type="tertiary",
                disabled=not 1 <= to <= pages or to == page,
                on_click=put,
                args=(name, str(to) if to > 1 else ""),
            )
