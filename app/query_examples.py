"""Queries to begin with: some of our own, and the sampling recipes with parameters that fit the graph."""

from __future__ import annotations

import re
from typing import NamedTuple

from kgstore import GraphStore
from kgstore.recipes import QUERIES, built_in_recipes


class Asked(NamedTuple):
    """A query and the values of its parameters."""

    cypher: str
    parameters: dict[str, object]


FACTS = "MATCH (h:Entity)-[r]->(t:Entity)\nRETURN h, type(r) AS relation, t LIMIT 25"
OWN = {
    "Some facts": FACTS,
    "A part of the graph": "MATCH (h:Entity)-[r]->(t:Entity)\nWHERE h.kind = 'concept'\nRETURN h, r, t LIMIT 40",
    "Some pictures": "MATCH (e:Entity)\nWHERE size(e.images) > 0\nRETURN e LIMIT 24",
    "Entities by kind": "MATCH (e:Entity)\nRETURN e.kind AS kind, count(*) AS entities\nORDER BY entities DESC",
    "Relations by type": "MATCH (:Entity)-[r]->(:Entity)\nRETURN type(r) AS relation, count(*) AS relations\n"
    "ORDER BY relations DESC",
    "The most connected": "MATCH (e:Entity)-[r]-()\nRETURN e.id AS id, e.name AS name, count(r) AS relations\n"
    "ORDER BY relations DESC LIMIT 20",
    "What waits for review": "MATCH (h:Entity)-[r]->(t:Entity)\nWHERE r.origin = 'predicted' AND r.decision = ''\n"
    "RETURN h.name AS head, t.name AS tail, r.score AS score, r.run AS run\nORDER BY score DESC LIMIT 50",
}


def example_names() -> list[str]:
    return [*OWN, *(f"recipe {name}" for name in built_in_recipes())]


def example(name: str, store: GraphStore) -> Asked:
    """One of `example_names`."""
    if name in OWN:
        return Asked(OWN[name], {})
    cypher = (QUERIES / f"{name.removeprefix('recipe ')}.cypher").read_text(encoding="utf-8").rstrip()
    held = store.statistics()
    own: dict[str, object] = {
        "types": list(held.types)[:2],
        "source": next(iter(held.sources), ""),
        "seeds": [entity.id for entity in store.pictures(1)],
        "splits": ["train"] if name != "recipe held-out" else ["valid", "test"],
        "predicted": ["accepted"],
        "depth": 1,
        "least": 1.0,
    }
    asked = dict.fromkeys(re.findall(r"\$(\w+)", cypher))
    return Asked(cypher, {name: own[name] for name in asked if name in own})


def facts_of_type(type_: str) -> Asked:
    """Some relations of one type; a type that is none gives the first example."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", type_):
        return Asked(FACTS, {})
    return Asked(f"MATCH (h:Entity)-[r:{type_}]->(t:Entity)\nRETURN h, r, t LIMIT 50", {})
