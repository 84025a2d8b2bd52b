"""A projection: the triples of one recipe as mapped arrays, both directions, with what their entities are.

Cypher says what, a projection says it fast: it is made once from a store, reopened in milliseconds by any number of
processes, and knows from which state of the graph it was made. Once open it needs no store.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from kgstore.errors import BadProjection, UnknownEntity
from kgstore.images import ImageRoots
from kgstore.population import Population, read_population
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import KINDS, SPLITS, Relation

#: Raised whenever the files change their meaning; projections of another format are made anew.
FORMAT = 1

ARRAYS = ("head", "relation", "tail", "weight", "split", "in_offsets", "out_offsets", "out_edges", "keys")

_ENTITIES = pa.schema(
    [
        ("id", pa.large_string()),
        ("kind", pa.uint8()),
        ("name", pa.large_string()),
        ("texts", pa.large_list(pa.large_string())),
        ("images", pa.large_list(pa.large_string())),
        ("split", pa.uint8()),
    ]
)

#: Up to this many ids are found one by one; beyond, hashing all ids of the projection once is faster.
_FEW = 1000


class Projection:
    """An open projection. Entities are numbered in the order of their ids, edges in the order (tail, head, relation).

    The arrays are mapped read-only. Incoming edges of entity n are `in_offsets[n]` to `in_offsets[n + 1]`; its outgoing
    ones are `out_edges[out_offsets[n]:out_offsets[n + 1]]`. `kinds` indexes KINDS, the two splits index SPLITS.
    """

    head: Int32[np.ndarray, " e"]
    relation: Int32[np.ndarray, " e"]
    tail: Int32[np.ndarray, " e"]
    weight: Float32[np.ndarray, " e"]
    split: UInt8[np.ndarray, " e"]
    in_offsets: Int64[np.ndarray, " n_1"]
    out_offsets: Int64[np.ndarray, " n_1"]
    out_edges: Int64[np.ndarray, " e"]
    keys: Int64[np.ndarray, " e"]  # (tail, head, relation) packed, ascending
    kinds: UInt8[np.ndarray, " n"]
    entity_split: UInt8[np.ndarray, " n"]

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        description = _read_description(directory)
        try:
            for name in ARRAYS:
                mapped = np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                setattr(self, name, mapped.view(np.ndarray))
            self._file = pa.memory_map(str(directory / "entities.arrow"))
            table = pa.ipc.open_file(self._file).get_batch(0)
        except (OSError, ValueError, pa.ArrowInvalid) as error:
            raise BadProjection(
                f"Projection {directory} is incomplete ({error}); remove it and project again."
            ) from error
        self._description = description
        self._ids: pa.LargeStringArray = table["id"]
        self._names: pa.LargeStringArray = table["name"]
        self._texts: pa.LargeListArray = table["texts"]
        self._images: pa.LargeListArray = table["images"]
        self.kinds = table["kind"].to_numpy()
        self.entity_split = table["split"].to_numpy()
        self.relations = tuple(Relation(type_, text) for type_, text in description["relations"])
        self.fingerprint: str = description["fingerprint"]
        self.image_roots: dict[str, str] = description["image_roots"]
        if (self.edge_count, self.entity_count) != (len(self.keys), len(self._ids)):
            raise BadProjection(f"Projection {directory} contradicts its own description; remove it and project again.")

    @property
    def entity_count(self) -> int:
        return int(self._description["entities"])

    @property
    def edge_count(self) -> int:
        return int(self._description["edges"])

    @property
    def recipe(self) -> Recipe:
        return Recipe(**self._description["recipe"])

    def is_stale(self, store: GraphStore) -> bool:
        """Whether the graph has changed since."""
        return bool(store.fingerprint() != self._description["graph"])

    def entity_ids(self, numbers: Sequence[int] | Int64[np.ndarray, " k"]) -> list[str]:
        return self._ids.take(pa.array(np.asarray(numbers, np.int64))).to_pylist()

    def numbers(self, ids: Sequence[str]) -> Int64[np.ndarray, " k"]:
        """Raises UnknownEntity for an id that the projection does not hold."""
        if len(ids) <= _FEW:
            return np.fromiter((self._number(id_) for id_ in ids), np.int64, len(ids))
        found = pc.index_in(pa.array(ids, pa.large_string()), value_set=self._ids)
        if found.null_count:
            raise self._unknown(ids[found.is_null().index(True).as_py()])
        return found.to_numpy().astype(np.int64)

    def name(self, number: int) -> str:
        """What to call an entity: its name, else its first text, else the key of its id."""
        name: str = self._names[number].as_py()
        texts = () if name else self.texts(number)
        return name or (texts[0] if texts else self._ids[number].as_py().partition(":")[2])

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple(self._texts[number].as_py())

    def images(self, number: int) -> tuple[str, ...]:
        return tuple(self._images[number].as_py())

    @property
    def all_names(self) -> pa.LargeStringArray:
        """The name of each entity, or the key of its id."""
        keys = pc.replace_substring_regex(self._ids, "^[^:]*:", "")
        return pc.if_else(pc.equal(self._names, ""), keys, self._names)

    @property
    def all_texts(self) -> tuple[Int64[np.ndarray, " n_1"], pa.LargeStringArray]:
        """Texts of all entities in a row; those of entity n stand from offset n to offset n + 1."""
        return self._texts.offsets.to_numpy(), self._texts.values

    @property
    def all_images(self) -> tuple[Int64[np.ndarray, " n_1"], pa.LargeStringArray]:
        """Picture references of all entities in a row, like all_texts."""
        return self._images.offsets.to_numpy(), self._images.values

    def contains(self, head: Any, relation: Any, tail: Any, *, split: str = "") -> Bool[np.ndarray, ...]:
        """Whether (head, relation, tail) is a triple of the projection, or of one split of it if that is named.

        Numbers broadcast against each other.
        """
        wanted = self.packed(head, relation, tail)
        place = np.minimum(np.searchsorted(self.keys, wanted), self.edge_count - 1)
        there = self.keys[place] == wanted
        return np.asarray(there & (self.split[place] == SPLITS.index(split)) if split else there)

    def packed(self, head: Any, relation: Any, tail: Any) -> Int64[np.ndarray, ...]:
        """The key by which edges are sorted; numbers broadcast against each other."""
        return _pack(
            np.asarray(head, np.int64),
            np.asarray(relation, np.int64),
            np.asarray(tail, np.int64),
            self.entity_count,
            len(self.relations),
        )

    def _number(self, id_: str) -> int:
        place = bisect.bisect_left(self._ids, id_, key=lambda scalar: scalar.as_py())
        if place == len(self._ids) or self._ids[place].as_py() != id_:
            raise self._unknown(id_)
        return place

    def _unknown(self, id_: str) -> UnknownEntity:
        return UnknownEntity(
            f"Entity {id_!r} is not in the projection of recipe {self._description['recipe']['name']}: "
            "load it, or project a recipe that returns it."
        )

    def __repr__(self) -> str:
        return f"Projection({str(self.directory)!r}, {self.entity_count:,} entities, {self.edge_count:,} edges)"

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> Self:
        """Raises BadProjection when the folder is none, cut short or of another version."""
        return cls(Path(directory))


def open_projection(directory: str | os.PathLike[str]) -> Projection:
    """Raises BadProjection when the folder is none, cut short or of another version."""
    return Projection.open(directory)


def projection_for(
    store: GraphStore,
    recipe: Recipe,
    cache: str | os.PathLike[str],
    *,
    all_entities: bool = False,
    progress: bool = False,
) -> Projection:
    """The projection of the graph as it stands, from below `cache` if it was made before."""
    graph = store.fingerprint()
    directory = Path(cache) / _fingerprint(recipe, graph, all_entities)
    if (directory / "projection.json").is_file():
        return open_projection(directory)
    return project(store, recipe, directory, all_entities=all_entities, progress=progress)


def project(
    store: GraphStore,
    recipe: Recipe,
    directory: str | os.PathLike[str],
    *,
    all_entities: bool = False,
    progress: bool = False,
) -> Projection:
    """Runs the recipe and writes its answer to `directory`, aside first and then renamed over what was there.

    Repeats of a triple become one, of the greatest weight. `all_entities` numbers isolated entities too. Raises
    BadProjection for a recipe without a needed column or an answer, and when the graph changes meanwhile.
    """
    graph = store.fingerprint()
    entities = _entity_table(store)
    population = read_population(store, recipe, entities["id"].combine_chunks(), progress=progress)
    roots = {source: str(folder) for source, folder in ImageRoots.of(store).folders.items()}
    if store.fingerprint() != graph:
        raise BadProjection(
            "The graph changed while it was projected; let the other writer finish, then project again."
        )
    entities, head, tail = _compact(entities, population, all_entities)
    description = {
        "format": FORMAT,
        "fingerprint": _fingerprint(recipe, graph, all_entities),
        "graph": graph,
        "recipe": {"name": recipe.name, "cypher": recipe.cypher, "parameters": dict(recipe.parameters)},
        "relations": [[relation.type, relation.text] for relation in population.relations],
        "image_roots": roots,
        "entities": len(entities),
    }
    directory = Path(directory)
    aside = directory.with_name(f"{directory.name}.part-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        _write_entities(aside, entities)
        description["edges"] = _write_edges(aside, population, head, tail, len(entities))
        (aside / "projection.json").write_text(json.dumps(description, indent=1), encoding="utf-8")
        _replace(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return open_projection(directory)


def _fingerprint(recipe: Recipe, graph: str, all_entities: bool) -> str:
    parts = [FORMAT, recipe.cypher, dict(recipe.parameters), graph, all_entities]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read_description(directory: Path) -> dict[str, Any]:
    try:
        description = json.loads((directory / "projection.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadProjection(f"{directory} holds no projection; make one with python -m kgstore project.") from error
    except (OSError, ValueError) as error:
        raise BadProjection(f"Projection {directory} is incomplete ({error}); remove it and project again.") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BadProjection(f"Projection {directory} was made by another version; remove it and project again.")
    return description


def _entity_table(store: GraphStore) -> pa.Table:
    """All entities in the order of their ids, kinds and splits as numbers."""
    batches = [batch for batch in store.entity_columns() if len(batch)]
    if not batches:
        raise BadProjection("The graph holds no entity; load some data first: python -m ingest SOURCE --path PATH.")
    table = pa.Table.from_batches(batches).combine_chunks()
    table = table.take(pc.sort_indices(table["id"]))
    columns = [
        table["id"],
        pc.index_in(table["kind"], value_set=pa.array(KINDS)),
        table["name"],
        table["texts"],
        table["images"],
        pc.index_in(table["split"], value_set=pa.array(SPLITS)),
    ]
    arrays = [column.cast(field.type).combine_chunks() for column, field in zip(columns, _ENTITIES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_ENTITIES)


def _compact(
    entities: pa.Table, population: Population, all_entities: bool
) -> tuple[pa.Table, Int32[np.ndarray, " e"], Int32[np.ndarray, " e"]]:
    """Entities without those that no triple names, and heads and tails renumbered to match."""
    if all_entities:
        return entities, population.head, population.tail
    named = np.zeros(len(entities), bool)
    named[population.head] = True
    named[population.tail] = True
    renumbered = np.cumsum(named, dtype=np.int32) - np.int32(1)
    return entities.filter(pa.array(named)), renumbered[population.head], renumbered[population.tail]


def _write_entities(directory: Path, entities: pa.Table) -> None:
    """One record batch, so that every column is one mapped array."""
    batch = pa.RecordBatch.from_arrays([column.combine_chunks() for column in entities.columns], schema=_ENTITIES)
    with pa.ipc.new_file(str(directory / "entities.arrow"), _ENTITIES) as writer:
        writer.write_batch(batch)


def _write_edges(directory: Path, population: Population, head: np.ndarray, tail: np.ndarray, entities: int) -> int:
    """Writes the arrays of both directions; the number of distinct edges."""
    keys = _pack(
        head.astype(np.int64),
        population.relation.astype(np.int64),
        tail.astype(np.int64),
        entities,
        len(population.relations),
    )
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    weight = np.maximum.reduceat(population.weight[order], first)
    keys, order = keys[first], order[first]
    head, tail = head[order], tail[order]
    out_edges = np.argsort(head, kind="stable")
    arrays = {
        "head": head,
        "relation": population.relation[order],
        "tail": tail,
        "weight": weight,
        "split": population.split[order],
        "in_offsets": _offsets(tail, entities),
        "out_offsets": _offsets(head, entities),
        "out_edges": out_edges,
        "keys": keys,
    }
    for name in ARRAYS:
        np.save(directory / f"{name}.npy", arrays[name], allow_pickle=False)
    return len(keys)


def _offsets(ends: np.ndarray, entities: int) -> Int64[np.ndarray, " n_1"]:
    return np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=entities), dtype=np.int64)])


def _pack(head: np.ndarray, relation: np.ndarray, tail: np.ndarray, entities: int, relations: int) -> np.ndarray:
    if entities * entities * relations >= 2**63:
        raise BadProjection(
            f"{entities:,} entities and {relations:,} relation types are more than an edge key of 64 bits can tell "
            "apart; narrow the recipe."
        )
    return (tail * entities + head) * relations + relation


def _replace(aside: Path, directory: Path) -> None:
    """Puts `aside` in the place of `directory`; whoever has the old files mapped keeps them."""
    old = directory.with_name(f"{directory.name}.old-{os.getpid()}")
    if directory.exists():
        directory.rename(old)
    aside.rename(directory)
    shutil.rmtree(old, ignore_errors=True)
