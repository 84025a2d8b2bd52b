"""The graph on a Neo4j server, 5.26 or later.

Measured on 5.26 (2 cores beside the client): a row a relationship leaves the server at 73 k/s, lists of thousands at
1 to 2 M/s, so bulk reads are packed into lists on the server. A write is one pass: MERGE creates what is new and
returns only what was there and differs, which kgstore.merge then decides about.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import pyarrow as pa

from kgstore import merge, neo4j_facts, neo4j_recipe
from kgstore.counting import Remembered, statistics_of
from kgstore.decisions import Asked, Decided, decide_each
from kgstore.errors import BadRecord, QueryStopped, StoreUnavailable, UnknownEntity
from kgstore.facts import ALL_FACTS, FactFilter, FactOrder, Facts, PredictionCount, PredictionFilter, check_order
from kgstore.neo4j_bulk import GATHERED, BulkWrite
from kgstore.neo4j_driver import Neo4jDriver, Work, run, run_counting
from kgstore.neo4j_foreign import foreign
from kgstore.neo4j_numbers import Numbers, numbers
from kgstore.neo4j_packed import entity_columns, triple_columns
from kgstore.neo4j_paths import AMONG, paths
from kgstore.neo4j_retract import retract
from kgstore.plain_recipe import plain_recipe
from kgstore.records import ENTITY_FIELDS, TRIPLE_FIELDS, column_rows, entities_of, gathered, triples_of
from kgstore.search import ENOUGH, FOUND, GOOD_ENOUGH, closeness, words_of
from kgstore.values import (
    Decision,
    Direction,
    Entity,
    Extent,
    Hit,
    NeighbourCount,
    Origin,
    Relation,
    Retracted,
    Rows,
    Source,
    Statistics,
    Triple,
    TripleKey,
    Written,
)

#: Rows of one UNWIND, and elements of one packed list.
BATCH = 10_000
PACKED = 50_000
CANDIDATES = 300
#: Seconds that a load waits for a server that is away: a restart takes some.
LOADS_WAIT = 300.0
WORDS_ASKED, FEW_WORDS = 20, 4
LETTERS_ASKED = 40

#: Before the first MERGE: without the first of these, each MERGE scans all entities.
CONSTRAINTS = (
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE",
    "CREATE CONSTRAINT relation_type IF NOT EXISTS FOR (n:Relation) REQUIRE n.type IS UNIQUE",
    "CREATE CONSTRAINT source_name IF NOT EXISTS FOR (s:Source) REQUIRE s.name IS UNIQUE",
    "CREATE CONSTRAINT graph_name IF NOT EXISTS FOR (g:Graph) REQUIRE g.name IS UNIQUE",
)
TEXT_INDEX = (
    "CREATE FULLTEXT INDEX entity_text IF NOT EXISTS FOR (e:Entity) ON EACH [e.name, e.texts] "
    "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-no-stop-words'}}"
)
AWAIT_INDEX = "CALL db.awaitIndex('entity_text', 3600)"

#: Setting a property takes the lock of its node: writers of the graph stand in line here.
LOCK = (
    "MERGE (g:Graph {name: 'graph'}) ON CREATE SET g.id = $id, g.revision = 0 SET g.revision = g.revision "
    "RETURN g.revision"
)
#: The last revision that did more than add is remembered. What is set is worked out before: whether a SET sees what
#: stands before it in the same clause is the planner's choice.
SET_REVISION = (
    "MATCH (g:Graph {name: 'graph'}) WITH g, g.revision + 1 AS next SET g.revision = next, "
    "g.changed = CASE WHEN $changed THEN next ELSE coalesce(g.changed, next) END"
)
LAST_CHANGE = "OPTIONAL MATCH (g:Graph {name: 'graph'}) RETURN coalesce(g.changed, g.revision, 0)"
REVISION = (
    "OPTIONAL MATCH (g:Graph {name: 'graph'}) RETURN coalesce(g.id, 'new'), coalesce(g.revision, 0), "
    "COUNT { (:Entity) }, COUNT { ()-->() }"
)

MISSING_ENTITIES = "UNWIND $ids AS id WITH id WHERE NOT EXISTS { (:Entity {id: id}) } RETURN id LIMIT 4"
MERGE_ENTITIES = """
UNWIND $rows AS row
MERGE (e:Entity {id: row.id})
ON CREATE SET e = row
WITH e, row
WHERE e.kind <> row.kind OR e.name <> row.name OR e.texts <> row.texts OR e.images <> row.images
   OR e.sources <> row.sources OR e.split <> row.split
RETURN <entity>
"""
CHANGE_ENTITIES = "UNWIND $rows AS row MATCH (e:Entity {id: row.id}) SET e += row RETURN count(*)"
MERGE_TRIPLES = """
UNWIND $rows AS row
MATCH (h:Entity {id: row.head})
MATCH (t:Entity {id: row.tail})
MERGE (h)-[r:<type> {words: row.properties.words}]->(t)
ON CREATE SET r = row.properties
WITH h, t, r, row.properties AS new
WHERE coalesce(r.weight, 1.0) <> new.weight OR coalesce(r.sources, []) <> new.sources
   OR coalesce(r.origin, 'asserted') <> new.origin OR coalesce(r.split, 'train') <> new.split
   OR coalesce(r.run, '') <> new.run OR coalesce(r.when, '') <> new.when
   OR coalesce(r.decision, '') <> new.decision
   OR coalesce(r.score, 'none') <> coalesce(new.score, 'none')
   OR coalesce(r.text, '') <> new.text OR coalesce(r.who, '') <> new.who
RETURN <triple>
"""
CHANGE_TRIPLES = """
UNWIND $rows AS row
MATCH (:Entity {id: row.head})-[r:<type> {words: row.properties.words}]->(:Entity {id: row.tail})
SET r = row.properties
RETURN count(*)
"""
AMEND_TRIPLES = """
UNWIND $rows AS row
MATCH (:Entity {id: row.head})-[r:<type> {words: row.properties.words}]->(:Entity {id: row.tail})
WHERE coalesce(r.origin, 'asserted') = 'asserted'
SET r = row.properties
RETURN count(*)
"""
TRIPLES_BY_KEY = """
UNWIND $rows AS row
MATCH (h:Entity {id: row.head})-[r:<type> {words: row.words}]->(t:Entity {id: row.tail})
WHERE r.origin = 'predicted'
RETURN <triple>
"""
MERGE_RELATIONS = """
UNWIND $rows AS row
MERGE (n:Relation {type: row.type})
ON CREATE SET n.text = row.text
"""
MERGE_SOURCE = "MERGE (s:Source {name: $source.name}) SET s = $source"

ENTITIES_BY_ID = "UNWIND $ids AS id MATCH (e:Entity {id: id}) RETURN <entity>"
RELATIONS = "MATCH (n:Relation) RETURN n.type, n.text ORDER BY n.type"
SOURCES = (
    "MATCH (s:Source) RETURN s.name, coalesce(s.path, ''), coalesce(s.image_root, ''), coalesce(s.done, 0), "
    "coalesce(s.complete, false), coalesce(s.digest, ''), coalesce(s.bytes, 0) ORDER BY s.name"
)
PICTURES = (
    "MATCH (e:Entity) WHERE size(e.images) > 0 AND (size($kinds) = 0 OR e.kind IN $kinds) AND e.id > '' "
    "RETURN <entity> ORDER BY e.id LIMIT $limit"
)
NEIGHBOUR_COUNTS = """
MATCH (e:Entity {id: $id})
CALL (e) {
  MATCH (e)-[r]->(:Entity) WHERE coalesce(r.decision, '') <> 'rejected'
  RETURN type(r) AS type, 'out' AS direction, count(*) AS many
  UNION ALL
  MATCH (e)<-[r]-(:Entity) WHERE coalesce(r.decision, '') <> 'rejected'
  RETURN type(r) AS type, 'in' AS direction, count(*) AS many
}
RETURN type, direction, many
"""
NEIGHBOURS: dict[Direction, str] = {
    "out": """
MATCH (h:Entity {id: $id})-[r]->(t:Entity)
WHERE ($any_type OR type(r) IN $types) AND ($rejected OR coalesce(r.decision, '') <> 'rejected')
  AND ($origin = '' OR coalesce(r.origin, 'asserted') = $origin)
WITH h, r, t ORDER BY r.weight DESC, t.id, r.words
WITH type(r) AS type, collect([<triple>])[..$limit] AS top ORDER BY type
UNWIND top AS one RETURN one
""",
    "in": """
MATCH (t:Entity {id: $id})<-[r]-(h:Entity)
WHERE ($any_type OR type(r) IN $types) AND ($rejected OR coalesce(r.decision, '') <> 'rejected')
  AND ($origin = '' OR coalesce(r.origin, 'asserted') = $origin)
WITH h, r, t ORDER BY r.weight DESC, h.id, r.words
WITH type(r) AS type, collect([<triple>])[..$limit] AS top ORDER BY type
UNWIND top AS one RETURN one
""",
}
SEARCH = """
CALL db.index.fulltext.queryNodes('entity_text', $text) YIELD node AS e, score
WHERE ($any_kind OR e.kind IN $kinds) AND ($any_source OR any(s IN e.sources WHERE s IN $sources))
RETURN <entity> LIMIT $limit
"""
COUNT_TYPES = """
CALL db.relationshipTypes() YIELD relationshipType AS type
RETURN type
"""
COUNT_TYPE = "MATCH ()-[r:<type>]->() RETURN count(r)"
COUNT_KINDS = "MATCH (e:Entity) RETURN coalesce(e.kind, 'concept'), count(*)"
COUNT_SOURCES = "MATCH (e:Entity) UNWIND e.sources AS s RETURN s, count(*)"
COUNT_DECISIONS = "MATCH (:Entity)-[r]->(:Entity) WHERE r.origin = 'predicted' RETURN r.decision, count(*)"

#: A user's query, its answer turned into lists. A list that is shorter than the others had nulls, which collect()
#: leaves out: then the one row says -1 and PACKED_ROWS is asked instead.
PACKED_COLUMNS = """
CALL () {
<query>
}
WITH count(*) AS many, <collected>
UNWIND CASE WHEN <whole> THEN range(0, many - 1, <packed>) ELSE [-1] END AS at
RETURN at, <slices>
"""
PACKED_ROWS = """
CALL () {
<query>
}
WITH collect([<names>]) AS whole
UNWIND range(0, size(whole) - 1, <packed>) AS at
RETURN whole[at..at + <packed>]
"""

ENTITY = (
    "e.id, coalesce(e.kind, 'concept'), coalesce(e.name, ''), coalesce(e.texts, []), coalesce(e.images, []), "
    "coalesce(e.sources, []), coalesce(e.split, 'train')"
)
TRIPLE = (
    "h.id, type(r), t.id, coalesce(r.words, ''), coalesce(r.weight, 1.0), coalesce(r.sources, []), "
    "coalesce(r.origin, 'asserted'), coalesce(r.split, 'train'), r.score, coalesce(r.run, ''), coalesce(r.when, ''), "
    "coalesce(r.decision, ''), coalesce(r.text, ''), coalesce(r.who, '')"
)

Item = TypeVar("Item")


@dataclass(frozen=True)
class _Merged:
    """What one pass of MERGE did: how many rows it created, and the rows that were there and differ."""

    created: int
    differing: list[tuple[Any, ...]]


class Neo4jStore:
    """A graph on a server. See kgstore.store.GraphStore for what the methods promise."""

    #: What the server keeps in its heap until a commit, about 1 KB a relation; larger ones were not faster.
    transaction_rows: int | None = 50_000

    def __init__(self, uri: str, answers_within: float = 15.0) -> None:
        self.uri = uri
        self._driver = Neo4jDriver(uri, answers_within)
        self._ready_to_write = False
        self._ready_to_search = False
        self._statistics = Remembered()

    # -- writing

    def write(
        self,
        entities: Sequence[Entity] = (),
        triples: Sequence[Triple] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        distinct, keyed = merge.by_id(entities), merge.by_key(triples)

        def work(transaction: Work) -> Written:
            _require_ends(transaction, keyed, distinct)
            written = _write_entities(transaction, distinct)
            for type_, group in merge.by_type(keyed.values()).items():
                written += _write_triples(transaction, type_, group, merge.triple_change)
            catalogue = _write_relations(transaction, relations, (key.type for key in keyed))
            marked = source is not None and _write_source(transaction, source)
            _revise(transaction, written, catalogue or marked)
            return written

        return self._change(work, LOADS_WAIT if source else 0.0)

    def write_columns(
        self,
        entities: Iterable[pa.RecordBatch] = (),
        triples: Iterable[pa.RecordBatch] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        # The transaction may be tried again, so what can be read only once is read before it.
        entities, triples = list(entities), list(triples)

        def work(transaction: Work) -> Written:
            def merge_entities(rows: pa.Table) -> Written:
                return _write_entities(transaction, merge.by_id(entities_of(column_rows(rows))))

            def merge_triples(type_: str, rows: pa.Table) -> Written:
                return _write_triples(transaction, type_, triples_of(column_rows(rows)), merge.triple_change)

            bulk = BulkWrite(transaction, merge_entities, merge_triples)
            written = Written()
            for rows in gathered(entities, GATHERED):
                written += bulk.entities(rows)
            for rows in gathered(triples, GATHERED):
                written += bulk.triples(rows)
            catalogue = _write_relations(transaction, relations, bulk.types)
            marked = source is not None and _write_source(transaction, source)
            _revise(transaction, written, catalogue or marked)
            return written

        return self._change(work, LOADS_WAIT)

    def amend(self, entities: Sequence[Entity] = (), triples: Sequence[Triple] = ()) -> None:
        def work(transaction: Work) -> None:
            for some in _batches(entities):
                run(transaction, CHANGE_ENTITIES, {"rows": [_entity_row(entity) for entity in some]})
            for type_, group in merge.by_type(triples).items():
                for part in _batches(group):
                    run(transaction, _of(AMEND_TRIPLES, type_), {"rows": [_triple_row(triple) for triple in part]})
            _revise(transaction, Written(changed_entities=len(entities), changed_triples=len(triples)))

        self._change(work)

    def retract(self, source: str, entities: Sequence[str] = (), triples: Sequence[TripleKey] = ()) -> Retracted:
        def work(transaction: Work) -> Retracted:
            done = retract(transaction, source, entities, triples)
            _revise(transaction, done.written)
            return done

        return self._change(work)

    def propose(self, predictions: Sequence[Triple]) -> Written:
        keyed = merge.by_key(merge.as_proposals(predictions))

        def work(transaction: Work) -> Written:
            _require_ends(transaction, keyed, {})
            written = Written()
            for type_, group in merge.by_type(keyed.values()).items():
                written += _write_triples(transaction, type_, group, merge.proposal_change)
            _revise(transaction, written, _write_relations(transaction, (), (key.type for key in keyed)))
            return written

        return self._change(work)

    def decide(self, key: TripleKey, decision: Decision, *, who: str = "", seen: Triple | None = None) -> Triple:
        return self.decide_all({key: seen}, decision, who).only(key)

    def decide_all(self, asked: Asked, decision: Decision, who: str = "") -> Decided:
        for key in asked:
            Triple(*key, decision=decision)  # checks the type and the decision
        when = merge.now()  # once, so that a transaction that is tried again knows its own work

        def work(transaction: Work) -> Decided:
            there: dict[TripleKey, Triple] = {}
            for type_, group in merge.by_type(asked).items():
                found = run(transaction, _of(TRIPLES_BY_KEY, type_), {"rows": [key._asdict() for key in group]})
                there |= {triple.key: triple for triple in triples_of(found)}
            decided = decide_each(there, asked, decision, who, when)
            for type_, changed in merge.by_type(decided.changed).items():
                run(transaction, _of(CHANGE_TRIPLES, type_), {"rows": [_triple_row(triple) for triple in changed]})
            _revise(transaction, Written(changed_triples=len(decided.changed)))
            return decided

        return self._change(work)

    def _change(self, work: Callable[[Work], Item], patience: float = 0.0) -> Item:
        """One transaction, behind those of other writers."""
        if not self._ready_to_write:
            for constraint in CONSTRAINTS:
                self._driver.alter(constraint)
            self._ready_to_write = True

        def locked(transaction: Work) -> Item:
            run(transaction, LOCK, {"id": uuid.uuid4().hex})
            return work(transaction)

        return self._driver.write(locked, patience)

    # -- reading

    def entity(self, id: str) -> Entity:
        found = self.entities([id])
        if not found:
            raise UnknownEntity(f"The graph holds no entity {id!r}; look for it with: python -m kgstore search TEXT")
        return found[0]

    def entities(self, ids: Sequence[str]) -> list[Entity]:
        found: dict[str, Entity] = {}
        for some in _batches(list(dict.fromkeys(ids))):
            found |= {entity.id: entity for entity in entities_of(self._read(ENTITIES_BY_ID, {"ids": some}))}
        return [found[id] for id in ids if id in found]

    def pictures(self, limit: int, kinds: Collection[str] = ()) -> list[Entity]:
        return entities_of(self._read(PICTURES, {"limit": limit, "kinds": [*kinds]}))

    def neighbour_counts(self, id: str) -> list[NeighbourCount]:
        self.entity(id)
        counts = [NeighbourCount(*row) for row in self._read(NEIGHBOUR_COUNTS, {"id": id})]
        return sorted(counts, key=lambda entry: (-entry.count, entry.type, entry.direction))

    def neighbours(
        self,
        id: str,
        *,
        direction: Direction | None = None,
        types: Collection[str] = (),
        limit: int = 25,
        origin: Origin | None = None,
        rejected: bool = False,
    ) -> list[Triple]:
        self.entity(id)
        parameters = {
            "id": id,
            "any_type": not types,
            "types": [*types],
            "limit": limit,
            "origin": origin or "",
            "rejected": rejected,
        }
        found: dict[TripleKey, Triple] = {}
        for way, cypher in NEIGHBOURS.items():
            if direction in (None, way):
                for triple in triples_of(row for (row,) in self._read(cypher, parameters)):
                    found.setdefault(triple.key, triple)
        return list(found.values())

    def among(self, ids: Collection[str]) -> list[Triple]:
        return sorted(triples_of(self._read(AMONG, {"ids": list(dict.fromkeys(ids))})), key=lambda triple: triple.key)

    def paths(
        self, a: str, b: str, *, hops: int = 4, limit: int = 5, seconds: float = 5.0, origin: Origin | None = None
    ) -> list[tuple[Triple, ...]]:
        self.entity(a), self.entity(b)
        return paths(self._driver, a, b, hops, limit, seconds, origin or "") if a != b else []

    def facts(
        self,
        id: str,
        chosen: FactFilter = ALL_FACTS,
        *,
        order: FactOrder = "weight",
        descending: bool | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> Facts:
        check_order(order)
        self.entity(id)
        return neo4j_facts.facts(self._read, id, chosen, order, descending, offset, limit)

    def predictions(
        self,
        *,
        decision: Decision | None = "",
        types: Collection[str] = (),
        run: str = "",
        low: float | None = None,
        high: float | None = None,
        newest: bool = False,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Triple]:
        chosen = PredictionFilter(decision, tuple(types), run, low, high)
        return neo4j_facts.predictions(self._read, chosen, newest, offset, limit)

    def prediction_counts(self, *, low: float | None = None, high: float | None = None) -> list[PredictionCount]:
        return neo4j_facts.prediction_counts(self._read, low, high)

    def search(
        self, text: str, *, kinds: Collection[str] = (), sources: Collection[str] = (), limit: int = 20
    ) -> list[Hit]:
        asked = words_of(text)
        if not asked:
            return []
        if not self._ready_to_search:
            # After the load rather than before it: an index that grows with each batch makes loading slower.
            self._driver.alter(TEXT_INDEX)
            self._driver.read(AWAIT_INDEX)
            self._ready_to_search = True
        parameters = {
            "any_kind": not kinds,
            "kinds": [*kinds],
            "any_source": not sources,
            "sources": [*sources],
            "limit": max(CANDIDATES, limit),
        }
        found = entities_of(self._read(SEARCH, {**parameters, "text": _lucene(asked)}))
        hits = _best_hits(text, found, limit)
        if sum(hit.score >= FOUND for hit in hits) < (ENOUGH if len(asked) <= FEW_WORDS else 1):
            found += entities_of(self._read(SEARCH, {**parameters, "text": _lucene(asked, mistyped=True)}))
            hits = _best_hits(text, list({entity.id: entity for entity in found}.values()), limit)
        return hits

    def relations(self) -> list[Relation]:
        return [Relation(*row) for row in self._read(RELATIONS)]

    def sources(self) -> list[Source]:
        return [Source(*row) for row in self._read(SOURCES)]

    def statistics(self) -> Statistics:
        return self._statistics.at(self.fingerprint(), self._count)

    def _count_types(self) -> dict[str, int]:
        return {name: self._read(_of(COUNT_TYPE, name))[0][0] for (name,) in self._read(COUNT_TYPES)}

    def _count(self) -> Statistics:
        return statistics_of(
            self._read(REVISION)[0][2],
            self._count_types(),
            self._read(COUNT_KINDS),
            self._read(COUNT_SOURCES),
            self._read(COUNT_DECISIONS),
        )

    def fingerprint(self) -> str:
        """Of the revision that our writes count, and of the numbers of entities and relations, which show most of
        what others change in the database behind our back."""
        graph, revision, entities, relations = self._read(REVISION)[0]
        return f"{graph[:12]}-{revision}-{entities}-{relations}"

    def extent(self) -> Extent:
        graph, revision, entities, _ = self._read(REVISION)[0]
        types = {name: (many, 0) for name, many in self._count_types().items()}
        return Extent(graph, revision, self._read(LAST_CHANGE)[0][0], entities, types)

    def entity_columns(self, *, numbered: bool = False) -> Iterator[pa.RecordBatch]:
        return entity_columns(self._driver.stream, numbered=numbered and self._numbers() is not None)

    def triple_columns(self) -> Iterator[pa.RecordBatch]:
        return triple_columns(self._driver.stream)

    def foreign(self) -> list[tuple[str, int, tuple[str, ...]]]:
        return foreign(self._driver.read)

    # -- queries of users

    def columns(self, cypher: str, parameters: Mapping[str, object] | None = None) -> Iterator[pa.RecordBatch]:
        names = self._driver.plan(cypher, parameters)
        try:
            yield from self._packed(cypher, names, parameters)
        except _NotPacked:
            yield from _batches_of_rows(self._driver.stream(cypher, parameters), names)

    def recipe_columns(
        self, cypher: str, parameters: Mapping[str, object] | None = None, since: Extent | None = None
    ) -> Iterator[pa.RecordBatch]:
        plain, given = plain_recipe(cypher), parameters or {}
        if plain is None or neo4j_recipe.PARAMETERS & given.keys():
            yield from self.columns(cypher, parameters)
            return
        self._driver.plan(cypher, parameters)
        stream = self._driver.stream
        if since is not None:
            types = self._grown(since, plain.types)
            yield from neo4j_recipe.columns_by_heads(stream, plain, given, types) if types else ()
        elif numbers := self._numbers():
            yield from neo4j_recipe.columns_by_numbers(stream, plain, given, numbers)
        else:
            yield from neo4j_recipe.columns_by_heads(stream, plain, given, None)

    def _numbers(self) -> Numbers | None:
        return numbers(self._driver.read, [name for (name,) in self._driver.read(COUNT_TYPES)])

    def _grown(self, since: Extent, types: Collection[str]) -> list[str]:
        """Relation types of which there are more than there were then; of `types`, if any are given."""
        counts = self._count_types().items()
        grown = [type_ for type_, many in counts if many > since.types.get(type_, (0, 0))[0]]
        return [type_ for type_ in grown if not types or type_ in types]

    def _packed(
        self, cypher: str, names: Sequence[str], parameters: Mapping[str, object] | None
    ) -> Iterator[pa.RecordBatch]:
        """The answer by lists; raises _NotPacked, before the first batch, where the server cannot pack it."""
        quoted = [f"`{name.replace('`', '``')}`" for name in names]
        answers = self._driver.stream(_packing(PACKED_COLUMNS, cypher, quoted), parameters)
        begun = False
        try:
            for at, *lists in answers:
                if at == -1:
                    answers = self._driver.stream(_packing(PACKED_ROWS, cypher, quoted), parameters)
                    for (rows,) in answers:
                        begun = True
                        yield _record_batch([list(column) for column in zip(*rows, strict=True)], names)
                    return
                begun = True
                yield _record_batch(lists, names)
        except QueryStopped as error:
            # The whole answer in lists does not fit into the server's memory; rows do, and are slow.
            if begun:
                raise
            raise _NotPacked from error

    def query(
        self, cypher: str, parameters: Mapping[str, object] | None = None, *, seconds: float = 10.0, rows: int = 1000
    ) -> Rows:
        columns, found = self._driver.ask(cypher, parameters or {}, seconds, rows + 1)
        return Rows(columns, found[:rows], len(found) > rows)

    def _read(self, cypher: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        return self._driver.read(_spelled(cypher), parameters)

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _NotPacked(Exception):
    """The server cannot give this answer in lists."""


# -- the steps of a write, within its transaction


def _require_ends(transaction: Work, triples: Iterable[TripleKey], entities: Collection[str]) -> None:
    ends = list(dict.fromkeys(end for key in triples for end in (key.head, key.tail) if end not in entities))
    for some in _batches(ends):
        merge.refuse_missing([id for (id,) in run(transaction, MISSING_ENTITIES, {"ids": some})])


def _write_entities(transaction: Work, entities: Mapping[str, Entity]) -> Written:
    new, changed = 0, []
    for some in _batches(list(entities.values())):
        merged = _merge(transaction, MERGE_ENTITIES, [_entity_row(entity) for entity in some])
        there = {entity.id: entity for entity in entities_of(merged.differing)}
        new += merged.created
        changed += merge.entity_change(there, [entity for entity in some if entity.id in there]).changed
    for some in _batches(changed):
        rows = [_entity_row(entity) for entity in some]
        _compare("entities", len(some), run(transaction, CHANGE_ENTITIES, {"rows": rows})[0][0])
    return Written(new_entities=new, changed_entities=len(changed))


def _write_triples(
    transaction: Work,
    type_: str,
    triples: Sequence[Triple],
    change: Callable[[Mapping[TripleKey, Triple], Iterable[Triple]], merge.Change[Triple]],
) -> Written:
    """Writes triples of one type; `change` decides about those that are there and differ."""
    new, changed = 0, []
    for some in _batches(triples):
        merged = _merge(transaction, _of(MERGE_TRIPLES, type_), [_triple_row(triple) for triple in some])
        there = {triple.key: triple for triple in triples_of(merged.differing)}
        new += merged.created
        changed += change(there, [triple for triple in some if triple.key in there]).changed
    for some in _batches(changed):
        rows = [_triple_row(triple) for triple in some]
        _compare("relations", len(some), run(transaction, _of(CHANGE_TRIPLES, type_), {"rows": rows})[0][0])
    return Written(new_triples=new, changed_triples=len(changed))


def _merge(transaction: Work, cypher: str, rows: Sequence[Mapping[str, object]]) -> _Merged:
    try:
        differing, created = run_counting(transaction, _spelled(cypher), {"rows": rows})
    except UnicodeEncodeError as error:
        raise BadRecord(f"A text holds half a surrogate pair and is no Unicode text: {error}.") from error
    return _Merged(created, differing)


def _write_relations(transaction: Work, relations: Sequence[Relation], types: Iterable[str]) -> bool:
    rows = [{"type": type_, "text": text} for type_, text in merge.catalogue(relations, types).items()]
    return bool(rows) and run_counting(transaction, MERGE_RELATIONS, {"rows": rows})[1] > 0


def _write_source(transaction: Work, source: Source) -> bool:
    known = {mark.name: mark for mark in (Source(*row) for row in run(transaction, SOURCES))}.get(source.name)
    if known == source:
        return False
    run(transaction, MERGE_SOURCE, {"source": {name: getattr(source, name) for name in Source.__slots__}})
    return known is None or known.image_root != source.image_root


def _revise(transaction: Work, written: Written, otherwise: bool = False) -> None:
    if written != Written() or otherwise:
        run(transaction, SET_REVISION, {"changed": written.changed_entities + written.changed_triples > 0})


def _entity_row(entity: Entity) -> dict[str, object]:
    return {name: _listed(getattr(entity, name)) for name in ENTITY_FIELDS}


def _triple_row(triple: Triple) -> dict[str, object]:
    properties = {name: _listed(getattr(triple, name)) for name in TRIPLE_FIELDS[3:]}
    return {"head": triple.head, "tail": triple.tail, "properties": properties}


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _compare(what: str, sent: int, arrived: int) -> None:
    if sent != arrived:
        raise StoreUnavailable(f"Neo4j took {arrived} of {sent} {what}; nothing of this batch was kept. Try again.")


# -- statements


def _of(cypher: str, type_: str) -> str:
    """The statement for one relation type, quoted."""
    return _spelled(cypher.replace("<type>", f"`{type_.replace('`', '``')}`"))


def _spelled(cypher: str) -> str:
    """The statement with the fields of an entity or a triple, in the order of our columns, written out."""
    return cypher.replace("<entity>", ENTITY).replace("<triple>", TRIPLE)


def _numbered(form: str, values: Iterable[str]) -> str:
    return ", ".join(f"{form.format(value)} AS c{number}" for number, value in enumerate(values))


def _packing(template: str, cypher: str, quoted: Sequence[str]) -> str:
    many = range(len(quoted))
    return (
        template.replace("<collected>", _numbered("collect({})", quoted))
        .replace("<whole>", " AND ".join(f"size(c{number}) = many" for number in many))
        .replace("<slices>", ", ".join(f"c{number}[at..at + <packed>]" for number in many))
        .replace("<names>", ", ".join(quoted))
        .replace("<packed>", str(PACKED))
        .replace("<query>", cypher.rstrip().rstrip(";"))
    )


def _lucene(words: Sequence[str], mistyped: bool = False) -> str:
    """Each word as it is and, of a few, as a beginning; or the longest with a typo, of a few with two.

    They are letters and digits only (see words_of), so nothing in them is syntax; quotes keep AND, OR and NOT words.
    """
    few = len(words) <= FEW_WORDS
    told = sorted(words, key=len, reverse=True)[: FEW_WORDS + 2]
    terms = []
    for word in words[:WORDS_ASKED]:
        terms.append(f'"{word[:LETTERS_ASKED]}"^4')
        if word.isascii() and len(word) < LETTERS_ASKED and word not in ("and", "or", "not", "to"):
            if mistyped and word in told:
                terms.append(f"{word}~{2 if few and len(word) > 5 else 1}")
            elif few:
                terms.append(f"{word}*^2")
    return " OR ".join(terms)


# -- columns


def _record_batch(lists: Sequence[Any], names: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values) for values in lists], names=list(names))


def _batches_of_rows(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    held: list[Sequence[Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == PACKED:
            yield _record_batch([list(column) for column in zip(*held, strict=True)], names)
            held = []
    if held:
        yield _record_batch([list(column) for column in zip(*held, strict=True)], names)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _best_hits(text: str, found: Sequence[Entity], limit: int) -> list[Hit]:
    """What Lucene found, by how close it is to what was asked, as in the embedded store."""
    scored = (Hit(entity, closeness(text, entity.name, entity.texts)) for entity in found)
    hits = [hit for hit in scored if hit.score >= GOOD_ENOUGH]
    hits.sort(key=lambda hit: (-hit.score, hit.entity.id))
    return hits[:limit]
