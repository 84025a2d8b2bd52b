// The network around some entities, two relations deep: --param seeds='["cn:/c/en/dog"]'.
// param splits = ["train"]
// param predicted = ["accepted"]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE (h.id IN $seeds OR t.id IN $seeds)
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split
UNION
MATCH (seed:Entity)-[q]-(h:Entity)-[r]->(t:Entity)
WHERE seed.id IN $seeds
  AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split
UNION
MATCH (seed:Entity)-[q]-(t:Entity)<-[r]-(h:Entity)
WHERE seed.id IN $seeds
  AND q.split IN $splits AND (q.origin = 'asserted' OR q.decision IN $predicted)
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split
