"""ConceptNet: assertions of common sense.

Source: ConceptNet 5 (Speer et al. 2017), conceptnet-assertions-5.7.0.csv.gz. Licence: CC BY-SA 4.0.
To get it: from the project's downloads page; keep it packed. `--path` is the file, plain or gzip.

Five columns between tabs, without quotes: uri, relation, start, end, JSON.

Entities   concept `cn:/c/en/dog`: a node without its sense, so the senses of one spelling are one entity. Its texts are
           its label and at most four of the ways in which surface texts write it ("a dog" in "[[a dog]] is [[a pet]]").
           The sentence itself is not kept: it tells the answer that a model is asked for.
Relations  IS_A, AT_LOCATION, ... with the assertion's weight; `/r/dbpedia/genre` is DBPEDIA_GENRE
Left out   ends in another language than asked for, links to other sites (ExternalURL), weights below the threshold,
           what relates a concept to itself once its sense is gone
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ingest.lines import read_lines
from ingest.records import BadSource, DataSet, Record, Skipped, data_source
from kgstore.values import Entity, Relation, Triple, relation_text, relation_type

HELP = "ConceptNet's assertions (csv.gz), by language and weight"

ALL_LANGUAGES = "all"
MOST_TEXTS = 5
LONGEST_TEXT = 80

_SURFACE = re.compile(r"\[\[(.*?)\]\]")


class Assertion(NamedTuple):
    relation: str
    start: str  # /c/en/dog
    end: str
    weight: float
    surface: str


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
    return DataSet(mark, partial(_records, path, source, language, min_weight))


def _records(path: Path, source: str, language: str, min_weight: float) -> Iterator[Record]:
    types: set[str] = set()
    texts: dict[str, tuple[str, ...]] = {}  # what was told of each node so far
    for number, line in enumerate(read_lines(path), 1):
        found = _parsed(line, language, min_weight)
        if isinstance(found, str):
            shown = repr(line) if isinstance(line, bytes) else line
            yield Skipped(found, f"line {number}: {shown}")
            continue
        type_ = relation_type(found.relation)
        if type_ not in types:
            types.add(type_)
            yield Relation(type_, relation_text(relation_type(found.relation.rpartition("/")[2])))
        start, end = _surface_forms(found)
        for node, form in ((found.start, start), (found.end, end)):
            label = _label(node)
            known = texts.get(node, ())
            told = tuple(text for text in dict.fromkeys((label, form)) if text and text not in known)
            told = told[: MOST_TEXTS - len(known)]
            if told or not known:
                texts[node] = known + told
                yield Entity(f"{source}:{node}", "concept", label, told, sources=(source,))
        head, tail = f"{source}:{found.start}", f"{source}:{found.end}"
        yield Triple(head, type_, tail, weight=found.weight, sources=(source,))


def _parsed(line: str | bytes, language: str, min_weight: float) -> Assertion | str:
    """The assertion of a line, or why it is left out."""
    if isinstance(line, bytes):
        return "lines that are not UTF-8"
    columns = line.rstrip("\r\n").split("\t")
    if len(columns) != 5:
        return "lines that have not five columns"
    _, relation, start, end, details = columns
    if relation == "/r/ExternalURL" or end.startswith(("http:", "https:")):
        return "links to other sites (ExternalURL)"
    if not (relation.startswith("/r/") and start.startswith("/c/") and end.startswith("/c/")):
        return "lines whose relation or ends are no ConceptNet names"
    if language != ALL_LANGUAGES and not all(node.split("/")[2] == language for node in (start, end)):
        return f"assertions with an end that is not in language {language}"
    start, end = _without_sense(start), _without_sense(end)
    if not (_label(start) and _label(end)):
        return "assertions with an empty label"
    try:
        told = json.loads(details)
        weight = float(told.get("weight", 1.0))
        surface = told.get("surfaceText") or ""
    except (ValueError, TypeError, AttributeError):
        return "lines whose details are not JSON with a weight"
    if not math.isfinite(weight):
        return "lines whose details are not JSON with a weight"
    if weight < min_weight:
        return f"assertions lighter than {min_weight}"
    if start == end:
        return "assertions of a concept about itself"
    return Assertion(relation, start, end, weight, surface if isinstance(surface, str) else "")


def _without_sense(node: str) -> str:
    """/c/en/dog/n/wn/animal is /c/en/dog."""
    return "/".join(node.split("/")[:4])


def _label(node: str) -> str:
    parts = node.split("/")
    return " ".join(parts[3].replace("_", " ").split()) if len(parts) > 3 else ""


def _surface_forms(assertion: Assertion) -> tuple[str, str]:
    """How the surface text writes start and end; empty where it does not say.

    Some sentences name the end first ("Something you find at [[a hospital]] is [[a doctor]]"), so the forms are
    exchanged when that way they share more words with the labels.
    """
    forms = [" ".join(form.split()) for form in _SURFACE.findall(assertion.surface)]
    if len(forms) != 2 or not all(0 < len(form) <= LONGEST_TEXT for form in forms):
        return "", ""
    first, second = forms
    start, end = _label(assertion.start), _label(assertion.end)
    as_written = _alike(first, start) + _alike(second, end)
    exchanged = _alike(second, start) + _alike(first, end)
    return (second, first) if exchanged > as_written else (first, second)


def _alike(form: str, label: str) -> float:
    """The share of the label's words that begin like one of the form: labels are lemmas ("run" in "running")."""
    words = form.lower().split()
    lemmas = label.lower().split()
    return sum(any(word[:4] == lemma[:4] for word in words) for lemma in lemmas) / len(lemmas)
