"""The part of the graph that a view shows: it starts around some entities and grows where it is expanded.

All that a person did (expanded, collapsed, hidden, pinned, arranged, asked a path) is kept here, in Python, as a list
of frozen values, so that each step can be undone and a page that was left looks the same when it is opened again.
Where the nodes stand, and what the mouse is at, only the browser knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest

from app.shown import MOST_ENTITIES, Shown
from app.words import count, name_of
from kgstore import Entity, GraphStore, NeighbourCount, Triple, TripleKey
from kgstore.errors import KgError, QueryStopped
from kgstore.values import Direction

#: Relations that an expansion brings when nothing else is said, and at most.
USUAL, MOST = 25, 100
#: Paths that are shown, and how long they are looked for.
PATHS, PATH_SECONDS = 3, 5.0

#: Steps that can be taken back.
STEPS = 100

Way = tuple[str, Direction]


@dataclass
class Neighbourhood:
    """`name` is the graph's in the browser; `seeds` are the entities it was asked for."""

    name: str
    seeds: tuple[str, ...] = ()
    shown: Shown = field(default_factory=Shown)
    past: list[tuple[str, Shown]] = field(default_factory=list)
    entities: dict[str, Entity] = field(default_factory=dict)
    triples: dict[TripleKey, Triple] = field(default_factory=dict)
    types: dict[str, None] = field(default_factory=dict)
    selected: str = ""
    selected_triple: TripleKey | None = None
    off: frozenset[str] = frozenset()
    message: str = ""

    @property
    def focus(self) -> str:
        return self.seeds[0]

    # -- what there is

    def begin(self, store: GraphStore) -> None:
        """The seeds and, of one, some of what is around it; of several, the relations among them."""
        self.seeds = self.seeds or (self.name,)
        found = self._around(store, self.focus, (), USUAL) if len(self.seeds) == 1 else store.among(self.seeds)
        self.shown = Shown()
        self._bring(store, found, alone=self.seeds, by=self.focus if len(self.seeds) == 1 else "")

    def refresh(self, store: GraphStore, predicted: Collection[Triple] = ()) -> None:
        """Reads what is shown as it stands now, so that a decision made anywhere is seen; adds `predicted`."""
        if not self.shown.entities:
            self.begin(store)
            message = self.message
        else:
            message = ""
            self.entities = {entity.id: entity for entity in store.entities(list(self.shown.entities))}
            standing = {triple.key: triple for triple in store.among(list(self.entities))}
            self.triples = {key: standing[key] for key in self.shown.triples if key in standing}
            gone = self.shown.triples.keys() - standing.keys(), self.shown.entities.keys() - self.entities.keys()
            if any(gone):
                self._forget(*gone)
        new = [one for one in predicted if one.decision != "rejected" and self._is_new(one)]
        self._bring(store, new)
        self.triples |= {one.key: one for one in predicted if one.key in self.shown.triples}
        self.message = message

    def look_again(self, store: GraphStore, key: TripleKey) -> None:
        """Reads one relation as it stands now; what was rejected meanwhile leaves the view."""
        standing = {triple.key: triple for triple in store.among({key.head, key.tail})}
        if key in standing:
            self.triples[key] = standing[key]
        else:
            self._forget([key], [])

    def rest(self, counts: Iterable[NeighbourCount], id: str) -> list[NeighbourCount]:
        """Of the counts around an entity, how many relations of each type and direction are not in the view."""
        there: dict[Way, int] = defaultdict(int)
        for key in self.shown.triples:
            there[key.type, "out"] += key.head == id
            there[key.type, "in"] += key.tail == id
        rest = (NeighbourCount(type_, way, total - there[type_, way]) for type_, way, total in counts)
        return [one for one in rest if one.count > 0]

    # -- what a person does

    def attempt(self, step: Callable[[], object]) -> None:
        """Does a step; where the store fails, nothing is changed and the message says why."""
        before = self.shown, [*self.past]
        try:
            step()
        except KgError as error:
            self.shown, self.past = before
            self.message = str(error)

    def expand(self, store: GraphStore, id: str, ways: Collection[Way] = (), most: int = USUAL) -> None:
        """Brings relations that are not in the view, of the chosen types and directions (all, if none is chosen) in
        turn, the heaviest first."""
        before = len(self.shown.visible), len(self.shown.drawn)
        self._remember(f"expand {self.called(id)}")
        self._bring(store, self._around(store, id, ways, min(most, MOST)), by=id)
        entities, relations = len(self.shown.visible) - before[0], len(self.shown.drawn) - before[1]
        if not relations:
            self.past.pop()
            self.message = self.message or "Nothing new around it."
        elif not self.message:
            new = count(entities, "new entity", "new entities") if entities else "no new entity"
            self.message = f"{count(relations, 'new relation')}, {new}."

    def open(self, store: GraphStore, id: str) -> None:
        """A double click: expands what is small at once; of more, the panel asks which."""
        self.selected = id
        rest = sum(one.count for one in self.rest(store.neighbour_counts(id), id))
        if rest <= USUAL:
            self.expand(store, id)
        else:
            self.message = f"{count(rest, 'relation')} of {self.called(id)} are not shown. Choose which to bring."

    def collapse(self, id: str) -> None:
        gone = len(self.shown.brought_by(id))
        self._step(f"collapse {self.called(id)}", self.shown.collapsed(id))
        self.message = f"{count(gone, 'entity', 'entities')} left the view."

    def hide(self, id: str) -> None:
        self._step(f"hide {self.called(id)}", replace(self.shown, hidden=self.shown.hidden | {id}))
        self.selected = "" if self.selected == id else self.selected

    def show_hidden(self) -> None:
        hidden = sorted(self.shown.hidden)
        room = self.shown.room
        self._step("show what was hidden", replace(self.shown, hidden=frozenset(hidden[room:])))
        self.message = full(len(hidden[room:])) if hidden[room:] else ""

    def pin(self, id: str) -> None:
        """Pins an entity, or loosens it: what is pinned stays where it is when the rest is arranged or collapsed."""
        word = "loosen" if id in self.shown.pinned else "pin"
        self._step(f"{word} {self.called(id)}", replace(self.shown, pinned=self.shown.pinned ^ {id}))

    def arrange(self) -> None:
        numbers = [self.shown.arrangement, *(before.arrangement for _, before in self.past)]
        self._step("arrange", replace(self.shown, arrangement=max(numbers) + 1))

    def connect(self, store: GraphStore) -> None:
        """Brings all relations among what is in the view."""
        new = [one for one in store.among(self.shown.visible) if one.key not in self.shown.triples]
        if new:
            self._remember("connect")
            self._bring(store, new)
        self.message = f"{count(len(new), 'relation')} more among what is shown." if new else "No further relation."

    def add(self, store: GraphStore, id: str) -> None:
        """Takes an entity in, with its relations to what is there."""
        if id in self.shown.visible:
            self.selected = id
            return
        self._remember("add an entity")
        within = store.among([*self.shown.visible, id])
        self._bring(store, [one for one in within if id in (one.head, one.tail)], alone=[id])
        self.selected = id if id in self.entities else self.selected

    def find_path(self, store: GraphStore, a: str, b: str, hops: int) -> None:
        """Brings the shortest paths between two entities, and marks them."""
        ends = f"{self.called(a)} and {self.called(b)}"
        try:
            found = store.paths(a, b, hops=hops, limit=PATHS, seconds=PATH_SECONDS)
        except QueryStopped:
            self.message = f"No path between {ends} was found within {PATH_SECONDS:g} s; allow fewer steps."
            return
        if not found:
            self.message = f"No path of at most {count(hops, 'step')} joins {ends}."
            return
        self._remember(f"path between {ends}")
        self._bring(store, [triple for path in found for triple in path], alone=[a, b])
        keys = dict.fromkeys(t.key for path in found for t in path if t.key in self.shown.triples)
        self.shown = replace(self.shown, path=tuple(keys))
        steps = count(len(found[0]), "step")
        said = f"{count(len(found), 'shortest path')} of {steps} between {ends}."
        self.message = f"{said} {self.message}".strip()

    def undo(self) -> None:
        if self.past:
            step, self.shown = self.past.pop()
            self.message = f"Taken back: {step}."

    @property
    def last_step(self) -> str:
        return self.past[-1][0] if self.past else ""

    def called(self, id: str) -> str:
        return name_of(self.entities[id]) if id in self.entities else id

    # -- how

    def _around(self, store: GraphStore, id: str, ways: Collection[Way], most: int) -> list[Triple]:
        """The next relations of an entity that the view does not show, of all ways in turn."""
        held = sum(id in (key.head, key.tail) for key in self.shown.triples) + len(self.shown.hidden)
        found: list[Triple] = []
        for direction in ("out", "in"):
            types = [type_ for type_, way in ways if way == direction]
            if types or not ways:
                found += store.neighbours(id, direction=direction, types=types, limit=held + most)
        by_way: dict[Way, list[Triple]] = defaultdict(list)
        for triple in dict.fromkeys(found):
            if self._is_new(triple):
                by_way[triple.type, "out" if triple.head == id else "in"].append(triple)
        turns = (triple for turn in zip_longest(*by_way.values()) for triple in turn if triple)
        return list(islice(turns, most))

    def _is_new(self, triple: Triple) -> bool:
        """Not in the view, and not about what somebody hid."""
        return triple.key not in self.shown.triples and not {triple.head, triple.tail} & self.shown.hidden

    def _bring(self, store: GraphStore, triples: Collection[Triple], by: str = "", alone: Sequence[str] = ()) -> None:
        """Takes relations in with their ends, up to the limit; says in `message` when it is reached."""
        self.shown, left_out = self.shown.bring([triple.key for triple in triples], by, alone)
        new = [id for id in self.shown.entities if id not in self.entities]
        self.entities |= {entity.id: entity for entity in store.entities(new)}
        self.triples |= {triple.key: triple for triple in triples if triple.key in self.shown.triples}
        if unknown := self.shown.entities.keys() - self.entities.keys():
            self.shown = self.shown.without((), unknown)
        for type_, _ in Counter(key.type for key in self.shown.triples).most_common():
            self.types.setdefault(type_)
        self.message = full(left_out) if left_out else ""

    def _forget(self, triples: Collection[TripleKey], entities: Collection[str]) -> None:
        """What is no longer in the graph does not come back by undoing either."""
        self.shown = self.shown.without(triples, entities)
        self.past = [(step, before.without(triples, entities)) for step, before in self.past]

    def _remember(self, step: str) -> None:
        self.past.append((step, self.shown))
        del self.past[:-STEPS]

    def _step(self, step: str, shown: Shown) -> None:
        self._remember(step)
        self.shown = shown
        self.message = ""


def full(left_out: int) -> str:
    return (
        f"The view is full: it shows {MOST_ENTITIES} entities at most, and {left_out:,} found no place. "
        "Collapse or hide some, or start over from one of them."
    )
