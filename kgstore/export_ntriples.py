r"""A graph as N-Triples, for any tool that reads RDF.

facts.nt        what the graph states, one line a fact:
    <urn:kg:entity:ID> rdf:type <urn:kg:kind:KIND>; rdfs:label "name"; <urn:kg:text> "..." and <urn:kg:image> "..."
    for each text and picture; <urn:kg:source> "..." for who asserts it; <urn:kg:split> "train"
    <urn:kg:entity:HEAD> <urn:kg:relation:TYPE> <urn:kg:entity:TAIL>, and for the common type, under which the words
    belong to the key, <urn:kg:words:WORDS> instead; a prediction only once it was accepted
    <urn:kg:relation:TYPE> rdfs:label "words"
statements.nt   each relation as an rdf:Statement, <urn:kg:statement:NUMBER> with rdf:subject, rdf:predicate and
    rdf:object, and all that is known of it: <urn:kg:weight>, <urn:kg:source>, <urn:kg:origin>, <urn:kg:split>,
    <urn:kg:score>, <urn:kg:run>, <urn:kg:when>, <urn:kg:decision>, <urn:kg:who>, <urn:kg:words>, <urn:kg:text>;
    predictions too

IDs and words are percent-encoded as UTF-8 where a URN needs it. RDF knows no order: that of texts and images is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from kgstore.records import column_rows
from kgstore.store import TRIPLE_COLUMNS
from kgstore.values import COMMON_TYPE, Relation

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
DOUBLE = "^^<http://www.w3.org/2001/XMLSchema#double>"
_UNSAFE = re.compile('[\x00-\x1f"\\\\\x7f]')
_SHORT = {"\t": "\\t", "\b": "\\b", "\n": "\\n", "\r": "\\r", "\f": "\\f", '"': '\\"', "\\": "\\\\"}


def write_ntriples(
    entities: Iterable[pa.RecordBatch], triples: Iterable[pa.RecordBatch], relations: Sequence[Relation], folder: Path
) -> None:
    with (
        (folder / "facts.nt").open("w", encoding="utf-8", newline="\n") as facts,
        (folder / "statements.nt").open("w", encoding="utf-8", newline="\n") as statements,
    ):
        for batch in entities:
            for row in column_rows(batch):
                facts.writelines(_entity(*row))
        number = 0
        for batch in triples:
            for row in column_rows(batch):
                triple = dict(zip(TRIPLE_COLUMNS.names, row, strict=True))
                fact = (_iri("entity", triple["head"]), _predicate(triple), _iri("entity", triple["tail"]))
                if triple["origin"] == "asserted" or triple["decision"] == "accepted":
                    facts.write(f"{' '.join(fact)} .\n")
                number += 1
                statements.writelines(_statement(number, fact, triple))
        for relation in relations:
            facts.write(f"{_iri('relation', relation.type)} {LABEL} {_literal(relation.text)} .\n")


def _entity(
    id: str, kind: str, name: str, texts: Iterable[str], images: Iterable[str], sources: Iterable[str], split: str
) -> Iterator[str]:
    entity = _iri("entity", id)
    yield f"{entity} <{RDF}type> {_iri('kind', kind)} .\n"
    if name:
        yield f"{entity} {LABEL} {_literal(name)} .\n"
    for what, values in (("text", texts), ("image", images), ("source", sources), ("split", (split,))):
        for value in values:
            yield f"{entity} <urn:kg:{what}> {_literal(value)} .\n"


def _predicate(triple: dict[str, Any]) -> str:
    if triple["type"] == COMMON_TYPE and triple["words"]:
        return _iri("words", triple["words"])
    return _iri("relation", triple["type"])


def _statement(number: int, fact: Sequence[str], triple: dict[str, Any]) -> Iterator[str]:
    statement = f"<urn:kg:statement:{number}>"
    yield f"{statement} <{RDF}type> <{RDF}Statement> .\n"
    for part, term in zip(("subject", "predicate", "object"), fact, strict=True):
        yield f"{statement} <{RDF}{part}> {term} .\n"
    for source in triple["sources"]:
        yield f"{statement} <urn:kg:source> {_literal(source)} .\n"
    for name in ("weight", "score"):
        if triple[name] is not None:
            yield f'{statement} <urn:kg:{name}> "{triple[name]!r}"{DOUBLE} .\n'
    for name in ("words", "origin", "split", "run", "when", "decision", "who", "text"):
        if triple[name]:
            yield f"{statement} <urn:kg:{name}> {_literal(triple[name])} .\n"


def _iri(space: str, name: str) -> str:
    return f"<urn:kg:{space}:{quote(name, safe='/:@!$&()*+,;=~')}>"


def _literal(text: str) -> str:
    return f'"{_UNSAFE.sub(_escaped, text)}"'


def _escaped(letter: re.Match[str]) -> str:
    return _SHORT.get(letter[0]) or f"\\u{ord(letter[0]):04X}"
