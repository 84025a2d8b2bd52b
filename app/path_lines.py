"""Paths from one entity to another as lines of names and relations; every name is a link. A Streamlit v2 component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.cards import entity_address, open_entity
from app.component import component, no_callback
from app.pictures import picture_url
from app.theme import KIND_COLOURS
from app.words import Catalogue, name_of
from kgstore import Entity, Triple

_mount = component("paths")


def path_lines(
    key: str, start: str, paths: Sequence[Sequence[Triple]], entities: Mapping[str, Entity], catalogue: Catalogue
) -> None:
    """Draws each path from `start` on; a relation that is walked against its direction has its arrow so."""
    result = _mount(
        key=key, data={"paths": [_line(start, path, entities, catalogue) for path in paths]}, on_open_change=no_callback
    )
    if result.get("open"):
        open_entity(result["open"])


def _line(
    start: str, path: Sequence[Triple], entities: Mapping[str, Entity], catalogue: Catalogue
) -> list[dict[str, str]]:
    parts, at = [_end(entities[start])], start
    for triple in path:
        words = catalogue.of(triple)
        forward = triple.head == at
        at = triple.tail if forward else triple.head
        parts += [{"words": f"— {words} →" if forward else f"← {words} —"}, _end(entities[at])]
    return parts


def _end(entity: Entity) -> dict[str, str]:
    drawn = {
        "id": entity.id,
        "address": entity_address(entity.id),
        "name": name_of(entity),
        "colour": KIND_COLOURS[entity.kind],
        "initial": entity.kind[:1].upper(),
    }
    return drawn | ({"picture": picture_url(entity.images[0], 64)} if entity.images else {})
