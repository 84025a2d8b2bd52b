"""How relations, scores, counts and times read on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from app.escape import one_line, shorten
from kgstore import COMMON_TYPE, Entity, GraphStore, Triple, relation_text

_SECOND_UNIT = r"(?<=[a-z]) .*"


class Catalogue:
    """What relation types are called in words."""

    def __init__(self, store: GraphStore) -> None:
        self._texts = {relation.type: relation.text for relation in store.relations()}

    def text(self, type_: str, words: str = "") -> str:
        """The words of a type; of the common type, the triple's own."""
        if type_ == COMMON_TYPE and words:
            return one_line(words)
        return one_line(self._texts.get(type_) or relation_text(type_))

    def of(self, triple: Triple) -> str:
        return self.text(triple.type, triple.words)

    @property
    def types(self) -> list[str]:
        return sorted(self._texts)


def name_of(entity: Entity) -> str:
    """What an entity is called: its name, else its first text, else the key of its id."""
    return shorten(entity.name or next(iter(entity.texts), "") or entity.id.partition(":")[2], 200)


def names(entities: Iterable[Entity]) -> Mapping[str, Entity]:
    return {entity.id: entity for entity in entities}


def line_of_text(entity: Entity, length: int = 120) -> str:
    """One line that says more about an entity than its name, or nothing."""
    name = name_of(entity)
    return next((shorten(text, length) for text in entity.texts if shorten(text, 200) != name), "")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 relation`, `4,096 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def score_text(score: float | None) -> str:
    """A score with three digits that mean something."""
    if score is None:
        return ""
    return f"{score:,.0f}" if abs(score) >= 1000 else f"{score:.3g}" if abs(score) >= 100 else f"{score:.2f}"


def since(when: str) -> str:
    """An ISO time as time ago."""
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return one_line(when)
    seconds = (datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
    return "just now" if seconds < 60 else f"{re.sub(_SECOND_UNIT, '', duration(seconds))} ago"


def duration(seconds: float) -> str:
    """A time span in its two largest units at most."""
    whole = max(int(seconds), 0)
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {small}" if rest and unit != "d" else f"{whole // size} {unit}"
    return f"{whole} s"
