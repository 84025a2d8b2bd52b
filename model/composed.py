"""Groups of samples that the graph says are easily confused: what batches are composed of if that is asked for.

A grouping knows *clusters* of what is confusable, and within a cluster *facts*: members of one fact tell nothing apart.
The members of a group come from one cluster and, as far as it has them, from different facts. What goes together is
drawn anew in each epoch, and within an epoch no membership comes twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from kgstore.values import KINDS
from model.derived import Arrays
from model.permutation import Purpose, permuted, splitmix
from model.training_edges import TrainingEdges, counted

#: The relation of an object to its picture, and to what it is.
PART_OF, DEPICTS = "PART_OF", "DEPICTS"

#: The relations of a picture to its captions, and of a caption to what its words name.
IMAGE_OF, MENTIONS = "IMAGE_OF", "MENTIONS"

#: The relations of something to its class.
CLASS_TYPES = ("IS_A", "INSTANCE_OF", "HYPERNYM", "INSTANCE_HYPERNYM")

_CONCEPT = KINDS.index("concept")


class Memberships(NamedTuple):
    """Which item stands in which cluster, with which of its facts; an item may stand in several."""

    item: Int64[np.ndarray, " m"]
    cluster: Int64[np.ndarray, " m"]
    fact: Int64[np.ndarray, " m"]


class Grouping:
    """The groups of a kind, members drawn without a state.

    The arrays are those of `groups_of`. Facts of a cluster are numbered in a row, those of most members first. Slots
    are the seats that members take, cluster by cluster: in the first *round* one of each fact, in the second one of
    each fact that has two, and so on; a group is a few slots in a row. In an epoch the facts of a round and the members
    of a fact are permuted, so that each member takes one seat.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.item, self.first = arrays["item"], arrays["first"]
        self.place, self.round, self.width = arrays["place"], arrays["round"], arrays["width"]
        self.start, self.length, self.cluster_fact = arrays["start"], arrays["length"], arrays["cluster_fact"]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def mean_length(self) -> float:
        return float(self.length.mean())

    def members(
        self, groups: Int64[np.ndarray, " g"], key: tuple[int, ...]
    ) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
        """The items of these groups, group after group, in the epoch that `key` names, and the fact of each."""
        length = self.length[groups].astype(np.int64)
        slot = np.repeat(self.start[groups], length) + counted(length)
        first_fact, turn = np.repeat(self.cluster_fact[groups], length), self.round[slot].astype(np.int64)
        width = self.width[slot].astype(np.int64)
        place = permuted(self.place[slot].astype(np.int64), width, (Purpose.ROUND, *key, first_fact, turn))
        fact = first_fact + place
        member = permuted(turn, self.first[fact + 1] - self.first[fact], (Purpose.MEMBER, *key, fact))
        return self.item[self.first[fact] + member], fact


def groups_of(memberships: Memberships, size: int) -> Arrays:
    """Groups of `size` members, or as near to that as a cluster can be cut; of two facts at the least.

    item [m]   by fact; those of fact f are `first[f]` to `first[f + 1]`
    place, round, width [m]   of each slot: its number in its round, which round, and of how many slots
    start, length, cluster_fact [g]   of each group: its first slot, how many, and the first fact of its cluster
    """
    item, cluster, members = _by_fact(memberships)
    first = np.concatenate([[0], np.cumsum(members)])
    clusters, cluster_first_fact = np.unique(cluster, return_index=True)
    cluster_of_fact = np.searchsorted(clusters, cluster)
    fact_of_item = np.repeat(np.arange(len(members)), members)
    turn, place = counted(members), (np.arange(len(members)) - cluster_first_fact[cluster_of_fact])[fact_of_item]
    owner = cluster_of_fact[fact_of_item]
    seats = np.lexsort((place, turn, owner))
    turn, place, owner = turn[seats], place[seats], owner[seats]
    new_round = np.concatenate([[True], (turn[1:] != turn[:-1]) | (owner[1:] != owner[:-1])])[: len(turn)]
    widths = np.diff(np.append(np.flatnonzero(new_round), len(turn)))
    start, length, of_cluster = _cuts(np.bincount(owner, minlength=len(clusters)), size)
    # A round has a member of each fact at most once: two seats of one round are of two facts
    beside = np.cumsum(~new_round)
    told_apart = beside[start + length - 1] > beside[start] if len(start) else np.empty(0, bool)
    return {
        "item": item,
        "first": first,
        "place": place.astype(np.int32),
        "round": turn.astype(np.int32),
        "width": np.repeat(widths, widths).astype(np.int32),
        "start": start[told_apart],
        "length": length[told_apart].astype(np.int32),
        "cluster_fact": cluster_first_fact[of_cluster[told_apart]],
    }


def _by_fact(memberships: Memberships) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items by cluster and fact, the facts of a cluster by falling number of members; of each fact its cluster and
    that number."""
    order = np.lexsort((memberships.item, memberships.fact, memberships.cluster))
    item, cluster, fact = (column[order] for column in memberships)
    begins = np.flatnonzero(
        np.concatenate([[True], (cluster[1:] != cluster[:-1]) | (fact[1:] != fact[:-1])])[: len(item)]
    )
    members = np.diff(np.append(begins, len(item)))
    ranked = np.lexsort((-members, cluster[begins]))
    begins, members = begins[ranked], members[ranked]
    return item[np.repeat(begins, members) + counted(members)], cluster[begins], members


def _cuts(sizes: Int64[np.ndarray, " c"], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of slots cut into nearly equal pieces of at most `size`, but of two at least; and whose piece each is."""
    pieces = -(-sizes // size)
    pieces = np.where(2 * pieces > sizes, sizes // 2, pieces)
    of_cluster, number = np.repeat(np.arange(len(sizes)), pieces), counted(pieces)
    begin = number * sizes[of_cluster] // pieces[of_cluster]
    end = (number + 1) * sizes[of_cluster] // pieces[of_cluster]
    before = np.cumsum(sizes) - sizes
    return before[of_cluster] + begin, end - begin, of_cluster


# --- what is confusable ---


def same_head(edges: TrainingEdges, part: Int64[np.ndarray, " k"]) -> Memberships:
    """Triples of one head in different relations: which relation leads to which tail?"""
    return Memberships(np.arange(len(part)), *(_long(array[part]) for array in (edges.head, edges.relation)))


def same_relation(edges: TrainingEdges, part: Int64[np.ndarray, " k"]) -> Memberships:
    """Triples of one relation with different tails: the relation alone does not tell the answer."""
    return Memberships(np.arange(len(part)), *(_long(array[part]) for array in (edges.relation, edges.tail)))


def siblings(edges: TrainingEdges, part: Int64[np.ndarray, " k"]) -> Memberships:
    """Triples of one relation whose heads are different things of one class."""
    is_class = np.flatnonzero(edges.of_types(CLASS_TYPES))
    is_class = is_class[np.argsort(edges.head[is_class], kind="stable")]
    owner, classes = _long(edges.head[is_class]), _long(edges.tail[is_class])
    head = _long(edges.head[part])
    start = np.searchsorted(owner, head)
    length = np.searchsorted(owner, head, side="right") - start
    item = np.repeat(np.arange(len(part)), length)
    of = classes[np.repeat(start, length) + counted(length)]
    kept = edges.tail[part[item]] != of  # that both are of the class is no question
    item, of = item[kept], of[kept]
    return Memberships(item, of * len(edges.types) + edges.relation[part[item]], head[item])


def same_pair(edges: TrainingEdges, pictures: Int64[np.ndarray, " k"]) -> Memberships:
    """Pictures in whose scene graphs two things of the same looks stand in different relations.

    `pictures` are entity numbers, ascending. Things look the same if they have the same concepts, attributes included;
    a picture without company in that gets company of those whose things merely depict the same.
    """
    thing, picture = _things(edges, pictures)
    if not len(thing):
        nothing = np.empty(0, np.int64)
        return Memberships(nothing, nothing, nothing)
    to_concept = edges.projection.kinds[edges.tail] == _CONCEPT
    exact = _pairs(edges, thing, picture, _looks(edges, thing, to_concept), 0)
    rough = _pairs(edges, thing, picture, _looks(edges, thing, to_concept & edges.of_types([DEPICTS])), 1)
    exact = _kept(exact, _has_company(exact))
    rough = _kept(rough, ~np.isin(rough.item, exact.item))
    return Memberships(*(np.concatenate(columns) for columns in zip(exact, rough, strict=True)))


def same_mentions(edges: TrainingEdges, pictures: Int64[np.ndarray, " k"]) -> Memberships:
    """Pictures whose captions name the same two things; for pictures that tell no things apart by a scene graph.

    `pictures` are entity numbers, ascending. A thing counts that two captions of a picture name, or its only one: the
    others are what one annotator saw. Pictures without company in any pair of things get company among themselves,
    by single ones. Concepts that stand in exactly the same captions are one thing, which sources name each in their own
    way.
    """
    picture, thing = _named(edges, pictures)
    first, second = _within(picture)
    pairs = Memberships(picture[first], thing[first] * (thing.max(initial=0) + 1) + thing[second], picture[first])
    pairs = _kept(pairs, _has_company(pairs))
    alone = Memberships(picture, -1 - thing, picture)
    alone = _kept(alone, ~np.isin(picture, pairs.item))
    return Memberships(*(np.concatenate(columns) for columns in zip(pairs, alone, strict=True)))


def same_hypernym(edges: TrainingEdges, pictures: Int64[np.ndarray, " k"]) -> Memberships:
    """Pictures of different classes under one hypernym: the nearest one that stands above another of their classes too.

    `pictures` are entity numbers, ascending. A class is a concept that a picture is IMAGE_OF.
    """
    edge = np.flatnonzero(edges.of_types([IMAGE_OF]) & (edges.projection.kinds[edges.tail] == _CONCEPT))
    picture, inside = _places(pictures, edges.head[edge])
    picture, class_ = picture[inside], _long(edges.tail[edge[inside]])
    hypernyms = _nearest_shared(edges, np.unique(class_).tolist())
    hypernym = np.array([hypernyms.get(each, -1) for each in class_.tolist()], np.int64)
    return _kept(Memberships(picture, hypernym, class_), hypernym >= 0)


Kind = Callable[[TrainingEdges, Int64[np.ndarray, " k"]], Memberships]

#: Kinds of groups of pictures with their captions.
OF_PICTURES: Mapping[str, Kind] = {"pictures": same_pair, "mentions": same_mentions, "classes": same_hypernym}

#: Kinds of groups of other triples.
OF_TRIPLES: Mapping[str, Kind] = {"head": same_head, "relation": same_relation, "siblings": siblings}


def _things(edges: TrainingEdges, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is part of one of these pictures, ascending, and of which: its place in `pictures`."""
    part = np.flatnonzero(edges.of_types([PART_OF]))
    place = np.minimum(np.searchsorted(pictures, edges.tail[part]), max(len(pictures) - 1, 0))
    inside = pictures[place] == edges.tail[part] if len(pictures) else np.zeros(len(part), bool)
    thing, first = np.unique(_long(edges.head[part][inside]), return_index=True)
    return thing, place[inside][first]


def _looks(edges: TrainingEdges, thing: np.ndarray, concepts: np.ndarray) -> Int64[np.ndarray, " t"]:
    """A number for each thing, the same for things of the same concepts; -1 without any."""
    place, inside = _places(thing, edges.head)
    edge = np.flatnonzero(concepts & inside)
    total = np.zeros(len(thing), np.uint64)
    np.add.at(total, place[edge], splitmix(edges.tail[edge].astype(np.uint64)))
    _, number = np.unique(total, return_inverse=True)
    return np.where(np.bincount(place[edge], minlength=len(thing)) > 0, number, -1)


def _pairs(edges: TrainingEdges, thing: np.ndarray, picture: np.ndarray, looks: np.ndarray, level: int) -> Memberships:
    """A membership for each picture and pair of things in it that stand in a relation; clusters differ by `level`."""
    head, known_head = _places(thing, edges.head)
    tail, known_tail = _places(thing, edges.tail)
    edge = np.flatnonzero(known_head & known_tail)
    head, tail = head[edge], tail[edge]
    related = (picture[head] == picture[tail]) & (looks[head] >= 0) & (looks[tail] >= 0) & (looks[head] != looks[tail])
    edge, head, tail = edge[related], head[related], tail[related]
    low, high = np.minimum(looks[head], looks[tail]), np.maximum(looks[head], looks[tail])
    cluster = (low * (looks.max(initial=0) + 1) + high) * 2 + level
    # "Left of" one way is "right of" the other: of one pair in a picture one way counts, the same in every picture
    fact = _long(edges.relation[edge]) + len(edges.types) * (looks[head] > looks[tail])
    order = np.lexsort((fact, cluster, picture[head]))
    item, cluster, fact = picture[head][order], cluster[order], fact[order]
    once = np.concatenate([[True], (item[1:] != item[:-1]) | (cluster[1:] != cluster[:-1])])[: len(item)]
    return Memberships(item[once], cluster[once], fact[once])


def _named(edges: TrainingEdges, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of these pictures (their places, ascending) shows which thing by its captions, each pair once."""
    mention = np.flatnonzero(edges.of_types([MENTIONS]))
    caption, concept = _long(edges.head[mention]), _long(edges.tail[mention])
    concepts, thing = np.unique(concept, return_inverse=True)
    told = np.zeros(len(concepts), np.uint64)
    np.add.at(told, thing, splitmix(caption.astype(np.uint64)))
    thing = np.unique(told, return_inverse=True)[1][thing]
    caption, thing = np.unique(np.stack([caption, thing], axis=1), axis=0).T

    captioned = np.flatnonzero(edges.of_types([IMAGE_OF]))
    place, inside = _places(pictures, edges.head[captioned])
    captions, picture = _long(edges.tail[captioned][inside]), place[inside]
    start, end = (np.searchsorted(caption, captions, side=side) for side in ("left", "right"))
    picture = np.repeat(picture, end - start)
    shown, often = np.unique(
        np.stack([picture, thing[np.repeat(start, end - start) + counted(end - start)]], axis=1),
        axis=0,
        return_counts=True,
    )
    enough = np.minimum(2, np.bincount(place[inside], minlength=len(pictures)))
    kept = often >= enough[shown[:, 0]]
    return shown[kept, 0], shown[kept, 1]


def _nearest_shared(edges: TrainingEdges, classes: list[int]) -> dict[int, int]:
    """Of each class the nearest hypernym of another one too; of several as near the one above the fewest."""
    parents: dict[int, list[int]] = {}
    upwards = edges.of_types(CLASS_TYPES)
    for head, tail in zip(edges.head[upwards].tolist(), edges.tail[upwards].tolist(), strict=True):
        parents.setdefault(head, []).append(tail)
    levels: dict[int, list[set[int]]] = {}
    for class_ in classes:
        reached, level, levels[class_] = {class_}, {class_}, []
        while level := {up for each in level for up in parents.get(each, [])} - reached:
            levels[class_].append(level)
            reached |= level
    below = Counter(each for own in levels.values() for level in own for each in level)
    shared = {class_: [[n for n in level if below[n] > 1] for level in own] for class_, own in levels.items()}
    nearest = {class_: next(filter(None, own), []) for class_, own in shared.items()}
    return {class_: min(near, key=lambda n: (below[n], n)) for class_, near in nearest.items() if near}


def _within(owner: Int64[np.ndarray, " k"]) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of places that have the same owner, the first before the second; owners ascend."""
    after = np.searchsorted(owner, owner, side="right") - np.arange(len(owner)) - 1
    first = np.repeat(np.arange(len(owner)), after)
    return first, first + 1 + counted(after)


def _has_company(memberships: Memberships) -> np.ndarray:
    """Whether the cluster of a membership has another fact."""
    _, cluster = np.unique(memberships.cluster, return_inverse=True)
    least = np.full(cluster.max(initial=-1) + 1, np.iinfo(np.int64).max)
    most = np.full(len(least), -1)
    np.minimum.at(least, cluster, memberships.fact)
    np.maximum.at(most, cluster, memberships.fact)
    return np.asarray((least < most)[cluster])


def _kept(memberships: Memberships, kept: np.ndarray) -> Memberships:
    return Memberships(*(column[kept] for column in memberships))


def _places(ascending: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where numbers stand in a row, and whether they do."""
    place = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    return place, ascending[place] == numbers


def _long(numbers: np.ndarray) -> Int64[np.ndarray, " k"]:
    return numbers.astype(np.int64)
