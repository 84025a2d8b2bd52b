"""Very many records into the embedded store, as columns: all of them are read and compared first, then written.

Measured on 0.22 (2 cores). A COPY into an empty table takes 150 k to 250 k relations/s, some 600 bytes of memory for
each, and spills nothing. Within a longer transaction the same COPY leaves columns that are not compressed, three times
as large, and holds them in memory until the commit, 9 GB for three million relations of 38 types: so each table is a
transaction of its own here. A COPY into a table that holds relations is slower than creating them one by one. Small
tables are created: a COPY makes place in each part of the table, 0.1 s and some megabytes for ten relations.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgstore import merge
from kgstore.aside import folder_aside
from kgstore.ladybug_cypher import table_of
from kgstore.ladybug_engine import LadybugEngine
from kgstore.ladybug_statements import (
    CHANGE_ENTITIES,
    CHANGE_TRIPLES,
    COPY_ENTITIES,
    COPY_TRIPLES,
    COUNT_ENTITIES,
    COUNT_TRIPLES,
    CREATE_ENTITIES,
    CREATE_TRIPLES,
    ENTITIES_BY_ID,
    MISSING_ENTITIES,
    RELATION_FIELDS,
    RELATION_TABLE,
    TRIPLES_BY_ENDS,
    compare,
    on,
    without_keyword,
)
from kgstore.records import (
    TRIPLE_FIELDS,
    column_rows,
    entities_of,
    entity_table,
    gathered,
    tables_by_type,
    triple_table,
    triples_of,
)
from kgstore.rows_aside import RowsAside
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Written

#: So many rows at most are written as single records are, all in one transaction.
FEW = 10_000
#: Rows that are compared at a time, and rows of one transaction that creates or changes them.
COMPARED = 100_000
CREATED = 50_000
#: From so many rows on a COPY is faster than creating them.
COPIED = 2_000
#: What a COPY needs for a relation, measured, and some more.
BYTES_COPIED = 640

#: Merging a record into what is known changes it just then, see Entity.merged and Triple.merged.
CHANGED_ENTITIES = """
SELECT rows.* FROM rows JOIN known USING (id)
WHERE known.name = '' AND rows.name <> '' OR NOT list_has_all(known.texts, rows.texts)
   OR NOT list_has_all(known.images, rows.images) OR NOT list_has_all(known.sources, rows.sources)
"""
CHANGED_TRIPLES = """
SELECT rows.* FROM rows JOIN known USING (head, tail, words)
WHERE known.origin = 'predicted' AND rows.origin = 'asserted' OR rows.weight > known.weight
   OR NOT list_has_all(known.sources, rows.sources) OR known.text = '' AND rows.text <> ''
"""
NEW_TRIPLES = "SELECT number FROM rows ANTI JOIN known USING (head, tail, words) ORDER BY number"
HASHES = "SELECT hash(id) FROM rows"
PAIRS = "SELECT DISTINCT head, tail FROM rows"

_ENTITIES, _CHANGED = "entities", "changed entities"


class BulkWrite:
    """What one write brings: `read` everything, then `write` it. The ids and keys that come are distinct.

    Nothing is written while something is read, so records that are refused leave no trace. `write` is several
    transactions: each leaves a graph whose relations have their ends, and the same records again complete it.
    """

    def __init__(self, engine: LadybugEngine, tables: set[str]) -> None:
        self._engine = engine
        self._tables = tables
        self._folder = ExitStack()
        self._aside = RowsAside(self._folder.enter_context(folder_aside()))
        self._columns = duckdb.connect()
        self._entities_before: int = engine.run(COUNT_ENTITIES)[0][0]
        self._triples_before: dict[str, int] = {}
        self._ids = np.empty(0, np.uint64)  # hashes of the entities that came and of ends that are in the graph, sorted
        self.types: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._columns.close()
        self._aside.close()
        self._folder.close()

    # -- reading

    def read(self, entities: Iterable[pa.RecordBatch], triples: Iterable[pa.RecordBatch]) -> Written:
        """What a write will change. Raises UnknownEntity for an end that is neither among `entities` nor there."""
        written = Written()
        hashes = [self._ids]
        for rows in gathered(entities, COMPARED, ENTITY_COLUMNS):
            hashes.append(self._hashes(rows["id"]))
            written += self._read_entities(rows)
        self._ids = np.sort(np.concatenate(hashes))
        for rows in gathered(triples, COMPARED, TRIPLE_COLUMNS):
            self._require_ends(rows)
            for type_, some in tables_by_type(rows):
                self.types.setdefault(type_)
                written += self._read_triples(type_, some)
        return written

    def _read_entities(self, rows: pa.Table) -> Written:
        changed = 0
        if self._entities_before:
            known = self._engine.arrow(ENTITIES_BY_ID, {"ids": pa.table({"key": rows["id"]})})
            known = known.rename_columns(ENTITY_COLUMNS.names)
            if known.num_rows:
                there = {entity.id: entity for entity in entities_of(column_rows(known))}
                other = self._select(CHANGED_ENTITIES, rows=rows, known=known)
                change = merge.entity_change(there, entities_of(column_rows(other)))
                changed = len(change.changed)
                self._aside.add(_CHANGED, entity_table(change.changed))
                rows = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=known["id"])))
        self._aside.add(_ENTITIES, rows)
        return Written(new_entities=rows.num_rows, changed_entities=changed)

    def _read_triples(self, type_: str, rows: pa.Table) -> Written:
        changed = 0
        if self._count_before(type_):
            pairs = self._select(PAIRS, rows=rows)
            known = self._engine.arrow(on(table_of(type_), TRIPLES_BY_ENDS), {"pairs": pairs})
            known = known.rename_columns(RELATION_FIELDS)
            if known.num_rows:
                other = self._select(CHANGED_TRIPLES, rows=rows, known=known)
                if other.num_rows:
                    there = known.add_column(1, "type", pa.repeat(type_, known.num_rows)).select(TRIPLE_FIELDS)
                    change = merge.triple_change(
                        {triple.key: triple for triple in triples_of(column_rows(there))},
                        triples_of(column_rows(other)),
                    )
                    changed = len(change.changed)
                    self._aside.add(_changed(type_), _properties(triple_table(change.changed)))
                numbered = rows.append_column("number", pa.array(np.arange(rows.num_rows)))
                rows = rows.take(self._select(NEW_TRIPLES, rows=numbered, known=known)["number"])
        self._aside.add(type_, _properties(rows))
        return Written(new_triples=rows.num_rows, changed_triples=changed)

    def _count_before(self, type_: str) -> int:
        if type_ not in self._triples_before:
            table = table_of(type_)
            there = table in self._tables
            self._triples_before[type_] = self._engine.run(on(table, COUNT_TRIPLES))[0][0] if there else 0
        return self._triples_before[type_]

    def _require_ends(self, rows: pa.Table) -> None:
        """Ends are compared by 64-bit hashes; one that is taken for another would be refused by the COPY."""
        ends = pa.chunked_array([*rows["head"].chunks, *rows["tail"].chunks])
        hashes, places = np.unique(self._hashes(ends), return_index=True)
        at = np.searchsorted(self._ids, hashes)
        unknown = np.ones(len(hashes), bool)
        inside = at < len(self._ids)
        unknown[inside] = self._ids[at[inside]] != hashes[inside]
        if unknown.any():
            ids = ends.take(pa.array(np.sort(places[unknown])))
            missing = self._engine.run(MISSING_ENTITIES, {"ids": pa.table({"key": ids})})
            merge.refuse_missing([id for (id,) in missing])
            self._ids = np.union1d(self._ids, hashes[unknown])

    def _hashes(self, ids: pa.ChunkedArray) -> np.ndarray:
        found: np.ndarray = self._select(HASHES, rows=pa.table({"id": ids})).column(0).to_numpy()
        return found

    def _select(self, sql: str, **tables: pa.Table) -> pa.Table:
        for name, table in tables.items():
            self._columns.register(name, table)
        try:
            return self._columns.sql(sql).to_arrow_table()
        finally:
            for name in tables:
                self._columns.unregister(name)

    # -- writing

    def write(self) -> None:
        """Entities, then the relations of each type."""
        self._write_entities()
        for type_ in self.types:
            self._write_triples(type_)

    def _write_entities(self) -> None:
        new = self._aside.count(_ENTITIES)
        if new > max(COPIED, self._entities_before):
            self._engine.copy(COPY_ENTITIES.replace("$rows", _literal(self._aside.file(_ENTITIES))))
        else:
            self._in_pieces(_ENTITIES, CREATE_ENTITIES)
        compare("entities", new, self._engine.run(COUNT_ENTITIES)[0][0] - self._entities_before)
        self._in_pieces(_CHANGED, CHANGE_ENTITIES)

    def _write_triples(self, type_: str) -> None:
        table, new, before = table_of(type_), self._aside.count(type_), self._count_before(type_)
        if table not in self._tables:
            with self._engine.transaction():
                self._engine.run(on(table, RELATION_TABLE))
            self._tables.add(table)
        if new > COPIED and not before:
            with self._room_for(new):
                self._engine.copy(on(table, COPY_TRIPLES).replace("$rows", _literal(self._aside.file(type_))))
        else:
            self._in_pieces(type_, on(table, CREATE_TRIPLES))
        compare("relations", new, self._engine.run(on(table, COUNT_TRIPLES))[0][0] - before)
        self._in_pieces(_changed(type_), on(table, CHANGE_TRIPLES))

    def _in_pieces(self, name: str, cypher: str) -> None:
        for rows in self._aside.pieces(name, CREATED):
            with self._engine.transaction():
                compare("records", rows.num_rows, self._engine.run(cypher, {"rows": rows})[0][0])
        self._aside.drop(name)

    def _room_for(self, relations: int) -> AbstractContextManager[None]:
        needed = relations * BYTES_COPIED
        return self._engine.larger(needed) if needed > self._engine.memory else nullcontext()


def read_ahead(
    entities: Iterable[pa.RecordBatch], triples: Iterable[pa.RecordBatch]
) -> tuple[Iterable[pa.RecordBatch], Iterable[pa.RecordBatch], bool]:
    """The same batches, and whether they hold few rows together."""
    things, relations = iter(entities), iter(triples)
    first_things: list[pa.RecordBatch] = []
    first_relations: list[pa.RecordBatch] = []
    rows = 0
    for held, more in ((first_things, things), (first_relations, relations)):
        for batch in more:
            held.append(batch)
            rows += batch.num_rows
            if rows > FEW:
                return chain(first_things, things), chain(first_relations, relations), False
    return first_things, first_relations, True


def _properties(triples: pa.Table) -> pa.Table:
    """Columns in the order of a relation table."""
    return without_keyword(triples.select(RELATION_FIELDS))


def _changed(type_: str) -> str:
    return f"changed {type_}"


def _literal(path: Path) -> str:
    """A path as a string of Cypher: a COPY takes no file as a parameter."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
