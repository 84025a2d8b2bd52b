"""WordNet as ImageNet hands it out: words.txt, gloss.txt and wordnet.is_a.txt, plain or gzip.

words.txt         `wnid TAB lemma, lemma`
gloss.txt         `wnid TAB gloss`
wordnet.is_a.txt  `PARENT CHILD`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.lines import read_lines
from ingest.records import Skipped
from ingest.synsets import WNID, Described, Part, Related, one_line, synset_id


def read_tables(files: list[Path]) -> Iterator[Part]:
    """Files whose names are among TABLES."""
    for file in files:
        read = TABLES[file.name.removesuffix(".gz")]
        for number, line in enumerate(read_lines(file), 1):
            where = f"{file.name}, line {number}: {line!r}"
            if isinstance(line, bytes):
                yield Skipped("lines that are not UTF-8", where)
            elif line.strip():
                yield from read(line, where)


def _words(line: str, where: str) -> Iterator[Part]:
    wnid, _, words = line.partition("\t")
    lemmas = tuple(filter(None, map(one_line, words.split(","))))
    if not WNID.match(wnid.strip()):
        yield Skipped("lines that do not begin with a wnid", where)
    elif not lemmas:
        yield Skipped("wnids without words", where)
    else:
        yield Described(synset_id(wnid.strip()), lemmas)


def _gloss(line: str, where: str) -> Iterator[Part]:
    wnid, _, gloss = line.partition("\t")
    if not WNID.match(wnid.strip()):
        yield Skipped("lines that do not begin with a wnid", where)
    elif not gloss.strip():
        yield Skipped("wnids without a gloss", where)
    else:
        yield Described(synset_id(wnid.strip()), glosses=(one_line(gloss),))


def _is_a(line: str, where: str) -> Iterator[Part]:
    ends = line.split()
    if len(ends) != 2 or not all(map(WNID.match, ends)):
        yield Skipped("lines that are not `PARENT CHILD`", where)
        return
    parent, child = map(synset_id, ends)
    yield Described(child)
    yield Described(parent)
    yield Related(child, "IS_A", parent)


TABLES: dict[str, Callable[[str, str], Iterator[Part]]] = {
    "words.txt": _words,
    "gloss.txt": _gloss,
    "wordnet.is_a.txt": _is_a,
}
