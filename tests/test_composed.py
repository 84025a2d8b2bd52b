"""Groups that the graph says are easily confused: the right company, other facts, no repeats, no false negatives."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgstore import Entity, Source, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe
from model.composed import OF_PICTURES, OF_TRIPLES, Grouping, Memberships, groups_of
from model.config import GROUPS
from model.sampler import BadSampling, Sampler
from model.tokens import Tokenizer
from model.training_edges import TrainingEdges
from model.views import Views

#: Scenes by the objects they show: (colour, kind) twice and how the first stands to the second.
PAIRS = {
    "ab": [(("red", "cube"), ("blue", "ball"), where) for where in ("LEFT_OF", "RIGHT_OF", "ABOVE", "BELOW") * 2],
    "cd": [(("green", "cup"), ("red", "key"), where) for where in ("LEFT_OF", "ABOVE", "ABOVE")],
    # no company by their colours, but by their kinds
    "rough": [((colour, "pen"), (colour, "jar"), where) for colour, where in (("red", "ABOVE"), ("blue", "BELOW"))],
    "alone": [(("pink", "fan"), ("pink", "box"), "BELOW")],
}
CONVERSE = {"LEFT_OF": "RIGHT_OF", "RIGHT_OF": "LEFT_OF", "ABOVE": "BELOW", "BELOW": "ABOVE"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """Scene graphs whose relations are told both ways; each scene has a caption of its own."""
    folder = tmp_path_factory.mktemp("scenes")
    entities: dict[str, Entity] = {}
    triples: list[Triple] = []
    for name, pairs in PAIRS.items():
        for number, (first, second, where) in enumerate(pairs):
            scene = f"s:{name}/{number}"
            Image.new("RGB", (8, 8)).save(folder / f"{name}{number}.png")
            entities[scene] = Entity(scene, "image", images=(f"s/{name}{number}.png",))
            entities[f"{scene}/c"] = Entity(f"{scene}/c", "caption", f"{name} {where} {number}")
            triples.append(Triple(scene, "IMAGE_OF", f"{scene}/c"))
            for place, thing in enumerate((first, second)):
                region = f"{scene}/{place}"
                entities[region] = Entity(region, "region")
                triples.append(Triple(region, "PART_OF", scene))
                for type_, word in zip(("HAS_COLOUR", "DEPICTS"), thing, strict=True):
                    entities[f"s:{word}"] = Entity(f"s:{word}", "concept", word)
                    triples.append(Triple(region, type_, f"s:{word}"))
            triples.append(Triple(f"{scene}/0", where, f"{scene}/1"))
            triples.append(Triple(f"{scene}/1", CONVERSE[where], f"{scene}/0"))
    for word in ("cube", "ball", "cup"):
        triples.append(Triple(f"s:{word}", "IS_A", "s:key"))
        triples.append(Triple(f"s:{word}", "NEAR", "s:red"))
    with open_store(folder / "graph") as store:
        store.write(list(entities.values()), triples, source=Source("s", image_root=str(folder)))
        return project(store, load_recipe("all"), folder / "projection")


def test_every_member_comes_once_an_epoch_and_beside_another_fact() -> None:
    rng = np.random.default_rng(0)
    cluster, fact = rng.zipf(1.5, 3000) % 40, rng.integers(0, 4, 3000) ** 2
    arrays = groups_of(Memberships(np.arange(3000), cluster, fact), 3)
    grouping = Grouping(arrays)
    assert arrays["length"].min() >= 2
    assert arrays["length"].max() <= 3
    for epoch in (0, 1):
        groups = [grouping.members(np.array([group]), (7, epoch)) for group in range(len(grouping))]
        for items, told in groups:
            assert len(set(cluster[items].tolist())) == 1
            assert len(set(fact[items].tolist())) >= 2
            assert len(set(told.tolist())) == len(set(fact[items].tolist()))
        met = np.concatenate([items for items, _ in groups])
        assert len(met) == len(set(met.tolist())) > 2500
    first, second = (grouping.members(np.arange(len(grouping)), (7, epoch))[0] for epoch in (0, 1))
    assert not np.array_equal(first, second)
    together = grouping.members(np.arange(5), (7, 0))[0]
    assert np.array_equal(together, np.concatenate([grouping.members(np.array([g]), (7, 0))[0] for g in range(5)]))


def test_pictures_stand_beside_pictures_of_the_same_pair_in_another_relation(scenes: Projection) -> None:
    sampler = Sampler(
        scenes, batch_size=6, shares={"IMAGE_OF": 1.0}, compose={"pictures": 1.0}, group_size=2, fanout=(), seed=1
    )
    met: Counter[str] = Counter()
    for step in range(60):
        sample = sampler.sample(step)
        assert sample.fact is not None
        names = [id_.removeprefix("s:") for id_ in scenes.entity_ids(sample.head)]
        assert len(set(names)) == 6
        grouped = {name: fact for name, fact in zip(names, sample.fact.tolist(), strict=True) if fact >= 0}
        met.update(grouped)
        by_pair: dict[str, set[int]] = {}
        for name, fact in grouped.items():
            by_pair.setdefault(name.split("/")[0], set()).add(fact)
            assert (fact == grouped.get("ab/0")) == (name in ("ab/0", "ab/4") and "ab/0" in grouped)
        assert all(len(facts) >= 2 for facts in by_pair.values())
        assert "alone/0" not in grouped
    assert set(met) == {f"{name}/{n}" for name in ("ab", "cd", "rough") for n in range(len(PAIRS[name]))}


def test_captions_of_one_fact_are_no_negatives_of_one_another(scenes: Projection, tmp_path: Path) -> None:
    sampler = Sampler(scenes, batch_size=14, shares={"IMAGE_OF": 1.0}, compose={"pictures": 1.0}, fanout=(), seed=1)
    views = Views(scenes, Tokenizer.of(), side=8, context=8, cache=tmp_path)
    sample = sampler.sample(0)
    known = views.batch(sample).known.numpy()
    facts = []
    for id_ in scenes.entity_ids(sample.head):
        name, number = id_.removeprefix("s:").split("/")
        facts.append((name, PAIRS[name][int(number)]))
    assert sample.fact is not None
    for i, j in pairwise(range(14)):
        both = sample.fact[i] >= 0 and sample.fact[j] >= 0
        assert known[i, j] == (i == j or (both and facts[i] == facts[j]))
    assert known.diagonal().all()
    assert known.sum() > 14


def test_pictures_stand_beside_those_whose_captions_name_the_same_two_things(tmp_path: Path) -> None:
    """dog and hound stand in the same captions: one thing. What one of several captions names does not count."""
    said = {
        "1": ("dog hound ball", "dog hound ball hat"),
        "2": ("ball", "dog hound", "dog hound ball"),
        "3": ("dog hound ball",),
        "4": ("dog hound hat", "dog hound hat", "ball"),
        "5": ("hat dog hound",),
        "6": ("cat", "cat"),
        "7": ("cat cup", "cat"),
        "8": ("pen",),
    }
    entities, triples = {}, []
    for picture, captions in said.items():
        entities[picture] = Entity(f"m:{picture}", "image", images=(f"m/{picture}.png",))
        for number, words in enumerate(captions):
            caption = f"m:{picture}/{number}"
            entities[caption] = Entity(caption, "caption", words)
            triples.append(Triple(f"m:{picture}", "IMAGE_OF", caption))
            for word in words.split():
                entities[word] = Entity(f"m:{word}", "concept", word)
                triples.append(Triple(caption, "MENTIONS", f"m:{word}"))
    with open_store(tmp_path / "graph") as store:
        store.write(list(entities.values()), triples)
        projection = project(store, load_recipe("all"), tmp_path / "projection")

    edges = TrainingEdges(projection)
    pictures = np.sort(projection.numbers([f"m:{picture}" for picture in said]))
    arrays = groups_of(OF_PICTURES["mentions"](edges, pictures), 3)
    names = np.array([id_[2:] for id_ in projection.entity_ids(pictures)])
    grouping = Grouping(arrays)
    groups = [names[grouping.members(np.array([group]), (0, 0))[0]] for group in range(len(grouping))]
    assert sorted("".join(sorted(group)) for group in groups) == ["123", "45", "67"]
    sampler = Sampler(projection, batch_size=7, shares={"IMAGE_OF": 1.0}, compose={"mentions": 1.0}, fanout=())
    assert len(set(sampler.sample(0).head.tolist())) == 7


def test_pictures_stand_beside_those_of_other_classes_under_the_nearest_hypernym(tmp_path: Path) -> None:
    """A pug is a dog and a carnivore, as a collie and a cat are; a cup is nothing that another one is too."""
    is_a = {"pug": "dog", "collie": "dog", "dog": "carnivore", "cat": "carnivore", "lynx": "carnivore", "cup": "ware"}
    pictured = {"pug": 2, "collie": 1, "cat": 1, "lynx": 1, "cup": 2}
    entities = [Entity(f"m:{name}", "concept", name) for name in {*is_a, *is_a.values()}]
    triples = [Triple(f"m:{low}", "IS_A", f"m:{high}") for low, high in is_a.items()]
    for name, count in pictured.items():
        for number in range(count):
            entities.append(Entity(f"m:{name}/{number}", "image", images=(f"m/{name}{number}.png",)))
            triples.append(Triple(f"m:{name}/{number}", "IMAGE_OF", f"m:{name}"))
    with open_store(tmp_path / "graph") as store:
        store.write(entities, triples)
        projection = project(store, load_recipe("all"), tmp_path / "projection")
    pictures = np.flatnonzero(np.char.find(projection.entity_ids(np.arange(projection.entity_count)), "/") > 0)
    arrays = groups_of(OF_PICTURES["classes"](TrainingEdges(projection), pictures), 3)
    names = np.array([id_[2:-2] for id_ in projection.entity_ids(pictures)])
    grouping = Grouping(arrays)
    groups = [names[grouping.members(np.array([group]), (0, 0))[0]] for group in range(len(grouping))]
    assert sorted(" ".join(sorted(group)) for group in groups) == ["cat lynx", "collie pug pug"]


@pytest.mark.parametrize("kind", ["head", "relation", "siblings"])
def test_triples_stand_beside_triples_that_share(scenes: Projection, kind: str) -> None:
    sampler = Sampler(scenes, batch_size=12, compose={kind: 0.5}, group_size=3, fanout=(), seed=2)
    shared = 0
    for step in range(20):
        sample = sampler.sample(step)
        assert len({*zip(sample.head.tolist(), sample.relation.tolist(), sample.tail.tolist(), strict=True)}) == 12
        if kind == "head":
            shared += max(Counter(sample.head.tolist()).values()) >= 2
        elif kind == "relation":
            shared += max(Counter(sample.relation.tolist()).values()) >= 3
        else:
            near = [relation.type for relation in scenes.relations].index("NEAR")
            shared += (sample.relation == near).sum() >= 2
    assert shared >= 19


def test_a_composed_batch_is_a_function_of_seed_and_step(scenes: Projection) -> None:
    def sampler(seed: int) -> Sampler:
        return Sampler(
            scenes, batch_size=9, shares={"IMAGE_OF": 0.5}, compose={"pictures": 0.8, "head": 0.3}, seed=seed
        )

    first, second = sampler(4), sampler(4)
    for step in (3, 0, 11):
        for name in ("head", "relation", "tail", "fact"):
            assert np.array_equal(getattr(first.sample(step), name), getattr(second.sample(step), name))
    assert not np.array_equal(first.sample(0).head, sampler(5).sample(0).head)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compose": {"weather": 0.5}}, "weather"),
        ({"compose": {"pictures": 0.5}}, "IMAGE_OF"),
        ({"compose": {"mentions": 0.5}, "shares": {"IMAGE_OF": 1.0}}, "ingest link --mentions"),
        ({"compose": {"classes": 0.5}, "shares": {"IMAGE_OF": 1.0}}, "concepts with hypernyms"),
        ({"compose": {"head": 0.8, "relation": 0.4}}, "1 or less"),
        ({"compose": {"head": 0.5}, "group_size": 1}, "group_size"),
        ({"compose": {"siblings": 1.0}, "shares": {"IMAGE_OF": 1.0}}, "siblings"),
    ],
)
def test_a_composition_that_cannot_be_is_refused(scenes: Projection, options: dict[str, object], said: str) -> None:
    with pytest.raises(BadSampling, match=said):
        Sampler(scenes, **{"batch_size": 8, **options})  # type: ignore[arg-type]


def test_the_settings_know_the_kinds_of_groups() -> None:
    assert (tuple(OF_PICTURES), tuple(OF_TRIPLES)) == GROUPS
