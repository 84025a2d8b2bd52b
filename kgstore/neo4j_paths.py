"""What leads from one entity to another, on Neo4j: shortest paths, and relations within a set of entities."""

from __future__ import annotations

from kgstore.neo4j_driver import Neo4jDriver
from kgstore.paths import CANDIDATES, Path, best_paths, bounded

#: The conditions hold for each step alone, so the server looks at them while it searches and not afterwards.
PATHS = """
MATCH (a:Entity {id: $a}) MATCH (b:Entity {id: $b})
MATCH p = allShortestPaths((a)-[*..<hops>]-(b))
WHERE all(r IN relationships(p) WHERE coalesce(r.decision, '') <> 'rejected'
      AND ($origin = '' OR coalesce(r.origin, 'asserted') = $origin))
  AND all(n IN nodes(p) WHERE n:Entity)
RETURN relationships(p)
"""
AMONG = """
UNWIND $ids AS id
MATCH (h:Entity {id: id})-[r]->(t:Entity)
WHERE t.id IN $ids AND coalesce(r.decision, '') <> 'rejected'
RETURN <triple>
"""


def paths(driver: Neo4jDriver, a: str, b: str, hops: int, limit: int, seconds: float, origin: str) -> list[Path]:
    """See GraphStore.paths."""
    asked = {"a": a, "b": b, "origin": origin}
    _, rows = driver.ask(bounded(PATHS, hops), asked, seconds, CANDIDATES)
    return best_paths((row[0] for row in rows), limit)  # type: ignore[misc]  # plain values
