"""Sampling recipes: Cypher that says which triples are to be learnt from.

A recipe returns the columns `head`, `relation` and `tail`, and may return `weight`, `split` and `source`. Ends are
entity ids; `relation` is a type of the catalogue, or the words of a COMMON_TYPE relation; `source` is a name, or a list
of names of which the first counts. Comments at its top say what it is for, and some of them mean more:

    // param NAME = JSON               the default of a parameter
    // param NAME = JSON in [JSON, ...]    ... which takes no other values than these
    // store neo4j                     runs on that kind of store only (or: embedded)

The built-in ones stand in queries/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgstore.errors import QueryRefused

QUERIES = Path(__file__).resolve().parent.parent / "queries"

#: The kinds of stores that a recipe can ask for.
STORES = ("embedded", "neo4j")

_DEFAULT = re.compile(r"^//\s*param\s+(\w+)\s*=\s*(.*?)(?:\s+in\s+(\[.*\]))?\s*$", re.MULTILINE)
_STORE = re.compile(r"^//\s*store\s+(\S+)\s*$", re.MULTILINE)
_LITERAL_OR_COMMENT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|//[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")
_LIST = re.compile(r"\bIN\s+\$([A-Za-z_]\w*)(?![\w.\[])", re.IGNORECASE)


@dataclass(frozen=True)
class Recipe:
    """A population of triples: Cypher and the values of its parameters."""

    name: str
    cypher: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bare = _LITERAL_OR_COMMENT.sub(" ", self.cypher)
        used = set(_PARAMETER.findall(bare))
        known = ", ".join(sorted(used)) or "none"
        for name in self.parameters:
            if name not in used:
                raise QueryRefused(f"Recipe {self.name} has no parameter {name!r}; it has: {known}.")
        for name in sorted(used):
            if name not in self.parameters:
                raise QueryRefused(f"Recipe {self.name} needs its parameter {name!r}: add --param {name}=VALUE.")
        for name in sorted({*_LIST.findall(bare)}):
            value = self.parameters[name]
            if not isinstance(value, list | tuple):
                raise QueryRefused(
                    f"Parameter {name!r} of recipe {self.name} is {value!r} and must be a list: "
                    f"--param {name}='{json.dumps([value], ensure_ascii=False, default=str)}'."
                )
        for match in _DEFAULT.finditer(self.cypher):
            allowed = _json(self.name, match[1], match[3]) if match[3] else [self.parameters.get(match[1])]
            if match[1] in used and self.parameters[match[1]] not in allowed:
                raise QueryRefused(
                    f"Parameter {match[1]!r} of recipe {self.name} is {self.parameters[match[1]]!r} and must be one of "
                    f"{match[3]}."
                )
        if self.store not in ("", *STORES):
            raise QueryRefused(f"Recipe {self.name} is for the store {self.store!r}; known are {', '.join(STORES)}.")

    @property
    def store(self) -> str:
        """The kind of store that the recipe is written for; "" for any."""
        found = _STORE.search(self.cypher)
        return found[1] if found else ""

    def require_store(self, uri: str) -> None:
        """Raises QueryRefused where the recipe is written for the other kind of store."""
        kind = STORES["://" in uri]
        if self.store not in ("", kind):
            raise QueryRefused(
                f"Recipe {self.name} is written for a store of the kind {self.store}, and {uri} is {kind}; take "
                "another recipe or another store."
            )


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
    return {match[1]: _json(name, match[1], match[2]) for match in _DEFAULT.finditer(cypher)}


def _json(recipe: str, parameter: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise QueryRefused(f"The default of {parameter!r} in {recipe} is no JSON: {text!r}.") from error
