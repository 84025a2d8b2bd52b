// The network around some entities: --param seeds='["cn:/c/en/dog"]'. Its facts are those that begin or end at a seed,
// with depth 2 at a neighbour of a seed too, and with depth 3 at a neighbour of such a neighbour.
// param splits = ["train"]
// param predicted = ["accepted"]
// param depth = 2 in [1, 2, 3]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE h.id IN $seeds AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
UNION
MATCH (h:Entity)-[r]->(t:Entity)
WHERE t.id IN $seeds AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
UNION
MATCH (seed:Entity)-[q]-(h:Entity)
WHERE seed.id IN $seeds AND $depth >= 2 AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
WITH DISTINCT h
MATCH (h)-[r]->(t:Entity)
WHERE r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
UNION
MATCH (seed:Entity)-[q]-(t:Entity)
WHERE seed.id IN $seeds AND $depth >= 2 AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
WITH DISTINCT t
MATCH (h:Entity)-[r]->(t)
WHERE r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
UNION
MATCH (seed:Entity)-[q]-(near:Entity)
WHERE seed.id IN $seeds AND $depth >= 3 AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
WITH DISTINCT near
MATCH (near)-[p]-(h:Entity)
WHERE p.split IN $splits AND (p.origin = 'asserted' OR p.decision IN $predicted)
WITH DISTINCT h
MATCH (h)-[r]->(t:Entity)
WHERE r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
UNION
MATCH (seed:Entity)-[q]-(near:Entity)
WHERE seed.id IN $seeds AND $depth >= 3 AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
WITH DISTINCT near
MATCH (near)-[p]-(t:Entity)
WHERE p.split IN $splits AND (p.origin = 'asserted' OR p.decision IN $predicted)
WITH DISTINCT t
MATCH (h:Entity)-[r]->(t)
WHERE r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
