"""What a source asserts in the graph beside what it says now: what is gone, what differs, what need not be written."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from ingest.report import EXAMPLES, Finding, Report
from ingest.staging import Staging
from kgstore.records import entities_of, triples_of
from kgstore.store import GraphStore
from kgstore.values import Retracted, TripleKey

_PIECE = 10_000

TABLES = (
    "CREATE TABLE held_entity AS SELECT * EXCLUDE (number, key, said) FROM entities LIMIT 0",
    "CREATE TABLE held_triple AS SELECT * EXCLUDE (number, key, said) FROM triples LIMIT 0",
)
HOLD_ENTITIES = "INSERT INTO held_entity FROM given WHERE list_contains(sources, $source)"
HOLD_TRIPLES = """
INSERT INTO held_triple FROM given WHERE origin = 'asserted' AND list_contains(sources, $source)
"""

GONE_ENTITIES = "CREATE TABLE gone_entity AS SELECT id FROM held_entity ANTI JOIN entities USING (id)"
GONE_TRIPLES = """
CREATE TABLE gone_triple AS
SELECT head, type, tail, words FROM held_triple ANTI JOIN triples USING (head, type, tail, words)
"""

#: Where this source is the only one, the graph should hold what it says and nothing else. What is merely missing
#: there comes by merging (see Entity.merged and Triple.merged), so merged values are compared.
DIFFERING_ENTITIES = """
CREATE TABLE differing_entity AS
SELECT s.* FROM entities AS s JOIN held_entity AS g USING (id)
WHERE g.sources = s.sources
  AND (g.kind <> s.kind OR g.split <> s.split OR (g.name <> '' AND g.name <> s.name)
       OR list_concat(g.texts, list_filter(s.texts, lambda t: NOT list_contains(g.texts, t))) <> s.texts
       OR list_concat(g.images, list_filter(s.images, lambda i: NOT list_contains(g.images, i))) <> s.images)
"""
DIFFERING_TRIPLES = """
CREATE TABLE differing_triple AS
SELECT s.* FROM triples AS s JOIN held_triple AS g USING (head, type, tail, words)
WHERE g.sources = s.sources
  AND (g.split <> s.split OR g.weight > s.weight OR (g.text <> '' AND g.text <> s.text))
"""

#: To write these again would change nothing.
LEAVE_ENTITIES = """
DELETE FROM entities AS s USING held_entity AS g
WHERE s.id = g.id AND list_has_all(g.sources, s.sources) AND list_has_all(g.texts, s.texts)
  AND list_has_all(g.images, s.images) AND (g.name <> '' OR s.name = '')
"""
LEAVE_TRIPLES = """
DELETE FROM triples AS s USING held_triple AS g
WHERE s.head = g.head AND s.type = g.type AND s.tail = g.tail AND s.words = g.words
  AND list_has_all(g.sources, s.sources) AND g.weight >= s.weight AND (g.text <> '' OR s.text = '')
"""

SOME_ENTITIES = "SELECT (SELECT count(*) FROM <table>), id FROM <table> ORDER BY id LIMIT <examples>"
SOME_TRIPLES = """
SELECT (SELECT count(*) FROM <table>), head || ' ' || type || ' ' || tail FROM <table>
ORDER BY head, type, tail, words LIMIT <examples>
"""
ENTITY = "SELECT id, kind, name, texts, images, sources, split FROM differing_entity ORDER BY number"
TRIPLE = """
SELECT head, type, tail, words, weight, sources, origin, split, score, run, "when", decision, text, who
FROM differing_triple ORDER BY number
"""
ALL_GONE_TRIPLES = "SELECT head, type, tail, words FROM gone_triple"
ALL_GONE_ENTITIES = "SELECT id FROM gone_entity"


class Comparison:
    """Made of what is set aside and checked. Afterwards only what changes the graph is set aside still."""

    def __init__(self, staging: Staging, store: GraphStore, source: str) -> None:
        self._staging = staging
        self._store = store
        self._source = source
        for statement in TABLES:
            staging.ask(statement)
        self._hold(HOLD_ENTITIES, store.entity_columns())
        self._hold(HOLD_TRIPLES, store.triple_columns())
        for statement in (GONE_ENTITIES, GONE_TRIPLES, DIFFERING_ENTITIES, DIFFERING_TRIPLES):
            staging.ask(statement)
        staging.ask(LEAVE_ENTITIES)
        staging.ask(LEAVE_TRIPLES)

    def _hold(self, sql: str, batches: Iterable[pa.RecordBatch]) -> None:
        for batch in batches:
            self._staging.give(sql, batch, {"source": self._source})

    def report(self, report: Report, *, whole: bool) -> None:
        """Says what differs and, where the `whole` source was read, what is gone."""
        self._tell("entities", SOME_ENTITIES, "differing_entity", report.differing)
        self._tell("relations", SOME_TRIPLES, "differing_triple", report.differing)
        if whole:
            self._tell("entities", SOME_ENTITIES, "gone_entity", report.gone)
            self._tell("relations", SOME_TRIPLES, "gone_triple", report.gone)

    def _tell(self, what: str, sql: str, table: str, found: dict[str, Finding]) -> None:
        rows = self._staging.ask(sql.replace("<table>", table).replace("<examples>", str(EXAMPLES)))
        if rows:
            found[what] = Finding(rows[0][0], [example for _, example in rows])

    def amend(self) -> None:
        """Puts right what differs. A load that is killed before the end finds the rest when it is started again."""
        for rows in self._staging.ask_in_pieces(ENTITY, _PIECE):
            self._store.amend(entities_of(rows))
        for rows in self._staging.ask_in_pieces(TRIPLE, _PIECE):
            self._store.amend([], triples_of(rows))

    def retract(self) -> Retracted:
        """Takes back what is gone, relations before entities, piece by piece as `amend` does."""
        done = Retracted()
        for rows in self._staging.ask_in_pieces(ALL_GONE_TRIPLES, _PIECE):
            done += self._store.retract(self._source, [], [TripleKey(*row) for row in rows])
        for rows in self._staging.ask_in_pieces(ALL_GONE_ENTITIES, _PIECE):
            done += self._store.retract(self._source, [id for (id,) in rows])
        return done
