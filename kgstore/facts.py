"""What is asked about the relations of an entity: which of them, in what order, which page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from kgstore.errors import BadRecord
from kgstore.values import Decision, Direction, Origin, Triple

FactOrder = Literal["weight", "relation", "name", "origin", "score", "run", "when"]
FACT_ORDERS: tuple[FactOrder, ...] = ("weight", "relation", "name", "origin", "score", "run", "when")
#: In these the largest come first unless the caller says otherwise: the heaviest, the most probable, the latest.
LARGEST_FIRST: tuple[FactOrder, ...] = ("weight", "score", "when")
#: Longer names are compared by so many of their first letters.
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class FactFilter:
    """Which relations of an entity; what is empty lets all through, but for rejected predictions, which are asked for.

    `text` is looked for in the name of the other end, or its first text where it has none, and in the relation's own
    words; case does not matter.
    """

    direction: Direction | None = None
    types: tuple[str, ...] = ()
    origin: Origin | None = None
    source: str = ""
    run: str = ""
    text: str = ""
    rejected: bool = False


ALL_FACTS = FactFilter()


class Facts(NamedTuple):
    """A page of an entity's relations, and how many there are on all pages."""

    triples: list[Triple]
    total: int


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which predictions: `decision` None lets all through, and so does what is empty; bounds of the score included."""

    decision: Decision | None = ""
    types: tuple[str, ...] = ()
    run: str = ""
    low: float | None = None
    high: float | None = None


class PredictionCount(NamedTuple):
    """How many predictions of a type and a run stand so."""

    type: str
    run: str
    decision: Decision
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


def check_order(order: str) -> None:
    if order not in FACT_ORDERS:
        raise BadRecord(f"Facts cannot be ordered by {order!r}; there are {', '.join(FACT_ORDERS)}.")
