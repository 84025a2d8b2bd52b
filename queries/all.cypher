// Every fact: what sources assert and what a person accepted. The recipe of a training run that names no other.
// param splits = ["train"]
// param predicted = ["accepted"]
// `splits`: held-out facts stay out unless named here. `predicted`: the decisions with which predicted facts come in;
// [] leaves all of them out.
MATCH (h:Entity)-[r]->(t:Entity)
WHERE r.split IN $splits AND (r.origin = 'asserted' OR r.decision IN $predicted)
RETURN h.id AS head,
       CASE WHEN type(r) = 'RELATED_BY_WORDS' THEN r.words ELSE type(r) END AS relation,
       t.id AS tail, r.weight AS weight, r.split AS split, r.sources AS source
