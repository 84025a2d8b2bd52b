"""Pictures of the graph in the page, by the image route: they are not copied into Streamlit's media store."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from app.pictures import picture_url

_STYLE = "max-width:100%;border-radius:0.5rem;display:block;object-fit:contain;width:{side}px;max-height:{side}px"


def picture_strip(addresses: Iterable[str], side: int = 160) -> None:
    """Pictures side by side, each no longer than `side` pixels of the screen; addresses come from picture_url()."""
    images = "".join(
        f'<img src="{escape(address)}" alt="" loading="lazy" style="{_STYLE.format(side=side)}">'
        for address in addresses
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:0.5rem">{images}</div>')


def reference_strip(references: Iterable[str], side: int = 160) -> None:
    """Pictures by their references; a region comes as its crop and, beside it, as a box in the whole picture."""
    width = 320 if side > 80 else 160
    addresses = []
    for reference in references:
        addresses.append(picture_url(reference, width))
        if "#xywh=" in reference:
            addresses.append(picture_url(reference, width, "box"))
    picture_strip(addresses, side)
