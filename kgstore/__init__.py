"""The graph: entities and typed relations in Neo4j or in an embedded file, behind one interface."""

from kgstore.open import open_store
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS, GraphStore
from kgstore.values import (
    COMMON_TYPE,
    Entity,
    Hit,
    NeighbourCount,
    Relation,
    Rows,
    Source,
    Statistics,
    Triple,
    TripleKey,
    Written,
    relation_text,
    relation_type,
)

__all__ = [
    "COMMON_TYPE",
    "ENTITY_COLUMNS",
    "TRIPLE_COLUMNS",
    "Entity",
    "GraphStore",
    "Hit",
    "NeighbourCount",
    "Relation",
    "Rows",
    "Source",
    "Statistics",
    "Triple",
    "TripleKey",
    "Written",
    "open_store",
    "relation_text",
    "relation_type",
]
