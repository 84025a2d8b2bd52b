// The facts that are asserted with some weight: --param least=2.
// param splits = ["train"]
// param predicted = ["accepted"]
// param least = 1.0
MATCH (h:Entity)-[r]->(t:Entity)
WHERE r.weight >= $least
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
