"""A projection: the triples of one recipe as mapped arrays, both directions, with what their entities are.

Cypher says what, a projection says it fast: it is made once from a store (kgstore.projecting), reopened in milliseconds
by any number of processes, and knows from which state of the graph it was made. Once open it needs no store.
"""

from __future__ import annotations

import bisect
import json
import os
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float32, Int32, Int64, UInt8, UInt16

from kgstore.arranging import packed
from kgstore.errors import BadProjection, UnknownEntity
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import SPLITS, Extent, Relation

#: Raised whenever the files change their meaning; projections of another format are made anew.
FORMAT = 2

ARRAYS = ("head", "relation", "tail", "weight", "split", "source", "in_offsets", "out_offsets", "out_edges", "keys")

#: Columns of entities.arrow, in order.
ENTITIES = pa.schema(
    [
        ("id", pa.large_string()),
        ("kind", pa.uint8()),
        ("name", pa.large_string()),
        ("texts", pa.large_list(pa.large_string())),
        ("images", pa.large_list(pa.large_string())),
        ("split", pa.uint8()),
    ]
)

#: How often, and after how many seconds again, a folder is opened that is replaced meanwhile.
_TRIES = 5
_PAUSE = 0.02
#: Up to this many ids are found one by one; beyond, hashing all ids of the projection once is faster.
_FEW = 1000


class Projection:
    """An open projection. Entities are numbered in the order of their ids, edges in the order (tail, head, relation).

    Entities and relations that came to a graph after it was first projected have the numbers behind all others.

    The arrays are mapped read-only. Incoming edges of entity n are `in_offsets[n]` to `in_offsets[n + 1]`; its outgoing
    ones are `out_edges[out_offsets[n]:out_offsets[n + 1]]`. `kinds` indexes KINDS, the two splits index SPLITS, and
    `source` indexes `sources`: who asserts the edge, if the recipe says so, else "".
    """

    head: Int32[np.ndarray, " e"]
    relation: Int32[np.ndarray, " e"]
    tail: Int32[np.ndarray, " e"]
    weight: Float32[np.ndarray, " e"]
    split: UInt8[np.ndarray, " e"]
    source: UInt16[np.ndarray, " e"]
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
        except (OSError, ValueError, EOFError, pa.ArrowInvalid) as error:  # EOFError: numpy's for an empty file
            raise BadProjection(
                f"Projection {directory} is incomplete ({error}); remove it and project again."
            ) from error
        self._description = description
        self._table = table
        self._ids: pa.LargeStringArray = table["id"]
        self._names: pa.LargeStringArray = table["name"]
        self._texts: pa.LargeListArray = table["texts"]
        self._images: pa.LargeListArray = table["images"]
        self.kinds = table["kind"].to_numpy()
        self.entity_split = table["split"].to_numpy()
        self.relations = tuple(Relation(type_, text) for type_, text in description["relations"])
        self.sources: tuple[str, ...] = tuple(description["sources"])
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

    @property
    def in_order(self) -> int:
        """How many entities are numbered in the order of their ids; those behind came later."""
        return int(self._description["in_order"])

    @property
    def all_entities(self) -> bool:
        """Whether entities without an edge are numbered too."""
        return bool(self._description["all_entities"])

    @property
    def graph(self) -> str:
        """The fingerprint of the graph as it was projected."""
        return str(self._description["graph"])

    @property
    def extent(self) -> Extent:
        """How far the graph reached then."""
        described = self._description["extent"]
        types = {name: (many, following) for name, (many, following) in described["types"].items()}
        return Extent(**{**described, "types": types})

    @property
    def table(self) -> pa.RecordBatch:
        """All entities, in the order of their numbers: ENTITIES."""
        return self._table

    def is_stale(self, store: GraphStore) -> bool:
        """Whether the graph has changed since."""
        return bool(store.fingerprint() != self.graph)

    def entity_ids(self, numbers: Sequence[int] | Int64[np.ndarray, " k"]) -> list[str]:
        return self._ids.take(pa.array(np.asarray(numbers, np.int64))).to_pylist()

    def numbers(self, ids: Sequence[str]) -> Int64[np.ndarray, " k"]:
        """Raises UnknownEntity for an id that the projection does not hold."""
        found = self.known_numbers(ids)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            raise self._unknown(ids[int(unknown[0])])
        return found

    def known_numbers(self, ids: Sequence[str]) -> Int64[np.ndarray, " k"]:
        """The same, with -1 for an id that the projection does not hold."""
        if len(ids) <= _FEW:
            return np.fromiter((self._number(id_) for id_ in ids), np.int64, len(ids))
        found = pc.index_in(pa.array(ids, pa.large_string()), value_set=self._ids)
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

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
        return packed(
            np.asarray(head, np.int64),
            np.asarray(relation, np.int64),
            np.asarray(tail, np.int64),
            self.entity_count,
            len(self.relations),
        )

    def _number(self, id_: str) -> int:
        """-1 for an unknown id. Entities stand in the order of their ids, but for those that came later."""
        place = bisect.bisect_left(self._ids, id_, hi=self.in_order, key=lambda scalar: scalar.as_py())
        if place < self.in_order and self._ids[place].as_py() == id_:
            return place
        return self._later.get(id_, -1)

    @cached_property
    def _later(self) -> dict[str, int]:
        return {id_: self.in_order + place for place, id_ in enumerate(self._ids[self.in_order :].to_pylist())}

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
        path = Path(directory)
        for _ in range(_TRIES):
            before = _which(path)
            try:
                opened = cls(path)
            except BadProjection:
                if before == _which(path) is not None:
                    raise
            else:
                if before == _which(path):
                    return opened
            time.sleep(_PAUSE)  # it is being replaced: files of two projections must not be taken for one
        return cls(path)


def open_projection(directory: str | os.PathLike[str]) -> Projection:
    """Raises BadProjection when the folder is none, cut short or of another version."""
    return Projection.open(directory)


def _which(directory: Path) -> int | None:
    """The same number for the same folder, whatever its name."""
    try:
        return directory.stat().st_ino
    except OSError:
        return None


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
