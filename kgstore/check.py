"""What in a graph breaks the contract of the data model, whoever wrote it: each fault with a count and examples.

Nearly all is asked of the columns that both stores give. What a column cannot show (a node of another label, a value of
another type), only Neo4j can hold, and Neo4jStore.foreign says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from kgstore.errors import BadRecord
from kgstore.store import GraphStore
from kgstore.tables import tables
from kgstore.values import COMMON_TYPE, DECISIONS, KINDS, ORIGINS, SPLITS

EXAMPLES = 3
_TRIPLE = "'(' || head || ')-[' || type || CASE WHEN words = '' THEN '' ELSE ' ' || words END || ']->(' || tail || ')'"
#: A picture is `<source>/<path>`, a region of it `...#xywh=x,y,w,h`; the path stays below the source's folder.
_REGION = r"#xywh=(pixel:)?-?\d+,-?\d+,\d+,\d+"


def _one_of(words: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


#: Of each fault: what is wrong, and a query whose rows are the examples.
CHECKS: dict[str, str] = {
    "ids that are not of the form source:key": "SELECT id FROM entities WHERE position(':' IN id) IN (0, length(id))",
    "ids that stand twice": "SELECT id FROM entities GROUP BY id HAVING count(*) > 1",
    "kinds that are unknown": f"SELECT id || ': ' || kind FROM entities WHERE kind NOT IN {_one_of(KINDS)}",
    "entities of an unknown split": f"SELECT id || ': ' || split FROM entities WHERE split NOT IN {_one_of(SPLITS)}",
    "entities that no source asserts": "SELECT id FROM entities WHERE len(sources) = 0",
    "entities of a source that is not in the list of sources": (
        "SELECT id || ': ' || source FROM (SELECT id, unnest(sources) AS source FROM entities) "
        "WHERE source NOT IN (SELECT name FROM sources)"
    ),
    "texts, pictures or sources that stand twice at an entity": (
        "SELECT id FROM entities WHERE len(list_distinct(texts)) < len(texts) "
        "OR len(list_distinct(images)) < len(images) OR len(list_distinct(sources)) < len(sources)"
    ),
    "picture references that are malformed": (
        "SELECT id || ': ' || image FROM (SELECT id, unnest(images) AS image FROM entities) "
        rf"WHERE NOT regexp_full_match(image, '[^/]+/[^/].*', 's') OR image LIKE '%/../%' OR image LIKE '%/..' "
        rf"OR (image LIKE '%#xywh=%' AND NOT regexp_matches(image, '{_REGION}$'))"
    ),
    "relation types that are not UPPER_SNAKE": (
        "SELECT DISTINCT type FROM triples WHERE NOT regexp_full_match(type, '[A-Z][A-Z0-9_]*')"
    ),
    "relation types that the catalogue does not name": (
        "SELECT DISTINCT type FROM triples WHERE type NOT IN (SELECT type FROM relations)"
    ),
    "relations that stand twice": (
        f"SELECT {_TRIPLE} FROM triples GROUP BY head, type, tail, words HAVING count(*) > 1"
    ),
    "relations whose end is no entity": (
        f"SELECT {_TRIPLE} FROM triples WHERE head NOT IN (SELECT id FROM entities) "
        "OR tail NOT IN (SELECT id FROM entities)"
    ),
    "relations of the common type without words": (
        f"SELECT {_TRIPLE} FROM triples WHERE type = '{COMMON_TYPE}' AND words = ''"
    ),
    "relations of a type of their own with words in the key": (
        f"SELECT {_TRIPLE} FROM triples WHERE type <> '{COMMON_TYPE}' AND words <> ''"
    ),
    "weights or scores that are no finite number": (
        f"SELECT {_TRIPLE} FROM triples WHERE NOT isfinite(weight) OR NOT isfinite(coalesce(score, 0))"
    ),
    "relations of an unknown origin": (
        f"SELECT {_TRIPLE} || ': ' || origin FROM triples WHERE origin NOT IN {_one_of(ORIGINS)}"
    ),
    "relations of an unknown split": (
        f"SELECT {_TRIPLE} || ': ' || split FROM triples WHERE split NOT IN {_one_of(SPLITS)}"
    ),
    "decisions that are unknown": (
        f"SELECT {_TRIPLE} || ': ' || decision FROM triples WHERE decision NOT IN {_one_of(DECISIONS)}"
    ),
    "decisions about what no run predicted": (
        f"SELECT {_TRIPLE} FROM triples WHERE origin = 'asserted' AND decision <> ''"
    ),
    "predictions without the run that made them": (
        f"SELECT {_TRIPLE} FROM triples WHERE origin = 'predicted' AND run = ''"
    ),
    "assertions that no source makes": (
        f"SELECT {_TRIPLE} FROM triples WHERE origin = 'asserted' AND len(sources) = 0"
    ),
    "relations of a source that is not in the list of sources": (
        f"SELECT {_TRIPLE} || ': ' || source FROM "
        "(SELECT head, type, tail, words, unnest(sources) AS source FROM triples) "
        "WHERE source NOT IN (SELECT name FROM sources)"
    ),
}


class Fault(NamedTuple):
    """A kind of fault: how many there are, and the first examples by the alphabet."""

    what: str
    many: int
    examples: tuple[str, ...]


def check(store: GraphStore) -> Iterator[Fault]:
    """The faults of the graph; none for one that keeps the contract."""
    yield from (Fault(*fault) for fault in store.foreign())
    try:
        yield from _of_columns(store)
    except BadRecord as error:
        yield Fault(
            "values that keep the graph from being read, and all other checks from being made", 1, (str(error),)
        )


def _of_columns(store: GraphStore) -> Iterator[Fault]:
    with tables(store) as database:
        _list(database, "sources", "name", [source.name for source in store.sources()])
        _list(database, "relations", "type", [relation.type for relation in store.relations()])
        for what, query in CHECKS.items():
            [(many,)] = database.execute(f"SELECT count(*) FROM ({query})").fetchall()
            if many:
                rows = database.execute(f"SELECT * FROM ({query}) ORDER BY 1 LIMIT {EXAMPLES}").fetchall()
                yield Fault(what, many, tuple(str(example) for (example,) in rows))


def _list(database: duckdb.DuckDBPyConnection, table: str, column: str, values: list[str]) -> None:
    database.execute(f"CREATE TABLE {table} ({column} VARCHAR)")
    database.execute(f"INSERT INTO {table} SELECT unnest(?::VARCHAR[])", [values])
