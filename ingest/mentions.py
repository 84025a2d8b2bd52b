"""Which concepts captions name, told by their words: what joins pictures with captions to language graphs.

A caption mentions a concept whose name is one or two of its words, as they are or in the singular. Sources name the
same thing each in their own way, so a word may mean a concept of each; of the concepts of one source and kind
(vg:name/.., vg:attribute/..) that share a name none is meant: it would be a guess. So would be WordNet's synsets, whose
senses a word alone does not tell (a man who is lying): SAME_AS leads to them. Words that every caption has (articles,
pronouns, prepositions, auxiliaries) mention nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from kgstore.records import in_parts
from kgstore.store import TRIPLE_COLUMNS, GraphStore
from kgstore.values import Relation, Source, TripleKey

MENTIONS, MENTIONED_IN = Relation("MENTIONS", "mentions"), Relation("MENTIONED_IN", "mentioned in")

BATCH = 10_000
MEMORY = "512MB"

#: English words that are named by concepts of a large language graph, too, and say nothing about a picture.
FUNCTION_WORDS = """
a about above across after against all along also am among an and another any are around as at away back be because
been before behind being below beneath beside between beyond both but by can could did do does down during each
either every few for from had has have he her hers him his how i if in inside into is it its itself just like many
may me might more most much must my near next no nor not of off on one ones only onto or other others our out
outside over own past per same she should so some such than that the their them then there these they this those
three through to together too toward towards two under until up upon us very was we were what when where which
while who whose will with within without would you your
"""

#: Plurals that no rule gives.
PLURALS = (
    ("men", "man"),
    ("women", "woman"),
    ("children", "child"),
    ("people", "person"),
    ("feet", "foot"),
    ("teeth", "tooth"),
    ("mice", "mouse"),
    ("geese", "goose"),
    ("leaves", "leaf"),
    ("knives", "knife"),
)

CAPTIONS = """
MATCH (c:Entity) WHERE c.kind = 'caption'
UNWIND c.texts AS text
RETURN c.id AS id, lower(text) AS text, c.split AS split
"""
NAMES = """
MATCH (e:Entity)
WHERE e.kind = 'concept' AND size(e.name) <= 40 AND NOT e.id STARTS WITH 'wn:' AND NOT e.id STARTS WITH 'oewn:'
RETURN e.id AS id, lower(e.name) AS name, e.split AS split
"""
THERE = """
MATCH (h:Entity)-[r:MENTIONS|MENTIONED_IN]->(t:Entity)
RETURN h.id AS head, type(r) AS type, t.id AS tail, $source IN r.sources AS linked
"""

TABLES = """
CREATE TABLE caption (id VARCHAR, text VARCHAR, split VARCHAR);
CREATE TABLE name (id VARCHAR, name VARCHAR, split VARCHAR);
CREATE TABLE function_word (word VARCHAR);
CREATE TABLE plural (word VARCHAR, singular VARCHAR);
CREATE TABLE there (head VARCHAR, type VARCHAR, tail VARCHAR, linked BOOLEAN);
"""

#: `gram`: one or two words of a caption. `form`: what a concept may be called that they name, as they are first.
#: `meant`: of a gram and a kind of concepts the first form that one is called by, and which are; where
#: ids hold names (cn:/c/en/ball and, of the same name, cn:/c/en/ball_), that whose id is the name.
RULE = r"""
CREATE TABLE words AS
    SELECT id, split, list_filter(string_split_regex(regexp_replace(text, '''s\b', '', 'g'), '[^\p{L}]+'),
                                  lambda word: word <> '') AS words
    FROM caption;
CREATE TABLE gram AS
    SELECT DISTINCT id, split, word AS gram FROM (SELECT id, split, unnest(words) AS word FROM words)
    WHERE length(word) > 1 AND word NOT IN (SELECT word FROM function_word)
    UNION
    SELECT id, split, words[place] || ' ' || words[place + 1] FROM (
        SELECT *, unnest(generate_series(1, len(words) - 1)) AS place FROM words)
    WHERE words[place] NOT IN (SELECT word FROM function_word)
      AND words[place + 1] NOT IN (SELECT word FROM function_word);
CREATE TABLE form AS
    WITH distinct_gram AS (SELECT DISTINCT gram, split_part(gram, ' ', -1) AS last FROM gram)
    SELECT gram, gram AS form, 0 AS place FROM distinct_gram
    UNION SELECT gram, left(gram, length(gram) - length(last)) || singular, 1
          FROM distinct_gram JOIN plural ON plural.word = last
    UNION SELECT gram, left(gram, -1), 2 FROM distinct_gram WHERE last SIMILAR TO '.{2,}[^su]s'
    UNION SELECT gram, left(gram, -2), 3 FROM distinct_gram WHERE last SIMILAR TO '.+(s|x|z|ch|sh|o)es'
    UNION SELECT gram, left(gram, -3) || 'y', 3 FROM distinct_gram WHERE last SIMILAR TO '.+[^aeiou]ies';
CREATE TABLE concept AS
    SELECT DISTINCT id, split, replace(name, '_', ' ') AS name, regexp_extract(id, '^.*[:/]') AS kind,
           lower(id) = lower(kind) || replace(name, ' ', '_') AS plainly
    FROM name;
CREATE TABLE meant AS
    SELECT gram, kind, arg_min(ids, place) AS ids FROM (
        SELECT gram, kind, place,
               coalesce(list(DISTINCT id ORDER BY id) FILTER (plainly), list(DISTINCT id ORDER BY id)) AS ids
        FROM form JOIN concept ON concept.name = form.form GROUP BY ALL)
    GROUP BY gram, kind;
CREATE TABLE mention AS
    SELECT DISTINCT gram.id AS caption, ids[1] AS concept, gram.split AS of_caption, concept.split AS of_concept
    FROM meant JOIN gram USING (gram) JOIN concept ON concept.id = ids[1] WHERE len(ids) = 1;
CREATE TABLE wanted AS
    WITH told AS (SELECT *, [of_caption, of_concept] AS splits FROM mention)
    SELECT head, type, tail, CASE WHEN 'test' IN splits THEN 'test' WHEN 'valid' IN splits THEN 'valid' ELSE 'train' END
        AS split
    FROM (SELECT caption AS head, 'MENTIONS' AS type, concept AS tail, splits FROM told
          UNION ALL SELECT concept, 'MENTIONED_IN', caption, splits FROM told);
"""
NEW = "CREATE TABLE new AS SELECT * FROM wanted ANTI JOIN there USING (head, type, tail)"
COLUMNS = """
SELECT head, type, tail, '' AS words, 1.0::DOUBLE AS weight, [$source] AS sources, 'asserted' AS origin, split,
       NULL::DOUBLE AS score, '' AS run, '' AS "when", '' AS decision, '' AS text, '' AS who
FROM new ORDER BY type, head, tail
"""
STALE = """
SELECT head, type, tail FROM (FROM there WHERE linked) ANTI JOIN wanted USING (head, type, tail)
ORDER BY head, type, tail
"""
COUNTS = """
SELECT (SELECT count(DISTINCT id) FROM caption), (SELECT count(DISTINCT caption) FROM mention),
       (SELECT count(DISTINCT concept) FROM mention), (SELECT count(*) FROM mention),
       (SELECT count(*) FROM new WHERE type = 'MENTIONS')
"""
AMBIGUOUS = """
SELECT gram, any_value(ids), count(*) AS often FROM meant JOIN gram USING (gram) WHERE len(ids) > 1
GROUP BY gram, kind ORDER BY often DESC, gram
"""


@dataclass
class Mentioned:
    """What was found: captions, those of them that mention anything, concepts, pairs; what of it is new."""

    captions: int = 0
    mentioning: int = 0
    concepts: int = 0
    mentions: int = 0
    new: int = 0
    stale: int = 0
    ambiguous: dict[str, list[str]] = field(default_factory=dict)  # words -> what they may mean, most frequent first

    def lines(self) -> Iterator[str]:
        ambiguous = f", {len(self.ambiguous)} names ambiguous" if self.ambiguous else ""
        yield (
            f"  mentions: {self.mentions} of {self.concepts} concepts in {self.mentioning} of {self.captions} captions,"
            f" {self.new} new{ambiguous}"
        )
        for words, concepts in list(self.ambiguous.items())[:1]:
            more = f" and {len(concepts) - 2} more" if concepts[2:] else ""
            either = " or ".join(concepts[:2])
            yield f"    ambiguous, the most frequent (--report FILE lists all): {words}, {either}{more}"


def mention(store: GraphStore, source: Source, *, prune: bool = False, dry_run: bool = False) -> Mentioned:
    """Writes (caption)-[:MENTIONS]->(concept), and MENTIONED_IN back, as asserted by `source`.

    What is held out at one end is held out itself. With `prune` what the source asserted earlier and no words say now
    is taken back.
    """
    with (
        tempfile.TemporaryDirectory(prefix="mentions-") as folder,
        duckdb.connect(str(Path(folder) / "mentions.duckdb"), config={"memory_limit": MEMORY}) as database,
    ):
        _read(store, database, source.name)
        database.execute(RULE)
        database.execute(NEW)
        found = Mentioned(*database.execute(COUNTS).fetchall()[0])
        found.ambiguous = {words: ids for words, ids, _ in database.execute(AMBIGUOUS).fetchall()}
        if found.mentions and not dry_run:  # though none is new: a killed one may have left one direction alone
            rows = database.sql(COLUMNS, params={"source": source.name}).to_arrow_reader(BATCH)
            batches = (batch.cast(TRIPLE_COLUMNS) for batch in rows)
            for part in in_parts(batches, store.transaction_rows) if store.transaction_rows else [batches]:
                store.write_columns(triples=part, relations=[MENTIONS, MENTIONED_IN])
        stale = [TripleKey(*row) for row in database.execute(STALE).fetchall()]
        found.stale = sum(key.type == MENTIONS.type for key in stale)
        if prune and not dry_run:
            for first in range(0, len(stale), BATCH):
                store.retract(source.name, triples=stale[first : first + BATCH])
    if found.new and not dry_run:
        store.write(source=source)
    return found


def _read(store: GraphStore, database: duckdb.DuckDBPyConnection, source: str) -> None:
    database.execute(TABLES)
    database.executemany("INSERT INTO function_word VALUES (?)", [[word] for word in FUNCTION_WORDS.split()])
    database.executemany("INSERT INTO plural VALUES (?, ?)", PLURALS)
    queries: list[tuple[str, str, dict[str, object]]] = [("caption", CAPTIONS, {}), ("name", NAMES, {})]
    if {MENTIONS.type, MENTIONED_IN.type} <= {relation.type for relation in store.relations()}:
        queries.append(("there", THERE, {"source": source}))
    for table, cypher, parameters in queries:
        for batch in store.columns(cypher, parameters):
            rows = pa.Table.from_batches([batch])
            database.register("rows", rows)
            database.execute(f"INSERT INTO {table} SELECT {', '.join(rows.column_names)} FROM rows")
            database.unregister("rows")
