"""From an address to a store."""

from __future__ import annotations

import os
from pathlib import Path

from kgstore.errors import StoreUnavailable
from kgstore.store import GraphStore

NEO4J_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


def open_store(uri: str | os.PathLike[str], *, answers_within: float = 15.0) -> GraphStore:
    """The graph at `uri`: a server for bolt:// and neo4j:// addresses, else an embedded file at that path.

    A path that does not exist yet becomes an empty graph; its folder must exist. Each driver is imported when it is
    first needed: the two are heavy, and a process uses one of them. A server that is not there is waited for so many
    seconds, now and at each later call.
    """
    address = os.fspath(uri)
    scheme, separator, _ = address.partition("://")
    if not separator:
        from kgstore.ladybug_store import LadybugStore

        return LadybugStore(Path(address))
    if scheme not in NEO4J_SCHEMES:
        raise StoreUnavailable(
            f"{address!r} is no store: give a path, or an address that begins with "
            f"{', '.join(f'{known}://' for known in NEO4J_SCHEMES)}."
        )
    from kgstore.neo4j_store import Neo4jStore

    return Neo4jStore(address, answers_within)
