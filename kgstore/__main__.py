"""Look at a graph from the command line: python -m kgstore query | search | project | stats | check | export | copy."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from kgstore.command import add_store_option, run_command
from kgstore.current import current_projection
from kgstore.open import open_store
from kgstore.plain_recipe import first_rows
from kgstore.recipes import load_recipe, parse_parameters
from kgstore.upkeep import add_commands


def main(arguments: list[str] | None = None) -> int | None:
    parser = argparse.ArgumentParser(prog="python -m kgstore", description="Look at a graph, search it, project it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    query = commands.add_parser("query", help="run Cypher that only reads the graph, within a time and a row limit")
    query.add_argument(
        "cypher", metavar="FILE-or-CYPHER", help="a recipe (a file, or one of queries/ by name), or the query in quotes"
    )
    _add_parameters(query)
    query.add_argument("--seconds", type=_positive(float), default=10.0, help="time limit (default: %(default)s)")
    query.add_argument("--rows", type=_positive(int), default=1000, help="row limit (default: %(default)s)")
    query.set_defaults(run=_query)

    search = commands.add_parser("search", help="entities by name and text; a typo is forgiven")
    search.add_argument("text", metavar="TEXT")
    search.add_argument("--kind", metavar="KIND", action="append", default=[], help="only of this kind; repeatable")
    search.add_argument("--source", metavar="NAME", action="append", default=[], help="only of this source; repeatable")
    search.add_argument("--limit", type=_positive(int), default=20, help="most hits (default: %(default)s)")
    search.set_defaults(run=_search)

    projection = commands.add_parser("project", help="write what a recipe selects as a projection that training reads")
    projection.add_argument(
        "recipe",
        metavar="FILE-or-NAME",
        nargs="?",
        default="all",
        help="a file, or one of queries/ by name (default: %(default)s)",
    )
    _add_parameters(projection)
    projection.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder to write")
    projection.add_argument("--all-entities", action="store_true", help="entities without a relation too")
    projection.set_defaults(run=_project)

    for command in (query, search, projection):
        add_store_option(command)
        command.add_argument("--json", action="store_true", help="print JSON")
    add_commands(commands)
    chosen = parser.parse_args(arguments)
    return chosen.run(chosen)


def _add_parameters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="a parameter; repeatable")


def _query(chosen: argparse.Namespace) -> None:
    cypher, parameters = chosen.cypher, parse_parameters(chosen.param)
    recipe = None if _is_text(cypher) else load_recipe(cypher, parameters)
    with open_store(chosen.store) as store:
        if recipe is not None:
            recipe.require_store(store.uri)
            cypher, parameters = first_rows(recipe.cypher, chosen.rows + 1), dict(recipe.parameters)
        answer = store.query(cypher, parameters, seconds=chosen.seconds, rows=chosen.rows)
    if chosen.json:
        for row in answer.rows:
            _print_json(dict(zip(answer.columns, row, strict=True)))
    else:
        print("\t".join(answer.columns))
        for row in answer.rows:
            print("\t".join(_cell(value) for value in row))
    if answer.truncated:
        print(f"Only the first {chosen.rows} rows; --rows N shows more.", file=sys.stderr)
    if not answer.rows:
        print("Nothing in the graph answers this query.", file=sys.stderr)


def _search(chosen: argparse.Namespace) -> None:
    with open_store(chosen.store) as store:
        hits = store.search(chosen.text, kinds=chosen.kind, sources=chosen.source, limit=chosen.limit)
    for hit in hits:
        if chosen.json:
            _print_json({**asdict(hit.entity), "score": hit.score})
        else:
            label = hit.entity.name or (hit.entity.texts or ("",))[0]
            print("\t".join((f"{hit.score:.2f}", hit.entity.id, hit.entity.kind, _cell(label))))
    if not hits:
        print(f"Nothing like {chosen.text!r} is in the graph.", file=sys.stderr)


def _project(chosen: argparse.Namespace) -> None:
    recipe = load_recipe(chosen.recipe, parse_parameters(chosen.param))
    with open_store(chosen.store) as store:
        projection = current_projection(store, recipe, chosen.out, all_entities=chosen.all_entities, progress=True)
    counts = {"entities": projection.entity_count, "triples": projection.edge_count}
    if chosen.json:
        _print_json({"directory": str(chosen.out), "fingerprint": projection.fingerprint, **counts})
    else:
        print(f"{chosen.out}: {counts['triples']:,} triples between {counts['entities']:,} entities")


def _is_text(file_or_text: str) -> bool:
    """Whether it is a query, and no file or name of a recipe."""
    return (not file_or_text or any(letter.isspace() for letter in file_or_text)) and not Path(file_or_text).is_file()


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.replace("\t", " ").replace("\n", " ")


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str))


class _positive:  # noqa: N801  # reads as a type where it is used
    """The number that a flag's text says, if it is above 0."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind

    def __call__(self, text: str) -> float:
        number = self._kind(text)
        if not number > 0:
            raise argparse.ArgumentTypeError("must be above 0")
        return number

    def __repr__(self) -> str:
        return "number"


if __name__ == "__main__":
    sys.exit(run_command(main))
