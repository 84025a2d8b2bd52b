"""The shortest paths between two entities: what both stores make of the relations they find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kgstore.errors import BadRecord
from kgstore.records import TRIPLE_FIELDS
from kgstore.values import Triple

Path = tuple[Triple, ...]

#: Paths of the shortest length that are compared; between hubs there are very many.
CANDIDATES = 1000
#: Above this nearly everything is connected with everything, and the search goes through the whole graph.
MOST_HOPS = 8


def bounded(cypher: str, hops: int) -> str:
    """The statement for at most so many steps, which no database takes as a parameter."""
    if not 1 <= hops <= MOST_HOPS:
        raise BadRecord(f"A path of at most {hops} steps was asked for; ask for 1 to {MOST_HOPS}.")
    return cypher.replace("<hops>", str(int(hops)))


def best_paths(found: Iterable[Iterable[Mapping[str, Any]]], limit: int) -> list[Path]:
    """The first paths, from their relations as plain values: those with the fewest predictions, then those whose
    lightest relation is the heaviest. Of relations between the same two entities the best one counts."""
    paths: dict[tuple[frozenset[str], ...], Path] = {}
    for relations in found:
        path = tuple(map(_triple, relations))
        steps = tuple(frozenset((triple.head, triple.tail)) for triple in path)
        paths[steps] = min(path, paths.get(steps, path), key=_order)
    return sorted(paths.values(), key=_order)[:limit]


def _order(path: Path) -> tuple[object, ...]:
    predicted = sum(triple.origin == "predicted" for triple in path)
    return predicted, -min(triple.weight for triple in path), [triple.key for triple in path]


def _triple(relation: Mapping[str, Any]) -> Triple:
    values = {name: relation[name] for name in TRIPLE_FIELDS if relation.get(name) is not None}
    return Triple(**{**values, "sources": tuple(values.get("sources", ()))})
