"""What a load did, for a person and as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingest.records import BadSource
from kgstore.values import Retracted, Written

EXAMPLES = 3


@dataclass
class Finding:
    """So many times something was found, and the first examples of it."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, examples: Sequence[str], count: int | None = None) -> None:
        """Counts the examples, or `count` cases of which these are some."""
        self.count += len(examples) if count is None else count
        self.examples += [_shortened(example) for example in examples[: EXAMPLES - len(self.examples)]]


@dataclass
class Report:
    """What a load did. `read` counts the records of the source, also those that an earlier load has written."""

    source: str
    dry_run: bool = False
    unchanged: bool = False  # recognised by the hash of its files, so nothing was read
    appended: bool = False  # only what was added to its file was read
    complete: bool = True  # a limit did not cut it off
    read: int = 0
    entities: int = 0  # distinct ones, after merging
    triples: int = 0
    resumed_at: int = 0  # rows that an earlier, interrupted load had written
    written: Written = field(default_factory=Written)
    skipped: dict[str, Finding] = field(default_factory=dict)  # by reason; left out by the loader or by the checks
    gone: dict[str, Finding] = field(default_factory=dict)  # the source asserts them in the graph and no longer here
    differing: dict[str, Finding] = field(default_factory=dict)  # only this source asserts them, and now otherwise
    amended: bool = False  # ... and they were put right
    retracted: Retracted | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def skip(self, reason: str, examples: Sequence[str], count: int | None = None) -> None:
        """Counts what is left out, and names the first ones."""
        if examples:
            self.skipped.setdefault(reason, Finding()).add(examples, count)

    @property
    def used(self) -> int:
        return self.entities + self.triples

    @property
    def nothing_used(self) -> bool:
        """Whether a source was read and gave nothing."""
        nothing = not self.unchanged and not self.appended and not self.used
        return nothing and bool(self.skipped or not self.read)

    def lines(self) -> Iterator[str]:
        """The report for a person."""
        if self.unchanged:
            yield f"{self.source}: loaded before and unchanged since, nothing to do (--verify checks every record)"
            return
        added = " that were added to its file" if self.appended else ""
        yield f"{self.source}: {self.read} records{added} in {self.seconds:.1f} s"
        if self.resumed_at:
            yield f"  went on after {self.resumed_at} rows of an earlier load"
        new = self.written
        if self.dry_run:
            yield f"  entities: {self.entities}, relations: {self.triples}; nothing was written"
        else:
            yield f"  entities: {new.new_entities} new, {new.changed_entities} changed"
            yield f"  relations: {new.new_triples} new, {new.changed_triples} changed"
        if not self.complete:
            yield "  stopped at --limit; a load without it does the rest"
        for reason, found in sorted(self.skipped.items(), key=lambda item: -item[1].count):
            yield from _told(f"left out: {found.count} {reason}", found)
        for what, found in self.differing.items():
            done = "and were put right" if self.amended else "(--verify puts them right)"
            yield from _told(f"not as the source says: {found.count} {what} differed {done}", found)
        for what, found in self.gone.items():
            kept = "" if self.retracted else ", kept in the graph (--prune removes them)"
            yield from _told(f"gone from the source: {found.count} {what}{kept}", found)
        if self.amended and not self.differing and not self.gone and new == Written():
            yield "  the graph holds every record as the source says it"
        if self.retracted is not None and self.gone:
            yield from _retraction(self.retracted)
        for note in self.notes:
            yield f"  {note}"

    def write(self, file: Path) -> None:
        """The report as JSON. Raises BadSource when the file cannot be written."""
        content = {"used": self.used} | asdict(self)
        if self.retracted is not None:
            content["retracted"]["tied"] = asdict(Finding(len(self.retracted.tied), [*self.retracted.tied[:EXAMPLES]]))
        write_json(content, file)


def report_file(text: str) -> Path:
    """The type of --report: what cannot be written is said before a load of hours and not after it."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise ArgumentTypeError(f"{text!r} is no file in a folder that exists")
    return file


def write_json(content: dict[str, Any], file: Path) -> None:
    """What --report asks for. Raises BadSource when the file cannot be written."""
    try:
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadSource(f"{file} cannot be written ({error.strerror}): --report takes a file.") from error


def _told(line: str, found: Finding) -> Iterator[str]:
    first, *more = found.examples or [""]
    yield f"  {line}, the first: {first}"
    for example in more:
        yield f"    then {example}"


def _retraction(done: Retracted) -> Iterator[str]:
    yield f"  removed: {done.removed_entities} entities, {done.removed_triples} relations"
    if done.spared_entities or done.spared_triples:
        yield (
            f"  asserted by other sources too and kept: {done.spared_entities} entities, "
            f"{done.spared_triples} relations"
        )
    if done.tied:
        named = ", ".join(done.tied[:EXAMPLES])
        yield f"  kept because relations of others hang there: {len(done.tied)} entities, the first: {named}"


def _shortened(text: str, width: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
