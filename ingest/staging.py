"""What a load writes, set aside on the disk first: each id and each key once, merged, in the same order every time.

Records stay columns in DuckDB, which moves to the folder what does not fit into its memory. Repeats that say the same
are dropped there; of those that differ, Entity.merged and Triple.merged make one record, in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import numpy as np
import pyarrow as pa

from ingest.records import Block, Record
from kgstore import merge
from kgstore.records import column_rows, entities_of, entity_table, triple_table, triples_of
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Entity, Relation, Triple, TripleKey

#: Memory of DuckDB, beside which it uses the folder.
MEMORY = "512MB"
#: Records that become columns at a time, and rows that leave at a time.
ADDED = 20_000
ROWS = 100_000


class Left(NamedTuple):
    """Triples that were left out: how many, and the first few of them."""

    many: int
    examples: list[TripleKey]


class _Table(NamedTuple):
    """What is staged of one kind. Beside its columns a row has `number`, the order of arrival, and two hashes: `key` of
    what makes a record unique, `said` of all of it."""

    name: str
    columns: pa.Schema
    unique: tuple[str, ...]
    order: str

    @property
    def fields(self) -> str:
        return ", ".join(f'"{name}"' for name in self.columns.names)

    @property
    def creation(self) -> str:
        kinds = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.list_(pa.string()): "VARCHAR[]"}
        columns = ", ".join(f'"{field.name}" {kinds[field.type]}' for field in self.columns)
        return f"CREATE TABLE {self.name}(number BIGINT, key UBIGINT, said UBIGINT, {columns})"


ENTITIES = _Table("entities", ENTITY_COLUMNS, ("id",), "number")
TRIPLES = _Table("triples", TRIPLE_COLUMNS, ("head", "type", "tail", "words"), "type, number")

ADD = "INSERT INTO <table> SELECT number, hash(<unique>), hash(<fields>), <fields> FROM rows"
REPEATED = (
    "CREATE OR REPLACE TEMP TABLE repeated AS SELECT key, min(number) AS first, min(said) <> max(said) AS differing "
    "FROM <table> GROUP BY key HAVING count(*) > 1"
)
ANY_REPEATED = "SELECT count(*) FROM repeated"
DIFFERING = (
    "SELECT number, key, <fields> FROM <table> WHERE key IN (SELECT key FROM repeated WHERE differing) "
    "ORDER BY key, number"
)
DROP_REPEATED = (
    "DELETE FROM <table> WHERE number IN (SELECT number FROM <table> JOIN repeated USING (key) "
    "WHERE differing OR number <> first)"
)
COUNT = "SELECT count(*) FROM <table>"
RANGE = "SELECT <fields> FROM <table> WHERE number >= $first AND number < $until ORDER BY <order>"
UNSTAGED_ENDS = (
    "CREATE OR REPLACE TEMP TABLE unstaged AS SELECT DISTINCT id FROM (SELECT head AS id FROM triples UNION ALL "
    "SELECT tail FROM triples) WHERE hash(id) NOT IN (SELECT key FROM entities) ORDER BY id"
)
WITH_ENDS = "head IN (SELECT id FROM missing) OR tail IN (SELECT id FROM missing)"
LOOPS = "head = tail"
EXAMPLES = "SELECT head, type, tail, words FROM triples WHERE <condition> ORDER BY number LIMIT 3"
LEAVE_OUT = "DELETE FROM triples WHERE <condition>"


class Staging:
    """Records on their way to a store. Add all of them, then read; the folder is the caller's to remove."""

    def __init__(self, folder: Path) -> None:
        self._database = duckdb.connect()
        self._database.execute(f"SET memory_limit = '{MEMORY}'")
        self._database.execute("SET temp_directory = $folder", {"folder": str(folder / "staging")})
        for table in (ENTITIES, TRIPLES):
            self._database.execute(table.creation)
        self._relations: dict[str, Relation] = {}
        self._added = {ENTITIES.name: 0, TRIPLES.name: 0}
        self._merged = True

    # -- what comes in

    def add(self, records: Iterable[Record]) -> None:
        """Adds records as they come; those that were left out are passed over."""
        records = iter(records)
        while some := list(islice(records, ADDED)):
            entities = [record for record in some if isinstance(record, Entity)]
            triples = [record for record in some if isinstance(record, Triple)]
            relations = tuple(record for record in some if isinstance(record, Relation))
            self.add_block(Block(entity_table(entities), triple_table(triples), relations))

    def add_block(self, block: Block) -> None:
        for relation in block.relations:
            self._relations.setdefault(relation.type, relation)
        self._add(ENTITIES, block.entities)
        self._add(TRIPLES, block.triples)

    def _add(self, table: _Table, rows: pa.Table) -> None:
        if rows.num_rows:
            first = self._added[table.name]
            self._added[table.name] += rows.num_rows
            numbers = np.arange(first, first + rows.num_rows)
            self._insert(table, rows.append_column("number", pa.array(numbers)))
            self._merged = False

    def _insert(self, table: _Table, rows: pa.Table) -> None:
        self._database.register("rows", rows)
        self._run(table, ADD)
        self._database.unregister("rows")

    # -- each record once

    def _merge(self) -> None:
        if self._merged:
            return
        for table in (ENTITIES, TRIPLES):
            self._run(table, REPEATED)
            if self._run(table, ANY_REPEATED)[0][0]:
                merged = pa.concat_tables([table.columns.append(_NUMBER).empty_table(), *self._differing(table)])
                self._run(table, DROP_REPEATED)
                self._insert(table, merged)
        self._merged = True

    def _differing(self, table: _Table) -> Iterator[pa.Table]:
        """One record for each of those that are told of differently, with the number of the first telling."""
        batches = self._database.sql(_of(table, DIFFERING)).to_arrow_reader(ADDED)
        rows = (row for batch in batches for row in column_rows(batch))
        groups = (list(group) for _, group in groupby(rows, key=itemgetter(1)))
        while some := list(islice(groups, ADDED)):
            records: list[tuple[int, Any]] = [made for group in some for made in _merged(table, group)]
            made = [record for _, record in records]
            columns = entity_table(made) if table is ENTITIES else triple_table(made)
            yield columns.append_column(_NUMBER, pa.array([number for number, _ in records], pa.int64()))

    # -- what comes out

    @property
    def entity_count(self) -> int:
        self._merge()
        return int(self._run(ENTITIES, COUNT)[0][0])

    @property
    def triple_count(self) -> int:
        self._merge()
        return int(self._run(TRIPLES, COUNT)[0][0])

    def entities(self) -> Iterator[pa.RecordBatch]:
        """ENTITY_COLUMNS in order of first mention."""
        return self._batches(ENTITIES)

    def triples(self) -> Iterator[pa.RecordBatch]:
        """TRIPLE_COLUMNS in order of first mention, within a batch by type."""
        return self._batches(TRIPLES)

    def relations(self) -> tuple[Relation, ...]:
        return tuple(self._relations.values())

    def _batches(self, table: _Table) -> Iterator[pa.RecordBatch]:
        self._merge()
        for first in range(0, self._added[table.name], ROWS):
            span = {"first": first, "until": first + ROWS}
            rows = self._database.sql(_of(table, RANGE), params=span).to_arrow_table()
            yield from rows.cast(table.columns).combine_chunks().to_batches()

    # -- what does not belong

    def unstaged_ends(self) -> Iterator[list[str]]:
        """Ids that triples name and no staged entity has, once each, thousands at a time."""
        self._merge()
        self._run(TRIPLES, UNSTAGED_ENDS)
        for batch in self._database.sql("FROM unstaged").to_arrow_reader(ROWS):
            yield batch["id"].to_pylist()

    def leave_out_ends(self, missing: Iterable[str]) -> Left:
        """Drops the triples that have one of these ends."""
        self._database.execute("CREATE OR REPLACE TEMP TABLE missing(id VARCHAR)")
        missing = iter(missing)
        while some := list(islice(missing, ROWS)):
            self._database.register("rows", pa.table({"id": pa.array(some, pa.string())}))
            self._database.execute("INSERT INTO missing FROM rows")
            self._database.unregister("rows")
        return self._leave_out(WITH_ENDS)

    def leave_out_loops(self) -> Left:
        """Drops the triples that relate an entity to itself."""
        return self._leave_out(LOOPS)

    def _leave_out(self, condition: str) -> Left:
        self._merge()
        examples = self._run(TRIPLES, EXAMPLES.replace("<condition>", condition))
        [(many,)] = self._run(TRIPLES, LEAVE_OUT.replace("<condition>", condition))
        return Left(many, [TripleKey(*row) for row in examples])

    # -- what others ask (see ingest/check.py and ingest/compare.py)

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The answer of a statement over `entities` and `triples`, which have a column `number` beside their own."""
        self._merge()
        return self._database.execute(sql, parameters).fetchall()

    def ask_in_pieces(self, sql: str, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """An answer that may be large; other statements may run meanwhile."""
        self._merge()
        with self._database.cursor() as cursor:
            cursor.execute(sql)
            while some := cursor.fetchmany(rows):
                yield some

    def give(self, sql: str, rows: pa.RecordBatch, parameters: Mapping[str, object]) -> None:
        """Runs a statement in which `given` are these rows."""
        self._merge()
        self._database.register("given", pa.Table.from_batches([rows]))
        self._database.execute(sql, parameters)
        self._database.unregister("given")

    def _run(self, table: _Table, sql: str) -> list[tuple[Any, ...]]:
        return self._database.execute(_of(table, sql)).fetchall()

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


_NUMBER = pa.field("number", pa.int64())


def _merged(table: _Table, rows: Sequence[tuple[Any, ...]]) -> list[tuple[int, Entity | Triple]]:
    """The records that rows with one hash stand for, nearly always one, each with the number of its first row."""
    if table is ENTITIES:
        entities = entities_of(row[2:] for row in rows)
        first = _first_numbers([entity.id for entity in entities], rows)
        return [(first[id], entity) for id, entity in merge.by_id(entities).items()]
    triples = triples_of(row[2:] for row in rows)
    numbers = _first_numbers([triple.key for triple in triples], rows)
    return [(numbers[key], triple) for key, triple in merge.by_key(triples).items()]


def _first_numbers(keys: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> dict[Any, int]:
    first: dict[Any, int] = {}
    for key, row in zip(keys, rows, strict=True):
        first.setdefault(key, row[0])
    return first


def _of(table: _Table, sql: str) -> str:
    return (
        sql.replace("<table>", table.name)
        .replace("<unique>", ", ".join(table.unique))
        .replace("<fields>", table.fields)
        .replace("<order>", table.order)
    )
