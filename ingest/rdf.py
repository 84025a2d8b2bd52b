"""N-Triples and Turtle, plain or gzip: facts between IRIs, and the labels and descriptions that stand among them.

A line of N-Triples that does not read is left out; Turtle that does not read ends the load, since what follows an
error may mean something else. A blank node has no name that would be the same at the next reading: its triples are
left out. Literals that are neither a label nor a description are no entities and are left out too.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple, cast

from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse

from ingest.lines import read_lines
from ingest.records import BadSource, Skipped

SUFFIXES = (".nt", ".ttl")

_RDFS, _SKOS = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2004/02/skos/core#"
_NAMES = {
    f"{_RDFS}label",
    f"{_SKOS}prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
}
_TEXTS = {
    f"{_SKOS}altLabel",
    f"{_SKOS}definition",
    f"{_RDFS}comment",
    "http://schema.org/description",
    "https://schema.org/description",
    "http://purl.org/dc/elements/1.1/description",
    "http://purl.org/dc/terms/description",
    "http://dbpedia.org/ontology/abstract",
}
#: Lines that are parsed at once: where none of them is broken, that is much faster than one by one.
_LINES = 2000


class RdfFact(NamedTuple):
    head: str
    relation: str
    tail: str


class RdfText(NamedTuple):
    """What an entity is called, or how it is described."""

    key: str
    text: str
    is_name: bool


def is_rdf(file: Path) -> bool:
    return file.name.removesuffix(".gz").endswith(SUFFIXES)


def read_rdf(file: Path, language: str, start: int = 0) -> Iterator[RdfFact | RdfText | Skipped]:
    """What a file says from that byte on; of texts those in the language, or without one."""
    turtle = file.name.removesuffix(".gz").endswith(".ttl")
    for quad in _turtle(file) if turtle else _n_triples(file, start):
        yield quad if isinstance(quad, Skipped) else _told(quad, language)


def _told(quad: Quad, language: str) -> RdfFact | RdfText | Skipped:
    head, relation, tail = quad.subject, quad.predicate.value, quad.object
    if isinstance(head, NamedNode) and isinstance(tail, NamedNode):
        return RdfFact(head.value, relation, tail.value)
    if not isinstance(head, NamedNode) or not isinstance(tail, Literal):
        return Skipped("triples with a blank node", relation)
    text = " ".join(tail.value.split())
    if relation not in _NAMES | _TEXTS or not text:
        return Skipped("triples whose tail is a value, no entity", f"{head.value} {relation} {tail.value}")
    if (tail.language or language).partition("-")[0].lower() != language:
        return Skipped("texts in another language", f"{head.value} {tail.value}")
    return RdfText(head.value, text, relation in _NAMES)


def _n_triples(file: Path, start: int) -> Iterator[Quad | Skipped]:
    lines = enumerate(read_lines(file, start), 1)
    while some := list(islice(lines, _LINES)):
        whole = [(number, line) for number, line in some if isinstance(line, str)]
        yield from (
            Skipped("lines that are not UTF-8", f"{file.name}, line {number}: {line!r}")
            for number, line in some
            if isinstance(line, bytes)
        )
        try:
            yield from list(parse("".join(line for _, line in whole), RdfFormat.N_TRIPLES))
        except SyntaxError:
            for number, line in whole:
                try:
                    yield from list(parse(line, RdfFormat.N_TRIPLES))
                except SyntaxError:
                    yield Skipped("lines that are no N-Triples", f"{file.name}, line {number}: {line}")


def _turtle(file: Path) -> Iterator[Quad]:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as content:
            yield from parse(cast(IO[bytes], content), RdfFormat.TURTLE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(f"{file} is no whole gzip file ({error}): fetch it again.") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise BadSource(f"{file} does not read as Turtle ({error}).") from error
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror or error}.") from error
