"""The one interface to the graph. Two implementations keep it, under one contract suite (tests/test_store.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import pyarrow as pa

from kgstore.decisions import Asked, Decided
from kgstore.facts import ALL_FACTS, FactFilter, FactOrder, Facts, PredictionCount
from kgstore.values import (
    Decision,
    Direction,
    Entity,
    Extent,
    Hit,
    NeighbourCount,
    Origin,
    Relation,
    Retracted,
    Rows,
    Source,
    Statistics,
    Triple,
    TripleKey,
    Written,
)

#: Columns of `entity_columns`, in order.
ENTITY_COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("images", pa.list_(pa.string())),
        ("sources", pa.list_(pa.string())),
        ("split", pa.string()),
    ]
)

#: Columns of `triple_columns`, in order: one for each field of Triple.
TRIPLE_COLUMNS = pa.schema(
    [
        ("head", pa.string()),
        ("type", pa.string()),
        ("tail", pa.string()),
        ("words", pa.string()),
        ("weight", pa.float64()),
        ("sources", pa.list_(pa.string())),
        ("origin", pa.string()),
        ("split", pa.string()),
        ("score", pa.float64()),
        ("run", pa.string()),
        ("when", pa.string()),
        ("decision", pa.string()),
        ("text", pa.string()),
        ("who", pa.string()),
    ]
)


@runtime_checkable  # so that the tests, which check signatures as they run, can tell a store
class GraphStore(Protocol):
    """A graph of entities and typed relations. Methods raise the errors of kgstore.errors and no driver's own.

    A store is a context manager and is not shared between processes: a worker opens its own from `uri`.
    It may be used by several threads.
    """

    uri: str
    #: How many rows one write of columns should have; None where all of a load belong into one.
    transaction_rows: int | None

    def write(
        self,
        entities: Sequence[Entity] = (),
        triples: Sequence[Triple] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        """Adds records, all in one transaction; what is there already is merged (Entity.merged, Triple.merged).

        Ends of triples must be in the graph or among `entities`; otherwise UnknownEntity, and nothing is written.
        The first text of a relation type stays. `source` replaces the mark of that name.
        """
        ...

    def write_columns(
        self,
        entities: Iterable[pa.RecordBatch] = (),
        triples: Iterable[pa.RecordBatch] = (),
        relations: Sequence[Relation] = (),
        source: Source | None = None,
    ) -> Written:
        """As `write`, of ENTITY_COLUMNS and TRIPLE_COLUMNS that hold each id and each key at most once.

        Where `transaction_rows` is None, many rows are several transactions, after all of them have been read: what
        a killed write left has all ends of its relations and no new mark, and the same write again completes it.
        """
        ...

    def amend(self, entities: Sequence[Entity] = (), triples: Sequence[Triple] = ()) -> None:
        """Puts records into the place of those of the same id or key, whatever these hold; all in one transaction.

        What is not there, and a triple that is a prediction there, is left as it is.
        """
        ...

    def retract(self, source: str, entities: Sequence[str] = (), triples: Sequence[TripleKey] = ()) -> Retracted:
        """Takes back what a source asserted, in one transaction: what no other source asserts is removed.

        Triples go before entities. An entity at which relations still hang stays as it is, and so does a prediction,
        whatever was decided about it.
        """
        ...

    def propose(self, predictions: Sequence[Triple]) -> Written:
        """Adds predicted triples that wait for review; what is asserted or decided already is left as it is.

        A prediction that waits already takes the new score, run and time.
        """
        ...

    def decide(self, key: TripleKey, decision: Decision, *, who: str = "", seen: Triple | None = None) -> Triple:
        """Accepts or rejects a predicted triple, or with "" undoes that; returns it as it stands now.

        Raises UnknownTriple when the graph holds no such prediction. With `seen`, the prediction as `who` saw it, it
        raises DecidedMeanwhile and changes nothing where somebody decided since.
        """
        ...

    def decide_all(self, asked: Asked, decision: Decision, who: str = "") -> Decided:
        """The same decision about many predictions, in one transaction: about those that stand as they were seen."""
        ...

    def entity(self, id: str) -> Entity:
        """Raises UnknownEntity."""
        ...

    def entities(self, ids: Sequence[str]) -> list[Entity]:
        """Those that exist, in the order of `ids`."""
        ...

    def pictures(self, limit: int, kinds: Collection[str] = ()) -> list[Entity]:
        """Some entities that have a picture, the same ones for the same graph."""
        ...

    def neighbour_counts(self, id: str) -> list[NeighbourCount]:
        """Relations of an entity by type and direction, most frequent first, rejected predictions left out."""
        ...

    def neighbours(
        self,
        id: str,
        *,
        direction: Direction | None = None,
        types: Collection[str] = (),
        limit: int = 25,
        origin: Origin | None = None,
        rejected: bool = False,
    ) -> list[Triple]:
        """At most `limit` relations of an entity **per type and direction**, heaviest first, then by id.

        With `origin` only what is asserted, or only what is predicted.
        """
        ...

    def among(self, ids: Collection[str]) -> list[Triple]:
        """The relations between any two of these entities, rejected predictions left out, by their keys."""
        ...

    def paths(
        self, a: str, b: str, *, hops: int = 4, limit: int = 5, seconds: float = 5.0, origin: Origin | None = None
    ) -> list[tuple[Triple, ...]]:
        """The shortest paths from one entity to another, relations followed in either direction.

        All are of the same length, at most `hops` (1 to 8), and lead through different entities; rejected predictions
        are left out, and all that is predicted with origin "asserted". From an entity to itself there is none.
        Raises UnknownEntity, or QueryStopped when the search takes too long.
        """
        ...

    def facts(
        self,
        id: str,
        chosen: FactFilter = ALL_FACTS,
        *,
        order: FactOrder = "weight",
        descending: bool | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> Facts:
        """A page of an entity's relations in one order over all of them, and how many there are.

        `descending` None is the order's own way (see LARGEST_FIRST). What lacks the value comes last either way; then
        the heaviest comes first, then they go by id. Raises UnknownEntity.
        """
        ...

    def predictions(
        self,
        *,
        decision: Decision | None = "",
        types: Collection[str] = (),
        run: str = "",
        low: float | None = None,
        high: float | None = None,
        newest: bool = False,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Triple]:
        """Predicted triples by descending score, or the latest first; `decision` None means whatever was decided.

        `low` and `high` bound the score, both included.
        """
        ...

    def prediction_counts(self, *, low: float | None = None, high: float | None = None) -> list[PredictionCount]:
        """How many predictions there are by type, run and decision, in this order; with bounds as of `predictions`."""
        ...

    def search(
        self, text: str, *, kinds: Collection[str] = (), sources: Collection[str] = (), limit: int = 20
    ) -> list[Hit]:
        """Entities whose name or texts match, best first; a typo is forgiven."""
        ...

    def relations(self) -> list[Relation]:
        """The catalogue, by type."""
        ...

    def sources(self) -> list[Source]:
        """What was loaded, by name."""
        ...

    def statistics(self) -> Statistics:
        """What the graph holds, in counts."""
        ...

    def fingerprint(self) -> str:
        """A short word that changes whenever the graph does; cheap."""
        ...

    def extent(self) -> Extent:
        """How far the graph reaches now; cheap."""
        ...

    def entity_columns(self, *, numbered: bool = False) -> Iterator[pa.RecordBatch]:
        """All entities as ENTITY_COLUMNS, in no promised order, in bounded memory.

        With `numbered` one more column `number`, where the store tells entities by number in recipe_columns.
        """
        ...

    def triple_columns(self) -> Iterator[pa.RecordBatch]:
        """All triples as TRIPLE_COLUMNS, in no promised order, in bounded memory."""
        ...

    def foreign(self) -> list[tuple[str, int, tuple[str, ...]]]:
        """What the columns above leave out or fill in, as other tools may have written it: fault, count, examples."""
        ...

    def columns(self, cypher: str, parameters: Mapping[str, object] | None = None) -> Iterator[pa.RecordBatch]:
        """The answer of a read-only query as columns of scalars, without a row limit.

        Raises QueryRefused unless the query only reads the graph.
        """
        ...

    def recipe_columns(
        self, cypher: str, parameters: Mapping[str, object] | None = None, since: Extent | None = None
    ) -> Iterator[pa.RecordBatch]:
        """What `columns` answers, read in parts and many times faster where the recipe is plain (see plain_recipe).

        Instead of `head` and `tail` there may then be `head_number` and `tail_number` (see entity_columns), what many
        rows share may be run-end encoded, and columns stand in any order. With `since`, a recipe that is plain gives
        all relations that were added since, and perhaps others, with ids.
        """
        ...

    def query(
        self, cypher: str, parameters: Mapping[str, object] | None = None, *, seconds: float = 10.0, rows: int = 1000
    ) -> Rows:
        """Runs ad-hoc Cypher that only reads the graph, within a time and a row limit.

        Raises QueryRefused (writes, files, network, administration, syntax) or QueryStopped (time).
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
