"""A slow query on the embedded store keeps nobody from asking, from changing the graph, or from closing it."""

from __future__ import annotations

import threading
from pathlib import Path

from kgstore import Entity, open_store
from kgstore.errors import KgError, StoreUnavailable

SLOW = "MATCH (a:Entity), (b:Entity), (c:Entity), (d:Entity) WHERE a.name < b.name AND c.name < d.name RETURN count(*)"


def test_a_slow_query_holds_up_neither_queries_nor_changes_and_is_asked_again(tmp_path: Path) -> None:
    outcome: list[KgError] = []
    store = open_store(tmp_path / "graph.lbug")
    store.write([Entity(f"a:{number}", name=f"thing {number}") for number in range(2000)])

    def ask() -> None:
        try:
            store.query(SLOW, seconds=300)
        except KgError as error:
            outcome.append(error)

    slow = threading.Thread(target=ask)
    slow.start()
    try:
        for more in range(2):
            assert store.query("MATCH (e:Entity) RETURN count(*)").rows == [(2000 + more,)]
            store.write([Entity(f"b:{more}")])
            assert slow.is_alive()
    finally:
        store.close()
        slow.join()
    assert [type(error) for error in outcome] == [StoreUnavailable]
