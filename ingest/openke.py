"""OpenKE's counted files: train2id.txt with `head tail relation` numbers, entity2id.txt and relation2id.txt with names.

The first line of each file is how many follow. DBpedia's names stand in angle brackets, which are no part of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from ingest.facts import Fact
from ingest.lines import read_lines
from ingest.records import BadSource, Skipped

NAMES = ("entity2id.txt", "relation2id.txt")
SPLIT_FILES = {"train": "train2id.txt", "valid": "valid2id.txt", "test": "test2id.txt"}


def openke_files(folder: Path) -> dict[Path, str]:
    """The files of triples of a folder and their splits; none where it is no such folder."""
    if not all((folder / name).is_file() for name in NAMES):
        return {}
    files = {folder / name: split for split, name in SPLIT_FILES.items()}
    return {file: split for file, split in files.items() if file.is_file()}


def openke_facts(folder: Path, files: dict[Path, str]) -> Iterator[Fact | Skipped]:
    entities = yield from _names(folder / NAMES[0])
    relations = yield from _names(folder / NAMES[1])
    for file, split in files.items():
        told, count = None, 0
        for number, line in enumerate(read_lines(file), 1):
            where = f"{file.name}, line {number}: {line!r}"
            cells = line.split() if isinstance(line, str) else []
            if not line.strip():
                continue
            if number == 1 and len(cells) == 1 and cells[0].isdecimal():
                told = int(cells[0])
                continue
            count += 1
            if len(cells) != 3:
                yield Skipped("lines that are not three numbers", where)
                continue
            head, tail, relation = cells
            if head not in entities or tail not in entities or relation not in relations:
                yield Skipped("lines with a number that has no name", where)
            else:
                yield Fact(entities[head], relations[relation], entities[tail], 1.0, split, where)
        if count != told:
            yield Skipped("files whose first line is not the number of the others", f"{file.name}: {told}, not {count}")


def _names(file: Path) -> Generator[Skipped, None, dict[str, str]]:
    """Returns number -> name; a name may hold blanks."""
    names: dict[str, str] = {}
    for number, line in enumerate(read_lines(file), 1):
        where = f"{file.name}, line {number}: {line!r}"
        name, _, key = line.strip().replace("\t", " ").rpartition(" ") if isinstance(line, str) else ("", "", "")
        name = name.strip()
        if name.startswith("<") and name.endswith(">"):
            name = name[1:-1]
        if name and key.isdecimal():
            if names.setdefault(key, name) != name:
                yield Skipped("numbers with two names", where)
        elif line.strip() and not (number == 1 and key.isdecimal()):
            yield Skipped("lines that are not a name and a number", where)
    if not names:
        raise BadSource(f"{file} holds no line of the form `name number`.")
    return names
