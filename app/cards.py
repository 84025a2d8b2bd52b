"""Entities as cards, rows or chips that link to their pages: a Streamlit v2 component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn
from urllib.parse import urlencode

import streamlit as st

from app.component import component, no_callback
from app.escape import one_line
from app.pictures import picture_url
from app.theme import KIND_COLOURS
from app.words import line_of_text, name_of, score_text
from kgstore import Entity

_mount = component("cards")

ENTITY_PAGE = "views/entity.py"
Layout = Literal["gallery", "rows", "chips"]
State = Literal["", "known", "predicted", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Card:
    """An entity to show, and what this place says about it; `picture` is a reference if not the first one counts."""

    entity: Entity
    score: float | None = None
    rank: int | None = None
    note: str = ""
    state: State = ""
    text: str | None = None
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Cards under a title; `more` says what is not shown."""

    cards: Sequence[Card]
    title: str = ""
    more: str = ""


def cards(
    key: str,
    groups: Sequence[Group] | Iterable[Card],
    layout: Layout = "gallery",
    kinds: bool = True,
    take: Callable[[str], None] | None = None,
) -> None:
    """Draws the cards; a click opens the entity's page or calls `take`. Without `kinds` the kind is not said."""
    listed = list(groups)
    grouped = [group for group in listed if isinstance(group, Group)]
    grouped = grouped or [Group([card for card in listed if isinstance(card, Card)])]
    data = {"layout": layout, "groups": [_group(group, layout, kinds) for group in grouped]}
    result = _mount(key=key, data=data, on_open_change=no_callback)
    if result.get("open"):
        (take or open_entity)(result["open"])


def open_entity(id: str) -> NoReturn:
    """Goes to the entity's page; Back comes back."""
    st.switch_page(ENTITY_PAGE, query_params={"id": id})


def entity_address(id: str) -> str:
    """The shareable address of an entity on this server."""
    return f"/entity?{urlencode({'id': id})}"


def _group(group: Group, layout: Layout, kinds: bool) -> dict[str, object]:
    items = [_item(card, layout, kinds) for card in group.cards]
    return {"title": one_line(group.title), "more": one_line(group.more), "items": items}


def _item(card: Card, layout: Layout, kinds: bool) -> dict[str, object]:
    entity = card.entity
    text = line_of_text(entity) if card.text is None else card.text
    item: dict[str, object] = {
        "id": entity.id,
        "address": entity_address(entity.id),
        "name": name_of(entity),
        "kind": entity.kind,
        "colour": KIND_COLOURS[entity.kind],
        "showKind": kinds,
        "state": card.state,
        "note": one_line(card.note),
        "text": one_line(text) if layout == "rows" else "",
    }
    if picture := card.picture or next(iter(entity.images), ""):
        item["picture"] = picture_url(picture, 64 if layout == "chips" else 160)
    if card.score is not None:
        item["score"] = score_text(card.score)
    if card.rank is not None:
        item["rank"] = card.rank
    return item
