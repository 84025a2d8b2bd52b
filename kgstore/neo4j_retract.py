"""Taking back what a source asserted, on Neo4j: the steps of one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from kgstore import merge
from kgstore.neo4j_driver import Work, run
from kgstore.values import Retracted, TripleKey

ENTITIES_TIED = """
UNWIND $rows AS id
MATCH (e:Entity {id: id}) WHERE e.sources = [$source] AND EXISTS { (e)-[]-(:Entity) }
RETURN id
"""
REMOVE_ENTITIES = """
UNWIND $rows AS id
MATCH (e:Entity {id: id}) WHERE e.sources = [$source]
DELETE e
RETURN count(*)
"""
SPARE_ENTITIES = """
UNWIND $rows AS id
MATCH (e:Entity {id: id}) WHERE size(e.sources) > 1 AND $source IN e.sources
SET e.sources = [s IN e.sources WHERE s <> $source]
RETURN count(*)
"""
REMOVE_TRIPLES = """
UNWIND $rows AS row
MATCH (:Entity {id: row.head})-[r:`<type>` {words: row.words}]->(:Entity {id: row.tail})
WHERE coalesce(r.origin, 'asserted') = 'asserted' AND r.sources = [$source]
DELETE r
RETURN count(*)
"""
SPARE_TRIPLES = """
UNWIND $rows AS row
MATCH (:Entity {id: row.head})-[r:`<type>` {words: row.words}]->(:Entity {id: row.tail})
WHERE coalesce(r.origin, 'asserted') = 'asserted' AND size(r.sources) > 1 AND $source IN r.sources
SET r.sources = [s IN r.sources WHERE s <> $source]
RETURN count(*)
"""


def retract(transaction: Work, source: str, entities: Sequence[str], triples: Sequence[TripleKey]) -> Retracted:
    """See GraphStore.retract."""
    removed, spared = 0, 0
    for type_, keys in merge.by_type(dict.fromkeys(triples)).items():
        rows = {"rows": [key._asdict() for key in keys], "source": source}
        removed += run(transaction, REMOVE_TRIPLES.replace("<type>", type_), rows)[0][0]
        spared += run(transaction, SPARE_TRIPLES.replace("<type>", type_), rows)[0][0]
    found = Retracted(removed_triples=removed, spared_triples=spared)
    ids = dict.fromkeys(entities)
    if not ids:
        return found
    tied = {id for (id,) in run(transaction, ENTITIES_TIED, {"rows": [*ids], "source": source})}
    free = {"rows": [id for id in ids if id not in tied], "source": source}
    return found + Retracted(
        removed_entities=run(transaction, REMOVE_ENTITIES, free)[0][0],
        spared_entities=run(transaction, SPARE_ENTITIES, free)[0][0],
        tied=tuple(id for id in ids if id in tied),
    )
