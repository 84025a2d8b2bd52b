"""The rules by which entities of different sources are the same thing, as SQL over what was read from the graph.

A rule proposes pairs of an entity and the WordNet synset (or picture) that it is. An entity for which a rule proposes
one partner is joined to it; one with several is ambiguous, and is listed rather than guessed. What one rule for synset
names has proposed anything for, the next is not asked about.
"""

from __future__ import annotations

from typing import NamedTuple

#: What is read from the graph and from files. `lemma` and `name` are in lower case with blanks.
TABLES = """
CREATE TABLE entity (id VARCHAR, name VARCHAR, split VARCHAR);
CREATE TABLE told (id VARCHAR, lemma VARCHAR);
CREATE TABLE has_sense (word VARCHAR, id VARCHAR, weight DOUBLE);
CREATE TABLE map (name VARCHAR, wnid VARCHAR);
CREATE TABLE coco (image VARCHAR, coco VARCHAR);
CREATE TABLE same (head VARCHAR, tail VARCHAR, linked BOOLEAN);
CREATE TABLE candidate (rule VARCHAR, head VARCHAR, tail VARCHAR, unsure BOOLEAN);
CREATE TABLE alone (rule VARCHAR, id VARCHAR);
"""

#: What those tables say, in the terms of the rules. WordNet's synsets are `wn:n02084071`, or `oewn:` and their own
#: number where they are newer than WordNet 3.0; an adjective's part of speech may be written a or s.
VIEWS = r"""
CREATE TABLE wordnet AS
    SELECT DISTINCT id, replace(if(starts_with(id, 'wn:'), substr(id, 4, 1), right(id, 1)), 's', 'a') AS speech
    FROM entity WHERE regexp_full_match(id, 'wn:[nvar]\d{8}|oewn:\d{8}-[nvars]');
CREATE TABLE sense AS
    SELECT DISTINCT regexp_extract(word, '^wn:word/(.+)\.[nvar]$', 1) AS lemma, speech, round(1 / weight) AS number, id
    FROM has_sense JOIN wordnet USING (id) WHERE regexp_matches(word, '^wn:word/.+\.[nvar]$');
UPDATE sense SET lemma = lower(replace(lemma, '_', ' '));
CREATE TABLE lemma AS
    SELECT lemma, speech, id FROM told JOIN wordnet USING (id) UNION SELECT lemma, speech, id FROM sense;
CREATE TABLE synset AS
    SELECT id, part.name, lower(replace(part.lemma, '_', ' ')) AS lemma, replace(part.speech, 's', 'a') AS speech,
           CAST(part.number AS BIGINT) AS number
    FROM (SELECT id, regexp_extract(id, '^[^:]+:synset/((.+)\.([a-z])\.(\d{1,9}))$',
                                    ['name', 'lemma', 'speech', 'number']) AS part FROM entity)
    WHERE part.name <> '';
CREATE TABLE word AS
    SELECT lower(replace(regexp_extract(word, '^[^:]+:word/(.+)\.[nvar]$', 1), '_', ' ')) AS lemma,
           right(word, 1) AS speech, id
    FROM has_sense
    WHERE NOT starts_with(word, 'wn:') AND regexp_matches(word, '^[^:]+:word/.+\.[nvar]$')
      AND id NOT IN (SELECT id FROM wordnet);
"""


class Rule(NamedTuple):
    """`pairs` selects head, tail and unsure; `asked` the ids of which one wants to know that they have no partner."""

    name: str
    pairs: str
    asked: str = ""


RULES = (
    Rule(
        "synset names, by the file given",
        """
        SELECT synset.id AS head, wordnet.id AS tail, false AS unsure
        FROM synset JOIN map USING (name) JOIN wordnet ON wordnet.id = 'wn:' || map.wnid
        """,
    ),
    # A synset's name is made of its first lemma: among capital and small words, which Open English WordNet counts apart
    # (cat the animal, CAT the tomography), it tells the right one, and without it a join is not sure.
    Rule(
        "synset names, by number of the sense",
        """
        WITH numbered AS (
            SELECT DISTINCT synset.id AS head, sense.id AS tail, entity.name = synset.lemma AS first
            FROM synset JOIN sense USING (lemma, speech, number) JOIN entity ON entity.id = sense.id
            WHERE synset.id NOT IN (SELECT head FROM candidate))
        SELECT head, tail, NOT first AS unsure FROM numbered
        WHERE first OR head NOT IN (SELECT head FROM numbered WHERE first)
        """,
    ),
    Rule(
        "synset names, first of a word with one synset",
        """
        SELECT DISTINCT synset.id AS head, lemma.id AS tail, false AS unsure
        FROM synset JOIN lemma USING (lemma, speech)
        WHERE synset.number = 1 AND synset.id NOT IN (SELECT head FROM candidate)
        """,
        "SELECT id FROM synset",
    ),
    Rule(
        "VisualSem's main senses, of a word with one synset",
        """
        WITH shared AS (SELECT lemma, speech FROM word GROUP BY ALL HAVING count(DISTINCT id) > 1)
        SELECT DISTINCT word.id AS head, lemma.id AS tail,
               EXISTS (FROM shared WHERE shared.lemma = word.lemma AND shared.speech = word.speech) AS unsure
        FROM word JOIN lemma USING (lemma, speech)
        """,
    ),
    Rule(
        "ConceptNet's words with one synset",
        r"""
        WITH concept AS (
            SELECT id, lower(replace(regexp_extract(id, '^[^:]+:/c/en/([^/]+)$', 1), '_', ' ')) AS lemma FROM entity
            WHERE regexp_matches(id, '^[^:]+:/c/en/[^/]+$'))
        SELECT DISTINCT concept.id AS head, lemma.id AS tail, false AS unsure FROM concept JOIN lemma USING (lemma)
        """,
    ),
    Rule(
        "wnids in other ids",
        r"""
        SELECT entity.id AS head, wordnet.id AS tail, false AS unsure
        FROM entity JOIN wordnet ON wordnet.id = 'wn:' || right(entity.id, 9)
        WHERE regexp_matches(entity.id, '[:/][nvar]\d{8}$') AND NOT regexp_matches(entity.id, '^wn:[nvar]\d{8}$')
        """,
        r"""
        SELECT id FROM entity
        WHERE regexp_matches(id, '[:/][nvar]\d{8}$') AND NOT regexp_matches(id, '^wn:[nvar]\d{8}$')
        """,
    ),
    Rule(
        "WordNet's offsets as ids, with a lemma of the synset as name",
        r"""
        WITH numbered AS (
            SELECT entity.id AS head, wordnet.id AS tail, entity.name,
                   EXISTS (FROM lemma WHERE lemma.id = wordnet.id AND lemma.lemma = entity.name) AS named
            FROM entity JOIN wordnet ON substr(wordnet.id, 5) = right(entity.id, 8)
            WHERE regexp_matches(entity.id, '^[^:]+:\d{8}$') AND starts_with(wordnet.id, 'wn:'))
        SELECT head, tail, NOT named AND name <> right(head, 8) AS unsure FROM numbered
        WHERE named OR head NOT IN (SELECT head FROM numbered WHERE named)
        """,
    ),
    Rule(
        "pictures of COCO in Visual Genome",
        """
        SELECT image AS head, coco AS tail, false AS unsure FROM coco
        WHERE image IN (SELECT id FROM entity) AND coco IN (SELECT id FROM entity)
        """,
    ),
)

#: Of a rule's pairs: entities with one partner, sure. `linked` is whether the graph says so already, either way round.
MADE = """
WITH chosen AS (SELECT head, min(tail) AS tail FROM candidate WHERE rule = $rule GROUP BY head
                HAVING count(DISTINCT tail) = 1 AND NOT bool_or(unsure))
SELECT DISTINCT chosen.head, chosen.tail, one.split, other.split,
       EXISTS (FROM same WHERE (same.head, same.tail) IN ((chosen.head, chosen.tail), (chosen.tail, chosen.head)))
FROM chosen JOIN entity AS one ON one.id = chosen.head JOIN entity AS other ON other.id = chosen.tail
ORDER BY chosen.head
"""

AMBIGUOUS = """
SELECT head, list_sort(list_distinct(list(tail))) FROM candidate WHERE rule = $rule GROUP BY head
HAVING count(DISTINCT tail) > 1 OR bool_or(unsure) ORDER BY head
"""

ALONE = "SELECT count(*) FROM alone WHERE rule = $rule"

#: Joins of earlier runs that no rule makes now.
STALE = """
SELECT head, tail FROM same WHERE linked AND (head, tail) NOT IN (
    SELECT (head, min(tail)) FROM candidate GROUP BY rule, head HAVING count(DISTINCT tail) = 1 AND NOT bool_or(unsure))
ORDER BY head, tail
"""
