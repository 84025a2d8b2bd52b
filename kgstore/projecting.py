"""Making projections: a recipe is run on a store, and its answer written aside and renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32

from kgstore.arranging import Edges, arranged, keys_of
from kgstore.errors import BadProjection
from kgstore.images import ImageRoots
from kgstore.population import Numbering, Population, check_recipe, read_population
from kgstore.projection import ENTITIES, FORMAT, Projection, open_projection
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import KINDS, SPLITS, Extent, Relation

#: What others keep in a projection's folder and can go on with, such as the tokens of texts, by the words before it.
CARRIED = "tokens-"
EARLIER = "earlier-"


def project(
    store: GraphStore,
    recipe: Recipe,
    directory: str | os.PathLike[str],
    *,
    all_entities: bool = False,
    earlier: Iterable[Projection] = (),
    progress: bool = False,
) -> Projection:
    """Runs the recipe and writes its answer to `directory`, aside first and then renamed over what was there.

    Repeats of a triple become one, of the greatest weight. `all_entities` numbers isolated entities too. From one of
    the `earlier` projections that has the same entities what was made of their texts is taken over. Raises
    BadProjection for a recipe without a needed column or an answer, and when the graph changes meanwhile.
    """
    check_recipe(store, recipe)
    directory = Path(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with unchanged(store) as (graph, extent):
        entities, by_store = numbered_entities(store)
        numbering = Numbering(entities["id"].combine_chunks(), by_store)
        population = read_population(store, recipe, numbering, directory.parent, progress=progress)
        roots = image_roots(store)
    entities, numbers = _compact(entities, population, all_entities)
    description = describe(recipe, graph, extent, all_entities)
    description |= told(population.relations, population.sources, roots)
    description |= {"entities": len(entities), "in_order": len(entities)}
    edges = _arranged(population, numbers, len(entities))
    carried = next((carried_from(each) for each in earlier if _same_texts(each, entities)), [])
    return write(directory, description, entities, edges, carried)


@contextmanager
def unchanged(store: GraphStore) -> Iterator[tuple[str, Extent]]:
    """The graph's fingerprint and extent; raises BadProjection if it changes while the body reads it."""
    graph, extent = store.fingerprint(), store.extent()
    yield graph, extent
    if store.fingerprint() != graph:
        raise BadProjection(
            "The graph changed while it was projected; let the other writer finish, then project again."
        )


def fingerprint_of(recipe: Recipe, graph: str, all_entities: bool) -> str:
    parts = [FORMAT, recipe.cypher, dict(recipe.parameters), graph, all_entities]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def describe(recipe: Recipe, graph: str, extent: Extent, all_entities: bool) -> dict[str, Any]:
    """What projection.json says of where the projection came from."""
    return {
        "format": FORMAT,
        "fingerprint": fingerprint_of(recipe, graph, all_entities),
        "graph": graph,
        "extent": extent._asdict(),
        "recipe": {"name": recipe.name, "cypher": recipe.cypher, "parameters": dict(recipe.parameters)},
        "all_entities": all_entities,
    }


def told(relations: Sequence[Relation], sources: Sequence[str], roots: dict[str, str]) -> dict[str, Any]:
    """What projection.json says of the names in it."""
    pairs = [[relation.type, relation.text] for relation in relations]
    return {"relations": pairs, "sources": list(sources), "image_roots": roots}


def image_roots(store: GraphStore) -> dict[str, str]:
    return {source: str(folder) for source, folder in ImageRoots.of(store).folders.items()}


def as_entities(columns: pa.Table | pa.RecordBatch) -> pa.Table:
    """ENTITY_COLUMNS as a projection keeps them, kinds and splits as numbers."""
    table = pa.Table.from_batches([columns]) if isinstance(columns, pa.RecordBatch) else columns
    numbers = {
        "kind": pc.index_in(table["kind"], value_set=pa.array(KINDS)),
        "split": pc.index_in(table["split"], value_set=pa.array(SPLITS)),
    }
    arrays = [numbers.get(field.name, table[field.name]).cast(field.type) for field in ENTITIES]
    return pa.Table.from_arrays(arrays, schema=ENTITIES).combine_chunks()


def write(
    directory: Path,
    description: dict[str, Any],
    entities: pa.Table,
    edges: Edges,
    carried: Iterable[tuple[Path, str]] = (),
) -> Projection:
    """Writes all files of a projection aside, and renames them over what was there.

    `carried` are folders whose files it takes over, under other names.
    """
    description["edges"] = len(edges.keys)
    aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        _write_entities(aside, entities)
        edges.write(aside, len(entities), max(1, len(description["relations"])))
        for folder, name in carried:
            shutil.copytree(folder, aside / name, copy_function=_link)
        (aside / "projection.json").write_text(json.dumps(description, indent=1), encoding="utf-8")
        _replace(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return open_projection(directory)


def carried_from(old: Projection) -> list[tuple[Path, str]]:
    """Folders that a newer projection takes over, and what they are called there."""
    folders: dict[str, Path] = {}
    for path in sorted(old.directory.glob(f"*{CARRIED}*")):  # those that it took over itself come first
        if path.is_dir() and ".part-" not in path.name:
            folders[f"{EARLIER}{path.name.removeprefix(EARLIER)}"] = path
    return [(path, name) for name, path in folders.items()]


def numbered_entities(store: GraphStore) -> tuple[pa.Table, Int32[np.ndarray, " k"] | None]:
    """All entities in the order of their ids, and the places in it by the store's numbers, if it has any."""
    batches = [batch for batch in store.entity_columns(numbered=True) if len(batch)]
    if not batches:
        raise BadProjection("The graph holds no entity; load some data first: python -m ingest SOURCE --path PATH.")
    table = pa.Table.from_batches(batches)
    del batches
    order = pc.sort_indices(table["id"])
    by_store = None
    if "number" in table.column_names:
        known = table["number"].to_numpy()
        by_store = np.full(int(known.max()) + 1, -1, np.int32)
        by_store[known[order.to_numpy()]] = np.arange(len(order), dtype=np.int32)
    return as_entities(table).take(order), by_store


def _compact(
    entities: pa.Table, population: Population, all_entities: bool
) -> tuple[pa.Table, Int32[np.ndarray, " k"]]:
    """Entities without those that no triple names, and the number that each entity has among them."""
    if all_entities:
        return entities, np.arange(len(entities), dtype=np.int32)
    named = np.zeros(len(entities), bool)
    named[population.head] = True
    named[population.tail] = True
    numbers = np.cumsum(named, dtype=np.int32) - np.int32(1)
    return entities if named.all() else entities.filter(pa.array(named)), numbers


def _same_texts(old: Projection, entities: pa.Table) -> bool:
    return all(entities[name].equals(pa.chunked_array([old.table[name]])) for name in ("id", "name", "texts"))


def _arranged(population: Population, numbers: Int32[np.ndarray, " k"], entities: int) -> Edges:
    relations = len(population.relations)
    keys = keys_of(population.head, population.relation, population.tail, numbers, entities, relations)
    return arranged(keys, population.weight, population.split, population.source)


def _write_entities(directory: Path, entities: pa.Table) -> None:
    """One record batch, so that every column is one mapped array."""
    batch = pa.RecordBatch.from_arrays([column.combine_chunks() for column in entities.columns], schema=ENTITIES)
    with pa.ipc.new_file(str(directory / "entities.arrow"), ENTITIES) as writer:
        writer.write_batch(batch)


def _link(source: str, target: str) -> None:
    """The same file under another name, or a copy where the disk cannot do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _replace(aside: Path, directory: Path) -> None:
    """Puts `aside` in the place of `directory`; whoever has the old files mapped keeps them."""
    old = directory.with_name(f"{directory.name}.old-{os.getpid()}")
    if directory.exists():
        directory.rename(old)
    aside.rename(directory)
    shutil.rmtree(old, ignore_errors=True)
