"""The one function that writes: a data set into a store, exactly once, whatever interrupts it.

recognise (by the hash of the files) -> set aside -> check -> write, with the mark in the same transaction -> report
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ingest.check import check_pictures, check_triples
from ingest.compare import Comparison
from ingest.content import Content, content_of
from ingest.grown import keep_first_texts
from ingest.pieces import Piece, pieces
from ingest.predicates import settled
from ingest.records import BadSource, Block, DataSet, Record, Skipped
from ingest.report import Report
from ingest.same_name import file_of, note, other_files, path_with
from ingest.staging import Staging
from kgstore import merge
from kgstore.aside import folder_aside
from kgstore.export import Contents, Exported, Format, export
from kgstore.images import ImageRoots
from kgstore.store import GraphStore
from kgstore.values import Relation, Source, Written


@dataclass(frozen=True)
class Wishes:
    """How a source is to be loaded; each field is a flag of `python -m ingest`."""

    limit: int | None = None
    verify: bool = False
    verify_images: bool = False
    prune: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.prune:
            raise BadSource("--prune needs the whole source: what --limit leaves out is not gone. Leave one of them.")

    @property
    def reads_anew(self) -> bool:
        """Whether a source that was loaded and has not changed is read all the same, and what differs is put right."""
        return self.verify or self.verify_images or self.prune


def load(
    store: GraphStore,
    data: DataSet,
    wishes: Wishes = Wishes(),
    *,
    batch: int | None = None,
    progress: bool = True,
) -> Report:
    """Writes a data set in transactions of `batch` rows (as the store asks for), each with the mark of how far it is.

    A load that was killed goes on behind its mark. One that ended is not read again while its files are the same, and
    only from where it ended when lines were added; a changed one is compared with what the graph holds of it.
    """
    started = time.monotonic()
    report = Report(data.source.name)
    mark = next((source for source in store.sources() if source.name == data.source.name), None)
    content = content_of(data, mark, progress=progress)
    same_pictures = mark is not None and mark.image_root == data.source.image_root
    if mark and mark.complete and content.digest == mark.digest != "" and same_pictures and not wishes.reads_anew:
        report.unchanged = True
        moved = path_with(data.source, [file for file in other_files(mark, data.source) if file != file_of(mark)])
        if mark.path != moved:
            store.write(source=replace(mark, path=moved))
    else:
        data = settled(data, store)
        added = None
        if mark and mark.complete and content.grown and same_pictures and wishes == Wishes() and data.since:
            added = replace(data.since(mark.bytes), source=data.source)
            report.appended = True
        with folder_aside() as folder, Staging(folder) as staging:
            _set_aside(staging, added or data, report, wishes.limit, progress)
            if added and data.most_texts is not None:
                keep_first_texts(staging, store, data.most_texts)
            _check(staging, store, data, report, wishes, progress)
            if report.nothing_used and (report.skipped or wishes.prune):
                # The wrong file or wrong options: neither a source that was loaded nor one of which all is gone.
                report.notes.append("the graph was left as it is")
            else:
                rows = batch or store.transaction_rows
                _Writing(store, staging, data.source, content, report, wishes, rows, progress).write(mark)
    report.seconds = time.monotonic() - started
    return report


def dry_run(data: DataSet, wishes: Wishes = Wishes(), *, progress: bool = True) -> Report:
    """Reads and checks a data set as `load` would and writes nothing; no graph is asked, so ends that only a graph
    holds count as dangling."""
    started = time.monotonic()
    report = Report(data.source.name, dry_run=True)
    with folder_aside() as folder, Staging(folder) as staging:
        _set_aside(staging, data, report, wishes.limit, progress)
        _check(staging, None, data, report, wishes, progress)
    report.seconds = time.monotonic() - started
    return report


def write_files(
    data: DataSet, out: Path, format: Format, wishes: Wishes = Wishes(), *, progress: bool = True
) -> tuple[Report, Exported]:
    """Reads and checks a data set as `load` would, and writes the files of an export instead of a graph.

    They hold what a load into an empty graph would leave, with its mark: a server that imports them knows the source.
    """
    started = time.monotonic()
    report = Report(data.source.name)
    content = content_of(data, progress=progress)
    with folder_aside() as folder, Staging(folder) as staging:
        _set_aside(staging, data, report, wishes.limit, progress)
        _check(staging, None, data, report, wishes, progress)
        mark = replace(data.source, done=report.used, complete=report.complete, bytes=content.bytes)
        mark = replace(mark, digest=content.digest if report.complete else "")
        exported = export(Contents(staging.entities, staging.triples, _catalogue(staging), [mark]), format, out)
    report.written = Written(new_entities=exported.entities, new_triples=exported.triples)
    report.seconds = time.monotonic() - started
    return report, exported


def _catalogue(staging: Staging) -> list[Relation]:
    """A line for every type, as a store would make it."""
    types = (type_ for batch in staging.triples() for type_ in batch["type"].unique().to_pylist())
    return [Relation(type_, text) for type_, text in merge.catalogue(staging.relations(), types).items()]


def _set_aside(staging: Staging, data: DataSet, report: Report, limit: int | None, progress: bool) -> None:
    """Reads the records, at most `limit`; the report counts them and names what the loader left out."""
    total = data.total if limit is None else min(limit, data.total or limit)
    with tqdm(total=total, desc=f"reading {data.source.name}", unit="record", disable=not progress) as bar:
        if data.blocks is not None and limit is None:
            for block in data.blocks():
                _count_block(block, report)
                staging.add_block(block)
                bar.update(block.records)
        else:
            records = data.records()
            staging.add(_counted(islice(records, limit), report, bar))
            report.complete = next(records, None) is None


def _counted(records: Iterator[Record], report: Report, bar: tqdm[Any]) -> Iterator[Record]:
    for record in records:
        report.read += 1
        bar.update()
        if isinstance(record, Skipped):
            report.skip(record.reason, [record.example], record.count)
        else:
            yield record


def _count_block(block: Block, report: Report) -> None:
    report.read += block.records
    for skipped in block.skipped:
        report.skip(skipped.reason, [skipped.example], skipped.count)


def _check(
    staging: Staging, store: GraphStore | None, data: DataSet, report: Report, wishes: Wishes, progress: bool
) -> None:
    remembered = {} if store is None else ImageRoots.of(store).folders
    own = {data.source.name: data.source.image_root} if data.source.image_root else {}
    roots = ImageRoots({**remembered, **own}).replaced()
    check_triples(
        staging,
        lambda ids: () if store is None else [entity.id for entity in store.entities(ids)],
        report,
        loops=data.loops,
    )
    check_pictures(staging, roots, report, decode=wishes.verify_images, progress=progress)
    report.entities, report.triples = staging.entity_count, staging.triple_count


class _Writing:
    """From what is set aside and checked into the store."""

    def __init__(
        self,
        store: GraphStore,
        staging: Staging,
        source: Source,
        content: Content,
        report: Report,
        wishes: Wishes,
        rows: int | None,
        progress: bool,
    ) -> None:
        self._store = store
        self._staging = staging
        self._report = report
        self._wishes = wishes
        self._rows = rows
        self._progress = progress
        #: While a load is under way its mark says what its rows are counted in: other rows cannot be gone on with.
        self._counted = f"{content.digest} of {report.used} rows, limit {wishes.limit}"
        self._end = replace(
            source,
            done=report.used,
            complete=report.complete,
            digest=content.digest if report.complete else self._counted,
            bytes=content.bytes,
        )

    def write(self, mark: Source | None) -> None:
        """`mark` is that of the load before.

        The mark that says "complete" is a transaction of its own: the embedded store says a moment too early that
        columns are on the disk, so a load that fails or is killed in that moment compares once more.
        """
        comparison = None
        others = other_files(mark, self._end)
        if others:
            self._report.notes.append(note(self._end, others, pruned=self._wishes.prune))
        own = self._end.path
        self._end = replace(self._end, path=path_with(self._end, others))
        if mark is None or (file_of(mark) != file_of(self._end) and not self._wishes.prune):
            # What another file told under this name stays: it is not gone.
            self._write_all(0)
        elif self._can_go_on(mark):
            self._report.resumed_at = mark.done
            self._write_all(mark.done)
        elif self._report.appended:
            self._write_change()
        else:
            comparison = Comparison(self._staging, self._store, self._end.name)
            comparison.report(self._report, whole=self._report.complete)
            self._write_change()
        if comparison and self._wishes.reads_anew:
            comparison.amend()
            self._report.amended = True
        if comparison and self._wishes.prune:
            self._report.retracted = comparison.retract()
            self._end = replace(self._end, path=own)
        self._store.write(source=self._end)

    def _can_go_on(self, mark: Source) -> bool:
        """Whether the mark is that of the same rows, written piece by piece and not to the end."""
        same = (mark.path, mark.digest) == (self._end.path, self._counted)
        return same and not mark.complete and self._rows is not None and not self._wishes.reads_anew

    def _write_all(self, done: int) -> None:
        """Every row behind the first `done`; each transaction leaves a mark to go on from."""
        under_way = replace(self._end, complete=False, digest=self._counted)
        if not done:
            # What a killed load leaves is known by it, also where much is written before a mark.
            self._store.write(source=replace(under_way, done=0))
        for piece in self._pieces(done):
            self._write_piece(piece, replace(under_way, done=piece.upto))

    def _write_change(self) -> None:
        """What is left to write of a source that was loaded before. Its old mark stays meanwhile: until the end the
        source is one that has changed, and a load that is killed here compares again."""
        for piece in self._pieces(0):
            self._write_piece(piece, None)

    def _write_piece(self, piece: Piece, mark: Source | None) -> None:
        self._report.written += self._store.write_columns(
            piece.entities, piece.triples, self._staging.relations(), mark
        )

    def _pieces(self, done: int) -> Iterator[Piece]:
        rows = self._staging.entity_count + self._staging.triple_count
        with tqdm(
            total=rows, initial=done, desc=f"writing {self._end.name}", unit="row",
            disable=not self._progress,
        ) as bar:  # fmt: skip
            yield from pieces(self._staging, self._rows, done, bar)
