// The facts that training does not see, to measure with: of both held-out splits, or --param splits='["valid"]'.
// param splits = ["valid", "test"]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE r.split IN $splits AND r.origin = 'asserted'
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
