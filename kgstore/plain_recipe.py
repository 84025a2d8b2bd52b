"""Recipes of the plain form, which stores answer faster: one relation between two entities, each row about it alone.

    MATCH (h:Entity)-[r]->(t:Entity) WHERE ... RETURN h.id AS head, ..., t.id AS tail, ...

Such an answer can be asked for in parts (a relation type, a range of heads, what was added since), ends may travel as
numbers, and relations that are added to the graph only ever add rows to it. Any other recipe is run as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgstore.cypher import Token, meaningful, tokens

#: How the relation of a row is told: by its type, and the built-in recipes' form, which tells rare ones by their words.
BY_TYPE = "type(<r>)"
BY_TYPE_OR_WORDS = "CASE WHEN type(<r>) = 'RELATED_BY_WORDS' THEN <r>.words ELSE type(<r>) END"

#: Words that make a row depend on more than its own relation, or its place among the rows.
_NOT_PLAIN = frozenset(
    {
        *("MATCH", "WITH", "UNION", "CALL", "UNWIND", "ORDER", "SKIP", "OFFSET", "LIMIT", "RETURN", "DISTINCT"),
        *("EXISTS", "COUNT", "COLLECT", "SUM", "AVG", "MIN", "MAX", "STDEV", "REDUCE", "RAND", "RANDOM", "WHERE"),
    }
)
_OPENING, _CLOSING = ("(", "["), (")", "]")


@dataclass(frozen=True)
class PlainRecipe:
    """The parts of such a recipe, as texts of Cypher: `start` and `end` are the variables of the two entities,
    `columns` the expressions of the answer by name. Without `types` it takes relations of any type."""

    start: str
    relation: str
    end: str
    types: tuple[str, ...]
    where: str
    columns: dict[str, str]

    def says(self, column: str, form: str) -> bool:
        """Whether the column is that expression, in which <r> stands for the relation."""
        return _words(self.columns.get(column, "")) == _words(form.replace("<r>", self.relation))

    def end_of(self, column: str) -> str:
        """The variable of the entity that the column names by its id, if it does."""
        named = [end for end in (self.start, self.end) if _words(self.columns.get(column, "")) == [end, ".", "id"]]
        return named[0] if named else ""


def plain_recipe(cypher: str) -> PlainRecipe | None:
    """The recipe's parts, or None if it is of any other form."""
    reading = _Reading(cypher)
    start = reading.entity() if reading.take("MATCH") else ""
    relation, types = reading.relation() if start else ("", ())
    end = reading.entity() if relation else ""
    where = reading.until("RETURN") if reading.take("WHERE") else ""
    if not end or len({start, relation, end}) < 3 or where is None or not reading.take("RETURN"):
        return None
    columns = reading.columns()
    if columns is None or not all(map(_is_plain, (where, *columns.values()))):
        return None
    recipe = PlainRecipe(start, relation, end, types, where, columns)
    return recipe if {recipe.end_of("head"), recipe.end_of("tail")} == {start, end} else None


def first_rows(cypher: str, many: int) -> str:
    """The recipe with a limit, if it is plain, so that a store need not find all rows to give some."""
    return cypher if plain_recipe(cypher) is None else f"{cypher.rstrip().rstrip(';')}\nLIMIT {many}"


class _Reading:
    """A query, read from the left; what is read is gone."""

    def __init__(self, cypher: str) -> None:
        self._rest: list[Token] = []
        self._spaced: list[bool] = []  # whether a space or a comment stands before the token
        blank = False
        for token in tokens(cypher.rstrip().rstrip(";")):
            if token.kind in ("space", "comment"):
                blank = True
            else:
                self._rest.append(token)
                self._spaced.append(blank)
                blank = False

    def take(self, *texts: str) -> bool:
        """Reads these keywords or symbols if they come next."""
        if [token.word or token.text for token in self._rest[: len(texts)]] != list(texts):
            return False
        self._drop(len(texts))
        return True

    def entity(self) -> str:
        """The variable of `(h)` or `(h:Entity)`, else nothing."""
        variable = self._name() if self.take("(") else ""
        self.take(":", "ENTITY")
        return variable if self.take(")") else ""

    def relation(self) -> tuple[str, tuple[str, ...]]:
        """Variable and types of `-[r]->` or `-[r:A|B]->`, else nothing."""
        variable = self._name() if self.take("-", "[") else ""
        types: list[str] = []
        while self.take("|" if types else ":"):
            types.append(self._name())
        whole = all(types) and self.take("]", "-", ">")
        return (variable, tuple(types)) if whole else ("", ())

    def until(self, word: str) -> str | None:
        """The text before a keyword; None if it does not come."""
        at = next((at for at, token in enumerate(self._rest) if token.word == word), None)
        return None if at is None else self._text(at)

    def columns(self) -> dict[str, str] | None:
        """The expressions of `a AS x, b AS y` by name; None if one has no name."""
        found: dict[str, str] = {}
        depth = length = 0
        for token in [*self._rest, Token("symbol", ",")]:
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
            if token.text != "," or depth:
                length += 1
                continue
            if length < 3 or self._rest[length - 2].word != "AS":
                return None
            expression = self._text(length - 2)
            found[self._rest[1].name] = expression
            self._drop(3)  # AS, the name and the comma
            length = 0
        return found

    def _name(self) -> str:
        if not self._rest or self._rest[0].kind not in ("name", "quoted"):
            return ""
        name = self._rest[0].name
        self._drop(1)
        return name

    def _text(self, many: int) -> str:
        """Reads so many tokens; a space or a comment between them becomes one space."""
        pieces = zip(self._spaced[:many], self._rest[:many], strict=True)
        text = "".join(" " * spaced + token.text for spaced, token in pieces)
        self._drop(many)
        return text.strip()

    def _drop(self, many: int) -> None:
        del self._rest[:many], self._spaced[:many]


def _is_plain(expression: str) -> bool:
    """False where it looks beyond its relation: a subquery, a pattern, an aggregate."""
    before = Token("space", "")
    for token in meaningful(expression):
        if token.word in _NOT_PLAIN and before.text != ".":
            return False
        if token.text in ("{", "}") or (before.text == "-" and token.text in ("-", "[", ">")):
            return False
        before = token
    return True


def _words(expression: str) -> list[str]:
    return [token.text for token in meaningful(expression)]
