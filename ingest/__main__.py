"""python -m ingest SOURCE --path P --store URI loads a data set; python -m ingest --list says what can be read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

from ingest import (
    captions,
    conceptnet,
    link,
    pykeen_sets,
    triples,
    visual_genome,
    visualsem,
    vrd,
    wordnet_images,
    world,
)
from ingest.load import Wishes, dry_run, load, write_files
from ingest.report import report_file
from kgstore.command import WrongCall, add_store_option, run_command
from kgstore.open import open_store
from kgstore.upkeep import add_format_option, print_exported

#: A loader is a module with HELP, `add_options(parser)` and `from_options(options) -> DataSet`.
SOURCES: dict[str, ModuleType] = {
    "world": world,
    "triples": triples,
    "pykeen": pykeen_sets,
    "wordnet-images": wordnet_images,
    "captions": captions,
    "conceptnet": conceptnet,
    "visual-genome": visual_genome,
    "vrd": vrd,
    "visualsem": visualsem,
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m ingest", description="Load a data set into the graph.")
    top.add_argument("--list", action="store_true", help="say which sources can be read, and stop")
    sources = top.add_subparsers(dest="loader", metavar="SOURCE", title="sources")
    for name, module in SOURCES.items():
        # The documentation of a loader says where to get its data and what becomes of it.
        command = sources.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_options(command)
        add_store_option(command, required=False, new=True)
        _add_load_options(command)
    joins = sources.add_parser(
        link.NAME, help=link.HELP, description=link.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    link.add_options(joins)
    return top


def _add_load_options(command: argparse.ArgumentParser) -> None:
    """What every source takes."""
    command.add_argument(
        "--dry-run", action="store_true", help="read, check and count, write nothing; needs no --store"
    )
    command.add_argument(
        "--limit", type=_positive, metavar="N", help="stop after N records; a later load does the rest"
    )
    command.add_argument(
        "--if-empty",
        action="store_true",
        help="do nothing when the graph holds something, unless that is an unfinished load of this source",
    )
    command.add_argument(
        "--verify",
        action="store_true",
        help="check every record though the files have not changed, and put right what the graph holds otherwise",
    )
    command.add_argument(
        "--verify-images", action="store_true", help="decode every picture, not only its header; checks every record"
    )
    command.add_argument(
        "--prune",
        action="store_true",
        help="remove what this source asserts in the graph and holds no longer, and put right what differs; what "
        "another source asserts too stays, and so do predictions",
    )
    command.add_argument("--report", type=report_file, metavar="FILE", help="write what was done and left out as JSON")
    command.add_argument(
        "--export", type=Path, metavar="DIR", help="write files of --format into a new folder instead of a graph"
    )
    add_format_option(command)


def main(arguments: list[str] | None = None) -> int:
    top = parser()
    options = top.parse_args(arguments)
    if options.list:
        for name, module in SOURCES.items():
            print(f"{name:15} {module.HELP}")
        return 0
    if options.loader == link.NAME:
        return link.run(options)
    if options.loader is None:
        top.error("which source? One of: " + ", ".join(SOURCES))
    if options.store is None and not options.dry_run and not options.export:
        top.error("--store URI is missing: say which graph to load into (or --dry-run to only count)")
    wishes = Wishes(options.limit, options.verify, options.verify_images, options.prune)
    if_empty = options.if_empty and not options.dry_run and not options.export
    if if_empty and (held := _held(options.store)):
        return _nothing_loaded(options.loader, held)
    data = SOURCES[options.loader].from_options(options)
    if if_empty and (held := _held(options.store, data.source.name)):
        return _nothing_loaded(options.loader, held)
    exported = None
    if options.dry_run:
        report = dry_run(data, wishes)
    elif options.export:
        report, exported = write_files(data, options.export, options.format, wishes)
    else:
        with open_store(options.store) as store:
            report = load(store, data, wishes)
    print("\n".join(report.lines()))
    if exported is not None:
        print_exported(exported, options.export)
    if options.report is not None:
        report.write(options.report)
    if report.nothing_used:
        raise WrongCall(
            f"Nothing of it could be used. `python -m ingest {options.loader} --help` says what the files look like."
        )
    return 0


def _held(uri: str, loading: str = "") -> str:
    """What the graph holds that was not left by an unfinished load: of any source, or of the one that is loading."""
    with open_store(uri) as store:
        marks = store.sources()
        others = [mark.name for mark in marks if mark.complete or loading not in ("", mark.name)]
        if others or marks:
            return ", ".join(others)
        return "entities" if store.statistics().entities else ""


def _nothing_loaded(loader: str, held: str) -> int:
    print(f"{loader}: nothing loaded, the graph is not empty (it holds {held})")
    return 0


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(run_command(main))
