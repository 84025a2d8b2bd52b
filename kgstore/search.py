"""Search that forgives a typo: how close words are (both stores rank by it), and the embedded store's index.

The index is a SQLite file beside the graph with trigrams of names and texts (the embedded database has no full-text
index in its wheel). It can be thrown away at any time: it is made anew when it does not fit the graph's entities.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow as pa

from kgstore.records import column_rows

CANDIDATES = 300
#: A word counts as the one that was meant from this similarity on (difflib: 0.67 is a swap in three letters).
ALIKE = 0.6
#: A hit matches the asked words at least this well, on average.
GOOD_ENOUGH = 0.5
#: Long texts are compared up to here.
WORDS_COMPARED = 200
TRIGRAMS_ASKED = 60
#: With this many hits of this closeness, what was asked is taken to be what was meant.
ENOUGH, FOUND = 5, 0.85
#: Words that a mistyped one may have meant: a graph of many texts has the mistyped one's other misspellings too.
ALTERNATIVES = 4
SEPARATOR = "\x1f"

Columns = Callable[[], Iterator[pa.RecordBatch]]


def words_of(text: str) -> list[str]:
    """The words of a text, without regard to case; names like `red_cube` are two."""
    return re.findall(r"[^\W_]+", text.casefold())


def closeness(query: str, name: str, texts: Iterable[str]) -> float:
    """How well an entity answers a search, from 0 to 1; a name counts more than a text."""
    asked = words_of(query)
    if not asked:
        return 0.0
    return max([_text_closeness(asked, name), *(0.9 * _text_closeness(asked, text) for text in texts)])


def _text_closeness(asked: Sequence[str], text: str) -> float:
    words = words_of(text)[:WORDS_COMPARED]
    if not words:
        return 0.0
    each = sum(max(_word_closeness(ask, word) for word in words) for ask in asked) / len(asked)
    in_order = 0.03 if " ".join(asked) in " ".join(words) else 0.0
    return each * (0.9 + 0.07 * min(1.0, len(asked) / len(words)) + in_order)


def _word_closeness(asked: str, word: str) -> float:
    if asked == word:
        return 1.0
    if asked in word:
        return 0.8 + 0.15 * len(asked) / len(word)
    if abs(len(asked) - len(word)) > 2:
        return 0.0
    matcher = SequenceMatcher(None, asked, word, autojunk=False)
    if matcher.quick_ratio() < ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return 0.9 * ratio if ratio >= ALIKE else 0.0


class SearchIndex:
    """Trigrams of names and texts in a file that can be rebuilt. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def bring_up_to(self, revision: str, columns: Columns) -> None:
        """Makes the index anew from the entities' columns unless it is of that revision."""
        if self._connection is None:
            self._connection = self._open()
        try:
            found = self._connection.execute("SELECT revision FROM state").fetchone()
        except sqlite3.DatabaseError:
            found = None
        if found != (revision,):
            self._connection.close()
            for name in (self._path, self._path.with_name(self._path.name + "-journal")):
                name.unlink(missing_ok=True)
            self._connection = self._open()
            self._build(revision, columns)

    def search(
        self, text: str, *, kinds: Collection[str], sources: Collection[str], limit: int
    ) -> list[tuple[str, float]]:
        """Ids of the best hits and their closeness."""
        asked = words_of(text)
        scored = self._scored(text, asked, kinds, sources)
        if asked and sum(score >= FOUND for _, score in scored) < ENOUGH:
            known = dict(scored)
            for meant in self._meant(asked):
                for id, score in self._scored(" ".join(meant), meant, kinds, sources, loosely=False):
                    known[id] = max(known.get(id, 0.0), 0.9 * score)
            scored = sorted(known.items(), key=lambda hit: (-hit[1], hit[0]))
        return scored[:limit]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _build(self, revision: str, columns: Columns) -> None:
        connection = self._connection
        assert connection is not None
        connection.executescript(
            """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TABLE state(revision TEXT);
            CREATE TABLE entity(row INTEGER PRIMARY KEY, id TEXT, kind TEXT, name TEXT, texts TEXT, sources TEXT);
            CREATE TABLE word(word TEXT PRIMARY KEY) WITHOUT ROWID;
            CREATE VIRTUAL TABLE trigrams USING fts5(text, content='', detail='none', tokenize='trigram');
            """
        )
        row = 0
        for batch in columns():
            entities, texts, words = [], [], set()
            for id, kind, name, descriptions, _, sources, _ in column_rows(batch):
                row += 1
                whole = "\n".join((name, *descriptions))
                entities.append((row, id, kind, name, SEPARATOR.join(descriptions), SEPARATOR.join(("", *sources, ""))))
                texts.append((row, whole.casefold()))
                words.update(words_of(whole))
            connection.executemany("INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?)", entities)
            connection.executemany("INSERT INTO trigrams(rowid, text) VALUES (?, ?)", texts)
            connection.executemany("INSERT OR IGNORE INTO word VALUES (?)", [(word,) for word in words])
        connection.execute("CREATE INDEX entity_name ON entity(name COLLATE NOCASE)")
        connection.execute("INSERT INTO state VALUES (?)", (revision,))
        connection.execute("COMMIT")

    def _scored(
        self,
        text: str,
        asked: Sequence[str],
        kinds: Collection[str],
        sources: Collection[str],
        loosely: bool = True,
    ) -> list[tuple[str, float]]:
        scores: dict[str, float] = {}
        for id, name, texts in self._candidates(text, asked, kinds, sources, loosely):
            scores[id] = closeness(text, name, texts.split(SEPARATOR))
        good = [(id, score) for id, score in scores.items() if score >= GOOD_ENOUGH]
        return sorted(good, key=lambda hit: (-hit[1], hit[0]))

    def _candidates(
        self, text: str, asked: Sequence[str], kinds: Collection[str], sources: Collection[str], loosely: bool
    ) -> Iterator[tuple[str, str, str]]:
        """Entities of that name, those with all trigrams of the question, and `loosely` those with the most telling."""
        assert self._connection is not None
        tests, values = ["true"], []
        if kinds:
            tests.append(f"kind IN ({', '.join('?' * len(kinds))})")
            values += [*kinds]
        if sources:
            tests.append("(" + " OR ".join("instr(sources, ?)" for _ in sources) + ")")
            values += [f"{SEPARATOR}{source}{SEPARATOR}" for source in sources]
        test = " AND ".join(tests)
        select = "SELECT id, name, texts FROM entity"
        yield from self._connection.execute(
            f"{select} WHERE name = ? COLLATE NOCASE AND {test} LIMIT {CANDIDATES}", (text.strip(), *values)
        )
        trigrams = dict.fromkeys(word[at : at + 3] for word in asked for at in range(len(word) - 2))
        quoted = [f'"{trigram}"' for trigram in list(trigrams)[:TRIGRAMS_ASKED]]
        # A rank prefers few rare trigrams in a short text to all of them in a longer one: all of them are asked first.
        for match in [" AND ".join(quoted), *([" OR ".join(quoted)] if loosely else [])] if quoted else []:
            yield from self._connection.execute(
                f"{select} JOIN trigrams ON trigrams.rowid = entity.row WHERE trigrams MATCH ? AND {test} "
                f"ORDER BY trigrams.rank LIMIT {CANDIDATES}",
                (match, *values),
            )
        for word in asked if not trigrams else ():  # too short for trigrams; beside longer words they need not be found
            yield from self._connection.execute(
                f"{select} WHERE (instr(lower(name), ?) OR instr(lower(texts), ?)) AND {test} "
                f"ORDER BY length(name) LIMIT {CANDIDATES}",
                (word, word, *values),
            )

    def _meant(self, asked: Sequence[str]) -> list[list[str]]:
        """The closest other questions in words that the graph has; they differ in one word from the closest of all."""
        alike = [self._alike(word) for word in asked]
        closest = [words[0] for words in alike]
        readings = [closest] + [
            [*closest[:at], other, *closest[at + 1 :]] for at, words in enumerate(alike) for other in words[1:]
        ]
        readings.sort(key=lambda words: -sum(closeness for closeness, _ in words))
        questions = [[word for _, word in words] for words in readings[: ALTERNATIVES + 1]]
        return [words for words in questions if words != asked]

    def _alike(self, word: str) -> list[tuple[float, str]]:
        """The words of the graph that are most like this one, with their closeness, or the word alone."""
        assert self._connection is not None
        near = self._connection.execute(
            "SELECT word FROM word WHERE length(word) BETWEEN ? AND ? "
            "AND (substr(word, 1, 1) = ? OR substr(word, -1) = ?)",
            (len(word) - 1, len(word) + 1, word[:1], word[-1:]),
        )
        scored = [(_word_closeness(word, known), known) for (known,) in near]
        best = sorted((found for found in scored if found[0] > 0), key=lambda found: (-found[0], found[1]))
        return best[:ALTERNATIVES] or [(0.0, word)]
