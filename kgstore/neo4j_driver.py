"""The only file that imports the Neo4j driver: connections, the planner's verdict on a query, errors in our words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import neo4j
from neo4j import Driver, ManagedTransaction, NotificationMinimumSeverity
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)
from neo4j.exceptions import TransientError as Transient
from neo4j.graph import Node, Relationship
from neo4j.graph import Path as GraphPath

from kgstore.errors import KgError, QueryRefused, QueryStopped, StoreUnavailable
from kgstore.guard import PROCEDURES, require_reading

Parameters = Mapping[str, object]
Answer = TypeVar("Answer")
#: An open transaction, for what the store does within one.
Work = ManagedTransaction

log = logging.getLogger(__name__)

FETCH = 10_000
PAUSE = 2.0
ENDS_BY_ELEMENT = "MATCH (n) WHERE elementId(n) IN $elements RETURN elementId(n), n.id"


class Neo4jDriver:
    """A server's database, reached with what the environment says: NEO4J_USERNAME, NEO4J_PASSWORD (or the file that
    NEO4J_PASSWORD_FILE names) and NEO4J_DATABASE."""

    def __init__(self, uri: str, answers_within: float) -> None:
        self.uri = uri
        self.database = os.environ.get("NEO4J_DATABASE") or None
        with self._translating():
            self._driver: Driver = neo4j.GraphDatabase.driver(
                uri,
                auth=_credentials(),
                connection_timeout=answers_within,
                connection_acquisition_timeout=60.0,
                max_transaction_retry_time=answers_within,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
            )
        try:
            with self._translating(), self._session("READ") as session:
                session.run("RETURN 1").consume()  # outside of a managed transaction, which would try for long
        except BaseException:
            self._driver.close()
            raise

    def read(self, cypher: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """All rows of one of our own queries."""
        return self._transact("READ", lambda tx: run(tx, cypher, parameters))

    def write(self, work: Callable[[Work], Answer], patience: float = 0.0) -> Answer:
        """One transaction, tried again where the server says that trying again helps.

        With patience also while the server is away, for so many seconds. `work` must change nothing when it is done
        twice: whether a commit came through whose answer was lost, nobody knows.
        """
        until = time.monotonic() + patience
        while True:
            try:
                return self._transact("WRITE", work)
            except StoreUnavailable as error:
                if not _passes(error.__cause__) or time.monotonic() > until:
                    raise
                log.warning("%s Trying again for %.0f s.", error, until - time.monotonic())
                time.sleep(PAUSE)

    def alter(self, cypher: str) -> None:
        """A change of the schema, which is a transaction of its own."""
        self._transact("WRITE", lambda tx: run(tx, cypher))

    def _transact(self, access: str, work: Callable[[Work], Answer]) -> Answer:
        with self._translating(), self._session(access) as session:
            return session.execute_write(work) if access == "WRITE" else session.execute_read(work)

    def stream(self, cypher: str, parameters: Parameters | None = None) -> Iterator[tuple[Any, ...]]:
        """Rows as they come, without a limit."""
        with self._translating(), self._session("READ") as session:
            for record in session.run(cypher, dict(parameters or {})):
                yield tuple(record.values())

    def plan(self, cypher: str, parameters: Parameters | None = None) -> tuple[str, ...]:
        """The columns of a query that only reads the graph; raises QueryRefused for any other.

        READ access alone is no sandbox (it loads files and URLs), so the planner says what the query would do.
        """
        require_reading(cypher, parameters or {})
        with self._translating(), self._session("READ") as session:
            result = session.run(f"EXPLAIN {cypher}", dict(parameters or {}))
            columns, summary = tuple(result.keys()), result.consume()
        if summary.query_type != "r":
            raise QueryRefused("The query does more than read the graph, so it was not run.")
        for operator in _operators(summary.plan or {}):
            _check_operator(operator)
        return columns

    def ask(
        self, cypher: str, parameters: Parameters, seconds: float, limit: int
    ) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """Columns and at most `limit` rows in plain values; the server ends the query at its time limit."""
        columns = self.plan(cypher, parameters)
        with (
            self._translating(seconds),
            self._session("READ", min(limit, FETCH)) as session,
            session.begin_transaction(timeout=seconds) as transaction,
        ):
            rows = [tuple(record.values()) for record in transaction.run(cypher, dict(parameters)).fetch(limit)]
            plain = _Plain(transaction, rows)
            return columns, [tuple(plain.value(value) for value in row) for row in rows]

    def close(self) -> None:
        self._driver.close()

    def _session(self, access: str, fetch: int = FETCH) -> neo4j.Session:
        return self._driver.session(database=self.database, default_access_mode=access, fetch_size=fetch)

    @contextmanager
    def _translating(self, seconds: float | None = None) -> Iterator[None]:
        try:
            yield
        except (Neo4jError, DriverError, ValueError, OSError) as error:
            if isinstance(error, KgError):
                raise
            raise self._translated(error, seconds) from error

    def _translated(self, error: Exception, seconds: float | None) -> KgError:
        code = (error.code or "") if isinstance(error, Neo4jError) else ""
        if isinstance(error, ServiceUnavailable | SessionExpired | OSError):
            return StoreUnavailable(
                f"No Neo4j server answers at {self.uri}; start it, or correct --store or NEO4J_URI."
            )
        if isinstance(error, AuthError) or ".Security." in code:
            return StoreUnavailable(
                f"The Neo4j server at {self.uri} does not accept the name or the password; set NEO4J_USERNAME and "
                "NEO4J_PASSWORD (or NEO4J_PASSWORD_FILE)."
            )
        if code.endswith("DatabaseNotFound"):
            return StoreUnavailable(f"{self.uri} has no database {self.database!r}; correct NEO4J_DATABASE.")
        if "TransactionTimedOut" in code or code.endswith("Transaction.Terminated"):
            return QueryStopped(f"The query was stopped after {seconds or 0:g} s; ask for less, or allow more time.")
        if "OutOfMemory" in code:
            return QueryStopped("The query was stopped because it took too much of the server's memory; ask for less.")
        if isinstance(error, ClientError):
            return QueryRefused(f"Neo4j does not run this query. {error.message}")
        if isinstance(error, ConfigurationError | ValueError):
            return StoreUnavailable(f"{self.uri} is no address of a Neo4j server: {error}")
        if isinstance(error, Transient):
            return StoreUnavailable(f"The Neo4j server at {self.uri} is busy: {error.message} Try again.")
        return StoreUnavailable(f"The Neo4j server at {self.uri} failed: {error}")


def run(transaction: Work, cypher: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement within a transaction."""
    return [tuple(record.values()) for record in transaction.run(cypher, dict(parameters or {}))]


def run_counting(
    transaction: ManagedTransaction, cypher: str, parameters: Parameters
) -> tuple[list[tuple[Any, ...]], int]:
    """All rows, and how many nodes and relationships the statement created."""
    result = transaction.run(cypher, dict(parameters))
    rows = [tuple(record.values()) for record in result]
    counters = result.consume().counters
    return rows, counters.nodes_created + counters.relationships_created


def _passes(error: BaseException | None) -> bool:
    """Whether it may be over soon: no server, a lost connection or answer, a deadlock; not a wrong password."""
    lost = isinstance(error, ServiceUnavailable | SessionExpired | OSError)
    return lost or (isinstance(error, Neo4jError | DriverError) and error.is_retryable())


def _credentials() -> tuple[str, str] | None:
    name = os.environ.get("NEO4J_USERNAME") or "neo4j"
    password = os.environ.get("NEO4J_PASSWORD")
    file = os.environ.get("NEO4J_PASSWORD_FILE")
    if password is None and file:
        try:
            password = Path(file).read_text().strip()
        except OSError as error:
            raise StoreUnavailable(f"NEO4J_PASSWORD_FILE cannot be read: {file}: {error.strerror}.") from error
    return None if password is None else (name, password)


def _operators(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("children", ()):
        yield from _operators(child)


def _check_operator(operator: Mapping[str, Any]) -> None:
    kind = str(operator.get("operatorType", "")).partition("@")[0]
    if kind.startswith(("LoadCSV", "Show", "Terminate", "AdministrationCommand")):
        raise QueryRefused(f"{kind} does more than read the graph, so the query was not run.")
    if kind == "ProcedureCall":
        name = str(operator.get("args", {}).get("Details", "")).partition("(")[0].strip()
        if name not in PROCEDURES:
            raise QueryRefused(f"CALL {name} was not run: allowed are {', '.join(sorted(PROCEDURES))}.")


class _Plain:
    """Driver values as plain ones: nodes as their properties, relationships with head, type and tail."""

    def __init__(self, transaction: neo4j.Transaction, rows: list[tuple[Any, ...]]) -> None:
        self._ids: dict[str, str] = {}
        elements = sorted({element for row in rows for value in row for element in _ends(value)})
        if elements:
            found = transaction.run(ENDS_BY_ELEMENT, {"elements": elements})
            self._ids = {str(element): str(id) for element, id in found.values()}

    def value(self, value: Any) -> object:
        if isinstance(value, Node):
            return {name: self.value(part) for name, part in value.items()}
        if isinstance(value, Relationship):
            head, tail = (None if node is None else self._ids.get(node.element_id) for node in value.nodes)
            properties = {name: self.value(part) for name, part in value.items()}
            return {"head": head, "type": value.type, "tail": tail, **properties}
        if isinstance(value, GraphPath):
            return {"nodes": self.value([*value.nodes]), "relationships": self.value([*value.relationships])}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, dict):
            return {name: self.value(part) for name, part in value.items()}
        return value if isinstance(value, str | int | float | bool | bytes | None) else str(value)


def _ends(value: Any) -> Iterator[str]:
    if isinstance(value, Relationship):
        yield from (node.element_id for node in value.nodes if node is not None)
    elif isinstance(value, GraphPath):
        for relationship in value.relationships:
            yield from _ends(relationship)
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _ends(part)
