"""The graph asked for each batch draws what the projection draws, and sees what has changed since."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from kgstore import Entity, GraphStore, Triple
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import Recipe, load_recipe
from model.batch import Neighbourhood, TripleSample
from model.live_sampler import LiveSampler
from model.sampler import BadSampling, GraphBatches, Sampler
from tests.chi_square import critical, inclusion_statistic
from tests.sampling_graph import random_graph

ALL = 10**9


@pytest.fixture
def projection(store: GraphStore, tmp_path: Path) -> Projection:
    (tmp_path / "pictures").mkdir()
    random_graph(60, 400).load(store, tmp_path / "pictures")
    return project(store, load_recipe("all"), tmp_path / "projection")


def columns(drawn: Neighbourhood | TripleSample) -> list[list[int]]:
    return [drawn.head.tolist(), drawn.relation.tolist(), drawn.tail.tolist()]


@pytest.mark.parametrize("by_weight", [False, True])
@pytest.mark.parametrize("fanout", [(3, 2), (ALL, ALL), ()])
def test_the_graph_asked_for_each_batch_gives_the_batches_of_the_projection(
    store: GraphStore, projection: Projection, by_weight: bool, fanout: Sequence[int]
) -> None:
    fast = Sampler(projection, batch_size=10, fanout=fanout, by_weight=by_weight, seed=1)
    live = LiveSampler(store, projection, batch_size=10, fanout=fanout, by_weight=by_weight, seed=1)
    for step in (0, 7, 3):
        ours, theirs = fast.sample(step), live.sample(step)
        assert columns(ours) == columns(theirs)
        assert columns(ours.neighbourhood) == columns(theirs.neighbourhood)
    seeds = np.arange(0, projection.entity_count, 7)
    assert columns(fast.neighbourhood(seeds)) == columns(live.neighbourhood(seeds))
    assert (live.gone, live.unnumbered) == (0, 0)


def test_every_edge_is_as_likely_as_in_the_projection(store: GraphStore, projection: Projection) -> None:
    """By other keys than the fast sampler draws by, the two are drawn apart and compared edge by edge."""
    degree = np.diff(projection.in_offsets)
    tail = int(np.argmin(np.where(degree >= 12, degree, degree.max() + 1)))
    seeds, draws, fanout = np.array([tail]), 250, 5
    fast = Sampler(projection, batch_size=1, fanout=(fanout,))
    live = LiveSampler(store, projection, batch_size=1, fanout=(fanout,))
    counted = []
    for sampler, keys in ((fast, range(draws)), (live, range(draws, 2 * draws))):
        counts = Counter[tuple[int, int]]()
        for key in keys:
            drawn = sampler.neighbourhood(seeds, key=(key,))
            counts.update(zip(drawn.head.tolist(), drawn.relation.tolist(), strict=True))
        counted.append(counts)
    edges = sorted({*counted[0], *counted[1]})
    assert len(edges) == degree[tail]
    first, second = (np.array([counts[edge] for edge in edges]) for counts in counted)
    chance = fanout / len(edges)
    for one in (first, second):
        assert inclusion_statistic(one, draws, fanout) < critical(len(edges) - 1)
    spread = ((first - second) ** 2).sum() / (2 * draws * chance * (1 - chance))
    assert spread * (len(edges) - 1) / len(edges) < critical(len(edges) - 1)


def test_what_changes_in_the_graph_is_seen_at_once(store: GraphStore, projection: Projection) -> None:
    live = LiveSampler(store, projection, batch_size=projection.edge_count, fanout=(ALL,))
    relation = next(each.type for each in projection.relations if each.type == "IS_A")
    number = [each.type for each in projection.relations].index("IS_A")
    heads, tails = np.divmod(np.arange(60 * 60), 60)
    free = np.flatnonzero(~projection.contains(heads, number, tails) & (heads != tails))[0]
    head, tail = int(heads[free]), int(tails[free])
    ids = projection.entity_ids([head, tail])
    store.write([Entity("s:new")], [Triple(ids[0], relation, ids[1]), Triple("s:new", relation, ids[1])])
    store.write((), [replace(Triple(ids[0], "PART_OF", ids[1]), split="test")])
    drawn = live.neighbourhood(np.array([tail]))
    assert (head, number) in set(zip(drawn.head.tolist(), drawn.relation.tolist(), strict=True))
    assert live.unnumbered == 1
    assert len(drawn.head) == np.diff(projection.in_offsets)[tail] + 1  # and what is held out is not seen


def test_triples_that_are_gone_leave_the_batch(store: GraphStore, projection: Projection, tmp_path: Path) -> None:
    live = LiveSampler(store, projection, batch_size=projection.edge_count, fanout=(2,))
    before = live.sample(0)
    predicted = list(store.predictions(decision="accepted"))
    assert predicted
    for each in predicted:
        store.decide(each.key, "rejected")
    after = live.sample(0)
    assert live.gone == len(predicted) == len(before.head) - len(after.head)


def test_a_recipe_that_cannot_be_asked_of_some_entities_is_refused(
    store: GraphStore, projection: Projection, tmp_path: Path
) -> None:
    twice = "MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, type(r) AS relation, t.id AS tail"
    other = project(store, Recipe("twice", f"{twice} UNION {twice}"), tmp_path / "other")
    with pytest.raises(BadSampling, match="twice"):
        LiveSampler(store, other, batch_size=4)
    with pytest.raises(TypeError, match="store"):
        pickle.dumps(LiveSampler(store, projection, batch_size=4))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from Python 3.12 on
def test_a_forked_process_that_asks_gets_a_sentence_and_does_not_hang(
    store: GraphStore, projection: Projection
) -> None:
    live = LiveSampler(store, projection, batch_size=4)
    loader = DataLoader(GraphBatches(live, 2), batch_size=None, num_workers=1, multiprocessing_context="fork")
    with pytest.raises(BadSampling, match="num_workers=0"):
        list(loader)
    assert len(list(DataLoader(GraphBatches(live, 2), batch_size=None))) == 2


def test_an_edge_that_comes_again_has_its_greatest_weight_here_too(store: GraphStore, tmp_path: Path) -> None:
    ends = [Entity("s:1"), Entity("s:2"), Entity("s:3")]
    store.write(ends, [Triple("s:1", kind, "s:2", weight=weight) for kind, weight in (("A", 0.0), ("B", 2.0))])
    store.write((), [Triple("s:3", "A", "s:2")])
    cypher = (
        "MATCH (h:Entity)-[r]->(t:Entity) "
        "RETURN h.id AS head, 'LINKED_TO' AS relation, t.id AS tail, r.weight AS weight"
    )
    projection = project(store, Recipe("linked", cypher), tmp_path / "projection")
    live = LiveSampler(store, projection, batch_size=2, fanout=(2,), by_weight=True)
    fast = Sampler(projection, batch_size=2, fanout=(2,), by_weight=True)
    tail = projection.numbers(["s:2"])
    assert columns(live.neighbourhood(tail)) == columns(fast.neighbourhood(tail))
    assert len(live.neighbourhood(tail).head) == 2
