"""Names of the Web: what an IRI says to a person, and a relation type of it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from kgstore.values import relation_type

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+\Z")

#: Predicates that mean what other sources call otherwise.
_KNOWN = {
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type": "INSTANCE_OF",
    "http://www.w3.org/2000/01/rdf-schema#subClassOf": "IS_A",
    "http://www.w3.org/2002/07/owl#sameAs": "SAME_AS",
}


def is_iri(text: str) -> bool:
    return bool(_IRI.match(text))


def words_of(key: str) -> str:
    """What can be read of a key: of an IRI its last part, `hot dog` of http://example.org/Hot_dog; blanks for _."""
    last = [part for part in re.split(r"[/#]", key) if part][-1:] if is_iri(key) else []
    return unquote(last[0] if last else key).replace("_", " ").strip() or key


class RelationTypes:
    """The types of a source's relations: of an IRI by its last part, which no other IRI gets."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}  # type -> IRI
        self._types: dict[str, str] = {}

    def of(self, words: str) -> str:
        if words not in self._types:
            self._types[words] = self._of_iri(words) if is_iri(words) else relation_type(words)
        return self._types[words]

    def _of_iri(self, iri: str) -> str:
        """`COUNTRY`, or if another IRI ends in country `ONTOLOGY_COUNTRY`, and so on towards its beginning."""
        if iri in _KNOWN:
            return _KNOWN[iri]
        parts = [part for part in re.split(r"[/#]", iri) if part]
        names = (relation_type("_".join(map(unquote, parts[-count:]))) for count in range(1, len(parts) + 1))
        for name in names:
            if self._taken.setdefault(name, iri) == iri:
                return name
        return relation_type(iri)
