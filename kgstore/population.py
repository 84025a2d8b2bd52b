"""The answer of a recipe in numbers: checked, with entities and relations replaced by their numbers, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int32, UInt8
from tqdm import tqdm

from kgstore.errors import BadProjection
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import COMMON_TYPE, SPLITS, Relation, relation_text

REQUIRED = ("head", "relation", "tail")

#: Rows numbered at once. Each block hashes all entity ids anew, so it is large.
BLOCK = 2_000_000

_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\Z")


@dataclass(frozen=True)
class Population:
    """The triples of a recipe as it returned them, repeats and order kept. Ends number `ids`, relations `relations`."""

    head: Int32[np.ndarray, " e"]
    relation: Int32[np.ndarray, " e"]
    tail: Int32[np.ndarray, " e"]
    weight: Float32[np.ndarray, " e"]
    split: UInt8[np.ndarray, " e"]
    relations: tuple[Relation, ...]


def read_population(store: GraphStore, recipe: Recipe, ids: pa.LargeStringArray, *, progress: bool) -> Population:
    """Runs the recipe. Raises BadProjection when it lacks a column, names no entity or returns nothing."""
    codes: dict[str, int] = {}
    blocks: list[tuple[np.ndarray, ...]] = []
    with tqdm(desc=f"recipe {recipe.name}", unit=" triples", unit_scale=True, disable=not progress) as bar:
        for table in _blocks(store.columns(recipe.cypher, recipe.parameters)):
            _check_columns(recipe, table)
            blocks.append(
                (
                    _entity_numbers(recipe, table, "head", ids),
                    _relation_codes(recipe, table, codes),
                    _entity_numbers(recipe, table, "tail", ids),
                    _weights(recipe, table),
                    _splits(recipe, table),
                )
            )
            bar.update(len(table))
    if not blocks:
        raise BadProjection(
            f"Recipe {recipe.name} returned no triple: load data first, or widen its WHERE or its parameters "
            f"{dict(recipe.parameters)}."
        )
    head, relation, tail, weight, split = (np.concatenate(column) for column in zip(*blocks, strict=True))
    relations, rank = _catalogue(list(codes), store.relations())
    return Population(head, rank[relation], tail, weight, split, relations)


def _blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    rows = 0
    for batch in batches:
        if len(batch):
            waiting.append(pa.Table.from_batches([batch]))
            rows += len(batch)
        if rows >= BLOCK:
            yield pa.concat_tables(waiting, promote_options="permissive")
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting, promote_options="permissive")


def _check_columns(recipe: Recipe, table: pa.Table) -> None:
    for name in REQUIRED:
        if name not in table.column_names:
            raise BadProjection(
                f"Recipe {recipe.name} returns {', '.join(table.column_names)} and lacks the column {name!r}; "
                "end it with RETURN h.id AS head, type(r) AS relation, t.id AS tail."
            )
        if not _is_text(table[name].type):
            raise BadProjection(f"Column {name!r} of recipe {recipe.name} holds {table[name].type}, not text.")


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _entity_numbers(recipe: Recipe, table: pa.Table, column: str, ids: pa.LargeStringArray) -> np.ndarray:
    wanted = table[column].cast(pa.large_string())
    numbers = pc.index_in(wanted, value_set=ids)
    if numbers.null_count:
        first = wanted.filter(numbers.is_null())[0].as_py()
        raise BadProjection(
            f"Recipe {recipe.name} returned {column} {first!r}, which is the id of no entity; return h.id and t.id."
        )
    return numbers.to_numpy().astype(np.int32, copy=False)


def _relation_codes(recipe: Recipe, table: pa.Table, codes: dict[str, int]) -> np.ndarray:
    """Codes in order of first occurrence, over all blocks; `codes` grows by what is new."""
    encoded = table["relation"].combine_chunks().dictionary_encode()
    if encoded.null_count:
        raise BadProjection(f"Recipe {recipe.name} returned a triple without a relation; filter it out by IS NOT NULL.")
    here = [codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()]
    return np.array(here, np.int32)[encoded.indices.to_numpy()]


def _weights(recipe: Recipe, table: pa.Table) -> np.ndarray:
    if "weight" not in table.column_names:
        return np.ones(len(table), np.float32)
    try:
        weights = pc.fill_null(table["weight"].cast(pa.float64()), 1.0).to_numpy()
    except pa.ArrowInvalid as error:
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
