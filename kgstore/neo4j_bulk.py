"""Creating what is new on Neo4j, from columns: the fast half of a bulk write, within its transaction.

Most of what a relation costs the server is the commit. What this spares is the rest: each end is looked up once for
thousands of relations and then known by its place in a list, MERGE's search is done only in types that hold something,
columns are smaller than a map for each row, and properties that say nothing (see LEFT_OUT) are not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kgstore import merge
from kgstore.errors import StoreUnavailable
from kgstore.neo4j_driver import Work, run, run_counting
from kgstore.records import tables_by_type
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Written

#: Rows of one statement, and those whose ends are looked up together.
ROWS, GATHERED = 20_000, 50_000
#: Columns of a triple that are not stored where they are empty: what reads them says coalesce(). The other ones are
#: always there, so that a recipe's `r.decision <> 'rejected'` means the same on both stores.
LEFT_OUT = ("run", "when", "text", "who")

COUNT_ENTITIES = "MATCH (e:Entity) RETURN count(e)"
COUNT_TYPE = "MATCH ()-[r:`<type>`]->() RETURN count(r)"
KNOWN_ENTITIES = "UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN collect(id)"
ELEMENTS = "UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN collect(id), collect(elementId(e))"
CREATE_ENTITIES = """
UNWIND range(0, size($id) - 1) AS at
CREATE (:Entity {<properties>})
"""
#: Creates the rows whose places it returns: all of them, or in the second form those between whose ends there is no
#: relation of the type, whatever its words. If an end is not there, none.
CREATE_TRIPLES = """
UNWIND $ends AS end
MATCH (e) WHERE elementId(e) = end
WITH collect(e) AS ends, collect(elementId(e)) AS found WHERE found = $ends
UNWIND range(0, size($head) - 1) AS at
WITH at, ends[$head[at]] AS h, ends[$tail[at]] AS t
CREATE (h)-[:`<type>` {<properties>}]->(t)
RETURN count(*), collect(null)
"""
CREATE_NEW_TRIPLES = """
UNWIND $ends AS end
MATCH (e) WHERE elementId(e) = end
WITH collect(e) AS ends, collect(elementId(e)) AS found WHERE found = $ends
UNWIND range(0, size($head) - 1) AS at
WITH at, ends[$head[at]] AS h, ends[$tail[at]] AS t
WHERE NOT EXISTS { (h)-[:`<type>`]->(t) }
CREATE (h)-[:`<type>` {<properties>}]->(t)
RETURN count(*), collect(at)
"""


@dataclass
class BulkWrite:
    """The rows of one transaction. Their ids and keys are distinct, so what it wrote itself is never met again.

    `merge_entities` and `merge_triples` write the rows that are, or may be, in the graph already.
    """

    transaction: Work
    merge_entities: Callable[[pa.Table], Written]
    merge_triples: Callable[[str, pa.Table], Written]
    #: The types of the rows so far, and whether there were relations of each before.
    types: dict[str, bool] = field(default_factory=dict)
    _any_entity: bool | None = None

    def entities(self, rows: pa.Table) -> Written:
        """Writes rows of ENTITY_COLUMNS."""
        written = Written()
        for piece in _pieces(rows):
            known = self._known_entities(piece)
            if known is not None:
                written += self.merge_entities(piece.filter(known))
                piece = piece.filter(pc.invert(known))
            if piece.num_rows:
                self._create_entities(piece)
            written += Written(new_entities=piece.num_rows)
        return written

    def triples(self, rows: pa.Table) -> Written:
        """Writes rows of TRIPLE_COLUMNS, type by type."""
        elements = self._elements(rows)
        written = Written()
        for type_, some in tables_by_type(rows):
            for piece in _pieces(some):
                written += self._triples_of(type_, piece, elements)
        return written

    def _elements(self, rows: pa.Table) -> dict[str, str]:
        """How the server itself calls the ends of the rows, which it finds faster than by their ids."""
        ids = pc.unique(pa.chunked_array([*rows["head"].chunks, *rows["tail"].chunks], pa.string())).to_pylist()
        [[found, elements]] = run(self.transaction, ELEMENTS, {"ids": ids})
        known = dict(zip(found, elements, strict=True))
        merge.refuse_missing([id for id in ids if id not in known][:4])
        return known

    def _triples_of(self, type_: str, rows: pa.Table, elements: Mapping[str, str]) -> Written:
        if type_ not in self.types:
            self.types[type_] = run(self.transaction, _of(COUNT_TYPE, type_))[0][0] > 0
        statement = CREATE_NEW_TRIPLES if self.types[type_] else CREATE_TRIPLES
        parameters = _ends(rows, elements) | _lists(rows.select(_STORED))
        [[many, places]] = run(self.transaction, _of(statement, type_).replace("<properties>", _TRIPLE), parameters)
        if many == rows.num_rows:
            return Written(new_triples=many)
        created = set(places)
        there = pa.array([at not in created for at in range(rows.num_rows)])
        return self.merge_triples(type_, rows.filter(there)) + Written(new_triples=many)

    def _known_entities(self, rows: pa.Table) -> pa.Array | None:
        """Which rows are in the graph already; None for none."""
        if self._any_entity is None:
            self._any_entity = run(self.transaction, COUNT_ENTITIES)[0][0] > 0
        if not self._any_entity:
            return None
        [[known]] = run(self.transaction, KNOWN_ENTITIES, {"ids": rows["id"].to_pylist()})
        return pc.is_in(rows["id"].combine_chunks(), value_set=pa.array(known, pa.string())) if known else None

    def _create_entities(self, rows: pa.Table) -> None:
        statement = CREATE_ENTITIES.replace("<properties>", _ENTITY)
        created = run_counting(self.transaction, statement, _lists(rows))[1]
        if created != rows.num_rows:
            raise StoreUnavailable(f"Neo4j took {created} of {rows.num_rows} entities; nothing was kept. Try again.")


_STORED = tuple(TRIPLE_COLUMNS.names[3:])
_ENTITY = ", ".join(f"`{name}`: $`{name}`[at]" for name in ENTITY_COLUMNS.names)
_TRIPLE = ", ".join(f"`{name}`: $`{name}`[at]" for name in _STORED)


def _ends(rows: pa.Table, elements: Mapping[str, str]) -> dict[str, object]:
    """The ends of some triples, each once, and for each row the places of its head and its tail among them."""
    codes = pa.chunked_array([*rows["head"].chunks, *rows["tail"].chunks], pa.string()).combine_chunks()
    codes = codes.dictionary_encode()
    places = codes.indices.to_pylist()
    ends = [elements[id] for id in codes.dictionary.to_pylist()]
    return {"ends": ends, "head": places[: rows.num_rows], "tail": places[rows.num_rows :]}


def _lists(rows: pa.Table) -> dict[str, object]:
    """Columns as lists; what is left out is null there, which CREATE does not store."""
    lists: dict[str, Any] = {}
    for name in rows.column_names:
        values = rows[name].to_pylist()
        lists[name] = [value or None for value in values] if name in LEFT_OUT else values
    return lists


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    for first in range(0, rows.num_rows, ROWS):
        yield rows.slice(first, ROWS)


def _of(cypher: str, type_: str) -> str:
    return cypher.replace("<type>", type_.replace("`", "``"))
