"""Triples: TSV, CSV, columns between blanks, Parquet, N-Triples, Turtle, OpenKE's counted files.

Source: any, for instance WN18RR, FB15k-237, DB15K, MKG-W, WN9-IMG, a table of your own. Licence: the source's.
To get it: `python -m ingest triples --path FILE --source NAME --store URI`. A folder that holds train, valid and test
files (.txt, .tsv, .csv, .parquet, .nt, .ttl, also .gz) is read as a whole, each file with its split; one that holds
entity2id.txt, relation2id.txt and train2id.txt is OpenKE's. Columns are named or counted from 1; a first line such as
`head TAB relation TAB tail` is no fact.

Entities   whatever stands in the columns --head and --tail; the id is `NAME:` and what stands there, or begins with
           what --ids says, so that WN9-IMG's n02084071 is WordNet's `wn:n02084071`. --names, --lemmas (synonyms
           between commas, the first is the name) and --texts are files of `entity TAB text`; --one-text makes one of
           them all. Where no name is given, a text's beginning up to the first comma is. Of an IRI without words the
           last part is read.
           RDF brings words itself: rdfs:label, skos:prefLabel, schema:name; altLabel, definition, comment,
           description, abstract, those in --language or none
Relations  the words of the column --relation, or --relation-words for all rows; `_has_part`, `HasPart` and `has part`
           are one type. Of an IRI the last part is the type, with as much before it as tells it from another IRI;
           rdf:type is INSTANCE_OF, rdfs:subClassOf IS_A. --relation-texts is a file of `relation TAB words`.

Examples
  an own table       --path facts.csv --source mine --head subject --relation predicate --tail object
  WordNet taxonomy   --path wordnet.is_a.txt --source wn --delimiter space --head 2 --tail 1 --relation-words "is a"
                     --lemmas words.txt --texts gloss.txt.gz
  WN18RR             --path WN18RR --source wn18rr --texts entity2text.txt --relation-texts relation2text.txt
  WN9-IMG            --path WN9-IMG --source wn9 --ids wn --tail 2 --relation 3 --loops
  DB15K, MKG-W       --path DB15K --source db15k --loops
  RDF                --path dump.nt.gz --source dbpedia
  joins              --path same.tsv --source join --full-ids --relation-words "same as" --tail 2
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ingest.facts import NO_TEXTS, Fact, Naming, Texts, fact_records
from ingest.iris import RelationTypes, is_iri
from ingest.openke import NAMES, openke_facts, openke_files
from ingest.rdf import RdfFact, RdfText, is_rdf, read_rdf
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from ingest.tables import BY_POSITION, DELIMITERS, Columns, Positions, delimiter_of, is_parquet, positions, rows
from ingest.texts_beside import add_text_options, texts_beside
from kgstore.values import SPLITS, Source

HELP = "triples: TSV, CSV, Parquet, N-Triples, Turtle or OpenKE's files, columns by name or position, texts beside it"

_SPLIT_FILE = re.compile(r"(train|valid|val|dev|test)\.((txt|tsv|csv|nt|ttl)(\.gz)?|parquet)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """How to read the rows, and what to make of them."""

    source: str
    columns: Columns = BY_POSITION
    delimiter: str = ""  # by the file's name where it is empty
    header: bool = False
    relation_words: str = ""
    kind: str = "concept"
    full_ids: bool = False
    ids: str = ""  # what ids begin with, if not the source's name
    language: str = "en"
    loops: bool = False  # facts of an entity with itself stay

    @property
    def naming(self) -> Naming:
        return Naming(self.source, "" if self.full_ids else self.ids or self.source, self.kind)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", type=Path, required=True, metavar="P", help="the file, or a folder of train/valid/test"
    )
    parser.add_argument("--source", required=True, metavar="NAME", help="what to call it in the graph; begins the ids")
    parser.add_argument("--head", default="1", metavar="COLUMN", help="name or position from 1 (%(default)s)")
    parser.add_argument("--relation", default="2", metavar="COLUMN", help="name or position from 1 (%(default)s)")
    parser.add_argument("--tail", default="3", metavar="COLUMN", help="name or position from 1 (%(default)s)")
    parser.add_argument("--weight", default="", metavar="COLUMN", help="name or position of a number (none)")
    parser.add_argument("--relation-words", default="", metavar="WORDS", help="the relation of all rows, no column")
    parser.add_argument(
        "--delimiter", default="", metavar="D", help="tab, comma, semicolon, space (by the file's name)"
    )
    parser.add_argument("--header", action="store_true", help="skip the first line though columns are by position")
    add_text_options(parser)
    parser.add_argument("--language", default="en", metavar="CODE", help="of the texts in RDF (%(default)s)")
    parser.add_argument("--loops", action="store_true", help="keep facts of an entity with itself, as benchmarks do")
    parser.add_argument("--split", choices=SPLITS, help="give all rows this split (train, or by the file of a folder)")
    parser.add_argument(
        "--kind", choices=("concept", "phrase"), default="concept", help="of the entities (%(default)s)"
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--ids", default="", metavar="PREFIX", help="what ids begin with, if not the source's name")
    ends.add_argument("--full-ids", action="store_true", help="the ends are ids already: source:key")


def from_options(options: argparse.Namespace) -> DataSet:
    if options.delimiter and options.delimiter not in DELIMITERS:
        raise BadSource(f"--delimiter is one of {', '.join(DELIMITERS)}, not {options.delimiter!r}.")
    if ":" in options.ids or "/" in options.ids:
        raise BadSource(f"--ids {options.ids!r} cannot begin an id: it must hold neither : nor /.")
    table = Table(
        options.source,
        Columns(options.head, options.tail, "" if options.relation_words else options.relation, options.weight),
        DELIMITERS.get(options.delimiter, ""),
        options.header,
        options.relation_words,
        options.kind,
        options.full_ids,
        options.ids,
        options.language.lower(),
        options.loops,
    )
    folder = options.path if options.path.is_dir() else options.path.parent
    texts, files = texts_beside(options, folder)
    data = read_triples(options.path, table, texts, options.split)
    return replace(data, files=(*data.files, *files))


def read_triples(path: Path, table: Table, texts: Texts = NO_TEXTS, split: str | None = None) -> DataSet:
    """The records of a file, or of the files of a folder. Columns are checked before anything is read."""
    source = data_source(table.source, path, (table, texts, split))
    if path.is_dir() and (counted := openke_files(path)):
        asked = {file: split or own for file, own in counted.items()}
        records = partial(_openke_records, path, asked, table, texts)
        return DataSet(source, records, files=(*asked, *(path / name for name in NAMES)), loops=table.loops)
    files = _files(path, split)
    for file in files:
        if not is_rdf(file):
            _positions(file, table)
    since = partial(_since, source, files, table, texts) if _of_plain_lines(files, table) else None
    return DataSet(source, partial(_records, files, table, texts), files=tuple(files), since=since, loops=table.loops)


def _files(path: Path, split: str | None) -> dict[Path, str]:
    if not path.exists():
        raise BadSource(f"{path} does not exist: give --path a file, or a folder of train, valid and test files.")
    if not path.is_dir():
        return {path: split or "train"}
    words = {"val": "valid", "dev": "valid"}
    found: dict[Path, str] = {}
    for file in sorted(path.iterdir()):
        if match := _SPLIT_FILE.match(file.name):
            name = match[1].lower()
            found[file] = split or words.get(name, name)
    if not found:
        raise BadSource(
            f"{path} holds no train, valid or test file (.txt, .tsv, .csv, .parquet, .nt, .ttl, .gz) and not OpenKE's "
            "entity2id.txt and relation2id.txt: give --path the file itself."
        )
    return dict(sorted(found.items(), key=lambda item: SPLITS.index(item[1])))


def _records(files: Mapping[Path, str], table: Table, texts: Texts) -> Iterator[Record]:
    texts = _with_rdf_texts(files, table, texts)

    def facts() -> Iterator[Fact | Skipped]:
        for file, split in files.items():
            yield from _rdf_facts(file, table, split) if is_rdf(file) else _table_facts(file, table, split)

    yield from fact_records(facts(), table.naming, texts)


def _openke_records(folder: Path, files: dict[Path, str], table: Table, texts: Texts) -> Iterator[Record]:
    yield from fact_records(openke_facts(folder, files), table.naming, texts)


def _of_plain_lines(files: Mapping[Path, str], table: Table) -> bool:
    """Whether lines that are added at the end can be read alone: a quoted cell of CSV may go over several lines."""
    file, *others = files
    plain = file.suffix != ".gz" and not is_parquet(file) and not is_rdf(file)
    return plain and not others and delimiter_of(file, table.delimiter) in ("\t", " ")


def _since(source: Source, files: Mapping[Path, str], table: Table, texts: Texts, start: int) -> DataSet:
    return DataSet(source, partial(_records_since, files, table, texts, start))


def _records_since(files: Mapping[Path, str], table: Table, texts: Texts, start: int) -> Iterator[Record]:
    ((file, split),) = files.items()
    types = RelationTypes()
    first = next((fact for fact in _table_facts(file, table, split) if isinstance(fact, Fact)), None)
    if first and is_iri(first.relation):
        # The type of an IRI depends on those before it.
        for fact in _table_facts(file, table, split):
            if isinstance(fact, Fact):
                types.of(fact.relation)
    facts = _table_facts(file, table, split, start)
    yield from fact_records(facts, table.naming, texts, types, all_of_them=False)


def _positions(file: Path, table: Table) -> Positions:
    return positions(
        file, table.columns, relation=not table.relation_words, delimiter=table.delimiter, header=table.header
    )


def _table_facts(file: Path, table: Table, split: str, start: int = 0) -> Iterator[Fact | Skipped]:
    at = _positions(file, table)
    what = f"after byte {start}, row" if start else "row"
    number = 0
    for row in rows(file, table.delimiter, start):
        if isinstance(row, Skipped):
            yield row
            continue
        number += 1
        where = f"{file.name}, {what} {number}: {' | '.join(row)}"
        if number > 1 or start or not at.header:
            yield _fact(row, at, table, split, where)
        elif at.guessed:
            yield Skipped("first lines that name the columns", where)


def _fact(row: list[str], at: Positions, table: Table, split: str, where: str) -> Fact | Skipped:
    if at.width > len(row):
        return Skipped("rows with too few columns", where)
    head, tail = row[at.head].strip(), row[at.tail].strip()
    words = (table.relation_words if at.relation is None else row[at.relation]).strip()
    if not (head and tail and words):
        return Skipped("rows with an empty end or relation", where)
    weight = 1.0 if at.weight is None else _number(row[at.weight])
    if weight is None:
        return Skipped("rows whose weight is no number", where)
    return Fact(head, words, tail, weight, split, where)


def _rdf_facts(file: Path, table: Table, split: str) -> Iterator[Fact | Skipped]:
    for told in read_rdf(file, table.language):
        if isinstance(told, RdfFact):
            yield Fact(told.head, told.relation, told.tail, 1.0, split, f"{file.name}: {' '.join(told)}")
        elif isinstance(told, Skipped):
            yield told


def _with_rdf_texts(files: Mapping[Path, str], table: Table, texts: Texts) -> Texts:
    """The words that stand among the facts come behind those of files beside them."""
    names: dict[str, str] = {}
    more: dict[str, dict[str, None]] = {}
    for file in filter(is_rdf, files):
        for told in read_rdf(file, table.language):
            if isinstance(told, RdfText):
                if told.is_name:
                    names.setdefault(told.key, told.text)
                more.setdefault(told.key, {})[told.text] = None
    return replace(texts, names={**names, **texts.names}, more={key: tuple(told) for key, told in more.items()})


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
