"""Plain recipes on a Neo4j server: asked in parts, packed into lists by the server, several at a time.

Measured on 5.26: a relation's ends take the server 0.3 us, each property of it that is read 0.15 to 0.25; so each is
read once, and what many rows share (relation, split, source) is said once for all of these. Parts are ranges of the
numbers of relations (see kgstore.neo4j_numbers), or of ids of heads where these cannot be used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import numpy as np
import pyarrow as pa

from kgstore.neo4j_numbers import Numbers, any_of
from kgstore.neo4j_packed import TRIPLES_READ, Row, Stream, spans
from kgstore.plain_recipe import BY_TYPE, BY_TYPE_OR_WORDS, PlainRecipe

#: Parts that the server works on at the same time, and those that wait for their turn to be taken.
SESSIONS = 2
AHEAD = 4
#: The parameters of a part; a recipe that has one of these names is run as it is written.
PARAMETERS = frozenset({"kg_after", "kg_upto"})

_BY_HEADS = """
MATCH (<start>:Entity) WHERE <start>.id > $kg_after AND <start>.id <= $kg_upto
MATCH (<start>)-[<r><types>]->(<end>:Entity) WHERE true<condition>
RETURN <columns>
"""
_BY_NUMBERS = """
MATCH (<start><label>)-[<r><types>]->(<end><label>) WHERE id(<r>) IN range($kg_after, $kg_upto)<condition>
RETURN <columns>
"""
Part = TypeVar("Part")

#: What rows share, and what each has of its own: lists hold no nulls.
_SHARED = {"relation": "<it>", "split": "<it>", "source": "<it>"}
_OWN = {"head": "<it>", "tail": "<it>", "weight": "coalesce(<it>, 1.0)"}
_OWN_NUMBERS = {"head_number": "<it>", "tail_number": "<it>", "weight": _OWN["weight"]}


def columns_by_numbers(
    stream: Stream, plain: PlainRecipe, parameters: Mapping[str, object], numbers: Numbers
) -> Iterator[pa.RecordBatch]:
    """The answer, in the order of the relations' numbers, with `head_number` and `tail_number` instead of ids."""
    columns = plain.columns | {f"{end}_number": f"id({plain.end_of(end)})" for end in ("head", "tail")}
    if plain.says("relation", BY_TYPE_OR_WORDS) and not numbers.by_words:
        columns["relation"] = BY_TYPE.replace("<r>", plain.relation)
    template = _BY_NUMBERS.replace("<label>", "" if numbers.between_entities else ":Entity")
    asked = _Asked(template, plain, columns, _OWN_NUMBERS, plain.types)

    def read(part: tuple[int, int]) -> pa.RecordBatch | None:
        return asked.packed(stream, parameters, *part)

    return _several(read, numbers.ranges())


def columns_by_heads(
    stream: Stream, plain: PlainRecipe, parameters: Mapping[str, object], types: Collection[str] | None
) -> Iterator[pa.RecordBatch]:
    """The answer, by ranges of ids of heads in their order; only of these relation types, if any are given."""
    asked = _Asked(_BY_HEADS, plain, plain.columns, _OWN, plain.types if types is None else types)

    def read(part: tuple[str, str, int]) -> pa.RecordBatch | None:
        after, upto, relations = part
        ask = asked.rows if relations > TRIPLES_READ else asked.packed  # more than that are of one entity
        return ask(stream, parameters, after, upto)

    return _several(read, spans(stream))


def _several(read: Callable[[Part], pa.RecordBatch | None], parts: Iterator[Part]) -> Iterator[pa.RecordBatch]:
    """What is read of the parts, in their order."""
    waiting: deque[Future[pa.RecordBatch | None]] = deque()
    with ThreadPoolExecutor(SESSIONS) as sessions:
        try:
            for part in parts:
                waiting.append(sessions.submit(read, part))
                if len(waiting) > AHEAD and (batch := waiting.popleft().result()) is not None:
                    yield batch
            while waiting:
                if (batch := waiting.popleft().result()) is not None:
                    yield batch
        finally:
            sessions.shutdown(wait=False, cancel_futures=True)


class _Asked:
    """What asks for a part of the answer: packed into lists, or row by row."""

    def __init__(
        self,
        template: str,
        plain: PlainRecipe,
        columns: Mapping[str, str],
        own: Mapping[str, str],
        types: Collection[str],
    ) -> None:
        forms = {**_SHARED, **own}
        shared = [name for name in _SHARED if name in columns]
        self._own = [name for name in own if name in columns]
        self._names = [*shared, *self._own]
        expressions = {name: forms[name].replace("<it>", _expression(plain, columns, name)) for name in self._names}
        named = [f"{expressions[name]} AS {name}" for name in self._names]
        lists = [f"collect({expressions[name]})" for name in self._own]
        cypher = (
            template.replace("<types>", f":{any_of(types)}" if types else "")
            .replace("<condition>", f" AND ({plain.where})" if plain.where else "")
            .replace("<start>", plain.start)
            .replace("<end>", plain.end)
            .replace("<r>", plain.relation)
        )
        self._rows = cypher.replace("<columns>", ", ".join(named))
        self._packed = cypher.replace("<columns>", ", ".join([*named[: len(shared)], *lists]))

    def rows(
        self, stream: Stream, parameters: Mapping[str, object], after: object, upto: object
    ) -> pa.RecordBatch | None:
        asked = {**parameters, "kg_after": after, "kg_upto": upto}
        return _unpacked(list(stream(self._rows, asked)), self._names, 0)

    def packed(
        self, stream: Stream, parameters: Mapping[str, object], after: object, upto: object
    ) -> pa.RecordBatch | None:
        asked = {**parameters, "kg_after": after, "kg_upto": upto}
        return _unpacked(list(stream(self._packed, asked)), self._names, len(self._own))


def _expression(plain: PlainRecipe, columns: Mapping[str, str], column: str) -> str:
    """The recipe's own, but of several sources only the first travels."""
    if column == "source" and plain.says("source", "<r>.sources"):
        return f"head({plain.relation}.sources)"
    return columns[column]


def _unpacked(rows: Sequence[Row], names: Sequence[str], lists: int) -> pa.RecordBatch | None:
    """One batch of rows of which the last columns are lists, which are of one length in each."""
    if not rows:
        return None
    columns = list(zip(*rows, strict=True))
    shared, packed = columns[: len(names) - lists], columns[len(names) - lists :]
    arrays = [pa.array(values) for values in shared]
    if lists:
        ends = pa.array(np.cumsum([len(part) for part in packed[0]]), pa.int32())
        arrays = [pa.RunEndEncodedArray.from_arrays(ends, array) for array in arrays]
    arrays += [_joined(parts) for parts in packed]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _joined(parts: Sequence[list[object]]) -> pa.Array:
    return pa.array(parts[0] if len(parts) == 1 else list(chain.from_iterable(parts)))
