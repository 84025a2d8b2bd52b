"""python -m app --store URI --runs DIR: serves the browser app in the foreground."""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from pathlib import Path

from app.login import SHORTEST_PASSWORD
from app.serve import build, streamlit_options
from app.settings import Settings, use
from app.shared import graph, image_roots
from kgstore.command import WrongCall, add_images_option, add_store_option, run_command
from kgstore.errors import KgError
from kgstore.open import NEO4J_SCHEMES

PASSWORD = "KG_APP_PASSWORD"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def main() -> None:
    args = _parser().parse_args()
    hosts = dict.fromkeys((*LOOPBACK, *args.allow_host, *(() if _is_wildcard(args.address) else (args.address,))))
    settings = Settings(args.store, args.runs.resolve(), tuple(args.images), tuple(hosts), _password())
    use(settings)
    _check_port(args.address, args.port)
    _check_store(settings)
    if not (settings.password or _is_loopback(args.address)):
        print(
            f"Warning: {args.address} lets other machines reach this app, and it has no password; set {PASSWORD}.",
            file=sys.stderr,
        )
    shown = "localhost" if _is_wildcard(args.address) else args.address
    url = f"http://[{shown}]:{args.port}" if ":" in shown else f"http://{shown}:{args.port}"
    build(settings, url).run(config=streamlit_options(settings, args.address, args.port))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app", description=f"{__doc__} {PASSWORD} in the environment makes it ask for that password."
    )
    add_store_option(parser)
    add_images_option(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="the folder of training runs")
    parser.add_argument(
        "--port", type=int, default=os.environ.get("PORT", "8501"), help="default: PORT from the environment, or 8501"
    )
    parser.add_argument(
        "--address", default="127.0.0.1", help="the address to listen on; 0.0.0.0 lets other machines in"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further host name that browsers use for this server (* for any); repeatable",
    )
    return parser


def _password() -> str:
    """What the environment says that people are asked for before they see anything; nothing, if it says nothing."""
    password = os.environ.get(PASSWORD, "")
    if password and len(password) < SHORTEST_PASSWORD:
        raise WrongCall(f"{PASSWORD} is shorter than {SHORTEST_PASSWORD} characters; set a longer one, or unset it.")
    return password


def _check_port(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError) as error:
            raise WrongCall(
                f"Cannot listen on {address}, port {port} ({error}); choose another by --port N or by PORT."
            ) from error


def _check_store(settings: Settings) -> None:
    """A file must open now; a server may come later, and the pages say so until then."""
    try:
        graph()
        image_roots()
    except KgError as error:
        if settings.store.partition("://")[0] not in NEO4J_SCHEMES:
            raise
        print(f"Warning: {error} The app starts anyway and tries again.", file=sys.stderr)


def _is_wildcard(address: str) -> bool:
    return address in ("0.0.0.0", "::", "")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


if __name__ == "__main__":
    sys.exit(run_command(main))
