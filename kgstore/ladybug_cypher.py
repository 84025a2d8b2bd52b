"""The border between Cypher as users write it and the embedded store's: table names, type(r), `when`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kgstore.cypher import Token, tokens

#: Names of tables are compared without regard to case, so a relation type may not be called like a node table.
NODE_TABLES = ("Entity", "Relation", "Source", "Graph")
_TAKEN = frozenset(name.upper() for name in NODE_TABLES)
_FUNCTIONS = {"TYPE": "label", "RAND": "random"}
#: A table that stays empty: a type that is not in the graph matches nothing, as on Neo4j. No type has a space.
NO_RELATION = "no relation"
#: A keyword here, and a property of our relations.
_RESERVED = ("WHEN",)
_AFTER_RETURN = ("ORDER", "SKIP", "LIMIT", "UNION")
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")


def table_of(type_: str) -> str:
    """The relation table of a type; no type made from words ends in an underscore."""
    return f"{type_}_" if type_ in _TAKEN else type_


def type_of(table: str) -> str:
    """The type that a relation table holds."""
    return table[:-1] if table[:-1] in _TAKEN else table


def for_ladybug(cypher: str, tables: Collection[str] = ()) -> str:
    """The query in the embedded store's words.

    type(r) becomes label(r), rand() random(), r.when gets its quotes. `tables` are the relation tables there are, if
    they are known: types of patterns become their tables, in quotes since a type may be a keyword here (ON, IN).
    """
    known = {type_of(table): table for table in tables}
    changed = any(type_ != table for type_, table in known.items())
    pieces = list(tokens(cypher))
    solid = [at for at, piece in enumerate(pieces) if piece.kind not in ("space", "comment")]
    answer = [piece.text for piece in pieces]
    opened: list[str] = []
    for place, at in enumerate(solid):
        piece = pieces[at]
        before = pieces[solid[place - 1]].text if place else ""
        after = pieces[solid[place + 1]].text if place + 1 < len(solid) else ""
        if piece.text in _OPENING:
            opened.append("-[" if before == "-" and piece.text == "[" else piece.text)
        elif piece.text in _CLOSING and opened:
            opened.pop()
        if piece.word in _FUNCTIONS and after == "(" and before != ".":
            answer[at] = _FUNCTIONS[piece.word]
            if piece.word == "TYPE" and changed:
                _take_out_changed_names(answer, pieces, solid, place)
        elif piece.word in _RESERVED and before == ".":
            answer[at] = f"`{piece.text}`"
        elif known and opened[-1:] == ["-["] and before in (":", "|") and piece.kind in ("name", "quoted"):
            answer[at] = f"`{known.get(piece.name, NO_RELATION)}`"
    return "".join(answer)


def names_as_written(cypher: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns' names as the query has them: `type(r)` for what the embedded store calls LABEL(r._ID,[...]).

    Where they cannot be told (RETURN *), the names stay as they are.
    """
    depth = 0
    columns: list[str] = []
    inside = False
    for piece in tokens(cypher):
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING)
        if depth or not inside or piece.text in _CLOSING:
            if inside:
                columns[-1] += piece.text
            elif piece.word == "RETURN" and not depth:
                inside, columns = True, [""]
        elif piece.word in _AFTER_RETURN or piece.text == ";":
            inside = False
        elif piece.text == ",":
            columns.append("")
        elif piece.word == "AS":
            columns[-1] = ""
        elif piece.kind != "comment" and piece.word != "DISTINCT":
            columns[-1] += piece.name
    written = tuple(column.strip() for column in columns)
    return written if len(written) == len(names) and "*" not in written else tuple(names)


def _take_out_changed_names(answer: list[str], pieces: list[Token], solid: list[int], place: int) -> None:
    """label(r) becomes regexp_replace(label(r), '_$', '')."""
    depth = 0
    for at in solid[place + 1 :]:
        depth += (pieces[at].text == "(") - (pieces[at].text == ")")
        if depth == 0:
            answer[at] += ", '_$', '')"
            answer[solid[place]] = f"regexp_replace({answer[solid[place]]}"
            return
