"""The Cypher forms that benchmarks/sampling.py compares: two-hop neighbourhoods, each batch asked of the store.

All are exact: of an entity's edges every set of `fanout` is equally likely. What did worse and is left out: on the
embedded store conditions on internal ids, rows of a LOAD, and drawing in the query, which saves rows that cost little;
on Neo4j all edges of the frontier, a row an edge, and a LIMIT with an expression over the whole neighbourhood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from kgstore import GraphStore

Name = TypeVar("Name", str, int)

#: All incoming edges, by keys: the one form that runs on both stores.
INCOMING = """
UNWIND $ids AS id MATCH (t:Entity)<-[r]-(h:Entity) WHERE t.id = id
RETURN h.id AS head, t.id AS tail
"""

#: On the embedded store: the entities' row numbers come without a look at any property, several times faster than
#: their ids. The first form finds tails by the index of ids, whatever the size of the graph; the second, which
#: looks at each entity once for whether it is wanted, is the faster one on a small graph.
NUMBERS = "MATCH (e:Entity) RETURN offset(id(e)) AS number, e.id AS id"
INCOMING_BY_INDEX = """
UNWIND $ids AS id MATCH (t:Entity {id: id})<-[r]-(h:Entity)
RETURN offset(id(h)) AS head, offset(id(t)) AS tail
"""
INCOMING_BY_SCAN = """
MATCH (t:Entity)<-[r]-(h:Entity) WHERE offset(id(t)) IN $ids
RETURN offset(id(h)) AS head, offset(id(t)) AS tail
"""

#: On Neo4j: drawn by the server, seed by seed.
DRAWN = """
UNWIND $ids AS id MATCH (t:Entity {id: id})
CALL (t) { MATCH (t)<--(h) RETURN h ORDER BY rand() LIMIT $fanout }
RETURN h.id AS head, t.id AS tail
"""

#: ... both hops in one query.
DRAWN_TWO_HOPS = """
UNWIND $ids AS id MATCH (t:Entity {id: id})
CALL (t) { MATCH (t)<--(h) RETURN h ORDER BY rand() LIMIT $first }
WITH collect([h.id, t.id]) AS near, collect(DISTINCT h) AS heads
CALL (heads) {
  UNWIND heads AS t
  CALL (t) { MATCH (t)<--(h) RETURN h ORDER BY rand() LIMIT $second }
  RETURN collect([h.id, t.id]) AS far
}
UNWIND near + far AS edge
RETURN edge[0] AS head, edge[1] AS tail
"""

#: ... thinned by the server: of an entity of many edges each comes with a chance that leaves about `wanted` of them,
#: from which the fan-out is drawn here. The degree is known without counting. Without `h = t` the planner would ask
#: for the random number once an entity.
THINNED = """
UNWIND $ids AS id MATCH (t:Entity {id: id})
WITH t, COUNT { (t)<--() } AS degree
MATCH (t)<--(h) WHERE h = t OR rand() * degree < $wanted
RETURN h.id AS head, t.id AS tail, degree
"""

#: Edges of a thinned entity for one that is wanted: at 3 of 10 an entity in 10^5 has too few left and is asked again.
_SPARE = 3


class Form(NamedTuple):
    """A way to ask for the neighbourhoods of a batch: from seeds by id to the number of edges drawn."""

    name: str
    draw: Callable[[list[str]], int]


def forms_on_embedded(store: GraphStore, fanouts: Sequence[int]) -> Iterator[Form]:
    def by_id(frontier: list[str], fanout: int) -> list[str]:
        return _drawn(_ask(store, INCOMING, ids=frontier), fanout)

    def by_index(frontier: list[int], fanout: int) -> list[int]:
        return _drawn(_ask(store, INCOMING_BY_INDEX, ids=[ids[number] for number in frontier]), fanout)

    def by_scan(frontier: list[int], fanout: int) -> list[int]:
        return _drawn(_ask(store, INCOMING_BY_SCAN, ids=frontier), fanout)

    yield Form("Cypher by id", lambda seeds: _walk(by_id, seeds, fanouts))
    rows, names = _ask(store, NUMBERS)
    ids: dict[int, str] = dict(zip(rows.tolist(), names.tolist(), strict=True))
    numbers = {id_: number for number, id_ in ids.items()}
    yield Form("Cypher by row number, found by id", lambda seeds: _walk(by_index, [numbers[s] for s in seeds], fanouts))
    yield Form("Cypher by row number, scanned", lambda seeds: _walk(by_scan, [numbers[s] for s in seeds], fanouts))


def forms_on_neo4j(store: GraphStore, fanouts: Sequence[int]) -> Iterator[Form]:
    def drawn(frontier: list[str], fanout: int) -> list[str]:
        heads, _ = _ask(store, DRAWN, ids=frontier, fanout=fanout)
        return heads.tolist()

    def thinned(frontier: list[str], fanout: int) -> list[str]:
        wanted = _SPARE * fanout
        heads, tails, degrees = _ask(store, THINNED, ids=frontier, wanted=wanted)
        _, first, place, left = np.unique(tails, return_index=True, return_inverse=True, return_counts=True)
        short = (left < fanout) & (degrees[first] > wanted)
        kept = ~short[place]
        again = drawn(tails[first[short]].tolist(), fanout) if short.any() else []
        return _drawn([heads[kept], tails[kept]], fanout) + again

    def two_hops(seeds: list[str]) -> int:
        first, second = fanouts
        return len(_ask(store, DRAWN_TWO_HOPS, ids=seeds, first=first, second=second)[0])

    yield Form("Cypher, drawn by the server", lambda seeds: _walk(drawn, seeds, fanouts))
    if len(fanouts) == 2:
        yield Form("Cypher, drawn by the server, two hops a query", two_hops)
    yield Form("Cypher, thinned by the server", lambda seeds: _walk(thinned, seeds, fanouts))


def _walk(hop: Callable[[list[Name], int], list[Name]], seeds: list[Name], fanouts: Sequence[int]) -> int:
    """Hop by hop from the seeds; the number of edges drawn. An entity is expanded once."""
    met, frontier, drawn = set(seeds), seeds, 0
    for fanout in fanouts:
        heads = hop(frontier, fanout)
        drawn += len(heads)
        frontier = [head for head in dict.fromkeys(heads) if head not in met]
        met.update(frontier)
    return drawn


def _drawn(edges: Sequence[np.ndarray], fanout: int) -> list[Any]:
    """Of edges, as heads and tails, at most `fanout` heads of each tail, any of them."""
    heads, named = edges
    _, tails = np.unique(named, return_inverse=True)
    order = np.lexsort((np.random.default_rng(0).random(len(tails)), tails))
    starts = np.searchsorted(tails[order], tails[order])
    return heads[order[np.arange(len(order)) - starts < fanout]].tolist()


def _ask(store: GraphStore, cypher: str, **parameters: object) -> list[np.ndarray]:
    """The columns of the answer; strings as NumPy's own, which sort several times faster than objects."""
    table = pa.Table.from_batches(list(store.columns(cypher, parameters)))
    columns = (column.combine_chunks() for column in table.columns)
    return [
        column.to_numpy() if pa.types.is_integer(column.type) else np.asarray(column.to_pylist(), dtype=str)
        for column in columns
    ]
