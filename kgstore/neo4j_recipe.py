"""Plain recipes on a Neo4j server: asked for ranges of heads, packed into lists by the server, several at a time.

Measured on 5.26 (2 cores): reading a property of a relationship is what costs, so each is read once, and what many rows
share (relation, split, source) is said once for all of these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np
import pyarrow as pa

from kgstore.neo4j_packed import TRIPLES_READ, Row, Stream, spans
from kgstore.plain_recipe import PlainRecipe

#: Ranges that the server works on at the same time, and those that wait for their turn to be taken.
SESSIONS = 2
AHEAD = 4
#: The parameters of a range; a recipe that has one of these names is run as it is written.
PARAMETERS = frozenset({"kg_after", "kg_upto"})

_RANGE = """
MATCH (<start>:Entity) WHERE <start>.id > $kg_after AND <start>.id <= $kg_upto
MATCH (<start>)-[<r><types>]->(<end>:Entity)<where>
RETURN <columns>
"""
#: What rows share, and what each has of its own: lists hold no nulls.
_SHARED = {"relation": "<it>", "split": "<it>", "source": "<it>"}
_OWN = {"head": "<it>", "tail": "<it>", "weight": "coalesce(<it>, 1.0)"}


def recipe_columns(
    stream: Stream, plain: PlainRecipe, parameters: Mapping[str, object], types: Collection[str] | None
) -> Iterator[pa.RecordBatch]:
    """The answer, range by range in their order; only of these relation types, if any are given."""
    shared = [name for name in _SHARED if name in plain.columns]
    own = [name for name in _OWN if name in plain.columns]
    packed, rows = _statements(plain, shared, own, types)

    def read(span: tuple[str, str, int]) -> pa.RecordBatch | None:
        after, upto, relations = span
        many = relations > TRIPLES_READ  # of one entity
        asked = {**parameters, "kg_after": after, "kg_upto": upto}
        return _unpacked(list(stream(rows if many else packed, asked)), [*shared, *own], 0 if many else len(own))

    waiting: deque[Future[pa.RecordBatch | None]] = deque()
    with ThreadPoolExecutor(SESSIONS) as sessions:
        try:
            for span in spans(stream):
                waiting.append(sessions.submit(read, span))
                if len(waiting) > AHEAD and (batch := waiting.popleft().result()) is not None:
                    yield batch
            while waiting:
                if (batch := waiting.popleft().result()) is not None:
                    yield batch
        finally:
            sessions.shutdown(wait=False, cancel_futures=True)


def _statements(
    plain: PlainRecipe, shared: Sequence[str], own: Sequence[str], types: Collection[str] | None
) -> tuple[str, str]:
    """What packs a range into lists, and what gives it row by row."""
    forms = {name: (_SHARED | _OWN)[name].replace("<it>", _expression(plain, name)) for name in (*shared, *own)}
    chosen = plain.types if types is None else types
    quoted = "|".join(f"`{type_.replace('`', '``')}`" for type_ in chosen)
    template = (
        _RANGE.replace("<types>", f":{quoted}" if quoted else "")
        .replace("<where>", f" WHERE {plain.where}" if plain.where else "")
        .replace("<start>", plain.start)
        .replace("<end>", plain.end)
        .replace("<r>", plain.relation)
    )
    groups, lists = [f"{forms[name]} AS {name}" for name in shared], [f"collect({forms[name]})" for name in own]
    rows = [f"{forms[name]} AS {name}" for name in (*shared, *own)]
    return (
        template.replace("<columns>", ", ".join([*groups, *lists])),
        template.replace("<columns>", ", ".join(rows)),
    )


def _expression(plain: PlainRecipe, column: str) -> str:
    """The recipe's own, but of several sources only the first travels."""
    if column == "source" and plain.says("source", "<r>.sources"):
        return f"head({plain.relation}.sources)"
    return plain.columns[column]


def _unpacked(rows: Sequence[Row], names: Sequence[str], lists: int) -> pa.RecordBatch | None:
    """One batch of rows of which the last columns are lists, which are of one length in each."""
    if not rows:
        return None
    columns = list(zip(*rows, strict=True))
    shared, packed = columns[: len(names) - lists], columns[len(names) - lists :]
    arrays = [pa.array(values) for values in shared]
    if lists:
        at = pa.array(np.repeat(np.arange(len(rows)), [len(part) for part in packed[0]]))
        arrays = [array.take(at) for array in arrays]
    arrays += [pa.array(list(chain.from_iterable(parts))) for parts in packed]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))
