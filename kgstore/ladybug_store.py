"""The embedded store: a graph in a LadybugDB file, one table of entities and one of each relation type.

Measured on 0.22 (2 cores): COPY rewrites the table it adds to, so it serves where a table at least doubles; else rows
are created, 50 k/s whatever the size. MERGE loses rows silently, so what is there is read first (190 k/s), the merged
values are made in kgstore.merge, and the numbers of rows are compared after each step.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa

from kgstore import ladybug_facts, merge
from kgstore.ahead import one_ahead
from kgstore.counting import Remembered, statistics_of
from kgstore.decisions import Asked, Decided, decide_each
from kgstore.errors import StoreUnavailable, UnknownEntity
from kgstore.facts import ALL_FACTS, FactFilter, FactOrder, Facts, PredictionCount, PredictionFilter, check_order
from kgstore.guard import require_reading
from kgstore.ladybug_bulk import BulkWrite, read_ahead
from kgstore.ladybug_cypher import NO_RELATION, for_ladybug, names_as_written, table_of, type_of
from kgstore.ladybug_engine import LadybugEngine
from kgstore.ladybug_paths import AMONG, paths
from kgstore.ladybug_reader import Way
from kgstore.ladybug_readers import LadybugReaders
from kgstore.ladybug_recipe import TableQuery, over, table_query
from kgstore.ladybug_retract import retract
from kgstore.ladybug_statements import (
    ADDED_COLUMNS,
    CHANGE_ENTITIES,
    CHANGE_TRIPLES,
    COPY_ENTITIES,
    COPY_TRIPLES,
    COUNT_ENTITIES,
    COUNT_TRIPLES,
    CREATE_ENTITIES,
    CREATE_TRIPLES,
    ENTITIES_BY_ID,
    MISSING_ENTITIES,
    PROPERTIES,
    RELATION_FIELDS,
    RELATION_TABLE,
    TRIPLES_BY_ENDS,
    compare,
    keys,
    on,
    without_keyword,
)
from kgstore.lock import FileLock
from kgstore.plain_recipe import PlainRecipe, plain_recipe
from kgstore.records import (
    TRIPLE_FIELDS,
    column_rows,
    entities_of,
    entity_table,
    triple_table,
    triples_of,
)
from kgstore.search_index import SearchIndex
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import (
    COMMON_TYPE,
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

#: Relations read at a time when all are read.
CHUNK = 500_000
#: Relations of one table asked for at once by a recipe: ranges of heads, read by all cores, held in memory.
RECIPE_CHUNK = 4_000_000
#: A reading process goes through the write-ahead log when it opens the file; a longer one is put into the file first.
LOG_TO_READ = 8 * 2**20

NODE_COLUMNS = {
    "Entity": "id STRING PRIMARY KEY, kind STRING, name STRING, texts STRING[], images STRING[], sources STRING[], "
    "split STRING",
    "Relation": "type STRING PRIMARY KEY, text STRING",
    "Source": "name STRING PRIMARY KEY, path STRING, image_root STRING, done INT64, complete BOOLEAN, digest STRING, "
    "bytes INT64",
    "Graph": "id STRING PRIMARY KEY, revision INT64, entity_revision INT64, change_revision INT64",
}
NODE_TABLES = tuple(f"CREATE NODE TABLE IF NOT EXISTS {name}({columns})" for name, columns in NODE_COLUMNS.items())
#: What a file made by an earlier version may lack.
COLUMNS = {
    **{name: tuple(column.split()[0] for column in columns.split(", ")) for name, columns in NODE_COLUMNS.items()},
    COMMON_TYPE: TRIPLE_FIELDS[3:],
}
ALL_TABLES = "CALL show_tables() RETURN name"
TABLE_COLUMNS = "CALL table_info('<table>') RETURN *"
RELATION_TABLES = "CALL show_tables() WHERE type = 'REL' RETURN name"

#: Numbers of relations only grow, and so do those of entities.
EXTENT = "MATCH (:Entity)-[r:<table>]->(:Entity) RETURN count(*), max(offset(id(r)))"

RELATIONS = "MATCH (n:Relation) RETURN n.type, n.text ORDER BY n.type"
CREATE_RELATION = "CREATE (:Relation {type: $type, text: $text})"
SOURCES = "MATCH (s:Source) RETURN s.name, s.path, s.image_root, s.done, s.complete, s.digest, s.bytes ORDER BY s.name"
SET_SOURCE = (
    "MERGE (s:Source {name: $name}) SET s.path = $path, s.image_root = $image_root, s.done = $done, "
    "s.complete = $complete, s.digest = $digest, s.bytes = $bytes"
)
#: Each write that changes anything counts as a revision; the last one that did more than add is remembered.
REVISION = "MATCH (g:Graph) RETURN g.id, g.revision, g.entity_revision, g.change_revision"
FIRST_REVISION = "CREATE (:Graph {id: $id, revision: 0, entity_revision: 0, change_revision: 0})"
SET_REVISION = (
    "MATCH (g:Graph) SET g.change_revision = CASE WHEN $changed THEN g.revision + 1 ELSE g.change_revision END, "
    "g.revision = g.revision + 1, g.entity_revision = g.entity_revision + $entities"
)

PICTURES = (
    "MATCH (e:Entity) WHERE size(e.images) > 0 AND ($any_kind OR list_contains($kinds, e.kind)) "
    "RETURN e.id, e.kind, e.name, e.texts, e.images, e.sources, e.split ORDER BY e.id LIMIT $limit"
)
NEIGHBOUR_COUNTS = "MATCH (e:Entity {id: $id})<arrow>(:Entity) WHERE r.decision <> 'rejected' RETURN label(r), count(*)"
NEIGHBOUR_TABLES = "MATCH (e:Entity {id: $id})<arrow>(:Entity) RETURN DISTINCT label(r)"
NEIGHBOURS = (
    "MATCH (e:Entity {id: $id})<arrow>(o:Entity) "
    "WHERE ($rejected OR r.decision <> 'rejected') AND ($origin = '' OR r.origin = $origin) "
    "RETURN o.id, <properties> ORDER BY r.weight DESC, o.id, r.words LIMIT $limit"
)
ARROWS: dict[Direction, str] = {"out": "-[r<table>]->", "in": "<-[r<table>]-"}
COUNT_KINDS = "MATCH (e:Entity) RETURN e.kind, count(*)"
COUNT_SOURCES = "MATCH (e:Entity) UNWIND e.sources AS s RETURN s, count(*)"
COUNT_DECISIONS = "MATCH (:Entity)-[r]->(:Entity) WHERE r.origin = 'predicted' RETURN r.decision, count(*)"
LAST_NUMBER = "MATCH (e:Entity) RETURN max(offset(id(e)))"
ENTITY_RANGE = (
    "MATCH (e:Entity) WHERE offset(id(e)) >= $first AND offset(id(e)) < $until "
    "RETURN e.id, e.kind, e.name, e.texts, e.images, e.sources, e.split"
)
TRIPLE_RANGE = (
    "MATCH (h:Entity)-[r:<table>]->(t:Entity) WHERE offset(id(h)) >= $first AND offset(id(h)) < $until "
    "RETURN h.id, $type, t.id, <properties>"
)


class LadybugStore:
    """A graph in a file. See kgstore.store.GraphStore for what the methods promise."""

    transaction_rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        if path.is_dir() or not path.parent.is_dir():
            raise StoreUnavailable(
                f"{path} cannot be an embedded graph: it is a folder or lies in none. Give the path of a file, new or "
                "written by this program, in a folder that exists."
            )
        self._path = path
        self._lock = FileLock(path.with_name(path.name + ".lock"), path)
        self._using = threading.RLock()  # held for each use of the engine
        self._readers = LadybugReaders(path)
        self._closed = False
        self._statistics = Remembered()
        try:
            self._engine = LadybugEngine(path)
            try:
                self._set_up()
            except BaseException:
                self._engine.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        self._index = SearchIndex(path.with_name(path.name + ".search"))

    def _set_up(self) -> None:
        tables = {name for (name,) in self._engine.run(ALL_TABLES)}
        if "Graph" not in tables:
            if tables:
                raise StoreUnavailable(f"{self._path} is a database of another program; give another path.")
            with self._engine.transaction():
                for statement in (*NODE_TABLES, on(COMMON_TYPE, RELATION_TABLE), on(NO_RELATION, RELATION_TABLE)):
                    self._engine.run(statement)
                self._engine.run(FIRST_REVISION, {"id": uuid.uuid4().hex})
        else:
            self._require_columns(tables)
            self._add_columns()
        self._tables = self._relation_tables()

    def _require_columns(self, tables: Collection[str]) -> None:
        for table, columns in COLUMNS.items():
            held = self._columns_of(table) if table in tables else set()
            if lacking := set(columns) - held - ADDED_COLUMNS.keys():
                raise StoreUnavailable(
                    f"{self._path} was made by an earlier version (its {table} has no {', '.join(sorted(lacking))}): "
                    "load its sources anew into another file."
                )

    def _add_columns(self) -> None:
        """What relations got since the file was made, all tables in one transaction: 0.05 s for 0.2 million."""
        if lacking := ADDED_COLUMNS.keys() - self._columns_of(COMMON_TYPE):
            with self._engine.transaction():
                for (table,) in self._engine.run(RELATION_TABLES):
                    for name in sorted(lacking):
                        self._engine.run(on(table, ADDED_COLUMNS[name]))

    def _columns_of(self, table: str) -> set[str]:
        return {name for _, name, *_ in self._engine.run(TABLE_COLUMNS.replace("<table>", table))}

    def _run(self, cypher: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        with self._using:
            return self._engine.run(cypher, parameters)

    # -- writing

    def write(
        self,
        entities: Sequence[Entity] = (),
        triples: Sequence[Triple] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        distinct, keyed = merge.by_id(entities), merge.by_key(triples)
        with self._change():
            self._require_ends(keyed, distinct)
            written = self._write_entities(distinct)
            for type_, group in merge.by_type(keyed.values()).items():
                written += self._write_triples(type_, merge.triple_change(self._known_triples(type_, group), group))
            catalogue = self._write_relations(relations, (key.type for key in keyed))
            marked = source is not None and self._write_source(source)
            self._revise(written, catalogue or marked)
        return written

    def write_columns(
        self,
        entities: Iterable[pa.RecordBatch] = (),
        triples: Iterable[pa.RecordBatch] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        entities, triples, few = read_ahead(entities, triples)
        if few:
            made = [entity for batch in entities for entity in entities_of(column_rows(batch))]
            between = [triple for batch in triples for triple in triples_of(column_rows(batch))]
            return self.write(made, between, relations, source)
        with self._alone(), BulkWrite(self._engine, self._tables) as bulk:
            written = bulk.read(entities, triples)
            with self._engine.transaction():
                # First of all: a graph that a killed write leaves is not taken for the one before.
                catalogue = self._write_relations(relations, bulk.types)
                self._revise(written, catalogue)
            bulk.write()
            with self._engine.transaction():
                marked = source is not None and self._write_source(source)
                self._revise(written, marked)
        return written

    def amend(self, entities: Sequence[Entity] = (), triples: Sequence[Triple] = ()) -> None:
        with self._change():
            self._run(CHANGE_ENTITIES, {"rows": entity_table(entities)})
            for type_, group in merge.by_type(triples).items():
                if table_of(type_) in self._tables:
                    known = self._known_triples(type_, group)
                    there = [triple for triple in group if triple.key in known]
                    asserted = [triple for triple in there if known[triple.key].origin == "asserted"]
                    self._write_triples(type_, merge.Change([], asserted))
            self._revise(Written(changed_entities=len(entities), changed_triples=len(triples)))

    def retract(self, source: str, entities: Sequence[str] = (), triples: Sequence[TripleKey] = ()) -> Retracted:
        with self._change():
            done = retract(self._run, self._tables, source, entities, triples)
            self._revise(done.written)
        return done

    def propose(self, predictions: Sequence[Triple]) -> Written:
        keyed = merge.by_key(merge.as_proposals(predictions))
        with self._change():
            self._require_ends(keyed, {})
            written = Written()
            for type_, group in merge.by_type(keyed.values()).items():
                written += self._write_triples(type_, merge.proposal_change(self._known_triples(type_, group), group))
            catalogue = self._write_relations((), (key.type for key in keyed))
            self._revise(written, catalogue)
        return written

    def decide(self, key: TripleKey, decision: Decision, *, who: str = "", seen: Triple | None = None) -> Triple:
        return self.decide_all({key: seen}, decision, who).only(key)

    def decide_all(self, asked: Asked, decision: Decision, who: str = "") -> Decided:
        predictions = [Triple(*key, origin="predicted", decision=decision) for key in asked]
        with self._change():
            there: dict[TripleKey, Triple] = {}
            for type_, group in merge.by_type(predictions).items():
                there |= self._known_triples(type_, group)
            decided = decide_each(there, asked, decision, who, merge.now())
            for type_, changed in merge.by_type(decided.changed).items():
                self._write_triples(type_, merge.Change([], changed))
            self._revise(Written(changed_triples=len(decided.changed)))
        return decided

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction, alone with the file."""
        with self._alone(), self._engine.transaction():
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._readers.changing(), self._using:
            try:
                yield
            except BaseException:
                self._tables = self._relation_tables()
                raise

    def _relation_tables(self) -> set[str]:
        return {name for (name,) in self._engine.run(RELATION_TABLES)} - {NO_RELATION}

    def _require_ends(self, triples: Iterable[TripleKey], entities: Collection[str]) -> None:
        ends = dict.fromkeys(end for key in triples for end in (key.head, key.tail) if end not in entities)
        missing = self._run(MISSING_ENTITIES, {"ids": keys(ends)}) if ends else []
        merge.refuse_missing([id for (id,) in missing])

    def _write_entities(self, entities: Mapping[str, Entity]) -> Written:
        if not entities:
            return Written()
        there = {entity.id: entity for entity in entities_of(self._run(ENTITIES_BY_ID, {"ids": keys(entities)}))}
        change = merge.entity_change(there, entities.values())
        if change.new:
            before = self._run(COUNT_ENTITIES)[0][0]
            rows = entity_table(change.new)
            if len(change.new) > before:
                self._run(COPY_ENTITIES, {"rows": rows})
            else:
                self._run(CREATE_ENTITIES, {"rows": rows})
            compare("entities", len(change.new), self._run(COUNT_ENTITIES)[0][0] - before)
        if change.changed:
            done = self._run(CHANGE_ENTITIES, {"rows": entity_table(change.changed)})[0][0]
            compare("entities", len(change.changed), done)
        return Written(new_entities=len(change.new), changed_entities=len(change.changed))

    def _known_triples(self, type_: str, triples: Sequence[Triple]) -> dict[TripleKey, Triple]:
        """What the graph holds between the ends of the triples, all of one type."""
        table = table_of(type_)
        if table not in self._tables:
            return {}
        pairs = dict.fromkeys((triple.head, triple.tail) for triple in triples)
        columns = pa.table({"head": [head for head, _ in pairs], "tail": [tail for _, tail in pairs]})
        found = self._run(on(table, TRIPLES_BY_ENDS), {"pairs": columns})
        return {triple.key: triple for triple in triples_of((head, type_, tail, *rest) for head, tail, *rest in found)}

    def _write_triples(self, type_: str, change: merge.Change[Triple]) -> Written:
        table = table_of(type_)
        if change.new:
            if table not in self._tables:
                self._run(on(table, RELATION_TABLE))
                self._tables.add(table)
            count = on(table, COUNT_TRIPLES)
            before = self._run(count)[0][0]
            rows = triple_table(change.new)
            if len(change.new) > before:
                self._run(on(table, COPY_TRIPLES), {"rows": rows.select(RELATION_FIELDS)})
            else:
                self._run(on(table, CREATE_TRIPLES), {"rows": without_keyword(rows)})
            compare("relations", len(change.new), self._run(count)[0][0] - before)
        if change.changed:
            rows = without_keyword(triple_table(change.changed))
            done = self._run(on(table, CHANGE_TRIPLES), {"rows": rows})[0][0]
            compare("relations", len(change.changed), done)
        return Written(new_triples=len(change.new), changed_triples=len(change.changed))

    def _write_relations(self, relations: Sequence[Relation], types: Iterable[str]) -> bool:
        texts = merge.catalogue(relations, types)
        known = {relation.type for relation in self.relations()}
        new = [type_ for type_ in texts if type_ not in known]
        for type_ in new:
            self._run(CREATE_RELATION, {"type": type_, "text": texts[type_]})
        return bool(new)

    def _write_source(self, source: Source) -> bool:
        known = {mark.name: mark for mark in self.sources()}.get(source.name)
        if known == source:
            return False
        self._run(SET_SOURCE, {name: getattr(source, name) for name in Source.__slots__})
        return known is None or known.image_root != source.image_root

    def _revise(self, written: Written, otherwise: bool = False) -> None:
        if written != Written() or otherwise:
            entities = int(written.new_entities + written.changed_entities > 0)
            changed = written.changed_entities + written.changed_triples > 0
            self._run(SET_REVISION, {"entities": entities, "changed": changed})

    # -- reading

    def entity(self, id: str) -> Entity:
        found = self.entities([id])
        if not found:
            raise UnknownEntity(f"The graph holds no entity {id!r}; look for it with: python -m kgstore search TEXT")
        return found[0]

    def entities(self, ids: Sequence[str]) -> list[Entity]:
        if not ids:
            return []
        found = {entity.id: entity for entity in entities_of(self._run(ENTITIES_BY_ID, {"ids": keys(ids)}))}
        return [found[id] for id in ids if id in found]

    def pictures(self, limit: int, kinds: Collection[str] = ()) -> list[Entity]:
        return entities_of(self._run(PICTURES, {"limit": limit, "any_kind": not kinds, "kinds": [*kinds, ""]}))

    def neighbour_counts(self, id: str) -> list[NeighbourCount]:
        self.entity(id)
        counts = [
            NeighbourCount(type_of(table), direction, count)
            for direction, arrow in ARROWS.items()
            for table, count in self._run(_along(arrow, "", NEIGHBOUR_COUNTS), {"id": id})
        ]
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
        parameters = {"id": id, "rejected": rejected, "origin": origin or "", "limit": limit}
        found: dict[TripleKey, Triple] = {}
        for way, arrow in ARROWS.items():
            if direction not in (None, way):
                continue
            tables = self._run(_along(arrow, "", NEIGHBOUR_TABLES), {"id": id})
            for table in sorted(table for (table,) in tables):
                if types and type_of(table) not in types:
                    continue
                cypher = _along(arrow, table, NEIGHBOURS)
                for other, *rest in self._run(cypher, parameters):
                    head, tail = (id, other) if way == "out" else (other, id)
                    [triple] = triples_of([(head, type_of(table), tail, *rest)])
                    found.setdefault(triple.key, triple)
        return list(found.values())

    def among(self, ids: Collection[str]) -> list[Triple]:
        if not ids:
            return []
        rows = self._run(on("", AMONG), {"ids": keys(ids), "list": list(ids)})
        found = triples_of((head, type_of(table), *rest) for head, table, *rest in rows)
        return sorted(found, key=lambda triple: triple.key)

    def paths(
        self, a: str, b: str, *, hops: int = 4, limit: int = 5, seconds: float = 5.0, origin: Origin | None = None
    ) -> list[tuple[Triple, ...]]:
        self.entity(a), self.entity(b)
        if a == b:
            return []
        self._shorten_log()
        return self._readers.ask(
            lambda reader, left: paths(reader, a, b, hops, limit, left, origin or ""),
            seconds,
        )

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
        return ladybug_facts.facts(self._run, self._tables, id, chosen, order, descending, offset, limit)

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
        return ladybug_facts.predictions(self._run, self._tables, chosen, newest, offset, limit)

    def prediction_counts(self, *, low: float | None = None, high: float | None = None) -> list[PredictionCount]:
        return ladybug_facts.prediction_counts(self._run, low, high)

    def search(
        self, text: str, *, kinds: Collection[str] = (), sources: Collection[str] = (), limit: int = 20
    ) -> list[Hit]:
        graph, _, revision, _ = self._run(REVISION)[0]
        # Outside of self._using: making the index anew takes seconds, which nobody else should wait for.
        scores = self._index.search(
            text,
            revision=f"{graph}-{revision}",
            columns=self.entity_columns,
            kinds=kinds,
            sources=sources,
            limit=limit,
        )
        found = {entity.id: entity for entity in self.entities([id for id, _ in scores])}
        return [Hit(found[id], score) for id, score in scores if id in found]

    def relations(self) -> list[Relation]:
        return [Relation(type_, text) for type_, text in self._run(RELATIONS)]

    def sources(self) -> list[Source]:
        return [Source(*row) for row in self._run(SOURCES)]

    def statistics(self) -> Statistics:
        with self._using:
            return self._statistics.at(self.fingerprint(), self._count)

    def _count(self) -> Statistics:
        return statistics_of(
            self._run(COUNT_ENTITIES)[0][0],
            {type_of(table): self._run(on(table, COUNT_TRIPLES))[0][0] for table in self._tables},
            self._run(COUNT_KINDS),
            self._run(COUNT_SOURCES),
            self._run(COUNT_DECISIONS),
        )

    def fingerprint(self) -> str:
        graph, revision, *_ = self._run(REVISION)[0]
        return f"{graph[:12]}-{revision}"

    def extent(self) -> Extent:
        with self._using:
            graph, revision, _, changed = self._run(REVISION)[0]
            types = {}
            for table in sorted(self._tables):
                many, last = self._run(on(table, EXTENT))[0]
                types[type_of(table)] = (many, 0 if last is None else last + 1)
            return Extent(graph, revision, changed, self._run(COUNT_ENTITIES)[0][0], types)

    def entity_columns(self, *, numbered: bool = False) -> Iterator[pa.RecordBatch]:
        cypher, schema = ENTITY_RANGE, ENTITY_COLUMNS
        if numbered:
            cypher, schema = f"{ENTITY_RANGE}, offset(id(e))", schema.append(pa.field("number", pa.int64()))
        for span in self._spans(self._run(COUNT_ENTITIES)[0][0]):
            with self._using:
                columns = self._engine.arrow(cypher, span)
            yield from _as(columns, schema)

    def triple_columns(self) -> Iterator[pa.RecordBatch]:
        for table in sorted(self._tables):
            cypher = on(table, TRIPLE_RANGE)
            for span in self._spans(self._run(on(table, COUNT_TRIPLES))[0][0]):
                with self._using:
                    columns = self._engine.arrow(cypher, {**span, "type": type_of(table)})
                yield from _as(columns, TRIPLE_COLUMNS)

    def _spans(self, rows: int) -> Iterator[dict[str, int]]:
        """Ranges of entity numbers that hold about CHUNK rows each, if rows spread evenly over the entities."""
        if not rows:
            return
        end = self._run(LAST_NUMBER)[0][0] + 1
        parts = -(-rows // CHUNK)
        for part in range(parts):
            yield {"first": end * part // parts, "until": end * (part + 1) // parts}

    def foreign(self) -> list[tuple[str, int, tuple[str, ...]]]:
        return []  # the tables of an embedded file have the columns of our records and no others

    # -- queries of users

    def columns(self, cypher: str, parameters: Mapping[str, object] | None = None) -> Iterator[pa.RecordBatch]:
        require_reading(cypher, parameters or {}, procedures=())
        with tempfile.TemporaryFile() as file:
            self._shorten_log()
            with self._readers.reading() as reader:
                _spool(reader.columns(for_ladybug(cypher, self._tables), parameters or {}), file)
            if file.tell():
                file.seek(0)
                with pa.ipc.open_stream(file) as stream:
                    yield from stream

    def recipe_columns(
        self, cypher: str, parameters: Mapping[str, object] | None = None, since: Extent | None = None
    ) -> Iterator[pa.RecordBatch]:
        require_reading(cypher, parameters or {}, procedures=())
        plain = plain_recipe(cypher)
        queries = {} if plain is None else self._table_queries(plain, parameters or {}, since)
        if queries is None or plain is None:
            yield from self.columns(cypher, parameters)
            return
        for batches in one_ahead(self._recipe_parts(queries, since)):
            yield from batches

    def _recipe_parts(self, queries: Mapping[str, TableQuery], since: Extent | None) -> Iterator[list[pa.RecordBatch]]:
        end = (self._run(LAST_NUMBER)[0][0] or 0) + 1
        for table, query in queries.items():
            rows = self._run(on(table, COUNT_TRIPLES))[0][0] if since is None else 1
            parts = -(-rows // RECIPE_CHUNK)
            alike = None if query.alike is None else query.alike.answer(self._read_columns, rows)
            for part in range(parts):
                heads = (end * part // parts, end * (part + 1) // parts)
                if alike is None or query.alike is None:
                    answer = self._read_columns(over(query.cypher, *heads), {}, "at once")
                    yield [query.complete(batch) for batch in answer]
                elif len(alike):
                    found = self._read_columns(over(query.alike.ends, *heads), {}, "ends")
                    yield [query.with_ends(alike, ends) for ends in found]

    def _read_columns(
        self, cypher: str, parameters: Mapping[str, object], way: Way = "columns"
    ) -> list[pa.RecordBatch]:
        self._shorten_log()
        with self._readers.reading() as reader:
            return list(reader.columns(cypher, parameters, way))

    def _table_queries(
        self, plain: PlainRecipe, parameters: Mapping[str, object], since: Extent | None
    ) -> dict[str, TableQuery] | None:
        """By table; None if the recipe must be run as it is written."""
        queries = {}
        for table in sorted(self._tables):
            if not plain.types or type_of(table) in plain.types:
                first = None if since is None else since.types.get(type_of(table), (0, 0))[1]
                query = table_query(plain, table, parameters, first)
                if query is None:
                    return None
                queries[table] = query
        return queries

    def query(
        self, cypher: str, parameters: Mapping[str, object] | None = None, *, seconds: float = 10.0, rows: int = 1000
    ) -> Rows:
        require_reading(cypher, parameters or {}, procedures=())
        written = for_ladybug(cypher, self._tables)
        self._shorten_log()
        names, found = self._readers.ask(
            lambda reader, left: reader.rows(written, parameters or {}, left, rows + 1),
            seconds,
        )
        return Rows(names_as_written(cypher, names), found[:rows], len(found) > rows)

    def _shorten_log(self) -> None:
        log = self._path.with_name(self._path.name + ".wal")
        if log.exists() and log.stat().st_size > LOG_TO_READ:
            with self._readers.changing(), self._using:
                self._engine.checkpoint()

    def close(self) -> None:
        self._index.close()  # first: one that is being made uses the engine
        with self._readers.changing(), self._using:
            if self._closed:
                return
            self._closed = True
            self._readers.close()
            self._engine.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _along(arrow: str, table: str, cypher: str) -> str:
    """The statement for relations of one direction, and of one table if one is given."""
    return cypher.replace("<arrow>", arrow.replace("<table>", f":`{table}`" if table else "")).replace(
        "<properties>", PROPERTIES
    )


def _as(columns: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    return iter(columns.rename_columns(schema.names).cast(schema).to_batches())


def _spool(batches: Iterator[pa.RecordBatch], file: IO[bytes]) -> None:
    """Writes an Arrow stream, or nothing if there is no batch."""
    first = next(batches, None)
    if first is not None:
        with pa.ipc.new_stream(file, first.schema) as writer:
            for batch in itertools.chain([first], batches):
                writer.write_batch(batch)
