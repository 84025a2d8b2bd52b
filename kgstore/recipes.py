"""Sampling recipes: Cypher that says which triples are to be learnt from.

A recipe returns the columns `head`, `relation` and `tail`, and may return `weight` and `split`. Ends are entity ids;
`relation` is a type of the catalogue, or the words of a COMMON_TYPE relation. Comments at its top say what it is for;
a line `// param NAME = JSON` there gives a parameter its default. The built-in ones stand in queries/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgstore.errors import QueryRefused

QUERIES = Path(__file__).resolve().parent.parent / "queries"

_DEFAULT = re.compile(r"//\s*param\s+(\w+)\s*=\s*(.*)")
_LITERAL_OR_COMMENT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|//[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Recipe:
    """A population of triples: Cypher and the values of its parameters."""

    name: str
    cypher: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = set(_PARAMETER.findall(_LITERAL_OR_COMMENT.sub(" ", self.cypher)))
        known = ", ".join(sorted(used)) or "none"
        for name in self.parameters:
            if name not in used:
                raise QueryRefused(f"Recipe {self.name} has no parameter {name!r}; it has: {known}.")
        for name in sorted(used):
            if name not in self.parameters:
                raise QueryRefused(f"Recipe {self.name} needs its parameter {name!r}: add --param {name}=VALUE.")


def load_recipe(name_or_path: str | Path, parameters: Mapping[str, object] | None = None) -> Recipe:
    """The recipe in a file, or a built-in one by name; `parameters` replace the defaults of its header."""
    path = Path(name_or_path)
    if not path.is_file():
        path = QUERIES / f"{name_or_path}.cypher"
    if not path.is_file():
        built_in = ", ".join(built_in_recipes())
        raise QueryRefused(f"There is no recipe {str(name_or_path)!r}: give a file, or one of {built_in}.")
    try:
        cypher = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryRefused(f"Recipe {path} cannot be read as UTF-8 text: {error}.") from error
    if not _LITERAL_OR_COMMENT.sub(" ", cypher).strip():
        raise QueryRefused(f"Recipe {path} is empty; write Cypher that returns head, relation and tail.")
    return Recipe(path.stem, cypher, {**_defaults(path.name, cypher), **(parameters or {})})


def built_in_recipes() -> list[str]:
    return sorted(path.stem for path in QUERIES.glob("*.cypher"))


def parse_parameters(pairs: Iterable[str]) -> dict[str, object]:
    """`k=v` words of a command line; a value is JSON where it reads as such, else the text itself."""
    parameters: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise QueryRefused(f"{pair!r} does not set a parameter; write NAME=VALUE, such as splits='[\"train\"]'.")
        try:
            parameters[name] = json.loads(value)
        except json.JSONDecodeError:
            parameters[name] = value
    return parameters


def _defaults(name: str, cypher: str) -> dict[str, object]:
    defaults: dict[str, object] = {}
    for match in _DEFAULT.finditer(cypher):
        try:
            defaults[match[1]] = json.loads(match[2])
        except json.JSONDecodeError as error:
            raise QueryRefused(f"The default of {match[1]!r} in {name} is no JSON: {match[2]!r}.") from error
    return defaults
