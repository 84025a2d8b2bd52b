"""What was added to a graph is added to its projection: only that is read, and merged into what is there.

It holds for plain recipes, whose answer can only grow when a graph does, and while nothing in the graph was changed or
taken back. Numbers stay what they were: new entities and relations have the next ones. The triples are those of a
projection made anew; if no entity and no relation is new, so are all its arrays, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32, Int64

from kgstore.arranging import BLOCK, Edges, arranged, keys_of, packed
from kgstore.plain_recipe import plain_recipe
from kgstore.population import Numbering, Population, number_rows
from kgstore.projecting import as_entities, carried_from, describe, image_roots, told, unchanged, write
from kgstore.projection import Projection
from kgstore.records import entity_table
from kgstore.store import GraphStore
from kgstore.values import COMMON_TYPE, Extent, Relation

#: Beyond this part of the entities or edges a projection is made anew, which puts the entities in order again.
MOST_NEW = 0.25
#: So many new entities are asked for one by one; for more, all are read.
FEW = 10_000


class _Added(NamedTuple):
    entities: pa.Table
    population: Population


def append(
    old: Projection, store: GraphStore, directory: str | os.PathLike[str], *, progress: bool = False
) -> Projection | None:
    """Writes the old projection and what was added since to `directory`, which may be its own.

    None where more than that may have happened, or so much that the projection is better made anew.
    """
    directory = Path(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with unchanged(store) as (graph, extent):
        added = _added(old, store, extent, directory.parent, progress) if _only_grown(old, extent) else None
        roots = image_roots(store)
    if added is None:
        return None
    relations = _relations(old.relations, added.population.relations)
    if relations is None:
        return None
    sources = tuple(sorted({*old.sources, *added.population.sources}))
    entities = pa.concat_tables([pa.Table.from_batches([old.table]), added.entities]).combine_chunks()
    edges = _merged(old, added.population, len(entities), relations, sources)
    description = describe(old.recipe, graph, extent, old.all_entities) | told(relations, sources, roots)
    description |= {"entities": len(entities), "in_order": old.in_order}
    return write(directory, description, entities, edges, carried_from(old))


def _only_grown(old: Projection, extent: Extent) -> bool:
    then = old.extent
    counts = all(extent.types.get(type_, (0, 0))[0] >= many for type_, (many, _) in then.types.items())
    return (
        plain_recipe(old.recipe.cypher) is not None
        and extent.graph == then.graph
        and extent.changed <= then.revision <= extent.revision
        and extent.entities >= then.entities
        and counts
    )


def _added(old: Projection, store: GraphStore, extent: Extent, folder: Path, progress: bool) -> _Added | None:
    """New entities in the order of their ids, and the rows that are new, and perhaps some that are not."""
    recipe = old.recipe
    batches = [batch for batch in store.recipe_columns(recipe.cypher, recipe.parameters, old.extent) if len(batch)]
    if sum(map(len, batches)) > MOST_NEW * max(old.edge_count, FEW):
        return None
    ends = [batch[end].cast(pa.large_string()) for batch in batches for end in ("head", "tail")]
    named = pc.unique(pa.chunked_array(ends, pa.large_string())).to_pylist()
    unknown = [id_ for id_, number in zip(named, old.known_numbers(named), strict=True) if number < 0]
    if old.all_entities and extent.entities > old.extent.entities:
        entities = _unknown_entities(old, store)
    else:
        entities = _entities(old, store, unknown)
    if old.entity_count - old.in_order + len(entities) > MOST_NEW * max(old.entity_count, FEW):
        return None
    ids = pa.concat_arrays([old.table["id"], entities["id"].combine_chunks()])
    return _Added(entities, number_rows(store, recipe, iter(batches), Numbering(ids), folder, progress=progress))


def _entities(old: Projection, store: GraphStore, ids: Sequence[str]) -> pa.Table:
    if len(ids) > FEW:
        found = _unknown_entities(old, store)
        return found.filter(pc.is_in(found["id"], value_set=pa.array(ids, pa.large_string())))
    return as_entities(entity_table(store.entities(sorted(ids, key=str.encode))))


def _unknown_entities(old: Projection, store: GraphStore) -> pa.Table:
    """All entities of the graph that the projection does not hold, in the order of their ids."""
    known = old.table["id"]
    parts = [
        batch.filter(pc.invert(pc.is_in(batch["id"].cast(pa.large_string()), value_set=known)))
        for batch in store.entity_columns()
    ]
    table = as_entities(pa.Table.from_batches(parts))
    return table.take(pc.sort_indices(table["id"]))


def _relations(old: Sequence[Relation], found: Sequence[Relation]) -> tuple[Relation, ...] | None:
    """The old ones and behind them the new ones; None if a type is called otherwise by now."""
    texts = {relation.type: relation.text for relation in old if relation.type != COMMON_TYPE}
    new = [relation for relation in found if relation not in old]
    if any(relation.type in texts for relation in new):
        return None
    return (*old, *new)


def _merged(
    old: Projection, new: Population, entities: int, relations: tuple[Relation, ...], sources: tuple[str, ...]
) -> Edges:
    """Old and new edges in one order. An edge that comes again has the greater weight, and the first split and source,
    as in arranged()."""
    relation = _places(new.relations, relations)[new.relation]
    unchanged_numbers = np.arange(entities, dtype=np.int32)
    keys = keys_of(new.head, relation, new.tail, unchanged_numbers, entities, len(relations))
    source = _places(new.sources, sources)[new.source].astype(np.uint16)
    fresh = arranged(keys, new.weight, new.split, source)
    known = Edges(
        _keys(old, entities, len(relations)),
        np.array(old.weight),
        np.array(old.split),
        _places(old.sources, sources).astype(np.uint16)[old.source],
    )
    place = np.searchsorted(known.keys, fresh.keys)
    again = np.zeros(len(place), bool)
    inside = place < len(known.keys)
    again[inside] = known.keys[place[inside]] == fresh.keys[inside]
    at = place[again]
    known.weight[at] = np.maximum(known.weight[at], fresh.weight[again])
    known.split[at] = np.minimum(known.split[at], fresh.split[again])
    known.source[at] = np.minimum(known.source[at], fresh.source[again])
    place, new_ones = place[~again], ~again
    return Edges(
        np.insert(known.keys, place, fresh.keys[new_ones]),
        np.insert(known.weight, place, fresh.weight[new_ones]),
        np.insert(known.split, place, fresh.split[new_ones]),
        np.insert(known.source, place, fresh.source[new_ones]),
    )


def _places(names: Sequence[object], among: Sequence[object]) -> Int32[np.ndarray, " k"]:
    places = {name: place for place, name in enumerate(among)}
    return np.array([places[name] for name in names], np.int32)


def _keys(old: Projection, entities: int, relations: int) -> Int64[np.ndarray, " e"]:
    """The keys of old edges where there are more entities and relations; their order stays."""
    if (entities, relations) == (old.entity_count, len(old.relations)):
        return np.array(old.keys)
    keys = np.empty(old.edge_count, np.int64)
    for start in range(0, old.edge_count, BLOCK):
        part = slice(start, start + BLOCK)
        head, relation, tail = (each[part].astype(np.int64) for each in (old.head, old.relation, old.tail))
        keys[part] = packed(head, relation, tail, entities, relations)
    return keys
