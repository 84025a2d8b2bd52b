"""Triples in a table: TSV, CSV or columns between blanks, plain or gzip, with columns by name or by position.

Source: any, for instance WN18RR, FB15k-237, ImageNet's wordnet.is_a.txt, a table of your own. Licence: the table's.
To get it: `python -m ingest triples --path FILE --source NAME --store URI`. A folder that holds train, valid and test
files (.txt, .tsv, .csv, also .gz) is read as a whole, each file with its split.

Entities   whatever stands in the columns --head and --tail; the id is `NAME:` and what stands there. --names,
           --lemmas (synonyms between commas, the first is the name) and --texts are files of `entity TAB text`. Where
           no name is given, a text's beginning up to the first comma is.
Relations  the words of the column --relation, or --relation-words for all rows; `_has_part`, `HasPart` and `has part`
           are one type. --relation-texts is a file of `relation TAB words`.

Examples
  an own table       --path facts.csv --source mine --head subject --relation predicate --tail object
  WordNet taxonomy   --path wordnet.is_a.txt --source wn --delimiter space --head 2 --tail 1 --relation-words "is a"
                     --lemmas words.txt --texts gloss.txt.gz
  WN18RR             --path WN18RR --source wn18rr --texts entity2text.txt --relation-texts relation2text.txt
  joins              --path same.tsv --source join --full-ids --relation-words "same as" --tail 2
"""

from __future__ import annotations

import argparse
import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ingest.lines import read_lines, read_table
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from kgstore.values import COMMON_TYPE, SPLITS, Entity, Relation, Triple, relation_text, relation_type

HELP = "a table of triples: TSV or CSV, columns by name or position, texts beside it"

DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}
#: So many relation types are no relations any more but a column of something else.
MOST_TYPES = 2000

_SPLIT_FILE = re.compile(r"(train|valid|val|dev|test)\.(txt|tsv|csv)(\.gz)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Where a row has what: a name from the first line, or a position from 1. Without `relation` words say it all."""

    head: str = "1"
    tail: str = "3"
    relation: str = "2"
    weight: str = ""

    @property
    def named(self) -> bool:
        return any(column and not column.isdecimal() for column in (self.head, self.tail, self.relation, self.weight))


@dataclass(frozen=True)
class Texts:
    """Words for entities and relations, by what stands in the table."""

    names: Mapping[str, str] = field(default_factory=dict)
    lemmas: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """How to read the rows, and what to make of them."""

    source: str
    columns: Columns = Columns()
    delimiter: str = ""  # by the file's name where it is empty
    header: bool = False
    relation_words: str = ""
    kind: str = "concept"
    full_ids: bool = False


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", type=Path, required=True, metavar="P", help="the table, or a folder of train/valid/test"
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
    parser.add_argument("--names", type=Path, metavar="FILE", help="names of entities: entity TAB name")
    parser.add_argument("--lemmas", type=Path, metavar="FILE", help="synonyms of entities: entity TAB lemma, lemma")
    parser.add_argument("--texts", type=Path, metavar="FILE", help="texts of entities: entity TAB text")
    parser.add_argument("--relation-texts", type=Path, metavar="FILE", help="words of relations: relation TAB words")
    parser.add_argument("--split", choices=SPLITS, help="give all rows this split (train, or by the file of a folder)")
    parser.add_argument(
        "--kind", choices=("concept", "phrase"), default="concept", help="of the entities (%(default)s)"
    )
    parser.add_argument("--full-ids", action="store_true", help="the ends are ids already: source:key")


def from_options(options: argparse.Namespace) -> DataSet:
    if options.delimiter and options.delimiter not in DELIMITERS:
        raise BadSource(f"--delimiter is one of {', '.join(DELIMITERS)}, not {options.delimiter!r}.")
    table = Table(
        options.source,
        Columns(options.head, options.tail, "" if options.relation_words else options.relation, options.weight),
        DELIMITERS.get(options.delimiter, ""),
        options.header,
        options.relation_words,
        options.kind,
        options.full_ids,
    )
    files = (options.names, options.lemmas, options.texts, options.relation_texts)
    texts = Texts(*(_table_of(options.path, file) for file in files))
    return read_triples(options.path, table, texts, options.split)


def _table_of(path: Path, file: Path | None) -> dict[str, str]:
    """The file is looked for where the caller is, then beside the triples."""
    if file is None:
        return {}
    beside = (path if path.is_dir() else path.parent) / file
    return read_table(beside if not file.exists() and beside.exists() else file)


def read_triples(path: Path, table: Table, texts: Texts = Texts(), split: str | None = None) -> DataSet:
    """The records of a table, or of the tables of a folder. The columns are checked before anything is read."""
    files = _files(path, split)
    for file in files:
        _positions(file, table)
    return DataSet(data_source(table.source, path, (table, texts, split)), partial(_records, files, table, texts))


def _files(path: Path, split: str | None) -> dict[Path, str]:
    if not path.exists():
        raise BadSource(f"{path} does not exist: give --path a table, or a folder of train, valid and test files.")
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
            f"{path} holds no train, valid or test file (.txt, .tsv, .csv, .gz): give --path the table itself."
        )
    return dict(sorted(found.items(), key=lambda item: SPLITS.index(item[1])))


def _rows(file: Path, table: Table) -> Iterator[list[str] | Skipped]:
    """All rows, the first line too; empty lines are passed over."""
    name = file.name.removesuffix(".gz")
    delimiter = table.delimiter or ("," if name.endswith(".csv") else "\t")
    broken: list[Skipped] = []

    def lines() -> Iterator[str]:
        for line in read_lines(file):
            if isinstance(line, str):
                yield line
            else:
                broken.append(Skipped("lines that are not UTF-8", repr(line)))

    if delimiter == " ":
        rows: Iterator[list[str]] = (line.split() for line in lines())
    elif delimiter == "\t":
        rows = (line.rstrip("\r\n").split("\t") for line in lines())
    else:
        rows = csv.reader(lines(), delimiter=delimiter)
    try:
        for row in rows:
            yield from broken
            broken.clear()
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise BadSource(f"{file} does not read as CSV ({error}): is --delimiter right?") from error
    yield from broken


@dataclass(frozen=True)
class _Positions:
    head: int
    tail: int
    relation: int | None
    weight: int | None
    first_row: int  # 1 where the first line holds the names of the columns


def _positions(file: Path, table: Table) -> _Positions:
    """Raises BadSource when the first row has no such columns."""
    first = next((row for row in _rows(file, table) if not isinstance(row, Skipped)), None)
    if first is None:
        raise BadSource(f"{file} holds no row.")
    by_name = table.columns.named
    cells = [cell.strip() for cell in first]

    def position(option: str, column: str) -> int:
        if by_name and column in cells:
            return cells.index(column)
        if column.isdecimal() and 1 <= int(column) <= len(cells):
            return int(column) - 1
        shown = ", ".join(repr(cell[:30]) for cell in cells[:12])
        raise BadSource(
            f"{file} has no column {column!r} for --{option}; its first line has {len(cells)}: {shown}. "
            "Give a name from there or a position from 1; --delimiter says what stands between columns."
        )

    columns = table.columns
    return _Positions(
        position("head", columns.head),
        position("tail", columns.tail),
        None if table.relation_words else position("relation", columns.relation),
        position("weight", columns.weight) if columns.weight else None,
        first_row=1 if by_name or table.header else 0,
    )


def _records(files: Mapping[Path, str], table: Table, texts: Texts) -> Iterator[Record]:
    entities: set[str] = set()
    types: set[str] = set()
    for file, split in files.items():
        at = _positions(file, table)
        number = 0
        for row in _rows(file, table):
            if isinstance(row, Skipped):
                yield row
                continue
            number += 1
            if number > at.first_row:
                yield from _row_records(row, f"{file.name}, row {number}", at, table, texts, split, entities, types)
    for told, what in ((texts.names, "names"), (texts.lemmas, "lemmas"), (texts.texts, "texts")):
        for key in told:
            if key not in entities:
                yield Skipped(f"{what} of an entity that no row has", f"{key} {told[key]}")


def _row_records(
    row: list[str],
    where: str,
    at: _Positions,
    table: Table,
    texts: Texts,
    split: str,
    entities: set[str],
    types: set[str],
) -> Iterator[Record]:
    """A row's entities and relation type where they are new, then its triple. `entities` and `types` grow."""
    example = f"{where}: {' | '.join(row)}"
    if max(at.head, at.tail, at.relation or 0, at.weight or 0) >= len(row):
        yield Skipped("rows with too few columns", example)
        return
    head, tail = row[at.head].strip(), row[at.tail].strip()
    words = (table.relation_words if at.relation is None else row[at.relation]).strip()
    if not (head and tail and words):
        yield Skipped("rows with an empty end or relation", example)
        return
    if table.full_ids and not all(end.partition(":")[2] for end in (head, tail)):
        yield Skipped("rows whose ends are not ids of the form source:key", example)
        return
    weight = 1.0 if at.weight is None else _number(row[at.weight])
    if weight is None:
        yield Skipped("rows whose weight is no number", example)
        return
    for key in (head, tail):
        if key not in entities:
            entities.add(key)
            yield _entity(key, table, texts)
    type_ = relation_type(words)
    if type_ not in types:
        types.add(type_)
        if len(types) > MOST_TYPES:
            raise BadSource(f"{where} brings relation type number {len(types)}: does --relation name the right column?")
        if type_ != COMMON_TYPE:
            yield Relation(type_, texts.relations.get(words) or relation_text(type_))
    yield Triple(
        _id(head, table),
        type_,
        _id(tail, table),
        words=words if type_ == COMMON_TYPE else "",
        weight=weight,
        sources=(table.source,),
        split=split,
    )


def _entity(key: str, table: Table, texts: Texts) -> Entity:
    name, text = texts.names.get(key, ""), texts.texts.get(key, "")
    lemmas = [lemma.strip() for lemma in texts.lemmas.get(key, "").split(",") if lemma.strip()]
    told = tuple(dict.fromkeys(words for words in (name, *lemmas, text) if words))
    plain = key.partition(":")[2] if table.full_ids else key
    shown = name or next(iter(lemmas), "") or text.partition(",")[0] or plain
    # A key in words is a text itself: a model must have something to read.
    described = told or (() if table.full_ids else (plain.replace("_", " "),))
    return Entity(_id(key, table), table.kind, shown, described, sources=(table.source,))


def _id(key: str, table: Table) -> str:
    return key if table.full_ids else f"{table.source}:{key}"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
