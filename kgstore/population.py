"""The answer of a recipe in numbers: checked, with entities, relations, splits and sources replaced by theirs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int32, Int64, UInt8, UInt16
from tqdm import tqdm

from kgstore.errors import BadProjection
from kgstore.plain_recipe import plain_recipe
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import COMMON_TYPE, SPLITS, Relation, relation_text

REQUIRED = ("head", "relation", "tail")
#: Sources that the number of a source can tell apart.
MOST_SOURCES = 2**16

#: Rows whose ids are looked up at once. Each time all entity ids are hashed anew, so they are many.
BLOCK = 2_000_000

_TYPES = {
    "head": np.int32,
    "relation": np.int32,
    "tail": np.int32,
    "weight": np.float32,
    "split": np.uint8,
    "source": np.uint16,
}
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\Z")


@dataclass(frozen=True)
class Numbering:
    """How entities are numbered: `ids` in that order, and the numbers by which the store knows them, if it has any."""

    ids: pa.LargeStringArray
    by_store: Int32[np.ndarray, " k"] | None = None

    def numbers(self, recipe: Recipe, column: str, table: pa.Table) -> Int32[np.ndarray, " e"]:
        """Of the entities that a column names by id, or its `_number` twin by the store's number."""
        if f"{column}_number" in table.column_names:
            return self._known(recipe, table[f"{column}_number"].to_numpy())
        wanted = table[column].cast(pa.large_string())
        numbers = pc.index_in(wanted, value_set=self.ids)
        if numbers.null_count:
            first = wanted.filter(numbers.is_null())[0].as_py()
            raise BadProjection(
                f"Recipe {recipe.name} returned {column} {first!r}, which is the id of no entity; return h.id and t.id."
            )
        return numbers.to_numpy().astype(np.int32, copy=False)

    def _known(self, recipe: Recipe, by_store: Int64[np.ndarray, " e"]) -> Int32[np.ndarray, " e"]:
        if self.by_store is not None and by_store.max() < len(self.by_store):
            numbers = self.by_store[by_store]
            if numbers.min() >= 0:
                return numbers
        raise BadProjection(f"An entity came or went while recipe {recipe.name} was run; project again.")


@dataclass(frozen=True)
class Population:
    """The triples of a recipe as it returned them, repeats and order kept. Ends number entities, relations `relations`,
    sources `sources`, splits SPLITS. The arrays are mapped from files that go with them."""

    head: Int32[np.ndarray, " e"]
    relation: Int32[np.ndarray, " e"]
    tail: Int32[np.ndarray, " e"]
    weight: Float32[np.ndarray, " e"]
    split: UInt8[np.ndarray, " e"]
    source: UInt16[np.ndarray, " e"]
    relations: tuple[Relation, ...]
    sources: tuple[str, ...]


def read_population(
    store: GraphStore, recipe: Recipe, numbering: Numbering, folder: Path, *, progress: bool
) -> Population:
    """Runs the recipe, setting its rows aside in `folder`. Raises BadProjection when it lacks a column, names no entity
    or returns nothing."""
    batches = store.recipe_columns(recipe.cypher, recipe.parameters)
    population = number_rows(store, recipe, batches, numbering, folder, progress=progress)
    if not len(population.head):
        raise BadProjection(
            f"Recipe {recipe.name} returned no triple: load data first, or widen its WHERE or its parameters "
            f"{dict(recipe.parameters)}."
        )
    return population


def check_recipe(store: GraphStore, recipe: Recipe) -> None:
    """Raises for what can be told before anything is read: a wrong store, and a column that a plain recipe lacks."""
    recipe.require_store(store.uri)
    plain = plain_recipe(recipe.cypher)
    if plain is not None:
        _check_names(recipe, plain.columns)


def number_rows(
    store: GraphStore,
    recipe: Recipe,
    batches: Iterator[pa.RecordBatch],
    numbering: Numbering,
    folder: Path,
    *,
    progress: bool,
) -> Population:
    """The rows that the recipe returned, in numbers."""
    relations, sources = _Names(), _Names()
    bar = tqdm(desc=f"recipe {recipe.name}", unit=" triples", unit_scale=True, disable=not progress)
    with bar, ExitStack() as files:
        columns = {name: files.enter_context(_Column(folder, dtype)) for name, dtype in _TYPES.items()}
        for table in _blocks(batches):
            _check_columns(recipe, table)
            for end in ("head", "tail"):
                columns[end].append(numbering.numbers(recipe, end, table))
            columns["relation"].append(_once(table, "relation", lambda some: _relations(recipe, some, relations)))
            columns["weight"].append(_once(table, "weight", lambda some: _weights(recipe, some)))
            columns["split"].append(_once(table, "split", lambda some: _splits(recipe, some)))
            columns["source"].append(_once(table, "source", lambda some: _sources(recipe, some, sources)))
            bar.update(len(table))
        catalogue, number = _catalogue(relations.names, store.relations())
        names = sorted(sources.names)
        columns["relation"].replace(number)
        columns["source"].replace(np.array([names.index(name) for name in sources.names], np.uint16))
        whole = {name: column.mapped() for name, column in columns.items()}
    return Population(**whole, relations=catalogue, sources=tuple(names))


class _Names:
    """Numbers for names, in order of first occurrence over all blocks."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._numbers)

    def numbers(self, column: pa.ChunkedArray) -> Int32[np.ndarray, " e"]:
        parts = []
        for chunk in column.chunks:
            encoded = chunk.dictionary_encode()
            here = [self._numbers.setdefault(name, len(self._numbers)) for name in encoded.dictionary.to_pylist()]
            parts.append(np.array(here, np.int32)[encoded.indices.to_numpy()])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class _Column:
    """An array that grows in a file without a name; what is mapped from it stays when it is closed."""

    def __init__(self, folder: Path, dtype: type) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by __exit__
        self._dtype = dtype

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, values: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(values, self._dtype).data)

    def replace(self, numbers: np.ndarray) -> None:
        """Puts `numbers[n]` in the place of every n."""
        if (numbers == np.arange(len(numbers))).all():
            return
        mapped = self.mapped("r+")
        for start in range(0, len(mapped), BLOCK):
            mapped[start : start + BLOCK] = numbers[mapped[start : start + BLOCK]]

    def mapped(self, mode: Literal["r", "r+"] = "r") -> np.ndarray:
        self._file.flush()
        if not self._file.tell():
            return np.empty(0, self._dtype)
        return np.memmap(self._file, self._dtype, mode).view(np.ndarray)


def _blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches as they come, or many together where their ids are to be looked up."""
    waiting: list[pa.Table] = []
    rows = 0
    for batch in batches:
        if not len(batch):
            continue
        if "head_number" in batch.schema.names:
            yield pa.Table.from_batches([batch])
        else:
            waiting.append(pa.Table.from_batches([batch]))
            rows += len(batch)
        if rows >= BLOCK:
            yield _table(waiting)
            waiting, rows = [], 0
    if waiting:
        yield _table(waiting)


def _table(batches: list[pa.Table]) -> pa.Table:
    """Batches of a recipe read in parts may differ in the order of columns and in the type of a relation."""
    names = batches[0].column_names
    same = [batch.select(names) if set(batch.column_names) == set(names) else batch for batch in batches]
    if len({str(batch.schema) for batch in same}) > 1:
        same = [_without_runs(batch) for batch in same]
    return pa.concat_tables(same, promote_options="permissive")


def _without_runs(batch: pa.Table) -> pa.Table:
    for at, field in enumerate(batch.schema):
        if pa.types.is_run_end_encoded(field.type):
            batch = batch.set_column(at, field.name, pc.run_end_decode(batch[field.name]))
    return batch


def _once(table: pa.Table, name: str, numbers: Callable[[pa.Table], np.ndarray]) -> np.ndarray:
    """What `numbers` makes of a column, asked once for rows that share a value."""
    if name not in table.column_names or not pa.types.is_run_end_encoded(table[name].type):
        return numbers(table)
    runs = [np.diff(chunk.run_ends.to_numpy(), prepend=0) for chunk in table[name].chunks]
    values = pa.chunked_array([chunk.values for chunk in table[name].chunks])
    return np.repeat(numbers(pa.table({name: values})), np.concatenate(runs))


def _check_columns(recipe: Recipe, table: pa.Table) -> None:
    _check_names(recipe, [name.removesuffix("_number") for name in table.column_names])
    for name in REQUIRED:
        if name in table.column_names and not _is_text(table[name].type):
            raise BadProjection(f"Column {name!r} of recipe {recipe.name} holds {table[name].type}, not text.")


def _check_names(recipe: Recipe, names: Collection[str]) -> None:
    for name in REQUIRED:
        if name not in names:
            raise BadProjection(
                f"Recipe {recipe.name} returns {', '.join(names)} and lacks the column {name!r}; "
                "end it with RETURN h.id AS head, type(r) AS relation, t.id AS tail."
            )


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_run_end_encoded(type_):
        return _is_text(type_.value_type)
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _relations(recipe: Recipe, table: pa.Table, names: _Names) -> np.ndarray:
    if table["relation"].null_count:
        raise BadProjection(f"Recipe {recipe.name} returned a triple without a relation; filter it out by IS NOT NULL.")
    return names.numbers(table["relation"])


def _weights(recipe: Recipe, table: pa.Table) -> np.ndarray:
    if "weight" not in table.column_names:
        return np.ones(len(table), np.float32)
    try:
        weights = pc.fill_null(table["weight"].cast(pa.float64()), 1.0).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadProjection(f"Column 'weight' of recipe {recipe.name} holds no numbers: {error}.") from error
    return weights.astype(np.float32)


def _splits(recipe: Recipe, table: pa.Table) -> np.ndarray:
    """Index into SPLITS; a recipe that returns no split means its triples for training."""
    if "split" not in table.column_names:
        return np.zeros(len(table), np.uint8)
    names = pc.fill_null(table["split"].cast(pa.string()), SPLITS[0])
    numbers = pc.index_in(names, value_set=pa.array(SPLITS))
    if numbers.null_count:
        first = names.filter(numbers.is_null())[0].as_py()
        raise BadProjection(f"Recipe {recipe.name} returned the split {first!r}; known are {', '.join(SPLITS)}.")
    return numbers.to_numpy().astype(np.uint8)


def _sources(recipe: Recipe, table: pa.Table, names: _Names) -> np.ndarray:
    """The column holds names, or lists of names of which the first counts; none is the source ""."""
    if "source" not in table.column_names:
        return np.zeros(len(table), np.uint16) + np.uint16(names.numbers(pa.chunked_array([[""]]))[0])
    column = table["source"]
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pa.chunked_array([_first_of_each(chunk) for chunk in column.chunks], column.type.value_type)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if not _is_text(column.type):
        raise BadProjection(f"Column 'source' of recipe {recipe.name} holds {column.type}, not text.")
    numbers = names.numbers(pc.fill_null(column, ""))
    if len(names.names) > MOST_SOURCES:
        raise BadProjection(f"Recipe {recipe.name} returned more than {MOST_SOURCES:,} sources; is that the column?")
    return numbers.astype(np.uint16)


def _first_of_each(lists: pa.ListArray) -> pa.Array:
    starts, lengths = lists.offsets.to_numpy()[:-1], pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    return lists.values.take(pa.array(starts, mask=lengths == 0))


def _catalogue(names: Sequence[str], known: Sequence[Relation]) -> tuple[tuple[Relation, ...], np.ndarray]:
    """The relations of `names` in the order of their numbers (by type, then words), and the number of each name."""
    texts = {relation.type: relation.text for relation in known}
    relations = [_relation(name, texts) for name in names]
    order = sorted(range(len(relations)), key=lambda i: (relations[i].type, relations[i].text, names[i]))
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return tuple(relations[i] for i in order), rank


def _relation(name: str, texts: dict[str, str]) -> Relation:
    if name in texts:
        return Relation(name, texts[name])
    if _TYPE.match(name):
        return Relation(name, relation_text(name))
    return Relation(COMMON_TYPE, name)
