"""What a graph view shows, as ids: a frozen value, so that every step is a new one and undo is the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from kgstore import TripleKey

#: Above this a picture of the graph tells nothing any more.
MOST_ENTITIES = 300


@dataclass(frozen=True)
class Shown:
    """Entities and relations, each with the entity whose expansion brought it ("" for what was asked for)."""

    entities: Mapping[str, str] = field(default_factory=dict)
    triples: Mapping[TripleKey, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()
    path: tuple[TripleKey, ...] = ()
    arrangement: int = 0

    @property
    def visible(self) -> list[str]:
        return [id for id in self.entities if id not in self.hidden]

    @property
    def drawn(self) -> list[TripleKey]:
        """Relations whose ends are both visible."""
        seen = set(self.visible)
        return [key for key in self.triples if key.head in seen and key.tail in seen]

    @property
    def room(self) -> int:
        return max(MOST_ENTITIES - len(self.visible), 0)

    def bring(self, triples: Iterable[TripleKey], by: str = "", alone: Iterable[str] = ()) -> tuple[Shown, int]:
        """With these relations and their ends (and entities `alone`), as far as there is room.

        Also says how many entities found none. What was hidden is shown again where it is brought.
        """
        wanted = list(triples)
        ends = dict.fromkeys((*alone, *(end for key in wanted for end in (key.head, key.tail))))
        new = [id for id in ends if id not in self.entities or id in self.hidden]
        taken = new[: self.room]
        entities = {**self.entities, **{id: self.entities.get(id, by) for id in taken}}
        left_out = set(new[self.room :])
        brought = {key: by for key in wanted if key not in self.triples and not {key.head, key.tail} & left_out}
        shown = replace(
            self, entities=entities, triples={**self.triples, **brought}, hidden=self.hidden - frozenset(taken)
        )
        return shown, len(left_out)

    def brought_by(self, id: str) -> set[str]:
        """Entities that its expansions brought, and theirs; not what is pinned, nor what that brought."""
        found: set[str] = set()
        ahead = [id]
        while ahead:
            origin = ahead.pop()
            new = {one for one, by in self.entities.items() if by == origin and one not in self.pinned} - found - {id}
            found |= new
            ahead.extend(new)
        return found

    def collapsed(self, id: str) -> Shown:
        """Without what its expansions brought."""
        gone = self.brought_by(id)
        kept = {key: by for key, by in self.triples.items() if by != id and not {key.head, key.tail} & gone}
        return self._without(gone, kept)

    def without(self, triples: Collection[TripleKey], entities: Collection[str]) -> Shown:
        """Without what is no longer in the graph."""
        gone = set(entities)
        kept = {k: by for k, by in self.triples.items() if k not in triples and not {k.head, k.tail} & gone}
        return self._without(gone, kept)

    def _without(self, gone: set[str], triples: Mapping[TripleKey, str]) -> Shown:
        return replace(
            self,
            entities={one: by for one, by in self.entities.items() if one not in gone},
            triples=triples,
            hidden=self.hidden - gone,
            pinned=self.pinned - gone,
            path=tuple(key for key in self.path if key in triples),
        )
