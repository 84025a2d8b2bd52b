// The facts that one source asserts: --param source=conceptnet. No prediction is one.
// param splits = ["train"]
MATCH (h:Entity)-[r]->(t:Entity)
WHERE $source IN r.sources AND r.split IN $splits AND r.origin = 'asserted'
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, $source AS source
