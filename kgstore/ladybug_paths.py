"""What leads from one entity to another, in an embedded file: shortest paths, and relations within a set."""

from __future__ import annotations

from kgstore.ladybug_reader import LadybugReader
from kgstore.paths import CANDIDATES, Path, best_paths, bounded

#: Asked of the reading process, which can be killed when the time is over.
PATHS = """
MATCH p = (a:Entity {id: $a})-[e* ALL SHORTEST 1..<hops>
  (r, n | WHERE r.decision <> 'rejected' AND ($origin = '' OR r.origin = $origin))]-(b:Entity {id: $b})
RETURN rels(p)
"""
AMONG = """
LOAD FROM $ids MATCH (h:Entity {id: key}) MATCH (h)-[r]->(t:Entity)
WHERE t.id IN $list AND r.decision <> 'rejected'
RETURN h.id, label(r), t.id, <properties>
"""


def paths(reader: LadybugReader, a: str, b: str, hops: int, limit: int, seconds: float, origin: str) -> list[Path]:
    """See GraphStore.paths."""
    asked = {"a": a, "b": b, "origin": origin}
    _, rows = reader.rows(bounded(PATHS, hops), asked, seconds, CANDIDATES)
    return best_paths((row[0] for row in rows), limit)  # type: ignore[misc]  # plain values
