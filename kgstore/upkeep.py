"""python -m kgstore stats | check | export | copy: what a graph holds, whether it is sound, and all of it moved."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from kgstore.census import Census, census
from kgstore.check import check
from kgstore.command import WrongCall, add_images_option, add_store_option, existing_store
from kgstore.copy import copy
from kgstore.export import FORMATS, Contents, Exported, export
from kgstore.images import ImageRoots
from kgstore.open import open_store

#: `check` ends with it when it finds something.
FAULTY = 1


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stats = commands.add_parser("stats", help="what the graph holds, in counts")
    add_images_option(stats)
    stats.set_defaults(run=_stats)

    checking = commands.add_parser(
        "check", help="find what breaks the data model, as other tools may have written it; status 1 if there is any"
    )
    checking.set_defaults(run=_check)

    exporting = commands.add_parser("export", help="write the graph as files")
    add_format_option(exporting)
    exporting.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder to make")
    exporting.set_defaults(run=_export)

    for command in (stats, checking, exporting):
        add_store_option(command)
        command.add_argument("--json", action="store_true", help="print JSON")

    copying = commands.add_parser("copy", help="write all of one graph into another, empty one")
    copying.add_argument("origin", metavar="FROM", type=existing_store, help="the graph to read, as for --store")
    copying.add_argument("target", metavar="TO", help="the graph to write: a path that may be new, or bolt://...")
    copying.add_argument(
        "--resume", action="store_true", help="go on with a copy that was interrupted, and compare both at the end"
    )
    copying.add_argument("--json", action="store_true", help="print JSON")
    copying.set_defaults(run=_copy)


def add_format_option(command: argparse.ArgumentParser) -> None:
    """--format: which files an export writes."""
    command.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="neo4j-admin: CSV files and the command that imports them into a server that is not running; parquet: one "
        "file for entities and one for relations; ntriples: RDF (default: %(default)s)",
    )


def print_exported(done: Exported, out: Path) -> None:
    """What was written, and what to do with it."""
    print(f"{out}: {done.entities:,} entities, {done.triples:,} relations")
    if done.command:
        print(
            f"\nStop the server, import, start it, and make its index:\n\n{done.command}\n"
            f"cypher-shell --file {out.absolute() / 'schema.cypher'}"
        )


def _stats(chosen: argparse.Namespace) -> None:
    with open_store(chosen.store) as store:
        found = census(store, ImageRoots.of(store, chosen.images))
    print(json.dumps(found.values(), ensure_ascii=False) if chosen.json else _table(found))


def _check(chosen: argparse.Namespace) -> int:
    with open_store(chosen.store) as store:
        faults = list(check(store))
    if chosen.json:
        rows = [{"fault": fault.what, "count": fault.many, "examples": list(fault.examples)} for fault in faults]
        print(json.dumps(rows, ensure_ascii=False))
    elif not faults:
        print("Nothing found: the graph keeps the data model.")
    else:
        for fault in faults:
            print(f"{fault.many:>12,}  {fault.what}")
            for example in fault.examples:
                print(f"{'':14}{json.dumps(example, ensure_ascii=False)}")
    return FAULTY if faults else 0


def _export(chosen: argparse.Namespace) -> None:
    with open_store(chosen.store) as store:
        done = export(Contents.of(store), chosen.format, chosen.out)
    if chosen.json:
        print(json.dumps({"directory": str(chosen.out), **asdict(done)}, ensure_ascii=False))
    else:
        print_exported(done, chosen.out)


def _copy(chosen: argparse.Namespace) -> None:
    if chosen.origin == chosen.target:
        raise WrongCall("FROM and TO are the same graph.")
    with open_store(chosen.origin) as origin, open_store(chosen.target) as target:
        written = copy(origin, target, resume=chosen.resume)
    if chosen.json:
        print(json.dumps({"entities": written.new_entities, "triples": written.new_triples}))
    else:
        print(f"{chosen.target}: {written.new_entities:,} new entities, {written.new_triples:,} new relations")


def _table(found: Census) -> str:
    statistics = found.statistics
    lines = [f"{statistics.entities:>12,}  entities", f"{statistics.triples:>12,}  triples"]
    for title, counts in (
        ("entities by kind", statistics.kinds),
        ("entities by source", statistics.sources),
        ("triples by type", statistics.types),
        ("relations of an entity, percentiles", found.degrees),
        ("entities without a relation", {"isolated": found.isolated}),
        ("pictures", {"named by entities": found.pictures, "not on this disk": found.missing}),
        (
            "predictions",
            {"waiting": statistics.waiting, "accepted": statistics.accepted, "rejected": statistics.rejected},
        ),
    ):
        lines += ["", title, *(f"{count:>12,}  {name}" for name, count in counts.items())]
    return "\n".join(lines)
