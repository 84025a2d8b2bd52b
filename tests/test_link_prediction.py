"""Ranks of tails and heads against a brute force, and against PyKEEN's evaluator on the same scores."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pytest
import torch

from kgstore import Entity, Relation, Source, Triple, open_store
from kgstore.projection import Projection
from model.held_out import held_out_edges, triples_of
from model.link_prediction import both_sides, cardinalities, head_ranks, link_figures, rank_figures, tail_ranks
from model.predict import everything

ENTITIES, RELATIONS = 40, ("ONE_ONE", "ONE_MANY", "MANY_ONE", "MANY_MANY")


class Table:
    """Scores of every triple in a table; few values, so that there are many ties."""

    def __init__(self, seed: int, entities: int) -> None:
        self.of = np.random.default_rng(seed).integers(0, 5, (len(RELATIONS), entities, entities)).astype(np.float64)

    def tails(self, heads: np.ndarray, relations: np.ndarray) -> np.ndarray:
        return self.of[relations, heads]

    def heads(self, relations: np.ndarray, tails: np.ndarray) -> np.ndarray:
        return self.of[relations, :, tails]


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """Forty entities; each relation as its name has it, a third of each in the test split."""
    folder, rng = tmp_path_factory.mktemp("links"), np.random.default_rng(0)
    pairs = {
        "ONE_ONE": [(i, 39 - i) for i in range(12)],
        "ONE_MANY": [(i // 4, i) for i in range(12, 36)],
        "MANY_ONE": [(i, i // 4) for i in range(12, 36)],
        "MANY_MANY": [(i, j) for i in range(10) for j in range(20, 30) if (i * j) % 3],
    }
    triples = [
        Triple(f"s:{h}", type_, f"s:{t}", split=("train", "valid", "test")[int(rng.integers(3))])
        for type_, own in pairs.items()
        for h, t in own
    ]
    with open_store(folder / "graph.db") as store:
        entities = [Entity(f"s:{i}", name=str(i)) for i in range(ENTITIES)]
        store.write(entities, triples, [Relation(type_, type_.lower()) for type_ in RELATIONS], Source("s"))
        return everything(store, folder, progress=False)


def ranks_by_hand(projection: Projection, edges: np.ndarray, table: Table, side: str) -> list[float]:
    """One triple at a time, from the definition, with the facts in a set."""
    facts = set(zip(projection.head.tolist(), projection.relation.tolist(), projection.tail.tolist(), strict=True))
    ranks = []
    for h, r, t in zip(*(each.tolist() for each in triples_of(projection, edges)), strict=True):
        above = level = 0
        for other in range(projection.entity_count):
            rival = (h, r, other) if side == "tails" else (other, r, t)
            if rival in facts:
                continue
            above += table.of[r, rival[0], rival[2]] > table.of[r, h, t]
            level += table.of[r, rival[0], rival[2]] == table.of[r, h, t]
        ranks.append(((1 + above) + (1 + above + level)) / 2)
    return ranks


@pytest.mark.parametrize("seed", range(3))
def test_ranks_of_both_sides_equal_a_brute_force(projection: Projection, seed: int) -> None:
    edges, table = held_out_edges(projection), Table(seed, projection.entity_count)
    assert tail_ranks(projection, edges, table).tolist() == ranks_by_hand(projection, edges, table, "tails")
    assert head_ranks(projection, edges, table).tolist() == ranks_by_hand(projection, edges, table, "heads")


def test_figures_equal_those_of_pykeens_evaluator_on_the_same_scores(projection: Projection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that PyKEEN imports
        from pykeen.evaluation import RankBasedEvaluator
        from pykeen.evaluation.evaluator import create_sparse_positive_filter_, filter_scores_

    edges, table = held_out_edges(projection), Table(7, projection.entity_count)
    ours = {
        "tail": rank_figures(tail_ranks(projection, edges, table)),
        "head": rank_figures(head_ranks(projection, edges, table)),
    }
    ours["both"] = both_sides(ours["tail"], ours["head"])

    everywhere = torch.from_numpy(np.stack(triples_of(projection, np.arange(projection.edge_count)), axis=1))
    asked = torch.from_numpy(np.stack(triples_of(projection, edges), axis=1))
    heads, relations, tails = asked.T.numpy()
    evaluator = RankBasedEvaluator(filtered=True)
    sides: tuple[tuple[Literal["head", "tail"], int, np.ndarray], ...] = (
        ("head", 0, table.heads(relations, tails)),
        ("tail", 2, table.tails(heads, relations)),
    )
    for target, column, table_of in sides:
        scores = torch.from_numpy(table_of.copy())
        rows = torch.arange(len(asked))
        true = scores[rows, asked[:, column]]
        known, _ = create_sparse_positive_filter_(hrt_batch=asked, all_pos_triples=everywhere, filter_col=column)
        scores = filter_scores_(scores=scores, filter_batch=known)
        scores[rows, asked[:, column]] = true
        evaluator.process_scores_(asked, target, scores, true[:, None])
    theirs = evaluator.finalize()
    names = {"mrr": "inverse_harmonic_mean_rank", "mean_rank": "arithmetic_mean_rank"}
    names |= {f"hits@{k}": f"hits_at_{k}" for k in (1, 3, 10)}
    for side, figures in ours.items():
        for own, name in names.items():
            expected = theirs.get_metric(f"{side}.realistic.{name}") * (1 if own == "mean_rank" else 100)
            assert figures[own] == pytest.approx(expected, rel=1e-6), (side, own)


def test_relations_are_told_apart_by_how_many_partners_each_side_has(projection: Projection) -> None:
    names = {projection.relations[number].type: name for number, name in cardinalities(projection).items()}
    assert names == {"ONE_ONE": "1-1", "ONE_MANY": "1-N", "MANY_ONE": "N-1", "MANY_MANY": "N-N"}


def test_figures_of_relations_and_cardinalities_are_those_of_their_triples(projection: Projection) -> None:
    edges, table = held_out_edges(projection), Table(1, projection.entity_count)
    ranks = tail_ranks(projection, edges, table)
    figures = link_figures(projection, edges, ranks)
    own = ranks[[projection.relations[number].type == "ONE_MANY" for number in projection.relation[edges]]]
    assert figures["ONE_MANY/mrr"] == figures["1-N/mrr"] == pytest.approx(100 * np.mean(1 / own))
    assert figures["ONE_MANY/triples"] == len(own)
    assert sum(figures[f"{name}/triples"] for name in ("1-1", "1-N", "N-1", "N-N")) == figures["triples"] == len(edges)


def test_with_a_limit_the_same_few_triples_are_asked_each_time(projection: Projection) -> None:
    few = held_out_edges(projection, limit=5)
    assert len(few) == 5
    assert few.tolist() == held_out_edges(projection, limit=5).tolist()
    assert set(few.tolist()) <= set(held_out_edges(projection).tolist())
