"""Arms that are compared see the same: in every step the same pictures beside the same captions."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from PIL import Image

from ingest.load import load
from ingest.world import draw_world, read_world
from ingest.world_truth import Settings
from kgstore import Entity, Source, Triple, open_store
from kgstore.projecting import project
from kgstore.projection import Projection
from kgstore.recipes import load_recipe, parse_parameters
from model.config import TrainConfig
from model.experiment import SHIPPED, Arm, read_experiment
from model.run_sampler import sampler_of
from model.tokens import Tokenizer
from model.views import Views

EXPERIMENT = read_experiment(SHIPPED / "world-names.toml")

Recipe = tuple[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def projections(tmp_path_factory: pytest.TempPathFactory) -> dict[Recipe, Projection]:
    """What the arms learn from, by recipe, of a small world."""
    folder = tmp_path_factory.mktemp("fair")
    draw_world(folder / "world", Settings(pictures=160, scenes=8), progress=False)
    with open_store(folder / "graph.db") as store:
        load(store, read_world(folder / "world"), progress=False)
        recipes = dict.fromkeys((arm.recipe, arm.parameters) for arm in EXPERIMENT.arms.values())
        return {
            (name, parameters): project(store, load_recipe(name, parse_parameters([*parameters])), folder / str(k))
            for k, (name, parameters) in enumerate(recipes)
        }


def pairs_of(arm: Arm, projection: Projection, seed: int, step: int) -> list[tuple[bytes, tuple[int, ...]]]:
    """Pixels and tokens of what CLIP's loss compares in a step."""
    known = {field.name for field in fields(TrainConfig)}
    settings = {name: value for name, value in arm.settings.items() if name in known}
    config = TrainConfig(**{**settings, "fanout": tuple(settings["fanout"]), "seed": seed})
    views = Views(
        projection,
        Tokenizer.of(),
        side=32,
        context=32,
        cache=projection.directory.parent,
        picture_share=config.picture_share,
        swaps="swap" in config.weights,
        seed=seed,
    )
    batch = views.batch(sampler_of(projection, config).sample(step))
    pictures, captions = batch.row[batch.head[batch.pairs]], batch.row[batch.tail[batch.pairs]]
    words = [tuple(row[:length].tolist()) for row, length in zip(batch.tokens, batch.lengths.tolist(), strict=True)]
    return sorted(
        (batch.pixels[picture].numpy().tobytes(), words[caption])
        for picture, caption in torch.stack([pictures, captions], dim=1).tolist()
    )


def test_all_arms_of_a_seed_see_the_same_pictures_with_the_same_captions_in_a_step(
    projections: dict[Recipe, Projection],
) -> None:
    seen = {name: pairs_of(arm, projections[arm.recipe, arm.parameters], 2, 5) for name, arm in EXPERIMENT.arms.items()}
    wanted = seen["clip"]
    assert len(dict(wanted)) == EXPERIMENT.arms["clip"].settings["batch_size"]
    for name, pairs in seen.items():
        assert [pixels for pixels, _ in pairs] == [pixels for pixels, _ in wanted], name
        if EXPERIMENT.arms[name].recipe == "all":  # another graph numbers its entities anew, and draws other wordings
            assert pairs == wanted, name
    assert pairs_of(EXPERIMENT.arms["clip"], projections["all", ()], 2, 6) != wanted


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    folder = tmp_path_factory.mktemp("scenes")
    world = Settings(pictures=0, scenes=96, scene_kinds=3, others=0, layout="opposite")
    draw_world(folder / "world", world, progress=False)
    with open_store(folder / "graph.db") as store:
        load(store, read_world(folder / "world"), progress=False)
        return project(store, load_recipe("all"), folder / "projection")


def test_arms_with_scenes_see_the_same_pictures_beside_the_same_captions_if_they_are_composed_alike(
    scenes: Projection,
) -> None:
    seen: dict[float, dict[str, object]] = {}
    for name, arm in read_experiment(SHIPPED / "world-scenes.toml").arms.items():
        seen.setdefault(arm.settings.get("compose", {}).get("pictures", 0.0), {})[name] = pairs_of(arm, scenes, 1, 3)
    uniform, composed = seen[0.0], seen[1.0]
    assert composed["clip-composed"] != uniform["clip"]
    for name, pairs in {**uniform, **composed}.items():
        assert pairs == (uniform["clip"] if name in uniform else composed["clip-composed"]), name


@pytest.fixture(scope="module")
def synsets(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """Twelve kinds of two families with pictures, names and glosses, as of WordNet; a kind carries two pictures."""
    folder = tmp_path_factory.mktemp("synsets")
    entities, triples = [Entity(f"s:{name}", "concept", name) for name in ("dog", "car")], []
    for kind in range(12):
        of = [f"s/{kind}-{number}.png" for number in range(8)]
        name = f"{'abcdefghijkl'[kind]} thing"
        entities.append(Entity(f"s:{kind}", "concept", name, (name, f"another {name}"), tuple(of[:2])))
        entities.append(Entity(f"s:{kind}/gloss", "phrase", f"means a {name}"))
        triples.append(Triple(f"s:{kind}", "IS_A", "s:dog" if kind % 2 else "s:car"))
        triples.append(Triple(f"s:{kind}", "HAS_GLOSS", f"s:{kind}/gloss"))
        triples.append(Triple(f"s:{kind}/gloss", "GLOSS_OF", f"s:{kind}"))
        for number, reference in enumerate(of):
            Image.new("RGB", (32, 32), (20 * kind, 30 * number, 0)).save(folder / reference[2:])
            entities.append(Entity(f"s:{kind}/{number}", "image", images=(reference,)))
            triples.append(Triple(f"s:{kind}/{number}", "IMAGE_OF", f"s:{kind}"))
    with open_store(folder / "graph.db") as store:
        store.write(entities, triples, source=Source("s", image_root=str(folder)))
        return project(store, load_recipe("all"), folder / "projection")


def test_arms_with_synsets_see_the_same_pictures_beside_the_same_names_however_they_are_composed_alike(
    synsets: Projection,
) -> None:
    """A synset is shown by a picture at times, which is no pair then: in all arms the same ones."""
    seen: dict[float, dict[str, object]] = {}
    for name, arm in read_experiment(SHIPPED / "tiny-imagenet.toml").arms.items():
        composed = arm.settings.get("compose", {}).get("classes", 0.0)
        seen.setdefault(composed, {})[name] = pairs_of(arm, synsets, 1, 3)
    assert len(seen) == 2
    for arms in seen.values():
        first = next(iter(arms.values()))
        assert len(arms) >= 2
        assert all(pairs == first for pairs in arms.values()), list(arms)
