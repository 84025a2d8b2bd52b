"""Which Cypher may run as an ad-hoc query or a recipe: one statement that reads the graph and nothing else.

An allow-list of clauses, procedures and function families. Neo4j asks its planner besides (see neo4j_store.py), and the
embedded store runs what passes in a process of its own that opened the file for reading only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kgstore.cypher import Token, meaningful
from kgstore.errors import QueryRefused

FIRST_WORDS = ("MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL")

#: Words that begin a clause which does more than read the graph, wherever they stand in a query.
FORBIDDEN = frozenset(
    {
        *("CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "INSERT", "FOREACH", "TRANSACTIONS"),
        *("LOAD", "COPY", "EXPORT", "IMPORT", "INSTALL", "ATTACH", "DROP", "ALTER", "USE"),
    }
)

#: Procedures that only read the graph or its schema.
PROCEDURES = frozenset(
    {
        "db.labels",
        "db.propertyKeys",
        "db.relationshipTypes",
        "db.schema.nodeTypeProperties",
        "db.schema.relTypeProperties",
        "db.schema.visualization",
        "db.index.fulltext.queryNodes",
        "db.index.fulltext.queryRelationships",
        "db.index.vector.queryNodes",
        "db.index.vector.queryRelationships",
    }
)

#: First parts of dotted function names that come with the server; others belong to plugins, which may do anything.
FUNCTION_FAMILIES = frozenset(
    {"point", "date", "time", "datetime", "localtime", "localdatetime", "duration", "vector", "db"}
)


def require_reading(cypher: str, parameters: Collection[str] = (), *, procedures: Collection[str] = PROCEDURES) -> None:
    """Raises QueryRefused, which says what was found, unless the text is one statement that only reads the graph and
    the values of its parameters are given."""
    found = meaningful(cypher)
    while found and found[-1].text == ";":
        found.pop()
    if not found:
        raise QueryRefused("The query is empty; write for instance: MATCH (e:Entity) RETURN e LIMIT 10")
    if any(token.text == ";" for token in found):
        raise QueryRefused("Only one statement at a time; the query holds a ';' between two.")
    if any(token.text in ("\\", "'", '"', "`") for token in found):
        raise QueryRefused("The query holds a quote that is not closed, or a backslash outside of a string.")
    if found[0].word not in FIRST_WORDS:
        raise QueryRefused(
            f"A query begins with one of {', '.join(FIRST_WORDS)}, and this one with {found[0].text!r}: "
            "only queries that read the graph are run."
        )
    for at, token in enumerate(found):
        if token.kind == "parameter" and token.name not in parameters:
            raise QueryRefused(f"The query has a parameter ${token.name}, and no value for it was given.")
        if token.word in FORBIDDEN and _begins_clause(found, at):
            raise QueryRefused(f"{token.word} does more than read the graph, so the query was not run.")
        if token.word == "CALL" and _begins_clause(found, at):
            _check_call(found, at, procedures)
        elif token.text == "(" and at and found[at - 1].kind in ("name", "quoted"):
            _check_function(found, at - 1)


def _begins_clause(found: Sequence[Token], at: int) -> bool:
    """False where the word is a property, a type or label, a key of a map or a function."""
    before = found[at - 1].text if at else ""
    after = found[at + 1].text if at + 1 < len(found) else ""
    if before in (".", ":", "|", "&", "!", "%"):
        return False
    return not (after == ":" and before in ("{", ","))


def _check_call(found: Sequence[Token], at: int, procedures: Collection[str]) -> None:
    """A subquery may be called, whose clauses are checked like all others, and a procedure that is on the list."""
    if at + 1 < len(found) and found[at + 1].text in ("{", "("):
        return
    parts: list[str] = []
    for token in found[at + 1 :]:
        if token.kind not in ("name", "quoted") and token.text != ".":
            break
        if parts and parts[-1] != "." and token.text != ".":
            break
        parts.append("." if token.text == "." else token.name)
    name = "".join(parts)
    if name not in procedures:
        allowed = f"allowed are {', '.join(sorted(procedures))}" if procedures else "the embedded store calls none"
        raise QueryRefused(f"CALL {name} was not run: {allowed}.")


def _check_function(found: Sequence[Token], at: int) -> None:
    first = at
    while first >= 2 and found[first - 1].text == "." and found[first - 2].kind in ("name", "quoted"):
        first -= 2
    called_by = found[first - 1].word if first else ""
    if first != at and called_by != "CALL" and found[first].name.lower() not in FUNCTION_FAMILIES:
        name = ".".join(token.name for token in found[first : at + 1 : 2])
        raise QueryRefused(f"The function {name} comes from a plugin and was not run.")
