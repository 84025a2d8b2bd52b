"""What any graph with a held-out part can ask a run: retrieval, relations, tails, heads.

Figures are percents, or counts. Each takes the split that it asks about, and a limit on how many triples of it; 0 is
all of them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Float, Int64
from tqdm import tqdm

from kgstore.errors import BadImage
from kgstore.projection import Projection
from kgstore.values import KINDS
from model.embed import IMAGE_OF, NoFusion
from model.held_out import Edges, Figures, NothingToMeasure, drawn, held_out_edges, triples_of
from model.link_prediction import head_ranks, link_figures, tail_ranks
from model.predict import Predictor
from model.ranking import filtered_ranks
from model.retrieval import CAPTIONS, recall
from model.run_links import RunLinks

BATCH = 256


def evaluate_retrieval(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """R@k in percent between the pictures and captions that the split's IMAGE_OF triples join.

    A picture's class, such as a WordNet synset, is no caption: that is what zero-shot classification measures.
    [D] Captions of the same words are one caption: a picture that finds another one's equal caption has found its own.
    """
    projection, (pictures, texts) = subject.projection, (subject.embeddings.pictures, subject.embeddings.texts)
    edges = captioned(projection, split, limit)
    heads, tails = np.asarray(projection.head[edges]), np.asarray(projection.tail[edges])
    picture_rows = np.flatnonzero(np.isin(pictures.owner, heads) & (pictures.place == 0))
    text_rows = np.flatnonzero(np.isin(texts.owner, tails))
    if not len(picture_rows) or not len(text_rows):
        raise NothingToMeasure(
            f"The graph has no {split} pictures with captions (IMAGE_OF a caption or phrase), so retrieval is not "
            "measured."
        )
    true_picture, true_text = _true_pairs(
        projection, heads, tails, pictures.owner[picture_rows], texts.owner[text_rows], texts.place[text_rows]
    )
    figures = {"pictures": float(len(picture_rows)), "captions": float(len(text_rows))}
    spaces = {"towers": ("pooled", "pooled"), "fused": ("asked", "fused")}
    for name, (of_pictures, of_texts) in spaces.items():
        if name == "fused" and not subject.fused:
            continue
        similarity = getattr(pictures, of_pictures)[picture_rows] @ getattr(texts, of_texts)[text_rows].T
        for measure, share in recall(similarity, true_picture, true_text).items():
            figures[f"{name}/{measure}"] = 100 * share
    return figures


def captioned(projection: Projection, split: str, limit: int = 0) -> Edges:
    """The split's edges from a picture to its caption, of at most so many pictures. Raises NothingToMeasure."""
    edges = held_out_edges(projection, IMAGE_OF, split)
    kinds = [KINDS.index(kind) for kind in CAPTIONS]
    edges = edges[np.isin(projection.kinds[projection.tail[edges]], kinds)]
    return edges[np.isin(projection.head[edges], drawn(np.unique(projection.head[edges]).astype(np.int64), limit))]


def evaluate_relations(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """Which relation stands between the ends of a held-out triple, over all and by type.

    `macro_top1` is the mean over types.
    """
    subject.encoder.require_fusion()
    projection, trained = subject.projection, subject.trained.model
    edges = held_out_edges(projection, split=split, limit=limit)
    classes = {name: number for number, name in enumerate(trained.relations)}
    names = [each.type if each.type in classes else each.text for each in projection.relations]
    wanted = np.array([classes.get(name, -1) for name in names])[projection.relation[edges]]
    edges, wanted = edges[wanted >= 0], wanted[wanted >= 0]
    if not len(edges):
        raise NothingToMeasure(f"The run was trained on none of the {split} triples' relations; none are predicted.")
    places = []
    for start in tqdm(range(0, len(edges), BATCH), desc="relations", leave=False):
        part = edges[start : start + BATCH]
        with torch.inference_mode():
            try:
                ends = [
                    subject.encoder.firsts(projection, side[part].tolist())
                    for side in (projection.head, projection.tail)
                ]
            except BadImage as error:
                raise NothingToMeasure(f"Relations are not measured: {error}") from error
            logits = trained.relation_logits(ends[0].elements, ends[1].elements).float().cpu().numpy()
        nothing = np.zeros(0, np.int64)
        places.append(filtered_ranks(logits, wanted[start : start + BATCH], nothing, nothing))
    return relation_figures(np.concatenate(places), [trained.relations[number] for number in wanted])


def relation_figures(ranks: Float[np.ndarray, " e"], types: list[str]) -> Figures:
    """Top 1 and top 5 in percent of the true relation's ranks, over all and by its name."""
    names = np.array(types)
    parts = {name: ranks[names == name] for name in np.unique(names).tolist()}
    figures = {"triples": float(len(ranks)), "top1": _within(ranks, 1), "top5": _within(ranks, 5)}
    figures["macro_top1"] = float(np.mean([_within(own, 1) for own in parts.values()]))
    for name, own in parts.items():
        figures |= {
            f"{name}/triples": float(len(own)),
            f"{name}/top1": _within(own, 1),
            f"{name}/top5": _within(own, 5),
        }
    return figures


def evaluate_tails(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """Filtered ranking of each held-out triple's tail over all entities; what is true in any split does not compete."""
    edges = held_out_edges(subject.projection, split=split, limit=limit)
    scorer = RunLinks(subject, np.unique(subject.projection.relation[edges]).tolist())
    return link_figures(subject.projection, edges, tail_ranks(subject.projection, edges, scorer))


def evaluate_heads(subject: Predictor, split: str = "test", limit: int = 0) -> Figures:
    """The same of its head, by the same scores (model/run_links.py): every entity is asked, once a relation."""
    subject.encoder.require_fusion()
    edges = held_out_edges(subject.projection, split=split, limit=limit)
    scorer = RunLinks(subject, np.unique(subject.projection.relation[edges]).tolist())
    return link_figures(subject.projection, edges, head_ranks(subject.projection, edges, scorer))


def examples(subject: Predictor, split: str = "test") -> list[dict[str, object]]:
    """A held-out triple of each relation, with the answers that the run puts first instead of or with its tail.

    None for a run that cannot be asked, or a graph without such a split.
    """
    try:
        edges = held_out_edges(subject.projection, split=split)
        subject.encoder.require_fusion()
    except (NothingToMeasure, NoFusion):
        return []
    projection = subject.projection
    _, first = np.unique(np.asarray(projection.relation)[edges], return_index=True)
    found: list[dict[str, object]] = []
    for edge in edges[first]:
        heads, relations, tails = triples_of(projection, np.array([edge]))
        relation = projection.relations[int(relations[0])]
        (head,), (tail,) = projection.entity_ids(heads), projection.entity_ids(tails)
        answers = [{"id": answer.id, "score": answer.score} for answer in subject.tails(head, relation.name, 5)]
        found.append({"head": head, "relation": relation.name, "tail": tail, "answers": answers})
    return found


def _true_pairs(
    projection: Projection,
    heads: np.ndarray,
    tails: np.ndarray,
    picture_owner: np.ndarray,
    text_owner: np.ndarray,
    text_place: np.ndarray,
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """Places of pictures and texts that belong together, by the graph or by equal words."""
    words = [projection.texts(int(o))[int(p)] for o, p in zip(text_owner, text_place, strict=True)]
    rows_of_words, rows_of_owner = defaultdict(set), defaultdict(set)
    for row, (owner, text) in enumerate(zip(text_owner.tolist(), words, strict=True)):
        rows_of_words[text].add(row)
        rows_of_owner[owner].add(row)
    row_of_picture = {owner: row for row, owner in enumerate(picture_owner.tolist())}
    pairs = set()
    for head, tail in zip(heads.tolist(), tails.tolist(), strict=True):
        if head in row_of_picture:
            for own in rows_of_owner[tail]:
                pairs |= {(row_of_picture[head], row) for row in rows_of_words[words[own]]}
    found = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _within(ranks: Float[np.ndarray, " e"], k: int) -> float:
    return 100 * float(np.mean(ranks <= k))
