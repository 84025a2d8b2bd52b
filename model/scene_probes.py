"""The relation and the attribute probe on any graph whose pictures have regions: Visual Genome, VRD, the drawn world.

The kind of ARO (Yuksekgonul et al. 2023), with the sentences made from the graph: "a horse left of a man" against "a
man left of a horse", "a red cube and a blue ball" against "a blue cube and a red ball". A false sentence that the graph
knows to be true of the same picture is not asked, and neither are relations that hold both ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from kgstore.projection import Projection
from kgstore.values import SPLITS
from model.held_out import Figures, NothingToMeasure, drawn
from model.predict import Predictor
from model.probes import Relation, attribute_probe, preference, relation_probe, sentence_scores
from model.scene_graph import SceneGraph
from model.spaces import first_pictures, spaces
from model.swapped_captions import SYMMETRIC

TEMPLATE = "{head} {words} {tail}"

#: Words that say the same with the two things exchanged.
_MIRRORED = (
    ("left of", "right of"),
    ("to the left of", "to the right of"),
    ("on the left of", "on the right of"),
    ("above", "below"),
    ("over", "under"),
    ("on top of", "beneath"),
    ("in front of", "behind"),
)
CONVERSES = {a: b for pair in _MIRRORED for a, b in (pair, pair[::-1])}

#: A relation's own figure needs so many triples.
ENOUGH = 20

#: Pairs of things asked about in one picture, as a crowded one has thousands.
PAIRS = 10


class Asked(NamedTuple):
    """What is said about a picture (its entity) in all forms; the relation's type, and if its converse has a word."""

    picture: int
    forms: tuple[str, ...]
    type: str = ""
    mirrored: bool = False


def evaluate_relation_probe(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """In how many percent does the true sentence beat the one with its arguments swapped? Chance is 50.

    swap               over all triples; words_alone: the same with the average picture; macro: mean over relations
    TYPE/.../swap      of one relation
    mirrored/...       all forms (see probes.py) of those relations whose converse has a word, such as "left of"
    """
    asked = drawn_from(subject, related(subject.projection, split), limit)
    if not asked:
        raise NothingToMeasure(
            f"The graph has no {split} pictures with regions that have names and stand in a relation to each other, so "
            "there is no relation probe."
        )
    figures = {"triples": float(len(asked)), "pictures": float(len({each.picture for each in asked}))}
    types, mirrored = np.array([each.type for each in asked]), np.array([each.mirrored for each in asked])
    common = [type_ for type_, count in zip(*np.unique(types, return_counts=True), strict=True) if count >= ENOUGH]
    if mirrored.any():
        figures["mirrored/triples"] = float(mirrored.sum())
    for name, (own, average) in _scores(subject, asked).items():
        figures[f"{name}/swap"] = 100 * preference(own[:, 0], own[:, 2])
        figures[f"{name}/words_alone"] = 100 * preference(average[:, 0], average[:, 2])
        by_type = {each: 100 * preference(own[types == each, 0], own[types == each, 2]) for each in np.unique(types)}
        figures[f"{name}/macro"] = float(np.mean([*by_type.values()]))
        figures |= {f"{type_}/{name}/swap": by_type[type_] for type_ in common}
        if mirrored.any():
            shares = relation_probe(own[mirrored])
            figures |= {f"mirrored/{name}/{form}": 100 * share for form, share in shares.items()}
    return figures


def evaluate_attribute_probe(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """In how many percent does "a red cube and a blue ball" beat the two with their attributes swapped? Chance is 50.

    swap is the mean of the comparison as written and with the two things in the other order; words_alone is the same
    with the average picture; all: both true sentences beat both false ones (chance 1/6).
    """
    asked = drawn_from(subject, attributed(subject.projection, split), limit)
    if not asked:
        raise NothingToMeasure(
            f"The graph has no {split} pictures with two regions of other names and other attributes (HAS_ATTRIBUTE, "
            "HAS_COLOUR), so there is no attribute probe."
        )
    figures = {"pairs": float(len(asked)), "pictures": float(len({each.picture for each in asked}))}
    for name, (own, average) in _scores(subject, asked).items():
        figures |= {f"{name}/{form}": 100 * share for form, share in attribute_probe(own).items()}
        figures[f"{name}/words_alone"] = 100 * attribute_probe(average)["swap"]
    return figures


def related(projection: Projection, split: str) -> list[Asked]:
    """Every triple of two regions of one picture whose swapped form the graph does not know to be true."""
    scene = SceneGraph(projection)
    edges = scene.between_regions(np.arange(projection.edge_count))
    own = np.asarray(projection.split[edges]) == SPLITS.index(split)
    facts: dict[int, set[tuple[str, str, str]]] = defaultdict(set)  # what is true of each picture, in names
    told: dict[tuple[int, str, str, str], str] = {}
    pictures = {scene.picture(int(region)) for region in projection.head[edges[own]]}
    for edge, asked in zip(edges.tolist(), own.tolist(), strict=True):
        head, tail = int(projection.head[edge]), int(projection.tail[edge])
        picture = scene.picture(head)
        if picture not in pictures or picture < 0 or scene.picture(tail) != picture:
            continue
        relation = projection.relations[int(projection.relation[edge])]
        names = scene.names(head), scene.names(tail)
        facts[picture] |= {(a, relation.text, b) for a in names[0] for b in names[1]}
        if asked and all(names) and relation.text not in SYMMETRIC:
            told[picture, names[0][0], relation.text, names[1][0]] = relation.type
    found = []
    for (picture, head_name, words, tail_name), type_ in sorted(told.items()):
        converse = CONVERSES.get(words, "")
        swapped = {(tail_name, words, head_name)} | ({(head_name, converse, tail_name)} if converse else set())
        if head_name == tail_name or swapped & facts[picture]:
            continue
        relation_forms = Relation(with_article(head_name), words, with_article(tail_name), converse or words).sentences(
            TEMPLATE
        )
        found.append(Asked(picture, relation_forms, type_, bool(converse)))
    return found


def attributed(projection: Projection, split: str) -> list[Asked]:
    """Pairs of things in one picture, with an attribute each that the other one's name does not have there."""
    scene = SceneGraph(projection)
    things: dict[int, list[int]] = defaultdict(list)
    for region in scene.regions.tolist():
        if scene.attributes(region) and scene.names(region):
            picture = scene.picture(region)
            if picture >= 0 and projection.entity_split[picture] == SPLITS.index(split):
                things[picture].append(region)
    found = []
    for picture, regions in sorted(things.items()):
        known = {(attribute, name) for r in regions for attribute in scene.attributes(r) for name in scene.names(r)}
        pairs = set()
        for a, b in combinations(sorted(known), 2):
            (first, one), (second, other) = a, b
            if one != other and (first, other) not in known and (second, one) not in known:
                pairs.add((a, b))
        chosen = sorted(pairs)
        for k in drawn(np.arange(len(chosen)), PAIRS).tolist():
            (first, one), (second, other) = chosen[k]
            true, false = (f"{first} {one}", f"{second} {other}"), (f"{second} {one}", f"{first} {other}")
            forms = tuple(f"{with_article(a)} and {with_article(b)}" for a, b in (true, true[::-1], false, false[::-1]))
            found.append(Asked(picture, forms))
    return found


def drawn_from(subject: Predictor, asked: Sequence[Asked], limit: int) -> list[Asked]:
    """At most so many of those whose picture could be opened."""
    opened = np.flatnonzero(_rows(subject, asked) >= 0)
    return [asked[k] for k in drawn(opened, limit).tolist()]


def _scores(
    subject: Predictor, asked: list[Asked]
) -> dict[str, tuple[Float[np.ndarray, "b k"], Float[np.ndarray, "b k"]]]:
    """By space, the scores of the sentences with their picture and with the average one."""
    rows, picture = np.unique(_rows(subject, asked), return_inverse=True)
    sentences = [each.forms for each in asked]
    return {name: sentence_scores(space, picture, sentences) for name, space in spaces(subject, rows).items()}


def _rows(subject: Predictor, asked: Sequence[Asked]) -> Int64[np.ndarray, " b"]:
    """Of the pictures among the embedded ones; -1 for those that could not be opened."""
    return first_pictures(subject, np.array([each.picture for each in asked], np.int64))


def with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
