"""ConceptNet's lines as columns: what ingest.conceptnet says of one assertion, for a hundred thousand at a time.

Lines are told apart by the places of their tabs; the rest is SQL. What a line has that is not as nearly all have it
(a weight in words, brackets in brackets, details that are not JSON) is left to the function that reads one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import numpy as np
import pyarrow as pa

#: Memory of DuckDB, beside which it uses the folder, and entities that leave at a time.
MEMORY = "512MB"
ROWS = 100_000

#: All that Python's split() takes for a blank, as a class of a regular expression, and those that are not the space.
BLANKS = "".join(f"\\x{{{code:x}}}" for code in range(0x3001) if chr(code).isspace())
OTHER_BLANKS = BLANKS.replace("\\x{20}", "")

LABEL = "replace(split_part(<node>, '/', 4), '_', ' ')"
NODE = "'/c/' || split_part(<node>, '/', 3) || '/' || split_part(<node>, '/', 4)"

#: `plain` texts have no blank but the space: looking for the others is what takes the time.
MACROS = (
    f"""CREATE MACRO words_of(x, plain) AS CASE
        WHEN contains(x, '  ') OR starts_with(x, ' ') OR ends_with(x, ' ')
            OR NOT plain AND regexp_matches(x, '[{OTHER_BLANKS}]')
        THEN trim(regexp_replace(x, '[{BLANKS}]+', ' ', 'g')) ELSE x END""",
    "CREATE MACRO ascii_only(x) AS strlen(x) = length(x)",
    "CREATE MACRO beginnings(x) AS list_transform(string_split(lower(x), ' '), lambda w: left(w, 4))",
    "CREATE MACRO holds(form, label) AS contains(' ' || lower(form) || ' ', ' ' || lower(label) || ' ')",
    """CREATE MACRO alike(form, label) AS CASE
        WHEN contains(label, ' ') THEN len(list_filter(beginnings(label), lambda l: list_contains(beginnings(form), l)))
            / len(beginnings(label))
        WHEN length(label) < 4 THEN holds(form, label)::DOUBLE
        ELSE contains(' ' || lower(form), ' ' || left(lower(label), 4))::DOUBLE END""",
)

#: What can be said of a line before its details are read.
NAMES = """
CREATE OR REPLACE TEMP TABLE named AS
SELECT *, CASE
    WHEN relation = '/r/ExternalURL' OR starts_with(tail, 'http:') OR starts_with(tail, 'https:') THEN 'external'
    WHEN NOT (starts_with(relation, '/r/') AND starts_with(head, '/c/') AND starts_with(tail, '/c/')) THEN 'names'
    WHEN $language <> 'all' AND (split_part(head, '/', 3) <> $language OR split_part(tail, '/', 3) <> $language)
        THEN 'language'
    WHEN start_label = '' OR end_label = '' THEN 'label'
    END AS reason
FROM (SELECT number, relation, head, tail, details,
      words_of(<start label>, NOT $controls AND ascii_only(head)) AS start_label,
      words_of(<end label>, NOT $controls AND ascii_only(tail)) AS end_label FROM lines)
"""
SKIPPED = """
SELECT reason, count(*), list(number ORDER BY number)[:3] FROM named WHERE reason IS NOT NULL GROUP BY reason
"""
TOLD = """
CREATE OR REPLACE TEMP TABLE told AS
SELECT *, words_of(split_part(pieces[2], ']]', 1), plain) AS first,
    words_of(split_part(pieces[3], ']]', 1), plain) AS second,
    weight IS NULL OR NOT isfinite(weight) OR surface <> '' AND CASE
        WHEN NOT contains(surface, '[[') OR starts_with(surface, '["') OR starts_with(surface, '{')
            OR NOT plain AND contains(surface, chr(10)) THEN true
        WHEN len(pieces) < 3 OR closed < 3 THEN false
        ELSE NOT (len(pieces) = 3 AND closed = 3 AND contains(pieces[2], ']]') AND contains(pieces[3], ']]'))
        END AS unusual,
    CASE WHEN weight < $min_weight THEN 'light' WHEN start = "end" THEN 'self' END AS reason
FROM (
    SELECT *, string_split(surface, '[[') AS pieces, len(string_split(surface, ']]')) AS closed FROM (
        SELECT number, relation, <start> AS start, <end> AS "end", start_label, end_label,
            NOT $controls AND ascii_only(details) AND NOT contains(details, '\\') AS plain,
            TRY_CAST(found[1] AS DOUBLE) AS weight, coalesce(found[2], '') AS surface
        FROM (SELECT *, TRY(json_extract_string(details, ['$.weight', '$.surfaceText'])) AS found
              FROM named WHERE reason IS NULL)))
"""
UNUSUAL = "SELECT number FROM told WHERE unusual ORDER BY number"
SKIPPED_LATER = """
SELECT reason, count(*), list(number ORDER BY number)[:3] FROM told WHERE NOT unusual AND reason IS NOT NULL
GROUP BY reason
"""
ASSERTIONS = """
SELECT number, relation, start, "end", weight, start_label, end_label,
    CASE WHEN NOT whole THEN '' WHEN exchanged THEN second ELSE first END AS start_form,
    CASE WHEN NOT whole THEN '' WHEN exchanged THEN first ELSE second END AS end_form,
    words_of(replace(replace(ltrim(surface, '*'), '[[', ''), ']]', ''), plain) AS text
FROM (
    SELECT *, CASE WHEN NOT whole OR (holds(first, start_label) AND holds(second, end_label)) THEN false
        ELSE alike(second, start_label) + alike(first, end_label) > alike(first, start_label) + alike(second, end_label)
        END AS exchanged
    FROM (SELECT *, length(first) BETWEEN 1 AND $longest AND length(second) BETWEEN 1 AND $longest
                 AND len(pieces) = 3 AND closed = 3 AS whole
          FROM told WHERE NOT unusual AND reason IS NULL))
"""

FORMS = "CREATE TABLE forms(node VARCHAR, form VARCHAR, place BIGINT)"
ADD_FORMS = """
INSERT INTO forms SELECT node, form, min(place) FROM (
    SELECT start AS node, start_form AS form, 2 * number AS place FROM assertions
    UNION ALL SELECT "end", end_form, 2 * number + 1 FROM assertions) GROUP BY node, form
"""
NODES = """
SELECT node, label, list_prepend(label, coalesce(forms, [])[:$most - 1]) AS texts FROM (
    SELECT node, label, min(place) AS place, list(form ORDER BY place) FILTER (form <> '' AND form <> label) AS forms
    FROM (SELECT node, words_of(<label>, ascii_only(node) AND NOT $controls) AS label, form, min(place) AS place
          FROM forms GROUP BY node, form)
    GROUP BY node, label)
ORDER BY place
"""

ASSERTION_COLUMNS = pa.schema(
    [
        ("number", pa.int64()),
        ("relation", pa.string()),
        ("start", pa.string()),
        ("end", pa.string()),
        ("weight", pa.float64()),
        ("start_form", pa.string()),
        ("end_form", pa.string()),
        ("text", pa.string()),
    ]
)


class Told(NamedTuple):
    """What one line says: a row of ASSERTION_COLUMNS after its number."""

    relation: str
    start: str
    end: str
    weight: float
    start_form: str
    end_form: str
    text: str


class Found(NamedTuple):
    """What a piece of the file says: ASSERTION_COLUMNS in order, and by reason how many lines were left out and the
    numbers of the first few."""

    assertions: pa.Table
    left_out: dict[str, tuple[int, list[int]]]
    lines: Lines


class Lines(NamedTuple):
    """The lines of a piece: `good` ones are text in five columns, `no_text` those that are not UTF-8. `controls` says
    whether there are other control characters than tabs and ends of lines."""

    piece: bytes
    starts: np.ndarray
    good: np.ndarray
    no_text: np.ndarray
    controls: bool

    @classmethod
    def of(cls, piece: bytes) -> tuple[Lines, pa.Table]:
        """The lines, and relation, head, tail and details of the good ones with their place as `number`."""
        letters = np.frombuffer(piece, np.uint8)
        marks = np.flatnonzero((letters - 9) < 2)  # tabs and ends of lines
        ends = np.flatnonzero(letters[marks] == 10)
        good = np.diff(ends, prepend=-1) == 5
        starts = np.concatenate([[0], marks[ends[:-1]] + 1])
        controls = bool(np.count_nonzero(letters < 32) > len(marks))
        lines = cls(piece, starts, good, np.zeros(len(good), bool), controls)
        if not _is_text(piece):
            lines.no_text[:] = [not _is_text(lines.line(number)) for number in range(len(good))]
            good &= ~lines.no_text
        tabs = marks[ends[good][:, None] + np.arange(-4, 1)]
        offsets = np.empty((len(tabs), 10), np.int32)
        offsets[:, 0] = starts[good]
        offsets[:, 1::2] = tabs
        offsets[:, 2::2] = tabs[:, :4] + 1
        # Every other text is a column; those between them are tabs, ends of lines and lines that are no good.
        texts = pa.StringArray.from_buffers(
            offsets.size, pa.py_buffer(np.append(offsets, np.int32(len(piece)))), pa.py_buffer(piece)
        )
        columns = [texts.take(pa.array(np.arange(place, offsets.size, 10))) for place in (2, 4, 6, 8)]
        numbers = pa.array(np.flatnonzero(good))
        return lines, pa.table([numbers, *columns], names=["number", "relation", "head", "tail", "details"])

    def line(self, number: int) -> bytes:
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.piece)
        return self.piece[self.starts[number] : end]


class Columns:
    """Reads pieces of a file in turn and remembers how they write the nodes."""

    def __init__(
        self,
        folder: Path,
        language: str,
        min_weight: float,
        longest: int,
        read_line: Callable[[str], Told | str],
    ) -> None:
        self._database = duckdb.connect()
        self._database.execute(f"SET memory_limit = '{MEMORY}'")
        self._database.execute("SET temp_directory = $folder", {"folder": str(folder / "nodes")})
        for statement in (*MACROS, FORMS):
            self._database.execute(statement)
        self._language = language
        self._min_weight = min_weight
        self._longest = {"longest": longest}
        self._read_line = read_line
        self._lines_before = 0
        self._controls = False

    def read(self, piece: bytes) -> Found:
        """`piece` is whole lines. Numbers of lines are counted from 1 through the whole file."""
        lines, columns = Lines.of(piece)
        left_out: dict[str, tuple[int, list[int]]] = {}

        def leave_out(rows: list[tuple[str, int, list[int]]]) -> None:
            for reason, many, first in rows:
                before, numbers = left_out.get(reason, (0, []))
                left_out[reason] = before + many, sorted([*numbers, *first])[:3]

        for reason, places in (("no text", lines.no_text), ("columns", ~lines.good & ~lines.no_text)):
            if places.any():
                leave_out([(reason, int(places.sum()), np.flatnonzero(places)[:3].tolist())])
        self._database.register("lines", columns)
        controls = lines.controls
        self._controls |= controls
        self._run(NAMES, {"language": self._language, "controls": controls})
        leave_out(self._run(SKIPPED))
        self._run(TOLD, {"min_weight": self._min_weight, "controls": controls})
        leave_out(self._run(SKIPPED_LATER))
        assertions = self._database.sql(ASSERTIONS, params=self._longest).to_arrow_table()
        assertions = assertions.select(ASSERTION_COLUMNS.names).cast(ASSERTION_COLUMNS)
        unusual: dict[int, Told] = {}
        for (number,) in self._run(UNUSUAL):
            told = self._read_line(lines.line(number).decode())
            if isinstance(told, str):
                leave_out([(told, 1, [number])])
            else:
                unusual[number] = told
        numbers = assertions["number"].to_numpy()
        if unusual or (np.diff(numbers) < 0).any():
            rows = [[*unusual], *([getattr(told, name) for told in unusual.values()] for name in Told._fields)]
            more = pa.table(rows, schema=ASSERTION_COLUMNS)
            assertions = pa.concat_tables([assertions, more]).sort_by("number")
        self._remember(assertions)
        self._lines_before += len(lines.good)
        return Found(assertions, left_out, lines)

    def _remember(self, assertions: pa.Table) -> None:
        numbers = pa.array(assertions["number"].to_numpy() + self._lines_before)
        self._database.register("assertions", assertions.set_column(0, "number", numbers))
        self._run(ADD_FORMS)
        self._database.unregister("assertions")

    @property
    def lines_before(self) -> int:
        return self._lines_before

    def nodes(self, most: int) -> Iterator[pa.RecordBatch]:
        """node, label and texts, at most so many of them, of all that were read, in order of first mention."""
        parameters = {"most": most, "controls": self._controls}
        yield from self._database.sql(spelled(NODES), params=parameters).to_arrow_reader(ROWS)

    def _run(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._database.execute(spelled(sql), parameters or None).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()


def _is_text(letters: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(letters)], np.int32))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(letters)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def spelled(sql: str) -> str:
    """The statement with what a node's label and its name without its sense are."""
    return (
        sql.replace("<label>", LABEL.replace("<node>", "node"))
        .replace("<start label>", LABEL.replace("<node>", "head"))
        .replace("<end label>", LABEL.replace("<node>", "tail"))
        .replace("<start>", NODE.replace("<node>", "head"))
        .replace("<end>", NODE.replace("<node>", "tail"))
    )
