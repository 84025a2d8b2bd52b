"""Pages of an entity's relations and of predictions, and their counts, in the embedded store.

Measured on 0.22 (2 cores, several processes on them): a page of an entity with 100,000 relations takes 0.2 to 0.35 s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from kgstore.facts import LARGEST_FIRST, NAME_LENGTH, FactFilter, FactOrder, Facts, PredictionCount, PredictionFilter
from kgstore.ladybug_cypher import table_of, type_of
from kgstore.ladybug_statements import PROPERTIES
from kgstore.records import triples_of
from kgstore.values import Direction, Triple

#: Runs a statement; all its rows.
Run = Callable[[str, Mapping[str, object]], list[tuple[Any, ...]]]
Row = tuple[Any, ...]

NAME = (
    "left(CASE WHEN o.name <> '' THEN o.name WHEN list_concat(o.texts, [''])[1] <> '' THEN o.texts[1] "
    f"ELSE o.id END, {NAME_LENGTH})"
)
#: By what facts are ordered, and which of them have no such value and come last.
VALUES: dict[FactOrder, tuple[str, str]] = {
    "weight": ("r.weight", "false"),
    "relation": ("label(r)", "false"),
    "name": (f"lower({NAME})", "false"),
    "origin": ("r.origin", "false"),
    "score": ("r.score", "r.score IS NULL"),
    "run": ("r.run", "r.run = ''"),
    "when": ("r.`when`", "r.`when` = ''"),
}
ARROWS: dict[Direction, str] = {"out": "-[r<tables>]->", "in": "<-[r<tables>]-"}
CHOSEN = (
    "MATCH (e:Entity {id: $id})<arrow>(o:Entity) WHERE ($rejected OR r.decision <> 'rejected') "
    "AND ($origin = '' OR r.origin = $origin) AND ($source = '' OR list_contains(r.sources, $source)) "
    "AND ($run = '' OR r.run = $run)"
)
#: Only where it is asked for: an OR does not spare the engine its second half.
TEXT = f" AND (contains(lower({NAME}), $text) OR contains(lower(r.words), $text))"
#: A relation of an entity to itself leads out of it; it is not counted again as one that leads to it.
NOT_ITSELF = " AND o.id <> $id"
COUNT_FACTS = " RETURN count(*)"
PAGE = (
    " RETURN <lacking> AS lacking, <value> AS value, o.id, label(r), <properties> "
    "ORDER BY lacking, value <way>, r.weight DESC, o.id, label(r), r.words SKIP $offset LIMIT $limit"
)
PREDICTIONS = (
    "MATCH (h:Entity)-[r<tables>]->(t:Entity) WHERE r.origin = 'predicted' "
    "AND ($decided_or_not OR r.decision = $decision) AND ($run = '' OR r.run = $run)<bounds> "
    "RETURN h.id, label(r), t.id, <properties>, r.score IS NULL AS lacking "
    "ORDER BY <first> h.id, label(r), t.id, r.words SKIP $offset LIMIT $limit"
)
BEST_FIRST, NEWEST_FIRST = "lacking, r.score DESC,", "r.`when` DESC,"
COUNT_PREDICTIONS = (
    "MATCH (:Entity)-[r]->(:Entity) WHERE r.origin = 'predicted'<bounds> "
    "RETURN label(r) AS name, r.run AS run, r.decision AS decision, count(*) ORDER BY name, run, decision"
)
LOW, HIGH = " AND r.score >= $low", " AND r.score <= $high"


def facts(
    run: Run,
    tables: Collection[str],
    id: str,
    chosen: FactFilter,
    order: FactOrder,
    descending: bool | None,
    offset: int,
    limit: int,
) -> Facts:
    """See GraphStore.facts. `tables` are those of the relation types that the graph has.

    The two directions are asked one after the other. A page of both takes from each only what can lie on it: with
    `offset` before the page, an entry of one direction is preceded by at most all entries of the other.
    """
    wanted = [table for table in map(table_of, chosen.types) if table in tables]
    if chosen.types and not wanted:
        return Facts([], 0)
    largest_first = order in LARGEST_FIRST if descending is None else descending
    parameters = {
        "id": id,
        "rejected": chosen.rejected,
        "origin": chosen.origin or "",
        "source": chosen.source,
        "run": chosen.run,
        **({"text": chosen.text.lower()} if chosen.text else {}),
    }
    statements = {
        way: CHOSEN.replace("<arrow>", arrow.replace("<tables>", _pattern(wanted)))
        + (TEXT if chosen.text else "")
        + (NOT_ITSELF if way == "in" and chosen.direction is None else "")
        for way, arrow in ARROWS.items()
        if chosen.direction in (None, way)
    }
    counts = {way: run(cypher + COUNT_FACTS, parameters)[0][0] for way, cypher in statements.items()}
    total = sum(counts.values())
    value, lacking = VALUES[order]
    asked = PAGE.replace("<lacking>", lacking).replace("<value>", value).replace("<properties>", PROPERTIES)
    asked = asked.replace("<way>", "DESC" if largest_first else "ASC")
    rows: list[tuple[Direction, Row]] = []
    before = 0
    for way, cypher in statements.items():
        first = max(offset - (total - counts[way]), 0)
        span = {"offset": first, "limit": max(min(offset + limit, counts[way]) - first, 0)}
        if span["limit"]:
            rows += [(way, row) for row in run(cypher + asked, {**parameters, **span})]
        before += min(first, counts[way])
    page = _sorted(rows, largest_first)[offset - before :][:limit]
    return Facts([_triple(id, way, row) for way, row in page], total)


def _sorted(rows: list[tuple[Direction, Row]], largest_first: bool) -> list[tuple[Direction, Row]]:
    """In the order of PAGE, which each direction's rows have already."""
    rows.sort(key=lambda row: (-row[1][5], row[1][2], row[1][3], row[1][4]))
    valued = [row for row in rows if not row[1][0]]
    valued.sort(key=lambda row: row[1][1], reverse=largest_first)
    return valued + [row for row in rows if row[1][0]]


def _triple(id: str, way: Direction, row: Row) -> Triple:
    _, _, other, table, *rest = row
    head, tail = (id, other) if way == "out" else (other, id)
    [triple] = triples_of([(head, type_of(table), tail, *rest)])
    return triple


def predictions(
    run: Run, tables: Collection[str], chosen: PredictionFilter, newest: bool, offset: int, limit: int
) -> list[Triple]:
    """See GraphStore.predictions. `tables` are those of the relation types that the graph has."""
    wanted = [table for table in map(table_of, chosen.types) if table in tables]
    if chosen.types and not wanted:
        return []
    bounds, parameters = _bounds(chosen.low, chosen.high)
    parameters |= {"decided_or_not": chosen.decision is None, "decision": chosen.decision or "", "run": chosen.run}
    cypher = PREDICTIONS.replace("<tables>", _pattern(wanted)).replace("<bounds>", bounds)
    cypher = cypher.replace("<properties>", PROPERTIES).replace("<first>", NEWEST_FIRST if newest else BEST_FIRST)
    rows = run(cypher, {**parameters, "offset": offset, "limit": limit})
    return triples_of((head, type_of(table), *rest) for head, table, *rest, _ in rows)


def prediction_counts(run: Run, low: float | None, high: float | None) -> list[PredictionCount]:
    """See GraphStore.prediction_counts."""
    bounds, parameters = _bounds(low, high)
    rows = run(COUNT_PREDICTIONS.replace("<bounds>", bounds), parameters)
    counts = (PredictionCount(type_of(table), *rest) for table, *rest in rows)
    return sorted(counts, key=lambda count: count[:3])


def _bounds(low: float | None, high: float | None) -> tuple[str, dict[str, object]]:
    """The condition on scores, and its parameters: a statement may not be given others."""
    given = [(LOW, "low", low), (HIGH, "high", high)]
    return (
        "".join(condition for condition, _, bound in given if bound is not None),
        {name: bound for _, name, bound in given if bound is not None},
    )


def _pattern(tables: Collection[str]) -> str:
    """The tables of a pattern, quoted; nothing where any will do."""
    return ":" + "|".join(f"`{table}`" for table in tables) if tables else ""
