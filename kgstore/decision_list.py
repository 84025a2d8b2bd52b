"""All decisions as a list, for whoever takes them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from kgstore.store import GraphStore

#: Both stores read it. Ordered, so that an export that is made again begins with the same lines.
DECISIONS = """
MATCH (h:Entity)-[r]->(t:Entity)
WHERE r.origin = 'predicted' AND r.decision <> '' AND ($run = '' OR r.run = $run)
RETURN h.id AS head, coalesce(h.name, '') AS head_name, type(r) AS relation, coalesce(r.words, '') AS words,
  t.id AS tail, coalesce(t.name, '') AS tail_name, r.decision AS decision, r.score AS score,
  coalesce(r.run, '') AS run, coalesce(r.who, '') AS who, coalesce(r.when, '') AS time
ORDER BY time, head, relation, tail, words
"""
DECISION_COLUMNS = (
    "head",
    "head_name",
    "relation",
    "words",
    "tail",
    "tail_name",
    "decision",
    "score",
    "run",
    "who",
    "time",
)


def decisions(store: GraphStore, run: str = "") -> Iterator[pa.RecordBatch]:
    """All decisions, of one run if it is named, as DECISION_COLUMNS; oldest first, in bounded memory."""
    return store.columns(DECISIONS, {"run": run})
