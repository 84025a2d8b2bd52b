"""The embedded store's search: a SQLite file beside the graph (its wheel has no full-text index).

Each name and each text is a saying. Its words are numbered, and an FTS5 table tells which sayings hold which words, so
that an asked word stands for all words of the graph that it is part of or may have been meant for; those are found in
memory (see Vocabulary). Short sayings come first in the file: where many match, they match best.

The file can be thrown away at any time: it is made anew when it does not fit the graph's entities.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from kgstore.records import column_rows
from kgstore.search import ENOUGH, FOUND, GOOD_ENOUGH, TEXT_WEIGHT, WORDS_COMPARED, combined, words_of
from kgstore.values import KINDS
from kgstore.vocabulary import Vocabulary

CANDIDATES = 400
#: Words of a question that count; with more than so many, two of the rarest are looked for.
WORDS_ASKED, FEW_WORDS = 20, 6
#: Words of the graph that an asked one is taken to be part of, and that a mistyped one may have meant.
HOLDING, ALTERNATIVES = 48, 6
#: The file's form; another one is made anew.
FORMAT = 2

TABLES = """
CREATE TABLE state(revision TEXT);
CREATE TABLE entity(row INTEGER PRIMARY KEY, id TEXT);
CREATE TABLE source(number INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE word(number INTEGER PRIMARY KEY, word TEXT, many INTEGER);
CREATE TABLE saying(row INTEGER PRIMARY KEY, entity INTEGER, weight REAL, words BLOB);
CREATE VIRTUAL TABLE said USING fts5(words, content='', detail='none', tokenize='ascii');
CREATE TEMP TABLE fresh(length INTEGER, entity INTEGER, weight REAL, words BLOB, tokens TEXT);
"""
#: Shortest first; `row` follows the order of insertion.
ORDERED = """
INSERT INTO saying(entity, weight, words) SELECT entity, weight, words FROM fresh ORDER BY length, rowid;
INSERT INTO said(rowid, words) SELECT row_number() OVER (ORDER BY length, rowid), tokens FROM fresh
ORDER BY length, rowid;
DROP TABLE fresh;
"""
MATCHING = (
    "SELECT entity.id, saying.weight, saying.words FROM said JOIN saying ON saying.row = said.rowid "
    "JOIN entity ON entity.row = saying.entity WHERE said MATCH ? ORDER BY said.rowid LIMIT ?"
)

Columns = Callable[[], Iterator[pa.RecordBatch]]
#: Numbers of words that an asked word may stand for, and how close they are to it.
Readings = Mapping[int, float]


class SearchIndex:
    """Words of names and texts in a file that can be rebuilt. Several threads may use it; one is served at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._using = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._vocabulary = Vocabulary([], [])
        self._sources: dict[str, int] = {}

    def search(
        self,
        text: str,
        *,
        revision: str,
        columns: Columns,
        kinds: Collection[str] = (),
        sources: Collection[str] = (),
        limit: int = 20,
    ) -> list[tuple[str, float]]:
        """Ids of the best hits and their closeness, among the entities of `columns`, which are those of `revision`."""
        with self._using:
            self._bring_up_to(revision, columns)
            asked = words_of(text)[:WORDS_ASKED]
            only = self._filter(kinds, sources)
            if not asked or only is None:
                return []
            readings = [self._holding(word) for word in asked]
            scores = self._scored(asked, readings, only)
            if sum(score >= FOUND for score in scores.values()) < (ENOUGH if len(asked) <= FEW_WORDS else 1):
                meant = [self._meant(word, found) for word, found in zip(asked, readings, strict=True)]
                for id, score in self._scored(asked, meant, only, loosely=True).items():
                    scores[id] = max(scores.get(id, 0.0), score)
        return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))[:limit]

    def close(self) -> None:
        """Closes the file; the next search opens it again."""
        with self._using:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # -- making it

    def _bring_up_to(self, revision: str, columns: Columns) -> None:
        wanted = f"{FORMAT}-{revision}"
        opened = self._connection is None
        if self._connection is None:
            self._connection = self._open()
        try:
            found = self._connection.execute("SELECT revision FROM state").fetchone()
        except sqlite3.DatabaseError:
            found = None
        if found != (wanted,):
            self._connection.close()
            self._connection = None
            for name in (self._path, self._path.with_name(self._path.name + "-journal")):
                name.unlink(missing_ok=True)
            connection = self._open()
            try:
                _fill(connection, wanted, columns)
            except BaseException:
                connection.close()
                raise
            self._connection, opened = connection, True
        if opened:
            rows = self._connection.execute("SELECT word, many FROM word ORDER BY number").fetchall()
            self._vocabulary = Vocabulary([word for word, _ in rows], [many for _, many in rows])
            self._sources = dict(self._connection.execute("SELECT name, number FROM source"))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    # -- asking it

    def _filter(self, kinds: Collection[str], sources: Collection[str]) -> str | None:
        """What an FTS query adds to keep to kinds and sources; None where nothing can be of them."""
        terms = []
        if kinds:
            terms.append([f"k{KINDS.index(kind)}" for kind in kinds if kind in KINDS])
        if sources:
            terms.append([f"s{self._sources[source]}" for source in sources if source in self._sources])
        if not all(terms):
            return None
        return "".join(f" AND ({' OR '.join(alternatives)})" for alternatives in terms)

    def _holding(self, word: str) -> dict[int, float]:
        """What a word is part of; of one or two letters only what it begins, unless letters are whole words."""
        return dict(self._vocabulary.holding(word, HOLDING, at_start=len(word) < 3 and word.isascii()))

    def _meant(self, word: str, found: Readings) -> dict[int, float]:
        return {**dict(self._vocabulary.alike(word, ALTERNATIVES)), **found} if len(word) > 1 else dict(found)

    def _scored(
        self, asked: Sequence[str], readings: Sequence[Readings], only: str, loosely: bool = False
    ) -> dict[str, float]:
        """The closeness of entities that say all that was asked or, `loosely`, most of it."""
        assert self._connection is not None
        query = self._query(readings, loosely)
        if not query:
            return {}
        rows = self._connection.execute(MATCHING, (f"({query}){only}", CANDIDATES))
        known = {word: number for word, number in zip(asked, map(_exact, readings), strict=True) if number is not None}
        sequence = array("I", [known.get(word, 0xFFFFFFFF) for word in asked]).tobytes()
        scores: dict[str, float] = {}
        for id, weight, said in rows:
            words = array("I", said)
            each = sum(max((found.get(word, 0.0) for word in words), default=0.0) for found in readings) / len(asked)
            score = weight * combined(each, len(asked), len(words), in_order=sequence in said)
            if score >= GOOD_ENOUGH and score > scores.get(id, 0.0):
                scores[id] = score
        return scores

    def _query(self, readings: Sequence[Readings], loosely: bool) -> str:
        """An FTS query for sayings with all of the words; `loosely` with all but one, or with two of the rarest."""
        terms = [f"({' OR '.join(f'w{number}' for number in found)})" for found in readings if found]
        if len(terms) < len(readings) and not loosely:
            return ""
        if loosely and len(terms) > FEW_WORDS:
            told = sorted((found for found in readings if found), key=self._commonness)[:FEW_WORDS]
            terms = [f"({' OR '.join(f'w{number}' for number in found)})" for found in told]
            return " OR ".join(f"({' AND '.join(two)})" for two in combinations(terms, 2))
        if loosely and len(terms) > 2:
            return " OR ".join(f"({' AND '.join(some)})" for some in combinations(terms, len(terms) - 1))
        return " AND ".join(terms)

    def _commonness(self, readings: Readings) -> tuple[bool, int]:
        """Orders words by how much they tell: those that the graph has, by how rarely it says them."""
        many = int(self._vocabulary.many[list(readings)].sum())
        return _exact(readings) is None, many


def _exact(found: Readings) -> int | None:
    return next((number for number, score in found.items() if score == 1.0), None)


def _fill(connection: sqlite3.Connection, revision: str, columns: Columns) -> None:
    """Reads all entities and writes the file, in one transaction."""
    connection.executescript(f"PRAGMA synchronous = OFF; BEGIN; {TABLES}")
    words: dict[str, int] = {}
    sources: dict[str, int] = {}
    many = array("q")
    row = 0
    for batch in columns():
        entities, sayings = [], []
        for id, kind, name, texts, _, by, _ in column_rows(batch):
            row += 1
            entities.append((row, id))
            tags = [f"k{KINDS.index(kind)}"] if kind in KINDS else []
            tags += [f"s{sources.setdefault(source, len(sources))}" for source in by]
            for text, weight in {**dict.fromkeys(texts, TEXT_WEIGHT), name: 1.0}.items():
                numbers = array("I")
                for word in words_of(text)[:WORDS_COMPARED]:
                    number = words.setdefault(word, len(words))
                    if number == len(many):
                        many.append(0)
                    many[number] += 1
                    numbers.append(number)
                if numbers:
                    tokens = " ".join([*tags, *(f"w{number}" for number in numbers)])
                    sayings.append((len(numbers), row, weight, numbers.tobytes(), tokens))
        connection.executemany("INSERT INTO entity VALUES (?, ?)", entities)
        connection.executemany("INSERT INTO fresh VALUES (?, ?, ?, ?, ?)", sayings)
    connection.executemany("INSERT INTO word VALUES (?, ?, ?)", zip(words.values(), words, many, strict=True))
    connection.executemany("INSERT INTO source VALUES (?, ?)", [(number, name) for name, number in sources.items()])
    for statement in ORDERED.split(";")[:-1]:
        connection.execute(statement)
    connection.execute("INSERT INTO state VALUES (?)", (revision,))
    connection.execute("COMMIT")
