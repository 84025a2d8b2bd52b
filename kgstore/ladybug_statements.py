"""The Cypher with which the embedded store writes, and what all its writing shares."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from kgstore.errors import StoreUnavailable
from kgstore.records import TRIPLE_FIELDS

RELATION_TABLE = (
    "CREATE REL TABLE IF NOT EXISTS <table>(FROM Entity TO Entity, words STRING, weight DOUBLE, sources STRING[], "
    "origin STRING, split STRING, score DOUBLE, run STRING, `when` STRING, decision STRING, "
    "text STRING, who STRING)"
)
#: Columns of relations that a file made by an earlier version may lack; it gets them when it is opened.
ADDED_COLUMNS = {"who": "ALTER TABLE <table> ADD who STRING DEFAULT ''"}
ENTITIES_BY_ID = (
    "LOAD FROM $ids MATCH (e:Entity {id: key}) RETURN e.id, e.kind, e.name, e.texts, e.images, e.sources, e.split"
)
MISSING_ENTITIES = (
    "LOAD FROM $ids OPTIONAL MATCH (e:Entity {id: key}) WITH key, e WHERE e.id IS NULL RETURN key LIMIT 4"
)
COPY_ENTITIES = "COPY Entity FROM $rows"
CREATE_ENTITIES = (
    "LOAD FROM $rows CREATE (e:Entity {id: id, kind: kind, name: name, texts: texts, images: images, "
    "sources: sources, split: split}) RETURN count(*)"
)
CHANGE_ENTITIES = (
    "LOAD FROM $rows MATCH (e:Entity {id: id}) SET e.kind = kind, e.name = name, e.texts = texts, e.images = images, "
    "e.sources = sources, e.split = split RETURN count(*)"
)
TRIPLES_BY_ENDS = (
    "LOAD FROM $pairs MATCH (h:Entity {id: head}) MATCH (t:Entity {id: tail}) MATCH (h)-[r:<table>]->(t) "
    "RETURN head, tail, <properties>"
)
COPY_TRIPLES = "COPY <table> FROM $rows"
CREATE_TRIPLES = (
    "LOAD FROM $rows MATCH (h:Entity {id: head}) MATCH (t:Entity {id: tail}) CREATE (h)-[r:<table> {words: words, "
    "weight: weight, sources: sources, origin: origin, split: split, score: score, run: run, `when`: at, "
    "decision: decision, text: text, who: who}]->(t) RETURN count(*)"
)
CHANGE_TRIPLES = (
    "LOAD FROM $rows MATCH (h:Entity {id: head}) MATCH (t:Entity {id: tail}) MATCH (h)-[r:<table>]->(t) "
    "WHERE r.words = words SET r.weight = weight, r.sources = sources, r.origin = origin, r.split = split, "
    "r.score = score, r.run = run, r.`when` = at, r.decision = decision, r.text = text, r.who = who RETURN count(*)"
)
COUNT_ENTITIES = "MATCH (e:Entity) RETURN count(*)"
COUNT_TRIPLES = "MATCH (:Entity)-[r:<table>]->(:Entity) RETURN count(*)"
#: The columns of a relation table, in its order.
RELATION_FIELDS = ("head", "tail", *TRIPLE_FIELDS[3:])
#: The fields of a triple after head, type and tail.
PROPERTIES = "r.words, r.weight, r.sources, r.origin, r.split, r.score, r.run, r.`when`, r.decision, r.text, r.who"


def on(table: str, cypher: str) -> str:
    """The statement for one relation table, whose name comes from a checked type."""
    return cypher.replace("<table>", f"`{table}`").replace("<properties>", PROPERTIES)


def keys(ids: Iterable[str]) -> pa.Table:
    return pa.table({"key": pa.array(dict.fromkeys(ids), pa.string())})


def without_keyword(rows: pa.Table) -> pa.Table:
    """The columns of triples with `at` for `when`, which is a keyword in a LOAD."""
    return rows.rename_columns(["at" if name == "when" else name for name in rows.column_names])


def compare(what: str, sent: int, arrived: int) -> None:
    if sent != arrived:
        raise StoreUnavailable(
            f"The embedded store took {arrived} of {sent} {what}; nothing of this batch was kept. Please report this."
        )
