"""The part of the graph that a view shows: it starts around one entity and grows where it is expanded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from app.words import count
from kgstore import Entity, GraphStore, NeighbourCount, Triple, TripleKey
from kgstore.values import Direction

#: Relations of one type and direction that an expansion brings; more are a click away.
FIRST, MORE = 6, 25
#: Above this a picture of the graph tells nothing any more.
MOST_ENTITIES = 300


@dataclass
class Neighbourhood:
    """Entities and the relations between them, and what each was expanded by."""

    focus: str
    entities: dict[str, Entity] = field(default_factory=dict)
    triples: dict[TripleKey, Triple] = field(default_factory=dict)
    message: str = ""

    def refresh(self, store: GraphStore, entity: Entity, predicted: Collection[Triple]) -> None:
        """Takes in the focus as it stands now with its predictions, so that a decision made anywhere shows."""
        self.entities[self.focus] = entity
        if not self.triples:
            self.add(store, store.neighbours(self.focus, limit=FIRST))
        stale = [k for k, t in self.triples.items() if t.origin == "predicted" and self.focus in (k.head, k.tail)]
        for key in stale:
            del self.triples[key]
        self.add(store, [triple for triple in predicted if triple.decision != "rejected"])

    def expand(self, store: GraphStore, id: str, type_: str = "", direction: Direction | None = None) -> None:
        """Brings in some neighbours of an entity, or those of one relation type and direction that come next."""
        before = len(self.entities)
        if type_:
            limit = self.shown(id, type_, direction or "out") + MORE
            found = store.neighbours(id, types=[type_], direction=direction, limit=limit)
        else:
            found = store.neighbours(id, limit=FIRST)
        self.add(store, found)
        new = len(self.entities) - before
        if not self.message:
            self.message = f"{count(new, 'new entity', 'new entities')}." if new else "Nothing new around it."

    def shown(self, id: str, type_: str, direction: Direction) -> int:
        """How many relations of that type and direction the view shows of an entity."""
        end = 0 if direction == "out" else 2
        return sum(1 for key in self.triples if key.type == type_ and key[end] == id)

    def add(self, store: GraphStore, triples: Collection[Triple]) -> None:
        """Takes relations in with their ends, up to the limit; says in `message` when it is reached."""
        self.message = ""
        missing = dict.fromkeys(end for triple in triples for end in (triple.head, triple.tail))
        wanted = [id for id in missing if id not in self.entities]
        room = max(MOST_ENTITIES - len(self.entities), 0)
        if len(wanted) > room:
            self.message = f"The view is full: it shows {MOST_ENTITIES} entities at most. Start over from one of them."
        self.entities |= {entity.id: entity for entity in store.entities(wanted[:room])}
        self.triples |= {t.key: t for t in triples if t.head in self.entities and t.tail in self.entities}

    def hidden(self, counts: Collection[NeighbourCount], id: str) -> list[NeighbourCount]:
        """Of the counts around an entity, how many relations of each type the view does not show yet."""
        rest = (NeighbourCount(type_, way, total - self.shown(id, type_, way)) for type_, way, total in counts)
        return [hidden for hidden in rest if hidden.count > 0]
