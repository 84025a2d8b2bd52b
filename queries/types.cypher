// The facts of some relation types: --param types='["IS_A", "HAS_PART"]'.
// param splits = ["train"]
// param predicted = ["accepted"]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE type(r) IN $types
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
