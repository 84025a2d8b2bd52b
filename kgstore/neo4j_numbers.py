"""The numbers by which a server keeps entities and relations: by them it reads relations as they lie, in any parts.

Measured on 5.26: the ends of a relation found by its number take the server 0.3 us, found from its head 1.5. A database
in another format, or one from which much was deleted, has numbers far apart; then they are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from kgstore.errors import QueryRefused
from kgstore.values import COMMON_TYPE

#: At most so many numbers for each entity and each relation, and a few more.
SPREAD = 4
MORE = 100_000
#: Numbers of one read.
READ_AT_ONCE = 100_000

LAST_ENTITY = "MATCH (e:Entity) RETURN id(e) ORDER BY e DESC LIMIT 1"
#: Of named types: so it is read from the end of an index.
LAST_RELATION = "MATCH ()-[r:<types>]->() RETURN id(r) ORDER BY r DESC LIMIT 1"
#: From counts that the server keeps.
COUNTS = f"""
RETURN COUNT {{ (:Entity) }}, COUNT {{ ()-->() }}, COUNT {{ (:Entity)-->() }}, COUNT {{ ()-->(:Entity) }},
       COUNT {{ ()-[:{COMMON_TYPE}]->() }}
"""

Read = Callable[[str], list[tuple[Any, ...]]]


class Numbers(NamedTuple):
    """How far the numbers of relations go, whether all relations are between entities, and how many are told by words
    instead of a type."""

    relations: int
    between_entities: bool
    by_words: int

    def ranges(self) -> Iterator[tuple[int, int]]:
        """First and last number of each read."""
        for first in range(0, self.relations, READ_AT_ONCE):
            yield first, first + READ_AT_ONCE - 1


def numbers(read: Read, types: Collection[str]) -> Numbers | None:
    """Those of a graph with relations of these types; None where it is not to be read by them."""
    entities, relations, leaving, arriving, by_words = read(COUNTS)[0]
    if not entities or not relations:
        return None
    try:
        last_entity = read(LAST_ENTITY)[0][0]
        last_relation = read(LAST_RELATION.replace("<types>", any_of(types)))[0][0]
    except QueryRefused:  # a server without id()
        return None
    if last_entity >= SPREAD * entities + MORE or last_relation >= SPREAD * relations + MORE:
        return None
    return Numbers(last_relation + 1, leaving == arriving == relations, by_words)


def any_of(types: Collection[str]) -> str:
    """As it stands in a pattern."""
    return "|".join(f"`{type_.replace('`', '``')}`" for type_ in types)
