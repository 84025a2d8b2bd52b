"""The sampler's interface answered by the graph as it stands, by Cypher for each batch."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int64
from pandas.util import hash_array

from kgstore.plain_recipe import plain_recipe
from kgstore.projection import Projection
from kgstore.recipes import Recipe
from kgstore.store import GraphStore
from kgstore.values import SPLITS
from model.batch import Neighbourhood, TripleSample
from model.derived import derived
from model.neighbours import draw_by_weight, draw_evenly, running_sums, unmet
from model.sampler import Sampler
from model.training_edges import BadSampling, check_weights

_NONE = np.empty(0, np.int64)
_TRAIN = SPLITS[0]

#: What is read of a recipe's answer.
_COLUMNS = ("head", "relation", "tail", "weight", "split")

#: Names of the query's parameter and of each id in it, which no recipe is likely to use.
_WANTED, _EACH = "wanted_tails_", "wanted_tail_"

_ONE_PROCESS = (
    "A live sampler asks a store, which belongs to the process that opened it: take num_workers=0, or threads, or open "
    "a store and make a sampler in each process."
)

#: Ids hashed at once when the sampler is made.
_AT_ONCE = 1_000_000


class Answer(NamedTuple):
    """Edges as the graph has them now, in the order of a projection: packed (tail, head, relation), ascending."""

    keys: Int64[np.ndarray, " e"]
    weight: Float32[np.ndarray, " e"]


class LiveSampler(Sampler):
    """Draws the batches that `Sampler` draws, with the neighbourhoods of this moment, for a graph that changes.

    The recipe of the projection says what belongs to the graph; it must be of the plain form
    `MATCH (h:Entity)-[r]->(t:Entity) WHERE .. RETURN ..`. Which triples a batch shows the projection says; those that
    the graph does not hold any more are left out (`gone` counts them), and what a batch asks is left out of its
    neighbourhoods as the graph has it now. Entities and relations that came after the projection have no number there:
    their edges are left out (`unnumbered` counts them) until a new run projects again.

    Several threads may use it, other processes may not: with a DataLoader num_workers is 0.

    All edges of an entity are asked for, and drawn from here by the same numbers as `Sampler` draws by: on a graph that
    does not change, the samples are the same.
    """

    def __init__(self, store: GraphStore, projection: Projection, **options: Any) -> None:
        super().__init__(projection, **options)
        self.gone = self.unnumbered = 0
        self._store = store
        self._process = os.getpid()
        self._cypher = incoming_query(projection.recipe)
        self._parameters = projection.recipe.parameters
        self._relations = pa.array([relation.name for relation in projection.relations])
        self._ids = derived(projection, "ids", lambda: _hashed_ids(projection))

    def sample(self, step: int) -> TripleSample:
        edges, fact = self._triples(step)
        head, relation, tail = self._edges.triples(edges)
        seeds = unmet(tail, _NONE)
        answer = self._ask(seeds)
        there = np.isin(self._edges.keys[edges], answer.keys)
        self.gone += int((~there).sum())
        head, relation, tail, fact = head[there], relation[there], tail[there], fact[there]
        if not len(head):
            raise BadSampling(
                f"None of the triples of step {step} is in the graph any more; begin a new run, which projects it anew."
            )
        own = self.projection.packed(head, relation, tail)
        back = self._pairs(self.projection.packed(tail, 0, head))
        first = answer if len(head) == len(edges) else None  # else other entities are expanded
        neighbourhood = self._around(tail, own, back, (self.seed, step), first)
        negatives = self._corruption.draw(head, relation, tail, (self.seed, step)) if self._corruption else None
        return TripleSample(step, head, relation, tail, neighbourhood, fact, negatives)

    def neighbourhood(
        self,
        seeds: Int64[np.ndarray, " k"],
        excluded: Int64[np.ndarray, " x"] = _NONE,
        key: tuple[int, ...] = (0,),
    ) -> Neighbourhood:
        self._check(seeds)
        return self._around(seeds, self._edges.keys[excluded], _NONE, key)

    def _around(
        self,
        seeds: Int64[np.ndarray, " k"],
        own: Int64[np.ndarray, " b"],
        back: Int64[np.ndarray, " b"],
        key: tuple[int, ...],
        first: Answer | None = None,
    ) -> Neighbourhood:
        """The neighbourhood without the edges `own` and those of the pairs `back`; `first` answers the first hop."""
        answers = [first] if first else []

        def incoming(frontier: np.ndarray, fanout: int, word: np.uint64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            answer = answers.pop() if answers else self._ask(frontier)
            excluded = np.flatnonzero(np.isin(answer.keys, own) | np.isin(self._pairs(answer.keys), back))
            ascending = np.sort(frontier)
            offsets = np.append(
                np.searchsorted(answer.keys, self.projection.packed(0, 0, ascending)), len(answer.keys)
            ).astype(np.int64)
            places = np.searchsorted(ascending, frontier).astype(np.int64)
            if self._sums is None:
                edges, tail = draw_evenly(offsets, places, frontier, fanout, excluded, word)
            else:
                sums = running_sums(offsets, answer.weight)
                edges, tail = draw_by_weight(offsets, places, frontier, answer.weight, sums, fanout, excluded, word)
            pair, relation = np.divmod(answer.keys[edges], len(self.projection.relations))
            return pair % self.projection.entity_count, relation, tail

        return self._walk(seeds, key, incoming)

    def _ask(self, entities: Int64[np.ndarray, " k"]) -> Answer:
        """All edges for training that lead to these entities."""
        if os.getpid() != self._process:  # a forked worker's copy: two processes on one connection hang
            raise BadSampling(_ONE_PROCESS)
        ids = self.projection.entity_ids(entities)
        batches = [
            batch for batch in self._store.columns(self._cypher, {**self._parameters, _WANTED: ids}) if len(batch)
        ]
        if not batches:
            return Answer(_NONE, np.empty(0, np.float32))
        table = pa.Table.from_batches(batches)
        head, tail = (self._numbers(table[name]) for name in ("head", "tail"))
        relation = pc.fill_null(pc.index_in(table["relation"].cast(pa.string()), self._relations), -1).to_numpy()
        kept = (head >= 0) & (tail >= 0) & (relation >= 0)
        self.unnumbered += int((~kept).sum())
        if "split" in table.column_names:
            kept &= pc.equal(pc.fill_null(table["split"].cast(pa.string()), _TRAIN), _TRAIN).to_numpy()
        weight = np.ones(len(table), np.float32)
        if "weight" in table.column_names:
            weight = pc.fill_null(table["weight"].cast(pa.float64()), 1.0).to_numpy().astype(np.float32)
        if self._sums is not None:
            ends = (table["head"], table["tail"])
            check_weights(np.where(kept, weight, 0), lambda place: [ids[place].as_py() for ids in ends])
        return _distinct(self.projection.packed(head, relation, tail)[kept], weight[kept])

    def _numbers(self, ids: pa.ChunkedArray) -> Int64[np.ndarray, " e"]:
        """The numbers of entities, -1 for those that the projection does not have."""
        hashed = _hashes(ids)
        place = np.minimum(np.searchsorted(self._ids["hash"], hashed), len(self._ids["hash"]) - 1)
        return np.where(self._ids["hash"][place] == hashed, self._ids["number"][place], -1)

    def _pairs(self, keys: np.ndarray) -> Int64[np.ndarray, " e"]:
        """(tail, head) packed, of (tail, head, relation) packed."""
        return keys // len(self.projection.relations)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(_ONE_PROCESS)


def incoming_query(asked: Recipe) -> str:
    """The recipe's query, asked of some tails. Raises BadSampling for a recipe of another form."""
    recipe = plain_recipe(asked.cypher)
    if recipe is None:
        raise BadSampling(
            f"Recipe {asked.name} cannot be asked of some entities alone; give the live sampler one of the "
            "form MATCH (h:Entity)-[r]->(t:Entity) WHERE .. RETURN h.id AS head, .., or draw from the projection."
        )
    types = ":" + "|".join(f"`{type_}`" for type_ in recipe.types) if recipe.types else ""
    start, end = (f"({name}:Entity)" for name in (recipe.start, recipe.end))
    tail = recipe.end_of("tail")
    pattern = f"{start}-[{recipe.relation}{types}]->{end}"
    columns = ", ".join(f"{text} AS {name}" for name, text in recipe.columns.items() if name in _COLUMNS)
    where = f"{tail}.id = {_EACH}" + (f" AND ({recipe.where})" if recipe.where else "")
    return f"UNWIND ${_WANTED} AS {_EACH} MATCH {pattern} WHERE {where} RETURN {columns}"


def _distinct(keys: np.ndarray, weight: np.ndarray) -> Answer:
    """Each edge once, of the greatest weight if it comes again, as in a projection."""
    order = np.lexsort((-weight, keys))
    keys, first = np.unique(keys[order], return_index=True)
    return Answer(keys, weight[order][first])


def _hashed_ids(projection: Projection) -> dict[str, np.ndarray]:
    """Hashes of all ids, ascending, and the number of each. That two ids share one is a chance of 10^-12 at most."""
    parts = [
        _hashes(pa.chunked_array([pa.array(projection.entity_ids(np.arange(start, min(start + _AT_ONCE, n))))]))
        for n in [projection.entity_count]
        for start in range(0, n, _AT_ONCE)
    ]
    hashes = np.concatenate(parts)
    number = np.argsort(hashes, kind="stable")
    return {"hash": hashes[number], "number": number}


def _hashes(ids: pa.ChunkedArray) -> np.ndarray:
    return hash_array(ids.cast(pa.string()).to_numpy(), categorize=False)
