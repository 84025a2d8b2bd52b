"""The one function that writes: records of a data set into a store, exactly once, whatever interrupts it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from tqdm import tqdm

from ingest.predicates import settled
from ingest.records import DataSet, Record, Skipped
from kgstore.store import GraphStore
from kgstore.values import Entity, Relation, Source, Triple, Written

BATCH = 10_000


@dataclass
class Report:
    """What a load did. `read` counts all records from the start of the source, `resumed_at` those of earlier calls."""

    source: str
    resumed_at: int = 0
    read: int = 0
    used: int = 0  # entities and triples among them
    written: Written = field(default_factory=Written)
    skipped: dict[str, tuple[int, str]] = field(default_factory=dict)  # reason -> how many, the first of them
    seconds: float = 0.0

    def take(self, record: Record) -> None:
        """Counts a record that was read."""
        self.read += 1
        self.used += isinstance(record, Entity | Triple)
        if isinstance(record, Skipped):
            count, example = self.skipped.get(record.reason, (0, record.example))
            self.skipped[record.reason] = (count + 1, example)

    def lines(self) -> Iterator[str]:
        """The report for a person."""
        new = self.written
        yield f"{self.source}: {self.read} records in {self.seconds:.1f} s"
        if self.resumed_at:
            yield f"  went on after {self.resumed_at} records of an earlier load"
        yield f"  entities: {new.new_entities} new, {new.changed_entities} changed"
        yield f"  relations: {new.new_triples} new, {new.changed_triples} changed"
        for reason, (count, example) in sorted(self.skipped.items(), key=lambda item: -item[1][0]):
            yield f"  left out: {count} {reason}, the first: {_shortened(example)}"


def load(
    store: GraphStore, data: DataSet, *, batch: int = BATCH, limit: int | None = None, progress: bool = True
) -> Report:
    """Writes a data set in batches; each is one transaction with the mark of how far it went.

    A load of the same path and options that did not end goes on at its mark; a completed one is read again from the
    start and changes only what differs. `limit` stops after so many records as if the load had been interrupted there.
    """
    started = time.monotonic()
    data = settled(data, store)
    mark = next((source for source in store.sources() if source.name == data.source.name), None)
    goes_on = mark is not None and mark.path == data.source.path and not mark.complete
    report = Report(data.source.name, resumed_at=mark.done if mark and goes_on else 0)
    total = data.total if limit is None else min(limit, data.total or limit)
    with tqdm(total=total, desc=f"loading {data.source.name}", unit="record", disable=not progress) as bar:
        for records, last in _batches(data.records(), batch, limit):
            bar.update(len(records))
            for record in records:
                report.take(record)
            if report.read > report.resumed_at or last:
                # A batch that the mark cuts in two is written whole: what is there already does not change.
                complete = last and (limit is None or report.read < limit)
                source = replace(data.source, done=report.read, complete=complete)
                report.written += _write(store, records, source)
    report.seconds = time.monotonic() - started
    return report


def _write(store: GraphStore, records: list[Record], source: Source) -> Written:
    return store.write(
        entities=[record for record in records if isinstance(record, Entity)],
        triples=[record for record in records if isinstance(record, Triple)],
        relations=[record for record in records if isinstance(record, Relation)],
        source=source,
    )


def count(data: DataSet, *, limit: int | None = None, progress: bool = True) -> Report:
    """Reads a data set as `load` would and writes nothing; new entities and triples are all of them."""
    started = time.monotonic()
    report = Report(data.source.name)
    entities: set[str] = set()
    triples: set[object] = set()
    records = islice(data.records(), limit)
    for record in tqdm(records, total=data.total, desc="counting", unit="record", disable=not progress):
        report.take(record)
        if isinstance(record, Entity):
            entities.add(record.id)
        elif isinstance(record, Triple):
            triples.add(record.key)
    report.written = Written(new_entities=len(entities), new_triples=len(triples))
    report.seconds = time.monotonic() - started
    return report


def _batches(records: Iterator[Record], size: int, limit: int | None) -> Iterator[tuple[list[Record], bool]]:
    """Lists of at most `size` records, each with whether it is the last; one empty list for no records at all."""
    records = islice(records, limit)
    batch = list(islice(records, size))
    while True:
        following = list(islice(records, size))
        yield batch, not following
        if not following:
            return
        batch = following


def _shortened(text: str, width: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
