"""Cypher as far as a guard and a border need it: its words, with strings, quoted names and comments told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>//[^\n\r]*|/\*.*?\*/)
    | (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<quoted>`(?:``|[^`])*`)
    | (?P<parameter>\$\w+|\$`(?:``|[^`])*`)
    | (?P<name>[^\W\d]\w*)
    | (?P<number>\d\w*)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_BLANK = ("space", "comment")


class Token(NamedTuple):
    """A piece of a query; the texts of all pieces joined are the query again."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """The text of an unquoted name in capitals, else nothing: how keywords are compared."""
        return self.text.upper() if self.kind == "name" else ""

    @property
    def name(self) -> str:
        """What a quoted or unquoted name, or a parameter, names."""
        bare = self.text.removeprefix("$")
        return bare[1:-1].replace("``", "`") if bare.startswith("`") else bare


def tokens(cypher: str) -> Iterator[Token]:
    """The pieces of a query, whatever it is: an unclosed string or comment falls apart into symbols."""
    for match in _TOKEN.finditer(cypher):
        yield Token(match.lastgroup or "symbol", match.group())


def meaningful(cypher: str) -> list[Token]:
    """The pieces without space and comments."""
    return [token for token in tokens(cypher) if token.kind not in _BLANK]
