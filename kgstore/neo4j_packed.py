"""Copying out of Neo4j: entities and triples as columns that the server packs into lists.

Measured on 5.26 (all columns): a row a relationship costs server and client 17 us together, properties read one by one
into thirteen lists 8, what is here 4, nearly all of it on the server: it reads each relationship's properties once, and
says what many of them share (type, sources, origin, ...) once for all of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from kgstore.errors import BadRecord
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS

#: Entities of one read, and relations of one: what the server holds in its memory for it.
ENTITIES_READ = 20_000
TRIPLES_READ = 200_000

#: Lists hold no nulls, so what is missing travels as its default, and a missing score as not-a-number.
_ENTITY: Mapping[str, str] = {
    "id": "id",
    "kind": "coalesce(p.kind, 'concept')",
    "name": "coalesce(p.name, '')",
    "texts": "coalesce(p.texts, [])",
    "images": "coalesce(p.images, [])",
    "sources": "coalesce(p.sources, [])",
    "split": "coalesce(p.split, 'train')",
}
_TRIPLE: Mapping[str, str] = {
    "head": "head",
    "type": "type",
    "tail": "tail",
    "words": "coalesce(p.words, '')",
    "weight": "coalesce(p.weight, 1.0)",
    "sources": "coalesce(p.sources, [])",
    "origin": "coalesce(p.origin, 'asserted')",
    "split": "coalesce(p.split, 'train')",
    "score": "coalesce(p.score, toFloat('NaN'))",
    "run": "coalesce(p.run, '')",
    "when": "coalesce(p.when, '')",
    "decision": "coalesce(p.decision, '')",
    "text": "coalesce(p.text, '')",
    "who": "coalesce(p.who, '')",
}
#: Columns in which thousands of rows are alike.
_ENTITY_SHARED = ("kind", "sources", "split")
_TRIPLE_SHARED = ("type", "sources", "origin", "split", "run", "decision", "who")

_ENTITY_BODY = "MATCH (e:Entity) WHERE e.id > $after AND e.id <= $upto WITH e.id AS id, properties(e) AS p "
_TRIPLE_BODY = (
    "MATCH (h:Entity) WHERE h.id > $after AND h.id <= $upto MATCH (h)-[r]->(t:Entity) "
    "WITH h.id AS head, type(r) AS type, t.id AS tail, properties(r) AS p "
)


def _packed(body: str, columns: Mapping[str, str], shared: Sequence[str]) -> str:
    """The statement whose rows hold first what is shared and then lists of the other columns."""
    groups = ", ".join(f"{columns[name]} AS `{name}`" for name in shared)
    lists = ", ".join(f"collect({form})" for name, form in columns.items() if name not in shared)
    return f"{body}RETURN {groups}, {lists}"


END_OF_RANGE = "MATCH (e:Entity) WHERE e.id > $after WITH e.id AS id ORDER BY id LIMIT $many RETURN max(id)"
DEGREES = """
MATCH (e:Entity) WHERE e.id > $after
WITH e, e.id AS id ORDER BY id LIMIT $many
RETURN collect(id), collect(COUNT { (e)-->() })
"""
ENTITY_RANGE = _packed(_ENTITY_BODY, _ENTITY, _ENTITY_SHARED)
NUMBERED_RANGE = _packed(
    _ENTITY_BODY.replace("WITH", "WITH id(e) AS number,"), {**_ENTITY, "number": "number"}, _ENTITY_SHARED
)
NUMBERED_COLUMNS = ENTITY_COLUMNS.append(pa.field("number", pa.int64()))
TRIPLE_RANGE = _packed(_TRIPLE_BODY, _TRIPLE, _TRIPLE_SHARED)
#: For one entity with more relations than a read may hold.
TRIPLE_ROWS = _TRIPLE_BODY + "RETURN " + ", ".join(_TRIPLE.values())

Row = tuple[Any, ...]
#: Runs a statement with parameters; its rows as they come.
Stream = Callable[[str, Mapping[str, object]], Iterator[Row]]


def entity_columns(stream: Stream, *, numbered: bool = False) -> Iterator[pa.RecordBatch]:
    cypher, schema = (NUMBERED_RANGE, NUMBERED_COLUMNS) if numbered else (ENTITY_RANGE, ENTITY_COLUMNS)
    after = ""
    while True:
        [[upto]] = stream(END_OF_RANGE, {"after": after, "many": ENTITIES_READ})
        if upto is None:
            return
        yield from _unpacked(stream(cypher, {"after": after, "upto": upto}), schema, _ENTITY_SHARED)
        after = upto


def triple_columns(stream: Stream) -> Iterator[pa.RecordBatch]:
    for after, upto, relations in spans(stream):
        span = {"after": after, "upto": upto}
        if relations > TRIPLES_READ:
            yield from _batches(stream(TRIPLE_ROWS, span))
        else:
            yield from _unpacked(stream(TRIPLE_RANGE, span), TRIPLE_COLUMNS, _TRIPLE_SHARED)


def spans(stream: Stream) -> Iterator[tuple[str, str, int]]:
    """Ranges of ids of heads, by the index, with how many relations leave them: at most TRIPLES_READ, or one head's."""
    after = upto = ""
    held = 0
    while True:
        [[ids, degrees]] = stream(DEGREES, {"after": upto, "many": ENTITIES_READ})
        for id, degree in zip(ids, degrees, strict=True):
            if held and held + degree > TRIPLES_READ:
                yield after, upto, held
                after, held = upto, 0
            held += degree
            upto = id
        if not ids:
            break
    if held:
        yield after, upto, held


def _unpacked(rows: Iterable[Row], schema: pa.Schema, shared: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One batch of all rows."""
    groups = list(rows)
    if not groups:
        return
    sizes = [len(group[len(shared)]) for group in groups]
    at = pa.array(np.repeat(np.arange(len(groups)), sizes))
    listed = [name for name in schema.names if name not in shared]
    arrays = []
    for field in schema:
        if field.name in shared:
            place = shared.index(field.name)
            arrays.append(_array((group[place] for group in groups), field).take(at))
        else:
            place = len(shared) + listed.index(field.name)
            arrays.append(_array(chain.from_iterable(group[place] for group in groups), field))
    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _batches(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    held: list[Row] = []
    for row in rows:
        held.append(row)
        if len(held) == TRIPLES_READ:
            yield _rows(held)
            held = []
    if held:
        yield _rows(held)


def _rows(rows: Sequence[Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [_array(values, field) for values, field in zip(columns, TRIPLE_COLUMNS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=TRIPLE_COLUMNS)


def _array(values: Iterable[Any], field: pa.Field) -> pa.Array:
    if field.name == "score":
        values = (None if math.isnan(value) else value for value in values)
    try:
        return pa.array(list(values), field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise BadRecord(
            f"A value of {field.name!r} in this graph is not of the type {field.type}: {error}. "
            "See what another tool wrote: python -m kgstore check --store URI"
        ) from error
