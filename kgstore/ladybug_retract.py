"""Taking back what a source asserted, in the embedded store: the steps of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from kgstore import merge
from kgstore.ladybug_cypher import table_of
from kgstore.values import Retracted, TripleKey

Run = Callable[[str, Mapping[str, object]], list[tuple[Any, ...]]]

ENTITY = "LOAD FROM $rows MATCH (e:Entity {id: key}) "
ENTITIES_TIED = (
    "LOAD FROM $rows MATCH (e:Entity {id: key})-[]-(:Entity) WHERE e.sources = [$source] RETURN DISTINCT key"
)
REMOVE_ENTITIES = ENTITY + "WHERE e.sources = [$source] DELETE e RETURN count(*)"
#: A lambda takes no parameter, so the name comes as a column.
SPARE_ENTITIES = (
    ENTITY + "WHERE size(e.sources) > 1 AND list_contains(e.sources, $source) "
    "SET e.sources = list_filter(e.sources, s -> s <> leaving) RETURN count(*)"
)
TRIPLE = (
    "LOAD FROM $rows MATCH (h:Entity {id: head}) MATCH (t:Entity {id: tail}) MATCH (h)-[r:`<table>`]->(t) "
    "WHERE r.words = words AND r.origin = 'asserted' "
)
REMOVE_TRIPLES = TRIPLE + "AND r.sources = [$source] DELETE r RETURN count(*)"
SPARE_TRIPLES = (
    TRIPLE + "AND size(r.sources) > 1 AND list_contains(r.sources, $source) "
    "SET r.sources = list_filter(r.sources, s -> s <> leaving) RETURN count(*)"
)


def retract(
    run: Run, tables: Collection[str], source: str, entities: Sequence[str], triples: Sequence[TripleKey]
) -> Retracted:
    """See GraphStore.retract. `tables` are those of the relation types that the graph has."""
    removed, spared = 0, 0
    for type_, keys in merge.by_type(dict.fromkeys(triples)).items():
        if (table := table_of(type_)) in tables:
            rows = {"rows": _triple_rows(keys, source), "source": source}
            removed += run(REMOVE_TRIPLES.replace("<table>", table), rows)[0][0]
            spared += run(SPARE_TRIPLES.replace("<table>", table), rows)[0][0]
    found = Retracted(removed_triples=removed, spared_triples=spared)
    ids = dict.fromkeys(entities)
    if not ids:
        return found
    tied = {id for (id,) in run(ENTITIES_TIED, {"rows": _entity_rows(ids, source), "source": source})}
    free = {"rows": _entity_rows([id for id in ids if id not in tied], source), "source": source}
    return found + Retracted(
        removed_entities=run(REMOVE_ENTITIES, free)[0][0],
        spared_entities=run(SPARE_ENTITIES, free)[0][0],
        tied=tuple(id for id in ids if id in tied),
    )


def _entity_rows(ids: Collection[str], source: str) -> pa.Table:
    return pa.table({"key": pa.array(ids, pa.string()), "leaving": pa.array([source] * len(ids), pa.string())})


def _triple_rows(keys: Collection[TripleKey], source: str) -> pa.Table:
    columns = {name: [getattr(key, name) for key in keys] for name in ("head", "tail", "words")}
    return pa.table({**columns, "leaving": [source] * len(keys)})
