// Facts with a picture at one end at least: no purely lingual knowledge.
// param splits = ["train"]
// param predicted = ["accepted"]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE (size(h.images) > 0 OR size(t.images) > 0)
  AND r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
