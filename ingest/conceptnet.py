"""ConceptNet: assertions of common sense.

Source: ConceptNet 5 (Speer et al. 2017), conceptnet-assertions-5.7.0.csv.gz. Licence: CC BY-SA 4.0.
To get it: from the project's downloads page; keep it packed. `--path` is the file, plain or gzip.

Five columns between tabs, without quotes: uri, relation, start, end, JSON.

Entities   concept `cn:/c/en/dog`: a node without its sense, so the senses of one spelling are one entity. Its texts are
           its label and at most four of the ways in which surface texts write it ("a dog" in "[[a dog]] is [[a pet]]").
Relations  IS_A, AT_LOCATION, ... with the assertion's weight; `/r/dbpedia/genre` is DBPEDIA_GENRE. The sentence ("a dog
           is a pet") is the text of the relation and of no entity: it tells the answer that a model is asked for.
Left out   ends in another language than asked for, links to other sites (ExternalURL), weights below the threshold,
           what relates a concept to itself once its sense is gone

Whole files are read as columns (ingest.conceptnet_columns); a few records, and lines of unusual form, one by one here.
Both make the same. Of an unpacked file to which lines were added only these are read.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.conceptnet_columns import Columns, Found, Told
from ingest.lines import read_lines, read_pieces
from ingest.records import BadSource, Block, DataSet, Record, Skipped, data_source
from kgstore.aside import folder_aside
from kgstore.store import ENTITY_COLUMNS, TRIPLE_COLUMNS
from kgstore.values import Entity, Relation, Triple, relation_text, relation_type

HELP = "ConceptNet's assertions (csv.gz), by language and weight"

ALL_LANGUAGES = "all"
MOST_TEXTS = 5
LONGEST_TEXT = 80
#: Bytes of the file that become columns at a time.
PIECE = 2**25

NO_TEXT = "no text"

_SURFACE = re.compile(r"\[\[(.*?)\]\]")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="FILE", help="conceptnet-assertions-*.csv.gz")
    parser.add_argument("--source", default="cn", metavar="NAME", help="what to call it in the graph (%(default)s)")
    parser.add_argument("--language", default="en", metavar="CODE", help="of both ends (%(default)s), or all")
    parser.add_argument(
        "--min-weight", type=float, default=0.0, metavar="W", help="leave out lighter ones (%(default)s)"
    )


def from_options(options: argparse.Namespace) -> DataSet:
    return read_conceptnet(options.path, options.source, options.language, options.min_weight)


def read_conceptnet(path: Path, source: str = "cn", language: str = "en", min_weight: float = 0.0) -> DataSet:
    mark = data_source(source, path, (language, min_weight))
    first = next(iter(read_lines(path)), None)
    if first is None or (isinstance(first, str) and first.count("\t") != 4):
        raise BadSource(f"{path} is no file of ConceptNet assertions: its lines must have five columns between tabs.")
    records = partial(_records, path, source, language, min_weight)
    blocks = partial(_blocks, path, source, language, min_weight)
    since = None if path.suffix == ".gz" else lambda start: DataSet(mark, partial(records, start=start))
    return DataSet(mark, records, files=(path,), blocks=blocks, format=2, since=since, most_texts=MOST_TEXTS)


def _blocks(path: Path, source: str, language: str, min_weight: float) -> Iterator[Block]:
    reasons = _reasons(language, min_weight)
    types: dict[str, str] = {}
    with (
        folder_aside() as folder,
        Columns(
            folder, language, min_weight, LONGEST_TEXT, partial(_parsed, language=language, min_weight=min_weight)
        ) as columns,
    ):
        for piece in read_pieces(path, PIECE):
            before = columns.lines_before
            found = columns.read(piece)
            relations = found.assertions["relation"].unique().to_pylist()
            new = [relation for relation in relations if relation not in types]
            types |= {relation: relation_type(relation) for relation in new}
            yield Block(
                ENTITY_COLUMNS.empty_table(),
                _triples(found.assertions, source, types),
                tuple(_relation(relation) for relation in new),
                tuple(_skipped(found, before, reasons)),
                columns.lines_before - before,
            )
        for nodes in columns.nodes(MOST_TEXTS):
            yield Block(_entities(nodes, source), TRIPLE_COLUMNS.empty_table())


def _triples(assertions: pa.Table, source: str, types: dict[str, str]) -> pa.Table:
    relations = assertions["relation"].combine_chunks().dictionary_encode()
    names = pa.array([types[relation] for relation in relations.dictionary.to_pylist()], pa.string())
    given = {
        "head": _ids(source, assertions["start"]),
        "type": names.take(relations.indices),
        "tail": _ids(source, assertions["end"]),
        "weight": assertions["weight"],
        "text": assertions["text"],
        "origin": "asserted",
        "split": "train",
        "score": None,
    }
    return _table(TRIPLE_COLUMNS, assertions.num_rows, source, given)


def _entities(nodes: pa.RecordBatch, source: str) -> pa.Table:
    given = {
        "id": _ids(source, nodes["node"]),
        "kind": "concept",
        "name": nodes["label"],
        "texts": nodes["texts"],
        "split": "train",
    }
    return _table(ENTITY_COLUMNS, nodes.num_rows, source, given)


def _ids(source: str, nodes: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.binary_join_element_wise(source, nodes, ":")


def _table(schema: pa.Schema, rows: int, source: str, given: Mapping[str, Any]) -> pa.Table:
    """Columns as given, one value for all rows, or what a record has that says nothing."""
    if not rows:
        return schema.empty_table()
    columns = []
    for field in schema:
        empty: object = [] if pa.types.is_list(field.type) else ""
        value = given.get(field.name, [source] if field.name == "sources" else empty)
        if isinstance(value, pa.Array | pa.ChunkedArray):
            columns.append(value.cast(field.type))
        else:
            columns.append(pa.repeat(pa.scalar(value, field.type), rows))
    return pa.table(columns, schema=schema)


def _skipped(found: Found, before: int, reasons: Mapping[str, str]) -> Iterator[Skipped]:
    """The first ones by their lines; the last of these stands for the rest too."""
    for reason, (many, numbers) in found.left_out.items():
        for at, number in enumerate(numbers, 1):
            line = found.lines.line(number)
            shown = repr(line) if reason == NO_TEXT else line.decode()
            count = many - at + 1 if at == len(numbers) else 1
            yield Skipped(reasons[reason], f"line {before + number + 1}: {shown}", count)


def _relation(relation: str) -> Relation:
    return Relation(relation_type(relation), relation_text(relation_type(relation.rpartition("/")[2])))


def _records(path: Path, source: str, language: str, min_weight: float, start: int = 0) -> Iterator[Record]:
    """One by one, from a byte on at which a line begins."""
    reasons = _reasons(language, min_weight)
    types: set[str] = set()
    texts: dict[str, tuple[str, ...]] = {}  # what was told of each node so far
    where = "added line" if start else "line"
    for number, line in enumerate(read_lines(path, start), 1):
        found = NO_TEXT if isinstance(line, bytes) else _parsed(line, language, min_weight)
        if isinstance(found, str):
            shown = repr(line) if isinstance(line, bytes) else line
            yield Skipped(reasons[found], f"{where} {number}: {shown}")
            continue
        type_ = relation_type(found.relation)
        if type_ not in types:
            types.add(type_)
            yield _relation(found.relation)
        for node, form in ((found.start, found.start_form), (found.end, found.end_form)):
            label = _label(node)
            known = texts.get(node, ())
            told = tuple(text for text in dict.fromkeys((label, form)) if text and text not in known)
            told = told[: MOST_TEXTS - len(known)]
            if told or not known:
                texts[node] = known + told
                yield Entity(f"{source}:{node}", "concept", label, told, sources=(source,))
        head, tail = f"{source}:{found.start}", f"{source}:{found.end}"
        yield Triple(head, type_, tail, weight=found.weight, sources=(source,), text=found.text)


def _reasons(language: str, min_weight: float) -> dict[str, str]:
    """What is said of lines that are left out."""
    return {
        NO_TEXT: "lines that are not UTF-8",
        "columns": "lines that have not five columns",
        "external": "links to other sites (ExternalURL)",
        "names": "lines whose relation or ends are no ConceptNet names",
        "language": f"assertions with an end that is not in language {language}",
        "label": "assertions with an empty label",
        "details": "lines whose details are not JSON with a weight",
        "light": f"assertions lighter than {min_weight}",
        "self": "assertions of a concept about itself",
    }


def _parsed(line: str, language: str, min_weight: float) -> Told | str:
    """What a line says, or why it is left out (a key of _reasons)."""
    columns = line.rstrip("\r\n").split("\t")
    if len(columns) != 5:
        return "columns"
    _, relation, start, end, details = columns
    if relation == "/r/ExternalURL" or end.startswith(("http:", "https:")):
        return "external"
    if not (relation.startswith("/r/") and start.startswith("/c/") and end.startswith("/c/")):
        return "names"
    if language != ALL_LANGUAGES and not all(node.split("/")[2] == language for node in (start, end)):
        return "language"
    start, end = _without_sense(start), _without_sense(end)
    if not (_label(start) and _label(end)):
        return "label"
    try:
        told = json.loads(details)
        weight = float(told.get("weight", 1.0))
        surface = told.get("surfaceText") or ""
    except (ValueError, TypeError, AttributeError, OverflowError):
        return "details"
    if not math.isfinite(weight):
        return "details"
    if weight < min_weight:
        return "light"
    if start == end:
        return "self"
    if not isinstance(surface, str) or not _is_unicode(surface):
        surface = ""
    return Told(relation, start, end, weight, *_surface_forms(surface, _label(start), _label(end)), _sentence(surface))


def _without_sense(node: str) -> str:
    """/c/en/dog/n/wn/animal is /c/en/dog."""
    return "/".join(node.split("/")[:4])


def _label(node: str) -> str:
    parts = node.split("/")
    return " ".join(parts[3].replace("_", " ").split()) if len(parts) > 3 else ""


def _sentence(surface: str) -> str:
    """The surface text without its marks."""
    return " ".join(surface.lstrip("*").replace("[[", "").replace("]]", "").split())


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _surface_forms(surface: str, start: str, end: str) -> tuple[str, str]:
    """How the surface text writes what has these labels; empty where it does not say.

    Some sentences name the end first ("Something you find at [[a hospital]] is [[a doctor]]"), so the forms are
    exchanged when that way they share more words with the labels.
    """
    forms = [" ".join(form.split()) for form in _SURFACE.findall(surface)]
    if len(forms) != 2 or not all(0 < len(form) <= LONGEST_TEXT for form in forms):
        return "", ""
    first, second = forms
    as_written = _alike(first, start) + _alike(second, end)
    exchanged = _alike(second, start) + _alike(first, end)
    return (second, first) if exchanged > as_written else (first, second)


def _alike(form: str, label: str) -> float:
    """The share of the label's words that begin like one of the form: labels are lemmas ("run" in "running")."""
    words = form.lower().split()
    lemmas = label.lower().split()
    return sum(any(word[:4] == lemma[:4] for word in words) for lemma in lemmas) / len(lemmas)
