"""What any graph with a held-out part can ask a run: retrieval, relations, tails. Figures are percents, or counts."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Int64
from tqdm import tqdm

from kgstore.errors import BadImage, KgError
from kgstore.projection import Projection
from kgstore.values import SPLITS
from model.embed import IMAGE_OF, NoFusion
from model.predict import Predictor
from model.ranking import filtered_ranks, summary
from model.retrieval import recall

BATCH = 256

#: Scores held at once while tails are ranked, over all rows of a batch.
MOST_SCORES = 64_000_000

Figures = dict[str, float]


class NothingToMeasure(KgError):
    """The graph holds nothing that this part of an evaluation could use."""


def evaluate_retrieval(subject: Predictor) -> Figures:
    """R@k in percent between the pictures and captions that the test split's IMAGE_OF triples join.

    [D] Captions of the same words are one caption: a picture that finds another one's equal caption has found its own.
    """
    projection, (pictures, texts) = subject.projection, (subject.embeddings.pictures, subject.embeddings.texts)
    edges = held_out_edges(projection, IMAGE_OF)
    heads, tails = np.asarray(projection.head[edges]), np.asarray(projection.tail[edges])
    picture_rows = np.flatnonzero(np.isin(pictures.owner, heads) & (pictures.place == 0))
    text_rows = np.flatnonzero(np.isin(texts.owner, tails))
    if not len(picture_rows) or not len(text_rows):
        raise NothingToMeasure("The graph has no test pictures with captions (IMAGE_OF), so retrieval is not measured.")
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


def evaluate_relations(subject: Predictor) -> Figures:
    """Which relation stands between the ends of a test triple, in percent; `macro` is the mean over relations."""
    subject.encoder.require_fusion()
    projection, trained = subject.projection, subject.trained.model
    edges = held_out_edges(projection)
    classes = {name: number for number, name in enumerate(trained.relations)}
    names = [each.type if each.type in classes else each.text for each in projection.relations]
    wanted = np.array([classes.get(name, -1) for name in names])[projection.relation[edges]]
    edges, wanted = edges[wanted >= 0], wanted[wanted >= 0]
    if not len(edges):
        raise NothingToMeasure("The run was trained on none of the test triples' relations; none are predicted.")
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
    ranks = np.concatenate(places)
    by_relation = [float(np.mean(ranks[wanted == each] <= 1)) for each in np.unique(wanted)]
    return {
        "triples": float(len(ranks)),
        "top1": 100 * float(np.mean(ranks <= 1)),
        "top5": 100 * float(np.mean(ranks <= 5)),
        "macro_top1": 100 * float(np.mean(by_relation)),
    }


def evaluate_tails(subject: Predictor) -> Figures:
    """Filtered ranking of each test triple's tail over all entities; what is true in any split does not compete."""
    subject.encoder.require_fusion()
    projection = subject.projection
    edges = held_out_edges(projection)
    ranks = np.zeros(len(edges))
    rows = max(1, min(BATCH, MOST_SCORES // projection.entity_count))
    for start in tqdm(range(0, len(edges), rows), desc="tails", leave=False):
        heads, relations, tails = triples_of(projection, edges[start : start + rows])
        questions = subject.encoder.questions(projection, heads, relations)
        scores = subject.embeddings.scores(questions, "fused")
        ranks[start : start + rows] = filtered_ranks(scores, tails, *known_tails(projection, heads, relations))
    figures = {"triples": float(len(edges)), "entities": float(projection.entity_count)} | _percent(summary(ranks))
    types = np.asarray(projection.relation)[edges]
    for number in np.unique(types):
        figures[f"{projection.relations[number].type}/mrr"] = 100 * summary(ranks[types == number])["mrr"]
    return figures


def examples(subject: Predictor) -> list[dict[str, object]]:
    """A held-out triple of each relation, with the answers that the run puts first instead of or with its tail.

    None for a run that cannot be asked, or a graph without a test split.
    """
    try:
        edges = held_out_edges(subject.projection)
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


def triples_of(
    projection: Projection, edges: Int64[np.ndarray, " e"]
) -> tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"], Int64[np.ndarray, " e"]]:
    """Heads, relations and tails of these edges."""
    head, relation, tail = (
        np.asarray(each[edges], np.int64) for each in (projection.head, projection.relation, projection.tail)
    )
    return head, relation, tail


def held_out_edges(projection: Projection, type_: str = "") -> Int64[np.ndarray, " e"]:
    """Numbers of the held-out edges, of one type if it is named. Raises NothingToMeasure."""
    held_out = np.asarray(projection.split) == SPLITS.index("test")
    if type_:
        of_type = [number for number, relation in enumerate(projection.relations) if relation.type == type_]
        held_out &= np.isin(projection.relation, of_type)
    edges = np.flatnonzero(held_out)
    if not len(edges):
        what = f"{type_} triples" if type_ else "triples"
        raise NothingToMeasure(f"The graph holds no {what} of the test split; load a source that has one.")
    return edges


def known_tails(
    projection: Projection, heads: Int64[np.ndarray, " b"], relations: Int64[np.ndarray, " b"]
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """All answers the graph has for each question (h_i, r_i, -): rows i and tails."""
    starts, ends = projection.out_offsets[heads], projection.out_offsets[heads + 1]
    counts = ends - starts
    rows = np.repeat(np.arange(len(heads)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    edges = projection.out_edges[np.repeat(starts, counts) + within]
    same = projection.relation[edges] == relations[rows]
    return rows[same], np.asarray(projection.tail[edges[same]], np.int64)


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


def _percent(figures: Figures) -> Figures:
    return {name: value if name == "mean_rank" else 100 * value for name, value in figures.items()}
