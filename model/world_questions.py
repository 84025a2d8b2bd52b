"""What a drawn world can ask a run: names that no caption contains, and which of two things stands left of the other.

The loader of a drawn world leaves truth.json in its picture folder (its layout: docstring of ingest/world.py). Asked
about are pictures that training does not see, of the test split unless another is named. Chance is 1/128, 1/16, 1/8 or
1/4 by the number of classes, about a quarter for the four hypernyms' mAP, a half for a comparison of two sentences, and
a sixth for `all`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from model.held_out import Figures, NothingToMeasure
from model.predict import Predictor
from model.probes import Relation, preference, relation_probe
from model.relation_words import relation_words
from model.retrieval import average_precision
from model.spaces import Space, asked, first_pictures, spaces

SOURCE = "world"

Scorer = Callable[[Sequence[str]], Float[np.ndarray, "p t"]]


@dataclass(frozen=True)
class Shown:
    """The test pictures of one object: where they stand in the embeddings, and the numbers of their kind and colour."""

    rows: Int64[np.ndarray, " p"]
    kind: Int64[np.ndarray, " p"]
    colour: Int64[np.ndarray, " p"]
    held_out: np.ndarray  # bool [p]: no training picture shows this kind in this colour


def ask_names(subject: Predictor, split: str = "test") -> Figures:
    """In how many percent of a split's pictures does the right name come first, for names by caption and by graph?

    leaf_128          "a red cube", which captions contain, among all colours and kinds
    graph_only_128    "a crimson blick", which only the graph explains, likewise
    ..._held_out      the same for the pictures of a kind in a colour that no training picture shows
    synonym_16, two_hops_16, gloss_16   one kind of name, the colour given, among all kinds
    colour_8          "a crimson cube", the kind given, among all colours by the names that only the graph explains
    hypernym_map      pictures by the words of a hypernym, mean average precision
    first_picture     in how many percent of the 128 graph-only names is the first picture found a right one?
    asked/...         the same picture asked by "image of" and by "is a", captions and hypernyms competing as answers
    ../relation_word  which relation stands between two texts (model/relation_words.py); chance is 50
    """
    truth = read_truth(subject)
    shown = shown_pictures(subject, truth, split)
    figures = {"pictures": float(len(shown.rows))}
    for space, scorer in scorers(subject, shown.rows).items():
        figures |= {f"{space}/{name}": 100 * share for name, share in name_shares(truth, shown, scorer).items()}
    figures |= {f"{name}/relation_word": 100 * share for name, share in relation_words(subject.encoder, truth).items()}
    if subject.fused:
        figures |= {f"asked/{name}": 100 * share for name, share in asked_shares(subject, truth, shown).items()}
    return figures


def ask_probe(subject: Predictor, split: str = "test") -> Figures:
    """The relation probe on a split's scenes, each form beside its mirror, and the same with two colours swapped.

    ..._held_out: the same for scenes with a thing in a colour that no training picture shows it in
    """
    truth = read_truth(subject)
    scenes = {id_: scene for id_, scene in truth["scenes"].items() if scene["split"] == split}
    rows, scenes_of_rows = _rows_of(subject, list(scenes))
    if not len(rows):
        raise NothingToMeasure(f"This world has no {split} scenes, so the relation probe is not asked.")
    told = [list(scenes.values())[k] for k in scenes_of_rows]
    sentences = [_sentences(truth, scene) for scene in told]
    new = np.array([_is_new(truth, scene) for scene in told])
    figures = {"scenes": float(len(rows))}
    for space, scorer in scorers(subject, rows).items():
        distinct = sorted({text for eight in sentences for text in eight})
        place = {text: k for k, text in enumerate(distinct)}
        columns = np.array([[place[text] for text in eight] for eight in sentences])
        scores = np.take_along_axis(scorer(distinct), columns, axis=1)
        figures |= {f"{space}/{name}": 100 * share for name, share in relation_probe(scores[:, :4]).items()}
        if new.any():
            held_out = relation_probe(scores[new, :4])
            figures |= {f"{space}/{name}_held_out": 100 * held_out[name] for name in ("swap", "word", "all")}
        figures[f"{space}/colour_as_written"] = 100 * preference(scores[:, 0], scores[:, 4])
        figures[f"{space}/colour_mirrored"] = 100 * preference(scores[:, 1], scores[:, 5])
    return figures


def read_truth(subject: Predictor) -> dict[str, Any]:
    """Raises NothingToMeasure unless the graph holds a drawn world whose folder is there."""
    folder = subject.encoder.roots.folders.get(SOURCE)
    path = Path(folder) / "truth.json" if folder else None
    if path is None or not path.is_file():
        raise NothingToMeasure("The graph holds no drawn world with a truth.json, so its own questions are not asked.")
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return truth


def shown_pictures(subject: Predictor, truth: dict[str, Any], split: str = "test") -> Shown:
    """The embedded pictures of one object of a split. Raises NothingToMeasure if there are none."""
    pictures = {id_: picture for id_, picture in truth["pictures"].items() if picture["split"] == split}
    rows, kept = _rows_of(subject, list(pictures))
    if not len(rows):
        raise NothingToMeasure(f"The graph holds none of its world's {split} pictures, so no names are asked for.")
    shown = [list(pictures.values())[k] for k in kept]
    held_out = {tuple(composition) for composition in truth["held_out"]}
    return Shown(
        rows,
        np.array([truth["kinds"].index(picture["kind"]) for picture in shown]),
        np.array([truth["colours"].index(picture["colour"]) for picture in shown]),
        np.array([(picture["colour"], picture["kind"]) in held_out for picture in shown]),
    )


def scorers(subject: Predictor, rows: Int64[np.ndarray, " p"]) -> dict[str, Scorer]:
    """Functions from texts to the cosines of pictures with them, by the towers and, if there is one, by the fusion."""

    def scorer(space: Space) -> Scorer:
        return lambda texts: space.pictures @ space.texts(texts).T

    return {name: scorer(space) for name, space in spaces(subject, rows).items()}


def name_shares(truth: dict[str, Any], shown: Shown, score: Scorer) -> dict[str, float]:
    kinds, colours = truth["kinds"], truth["colours"]
    template = truth["templates"][0]
    exact = shown.colour * len(kinds) + shown.kind

    def composed(kind_names: Sequence[str], colour_names: Sequence[str]) -> Float[np.ndarray, "p t"]:
        return score([template.format(colour=colour, kind=kind) for colour in colour_names for kind in kind_names])

    synonyms = [truth["synonyms"][kind] for kind in kinds]
    colour_synonyms = [truth["colour_synonyms"][colour] for colour in colours]
    second = [truth["second_synonyms"][kind] for kind in kinds]
    leaf = composed(kinds, colours)
    graph_only = composed(synonyms, colour_synonyms)
    own_colour = (len(shown.rows), len(colours), len(kinds))
    everyone = np.arange(len(shown.rows))
    one_hop = composed(synonyms, colours).reshape(own_colour)[everyone, shown.colour]
    two_hops = composed(second, colours).reshape(own_colour)[everyone, shown.colour]
    own_kind = composed(kinds, colour_synonyms).reshape(own_colour)[everyone, :, shown.kind]
    named, right = leaf.argmax(axis=1) == exact, graph_only.argmax(axis=1) == exact
    shares = {
        "leaf_128": _share(named),
        "leaf_128_held_out": _share(named[shown.held_out]),
        "graph_only_128": _share(right),
        "graph_only_128_held_out": _share(right[shown.held_out]),
        "synonym_16": _share(one_hop.argmax(axis=1) == shown.kind),
        "two_hops_16": _share(two_hops.argmax(axis=1) == shown.kind),
        "colour_8": _share(own_kind.argmax(axis=1) == shown.colour),
        "gloss_16": _share(score([truth["glosses"][kind] for kind in kinds]).argmax(axis=1) == shown.kind),
        "hypernym_map": _hypernym_map(truth, shown, score(_hypernym_texts(truth))),
        "first_picture": _first_picture(graph_only, exact),
    }
    return {name: share for name, share in shares.items() if not np.isnan(share)}


def asked_shares(subject: Predictor, truth: dict[str, Any], shown: Shown) -> dict[str, float]:
    """One picture, two relations: "image of" should answer with the leaf's caption and "is a" with the hypernym."""
    kinds, colours, encoder = truth["kinds"], truth["colours"], subject.encoder
    leaves = [truth["templates"][0].format(colour=colour, kind=kind) for colour in colours for kind in kinds]
    answers = encoder.alone(encoder.texts([*leaves, *_hypernym_texts(truth)]))
    heads = subject.embeddings.pictures.owner[shown.rows]
    is_a = encoder.questions(subject.projection, heads, np.full(len(heads), subject.relation_number("IS_A")))
    by_image_of, by_is_a = asked(subject.embeddings.pictures)[shown.rows] @ answers.T, is_a @ answers.T
    hypernym = _hypernym_of(truth)[shown.kind]
    return {
        "image_of_gives_leaf": _share(by_image_of.argmax(axis=1) == shown.colour * len(kinds) + shown.kind),
        "is_a_gives_hypernym": _share(by_is_a.argmax(axis=1) == len(leaves) + hypernym),
        "is_a_hypernym_4": _share(by_is_a[:, len(leaves) :].argmax(axis=1) == hypernym),
        "is_a_hypernym_map": _hypernym_map(truth, shown, by_is_a[:, len(leaves) :]),
    }


def _rows_of(subject: Predictor, ids: Sequence[str]) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
    """The rows of the entities' first pictures, and which of `ids` those are; what the graph lacks is left out."""
    known = [k for k, id_ in enumerate(ids) if subject.holds(id_)]
    rows = first_pictures(subject, subject.projection.numbers([ids[k] for k in known]))
    return rows[rows >= 0], np.array(known, np.int64)[rows >= 0]


def _is_new(truth: dict[str, Any], scene: dict[str, Any]) -> bool:
    """Whether the scene tells of a thing in a colour that is held out."""
    return any([thing["colour"], thing["kind"]] in truth["held_out"] for thing in scene["objects"][:2])


def _sentences(truth: dict[str, Any], scene: dict[str, Any]) -> tuple[str, ...]:
    """The four forms of the relation, then the true and the mirrored one with the two colours swapped."""
    position = truth["positions"][scene["relation"]]
    converse = truth["positions"][position["converse"]]["text"]
    template = truth["scene_templates"][0].replace("{relation}", "{words}")
    first, second = scene["objects"][:2]
    head, tail = (f"{thing['colour']} {thing['kind']}" for thing in (first, second))
    swapped_head, swapped_tail = f"{second['colour']} {first['kind']}", f"{first['colour']} {second['kind']}"
    forms = Relation(head, position["text"], tail, converse).sentences(template)
    return (*forms, *Relation(swapped_head, position["text"], swapped_tail, converse).sentences(template)[:2])


def _hypernyms(truth: dict[str, Any]) -> list[str]:
    return sorted(set(truth["hypernyms"].values()))


def _hypernym_texts(truth: dict[str, Any]) -> list[str]:
    return [f"a {name}" for name in _hypernyms(truth)]


def _hypernym_of(truth: dict[str, Any]) -> Int64[np.ndarray, " k"]:
    return np.array([_hypernyms(truth).index(truth["hypernyms"][kind]) for kind in truth["kinds"]])


def _hypernym_map(truth: dict[str, Any], shown: Shown, scores: Float[np.ndarray, "p 4"]) -> float:
    wanted = _hypernym_of(truth)[shown.kind]
    return average_precision(scores.T, wanted, np.arange(len(wanted)))


def _first_picture(scores: Float[np.ndarray, "p t"], exact: Int64[np.ndarray, " p"]) -> float:
    """The share of names, among those that have a picture, whose best picture is a right one."""
    names = np.unique(exact)
    return _share(exact[scores[:, names].argmax(axis=0)] == names)


def _share(right: np.ndarray) -> float:
    return float(np.mean(right)) if len(right) else float("nan")
