"""Joins: the same thing from different sources, told by SAME_AS relations. Ids are never rewritten.

To use it: `python -m ingest link --store URI`, after any loads in any order; again after others. What it made before it
finds and leaves; an ambiguous entity is listed, all of them by --report, not guessed.

Rules, each from an entity to WordNet's synset `wn:n02084071` (see wordnet-images)
  synset names   `vg:synset/dog.n.01`: by --synsets, a file of `NAME TAB WNID`; else by the number of the sense, which
                 Open English WordNet and WordNet's Prolog files tell; else, for the first sense of a word that has
                 one synset, by that
  VisualSem      its main senses from WordNet, where word and part of speech have one synset and one node
  ConceptNet     `cn:/c/en/word`, where the word has one synset in any part of speech
  wnids          entities of other sources whose id ends with one (WN9-IMG)
  offsets        entities whose id is one (WN18RR) and whose name is one of the synset's lemmas
And between pictures, with --image-data FILE (Visual Genome's image_data.json): `vg:image/1` and `coco:image/COCO_ID`.

With --mentions captions MENTIONS the concepts that their words name, MENTIONED_IN back: "two dogs play" the concepts
`cn:/c/en/dog`, `vg:name/dog`. A name that several concepts of one source and kind share is ambiguous, and mentions
none. Without that no relation leads from pictures with captions to what language graphs say.

"One synset" means one in the graph: load WordNet whole for that. A join of things held out is held out itself.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.joins import ALONE, AMBIGUOUS, MADE, RULES, STALE, TABLES, VIEWS, Rule
from ingest.json_stream import elements
from ingest.lines import read_lines
from ingest.mentions import mention
from ingest.records import BadSource
from ingest.report import report_file, write_json
from ingest.visual_genome_files import number
from kgstore.command import add_store_option
from kgstore.open import open_store
from kgstore.store import GraphStore
from kgstore.values import SPLITS, Relation, Source, Triple, TripleKey

NAME = "link"
HELP = "joins what is the same in several sources by SAME_AS, and captions to what they mention, after any loads"

SAME_AS = Relation("SAME_AS", "same as")

#: What the graph says of these joins.
MARK = Source(NAME, path="what is the same in several sources", complete=True)

BATCH = 10_000
MEMORY = "512MB"

#: Only pictures and concepts are joined; of a synset's texts the short ones may be lemmas.
ENTITIES = """
MATCH (e:Entity) WHERE e.kind = 'concept' OR ($pictures AND e.kind = 'image')
RETURN e.id AS id, lower(e.name) AS name, e.split AS split
"""
LEMMAS = """
MATCH (e:Entity) WHERE e.kind = 'concept' AND (e.id STARTS WITH 'wn:' OR e.id STARTS WITH 'oewn:')
UNWIND e.texts AS text
WITH e, text WHERE size(text) <= 80
RETURN e.id AS id, lower(text) AS lemma
"""
SENSES = "MATCH (w:Entity)-[r:HAS_SENSE]->(s:Entity) RETURN w.id AS word, s.id AS id, r.weight AS weight"
SAME = """
MATCH (h:Entity)-[r:SAME_AS]->(t:Entity) RETURN h.id AS head, t.id AS tail, $source IN r.sources AS linked
"""


@dataclass
class Joined:
    """What one rule did."""

    rule: str
    made: int = 0
    new: int = 0
    alone: int = 0
    ambiguous: dict[str, list[str]] = field(default_factory=dict)  # entity -> what it may be the same as

    def lines(self) -> Iterator[str]:
        rest = [f"{len(self.ambiguous)} ambiguous"] * bool(self.ambiguous) + [f"{self.alone} alone"] * bool(self.alone)
        yield f"  {self.rule}: {self.made} joins, {self.new} new" + "".join(f", {part}" for part in rest)
        for id, partners in islice(self.ambiguous.items(), 1):
            yield f"    ambiguous, the first (--report FILE lists all): {id}, {' or '.join(partners)}"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_store_option(parser)
    parser.add_argument("--synsets", type=Path, metavar="FILE", help="synset names: NAME TAB WNID")
    parser.add_argument(
        "--image-data", type=Path, metavar="FILE", help="Visual Genome's image_data.json, for COCO's ids"
    )
    parser.add_argument(
        "--report", type=report_file, metavar="FILE", help="write what each rule did and all that is ambiguous as JSON"
    )
    parser.add_argument("--mentions", action="store_true", help="captions to the concepts that their words name, too")
    parser.add_argument("--prune", action="store_true", help="take back joins of earlier runs that no rule makes now")
    parser.add_argument("--dry-run", action="store_true", help="count, write nothing")


def run(options: argparse.Namespace) -> int:
    """The command; prints what was joined."""
    synsets = [] if options.synsets is None else list(_synset_names(options.synsets))
    pictures = [] if options.image_data is None else list(_coco_pictures(options.image_data))
    with open_store(options.store) as store:
        joined, stale = link(store, synsets, pictures, prune=options.prune, dry_run=options.dry_run)
        mentioned = mention(store, MARK, prune=options.prune, dry_run=options.dry_run) if options.mentions else None
    print("\n".join(line for joins in joined for line in joins.lines()))
    if mentioned:
        print("\n".join(mentioned.lines()))
    taken_back = options.prune and not options.dry_run
    stale += mentioned.stale if mentioned else 0
    if stale:
        took = "taken back" if taken_back else "stand; --prune takes them back"
        print(f"  {stale} joins of earlier runs that no rule makes now {took}")
    if options.dry_run:
        print("  nothing was written")
    if options.report is not None:
        told = {"source": NAME, "dry_run": options.dry_run, "rules": [asdict(joins) for joins in joined]}
        told |= {"mentions": asdict(mentioned)} if mentioned else {}
        write_json(told | {"stale": stale, "taken_back": taken_back}, options.report)
    return 0


def link(
    store: GraphStore,
    synsets: Sequence[tuple[str, str]] = (),
    pictures: Sequence[tuple[str, str]] = (),
    *,
    prune: bool = False,
    dry_run: bool = False,
) -> tuple[list[Joined], int]:
    """Joins by all rules; returns what each did, and how many joins of earlier runs no rule makes now.

    `synsets` are names with wnids, `pictures` ids of images that are the same.
    """
    with tempfile.TemporaryDirectory(prefix="link-") as folder, _database(Path(folder)) as database:
        _read(store, database, synsets, pictures)
        joined = [_by_rule(store, database, rule, dry_run) for rule in RULES]
        stale = [TripleKey(head, SAME_AS.type, tail) for head, tail in database.execute(STALE).fetchall()]
        if prune and not dry_run:
            for first in range(0, len(stale), BATCH):
                store.retract(NAME, triples=stale[first : first + BATCH])
    if not dry_run and any(joins.new for joins in joined):
        store.write(source=MARK)
    return joined, len(stale)


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """On the disk, so that memory is bounded whatever the graph holds."""
    with duckdb.connect(str(folder / "joins.duckdb"), config={"memory_limit": MEMORY}) as database:
        database.execute(TABLES)
        yield database


def _read(
    store: GraphStore,
    database: duckdb.DuckDBPyConnection,
    synsets: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, str]],
) -> None:
    types = {relation.type for relation in store.relations()}
    queries: list[tuple[str, str, dict[str, object]]] = [
        ("entity", ENTITIES, {"pictures": bool(pictures)}),
        ("told", LEMMAS, {}),
    ]
    if "HAS_SENSE" in types:
        queries.append(("has_sense", SENSES, {}))
    if SAME_AS.type in types:
        queries.append(("same", SAME, {"source": NAME}))
    for table, cypher, parameters in queries:
        for batch in store.columns(cypher, parameters):
            _insert(database, table, pa.Table.from_batches([batch]))
    for table, names, rows in (("map", ("name", "wnid"), synsets), ("coco", ("image", "coco"), pictures)):
        if rows:
            _insert(database, table, pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
    database.execute(VIEWS)


def _insert(database: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    database.register("rows", rows)
    database.execute(f"INSERT INTO {table} SELECT {', '.join(rows.column_names)} FROM rows")
    database.unregister("rows")


def _by_rule(store: GraphStore, database: duckdb.DuckDBPyConnection, rule: Rule, dry_run: bool) -> Joined:
    joins = Joined(rule.name)
    database.execute(f"INSERT INTO candidate SELECT $rule, head, tail, unsure FROM ({rule.pairs})", {"rule": rule.name})
    if rule.asked:
        database.execute(
            f"INSERT INTO alone SELECT $rule, id FROM ({rule.asked}) WHERE id NOT IN (SELECT head FROM candidate)",
            {"rule": rule.name},
        )
        joins.alone = database.execute(ALONE, {"rule": rule.name}).fetchall()[0][0]
    joins.ambiguous = dict(_rows(database, AMBIGUOUS, rule))
    rows = _rows(database, MADE, rule)
    while some := list(islice(rows, BATCH)):
        triples = [
            Triple(head, SAME_AS.type, tail, sources=(NAME,), split=max(*splits, key=SPLITS.index))
            for head, tail, *splits, there in some
            if not there
        ]
        joins.made += len(some)
        joins.new += len(triples)
        if triples and not dry_run:
            store.write(triples=triples, relations=[SAME_AS])
    return joins


def _rows(database: duckdb.DuckDBPyConnection, sql: str, rule: Rule) -> Iterator[tuple[Any, ...]]:
    cursor = database.cursor().execute(sql, {"rule": rule.name})
    while rows := cursor.fetchmany(BATCH):
        yield from rows


def _synset_names(file: Path) -> Iterator[tuple[str, str]]:
    found = 0
    for line in read_lines(file):
        columns = line.split("\t") if isinstance(line, str) else []
        if len(columns) > 1 and columns[0].strip() and columns[1].strip():
            found += 1
            yield columns[0].strip(), columns[1].strip()
    if not found:
        raise BadSource(f"{file} holds no line of the form NAME TAB WNID: give --synsets another.")


def _coco_pictures(file: Path) -> Iterator[tuple[str, str]]:
    for image in elements(file):
        id, coco = number(image, "image_id", "id", "image"), number(image, "coco_id")
        if id is not None and coco is not None and coco >= 0:
            yield f"vg:image/{id}", f"coco:image/{coco}"
