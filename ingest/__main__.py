"""python -m ingest SOURCE --path P --store URI loads a data set; python -m ingest --list says what can be read."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

from ingest import captions, conceptnet, link, pykeen_sets, triples, visual_genome, visualsem, vrd, wordnet_images, world
from ingest.load import count, load
from kgstore.command import WrongCall, add_store_option, run_command
from kgstore.open import open_store

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
        command.add_argument("--limit", type=_positive, metavar="N", help="stop after N records; a later load goes on")
        command.add_argument(
            "--if-empty",
            action="store_true",
            help="do nothing when the graph holds something, unless that is an unfinished load of this source",
        )
        command.add_argument("--dry-run", action="store_true", help="read and count, write nothing; needs no --store")
    joins = sources.add_parser(
        link.NAME, help=link.HELP, description=link.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    link.add_options(joins)
    return top


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
    if options.store is None and not options.dry_run:
        top.error("--store URI is missing: say which graph to load into (or --dry-run to only count)")
    if options.if_empty and not options.dry_run and _holds_something_else(options):
        print(f"{options.loader}: nothing loaded, the graph is not empty")
        return 0
    data = SOURCES[options.loader].from_options(options)
    if options.dry_run:
        report = count(data, limit=options.limit)
    else:
        with open_store(options.store) as store:
            report = load(store, data, limit=options.limit)
    print("\n".join(report.lines()))
    if not report.used and (report.skipped or not report.read):
        raise WrongCall(
            f"Nothing of it could be used. `python -m ingest {options.loader} --help` says what the files look like."
        )
    return 0


def _holds_something_else(options: argparse.Namespace) -> bool:
    name = getattr(options, "source", None) or options.loader
    with open_store(options.store) as store:
        marks = store.sources()
        if marks and all(mark.name == name and not mark.complete for mark in marks):
            return False
        return bool(marks) or store.statistics().entities > 0


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(run_command(main))
