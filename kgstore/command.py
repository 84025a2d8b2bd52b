"""What the command lines share: the options of a store, and errors as one sentence with exit status 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from kgstore.errors import KgError

WRONG_CALL = 2
INTERRUPTED = 130


class WrongCall(KgError):
    """A call of a command that cannot be carried out as written."""


def add_store_option(parser: argparse.ArgumentParser, *, required: bool = True, new: bool = False) -> None:
    """--store and --neo4j-uri are one option, `args.store`; NEO4J_URI is its default.

    Without `required` a missing store gives None. Only with `new` may a path name a graph that is yet to be made: a
    mistyped one must not become an empty graph.
    """
    default = os.environ.get("NEO4J_URI") or None
    parser.add_argument(
        "--store",
        "--neo4j-uri",
        metavar="URI",
        default=default,
        type=str if new else existing_store,
        required=required and default is None,
        help="the graph: a path (LadybugDB, embedded) or bolt://HOST:7687, neo4j+s://... (Neo4j; NEO4J_USERNAME, "
        "NEO4J_PASSWORD or NEO4J_PASSWORD_FILE and NEO4J_DATABASE are read from the environment); default: NEO4J_URI",
    )


def add_images_option(parser: argparse.ArgumentParser) -> None:
    """--images SOURCE=DIR, any number of times: `args.images`, a list of the texts as they were given."""
    parser.add_argument(
        "--images",
        metavar="SOURCE=DIR",
        action="append",
        default=[],
        type=_source_and_folder,
        help="where the pictures of a source are now, if not where they were loaded from (also: KG_IMAGES); repeatable",
    )


def run_command(main: Callable[[], int | None]) -> int:
    """The exit status of a command: 2 with a sentence on stderr for our errors, 130 for Ctrl-C.

    Use as `sys.exit(run_command(main))` below `if __name__ == "__main__"`.
    """
    try:
        status = main() or 0
        sys.stdout.flush()
        return status
    except KgError as error:
        print(f"{error}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; without this Python complains again while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def existing_store(uri: str) -> str:
    """The type of an argument that names a graph to read."""
    if "://" not in uri and not Path(uri).exists():
        raise WrongCall(
            f"There is no graph at {uri}; load one first: python -m ingest SOURCE --path PATH --store {uri}"
        )
    return uri


def _source_and_folder(text: str) -> str:
    source, equals, folder = text.partition("=")
    if not (source and equals and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form SOURCE=DIR")
    return text
