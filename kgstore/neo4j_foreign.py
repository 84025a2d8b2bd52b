"""What other tools write into a Neo4j database and the columns of our store do not show, or show with a default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

EXAMPLES = 3
_TEXTS = "LIST<STRING NOT NULL>"
_ENTITY = {"kind": "STRING", "name": "STRING", "split": "STRING", "texts": _TEXTS, "images": _TEXTS, "sources": _TEXTS}
_TRIPLE = {
    "words": "STRING",
    "weight": "FLOAT | INTEGER",
    "sources": _TEXTS,
    "origin": "STRING",
    "split": "STRING",
    "score": "FLOAT | INTEGER",
    "run": "STRING",
    "when": "STRING",
    "decision": "STRING",
    "text": "STRING",
    "who": "STRING",
}
#: Properties without which an entity or a relation is read with a default.
_OF_ENTITY = ("kind", "name", "texts", "images", "sources", "split")
_OF_TRIPLE = ("weight", "sources", "origin", "split")


def _of_type(variable: str, types: dict[str, str]) -> str:
    return " AND ".join(f"({variable}.`{name}` IS :: {type_})" for name, type_ in types.items())  # null is of any type


def _absent(variable: str, names: tuple[str, ...]) -> str:
    return " OR ".join(f"{variable}.`{name}` IS NULL" for name in names)


_NODE = "reduce(all = '', one IN labels(n) | all + ':' + one) + ' ' + coalesce(toStringOrNull(n.id), elementId(n))"
_RELATION = "coalesce(toStringOrNull(a.id), '?') + ' -' + type(r) + '-> ' + coalesce(toStringOrNull(b.id), '?')"

#: Of each fault: what is wrong, which it is, and how an example reads.
FAULTS = {
    "nodes that are no entity and not ours": (
        "MATCH (n) WHERE NOT (n:Entity OR n:Relation OR n:Source OR n:Graph)",
        _NODE,
    ),
    "entities with another label as well": ("MATCH (n:Entity) WHERE size(labels(n)) > 1", _NODE),
    "entities without an id, which no part of this program sees": (
        "MATCH (n:Entity) WHERE n.id IS NULL OR NOT n.id IS :: STRING OR n.id = ''",
        _NODE,
    ),
    "entities with a value of another type": (f"MATCH (n:Entity) WHERE NOT ({_of_type('n', _ENTITY)})", _NODE),
    "entities without some of their properties, which are read with a default": (
        f"MATCH (n:Entity) WHERE {_absent('n', _OF_ENTITY)}",
        _NODE,
    ),
    "relations between nodes that are no entities": (
        "MATCH (a)-[r]->(b) WHERE NOT (a:Entity AND b:Entity)",
        _RELATION,
    ),
    "relations with a value of another type": (
        f"MATCH (a:Entity)-[r]->(b:Entity) WHERE NOT ({_of_type('r', _TRIPLE)})",
        _RELATION,
    ),
    "relations without some of their properties, which are read with a default": (
        f"MATCH (a:Entity)-[r]->(b:Entity) WHERE {_absent('r', _OF_TRIPLE)}",
        _RELATION,
    ),
}
#: The constraint that makes an id unique and quick to find.
UNIQUE_IDS = (
    "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties "
    "WHERE type = 'UNIQUENESS' AND labelsOrTypes = ['Entity'] AND properties = ['id'] RETURN count(*)"
)


def foreign(read: Callable[[str], list[tuple[Any, ...]]]) -> list[tuple[str, int, tuple[str, ...]]]:
    """Each fault that is there: what it is, how often, and the first examples by the alphabet."""
    faults = []
    for what, (match, example) in FAULTS.items():
        [(count,)] = read(f"{match} RETURN count(*)")
        if count:
            examples = read(f"{match} RETURN {example} AS example ORDER BY example LIMIT {EXAMPLES}")
            faults.append((what, count, tuple(text for (text,) in examples)))
    if not read(UNIQUE_IDS)[0][0]:
        faults.append(("the constraint that ids are unique is missing; any load makes it", 1, ()))
    return faults
