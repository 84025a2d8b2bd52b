"""What is true in a drawn world: which pictures there are, what they show, what is held out. Decided by seed alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from ingest.records import BadSource
from ingest.world_words import (
    BARE_TEMPLATES,
    COLOURS,
    KINDS,
    POSITIONS,
    SCENE_TEMPLATES,
    TEMPLATES,
    Position,
)

FORMAT = 1
LAYOUTS = ("grid", "opposite")
#: Options that came later: a world that leaves them alone is written, and loaded on, as it was before them.
LATER = ("valid_scenes", "scene_kinds", "others", "layout")
Composition = tuple[str, str]  # colour, kind


@dataclass(frozen=True)
class Settings:
    """A world is a function of these. Test pictures and test scenes come on top of `pictures` and `scenes`."""

    pictures: int = field(default=4096, metadata={"help": "pictures of one object to train on"})
    scenes: int = field(default=512, metadata={"help": "scenes of several objects to train on"})
    seed: int = field(default=0, metadata={"help": "another seed draws another world"})
    phrase_share: float = field(
        default=0.4, metadata={"help": "the part of the language triples that is written like a caption"}
    )
    valid_pictures: int = field(
        default=0, metadata={"help": "pictures of one object more, of the split valid, to measure on while training"}
    )
    valid_scenes: int = field(default=0, metadata={"help": "scenes more, likewise"})
    scene_kinds: int = field(default=len(KINDS), metadata={"help": "kinds of objects that scenes show, the first ones"})
    others: int = field(default=2, metadata={"help": "objects of a scene beside the two that it tells of, at most"})
    layout: str = field(
        default="grid",
        metadata={
            "help": "where the two objects of a scene stand: anywhere in one row or column (grid), or in the middle of "
            "opposite sides (opposite), so that a place says which one it is"
        },
    )

    def __post_init__(self) -> None:
        for name in ("pictures", "scenes", "seed", "valid_pictures", "valid_scenes"):
            if getattr(self, name) < 0:
                raise BadSource(f"A world cannot have {name} = {getattr(self, name)}: give 0 or more.")
        if not 0 <= self.phrase_share <= 0.7:
            raise BadSource(f"phrase_share is {self.phrase_share}: there are phrases for a part from 0 to 0.7.")
        if not 1 <= self.scene_kinds <= len(KINDS):
            raise BadSource(f"scene_kinds is {self.scene_kinds}: give 1 to {len(KINDS)}.")
        if not 0 <= self.others <= 5:
            raise BadSource(f"others is {self.others}: give 0 to 5.")
        if self.layout not in LAYOUTS:
            raise BadSource(f"layout is {self.layout!r}: give {' or '.join(LAYOUTS)}.")

    def written(self) -> dict[str, int | float | str]:
        """By name, without the later options that have their defaults."""
        return {
            option.name: getattr(self, option.name)
            for option in fields(self)
            if option.name not in LATER or getattr(self, option.name) != option.default
        }

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.written().items())})"

    @property
    def test_pictures(self) -> int:
        return -(-self.pictures // 10)

    @property
    def test_scenes(self) -> int:
        return -(-self.scenes // 8)


@dataclass(frozen=True)
class Picture:
    file: str
    kind: str
    colour: str
    split: str


@dataclass(frozen=True)
class SceneObject:
    kind: str
    colour: str
    cell: tuple[int, int]  # row, column of the grid of 3 x 3

    @property
    def composition(self) -> Composition:
        return self.colour, self.kind


@dataclass(frozen=True)
class Scene:
    """`relation` is what the captions tell: how the first object stands to the second one."""

    file: str
    split: str
    relation: str
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class Truth:
    settings: Settings
    held_out: tuple[Composition, ...]
    pictures: dict[str, Picture]  # by entity id
    scenes: dict[str, Scene]  # by entity id

    def to_json(self) -> str:
        """The layout that the docstring of ingest.world describes."""
        content = {
            "format": FORMAT,
            "settings": self.settings.written(),
            "kinds": [kind.name for kind in KINDS],
            "colours": [colour.name for colour in COLOURS],
            "synonyms": {kind.name: kind.synonym for kind in KINDS},
            "second_synonyms": {kind.name: kind.second_synonym for kind in KINDS},
            "hypernyms": {kind.name: kind.hypernym for kind in KINDS},
            "glosses": {kind.name: kind.gloss for kind in KINDS},
            "colour_synonyms": {colour.name: colour.synonym for colour in COLOURS},
            "templates": TEMPLATES,
            "bare_templates": BARE_TEMPLATES,
            "scene_templates": SCENE_TEMPLATES,
            "positions": {p.type: {"text": p.text, "converse": p.converse} for p in POSITIONS},
            "held_out": self.held_out,
            "pictures": {id: asdict(picture) for id, picture in self.pictures.items()},
            "scenes": {id: asdict(scene) for id, scene in self.scenes.items()},
        }
        return json.dumps(content, indent=1) + "\n"


def read_truth(path: Path) -> Truth:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise BadSource(f"{path} was drawn by another version of this program: delete the folder to draw it again.")
        return Truth(
            Settings(**content["settings"]),
            tuple((colour, kind) for colour, kind in content["held_out"]),
            {id: Picture(**fields) for id, fields in content["pictures"].items()},
            {id: _scene(**fields) for id, fields in content["scenes"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSource(f"{path} cannot be read ({error}): delete the folder to draw the world again.") from error


def _scene(file: str, split: str, relation: str, objects: list[dict[str, str]]) -> Scene:
    things = (SceneObject(o["kind"], o["colour"], (int(o["cell"][0]), int(o["cell"][1]))) for o in objects)
    return Scene(file, split, relation, tuple(things))


def decide(settings: Settings) -> Truth:
    """The truth of a world: the same for the same settings; an eighth of the compositions is held out of training."""
    held_out = _held_out(np.random.default_rng([settings.seed, 0]))
    seen = [c for c in _all_compositions() if c not in held_out]
    pictures = {
        **_pictures("train", islice(_rounds(seen, [settings.seed, 1]), settings.pictures)),
        **_pictures("valid", islice(_rounds(seen, [settings.seed, 5]), settings.valid_pictures)),
        **_pictures("test", islice(_test_compositions(seen, held_out, settings.seed), settings.test_pictures)),
    }
    shown = {kind.name for kind in KINDS[: settings.scene_kinds]}
    known, new = ([c for c in compositions if c[1] in shown] for compositions in (seen, held_out))
    scenes = {
        **_scenes("train", settings.scenes, known, known, settings, np.random.default_rng([settings.seed, 3])),
        **_scenes("valid", settings.valid_scenes, known, known, settings, np.random.default_rng([settings.seed, 6])),
        **_scenes("test", settings.test_scenes, known, new, settings, np.random.default_rng([settings.seed, 4])),
    }
    return Truth(settings, tuple(held_out), pictures, scenes)


def _all_compositions() -> list[Composition]:
    return [(colour.name, kind.name) for kind in KINDS for colour in COLOURS]


def _held_out(random: np.random.Generator) -> list[Composition]:
    """Each kind once and each colour equally often."""
    colours = cycle(random.permutation([colour.name for colour in COLOURS]))
    return [(str(next(colours)), str(kind)) for kind in random.permutation([kind.name for kind in KINDS])]


def _rounds(compositions: list[Composition], seed: list[int]) -> Iterator[Composition]:
    """All of them in random order, then all again in another."""
    random = np.random.default_rng(seed)
    while True:
        yield from (compositions[i] for i in random.permutation(len(compositions)))


def _test_compositions(seen: list[Composition], held_out: list[Composition], seed: int) -> Iterator[Composition]:
    """Every fourth picture shows a composition that no training picture shows."""
    known, new = _rounds(seen, [seed, 2, 0]), _rounds(held_out, [seed, 2, 1])
    for turn in cycle((known, known, known, new)):
        yield next(turn)


def _pictures(split: str, compositions: Iterator[Composition]) -> dict[str, Picture]:
    return {
        f"world:image/{split}-{number:05}": Picture(f"objects/{split}-{number:05}.png", kind, colour, split)
        for number, (colour, kind) in enumerate(compositions)
    }


def _scenes(
    split: str,
    count: int,
    seen: list[Composition],
    first: list[Composition],
    settings: Settings,
    random: np.random.Generator,
) -> dict[str, Scene]:
    """Families of four scenes: one pair of objects in each of the four relations, among other objects.

    Every second family of a split takes its first object from `first`, the rest is from `seen`.
    """
    scenes: dict[str, Scene] = {}
    for family in range(-(-count // len(POSITIONS))):
        source = first if family % 2 == 0 else seen
        pair = [source[random.integers(len(source))]]
        pair.append(_other(seen, pair, random))
        for position in random.permutation(len(POSITIONS)):
            number = len(scenes)
            if number == count:
                break
            file = f"scenes/{split}-{number:05}.png"
            scenes[f"world:scene/{split}-{number:05}"] = _scene_of(
                file, split, pair, POSITIONS[position], seen, settings, random
            )
    return scenes


def _scene_of(
    file: str,
    split: str,
    pair: list[Composition],
    position: Position,
    seen: list[Composition],
    settings: Settings,
    random: np.random.Generator,
) -> Scene:
    compositions = list(pair)
    for _ in range(random.integers(0, settings.others + 1)):
        compositions.append(_other(seen, compositions, random))
    if settings.layout == "opposite":
        near, line, far = 0, 1, 2
    else:
        near, far = sorted(random.choice(3, 2, replace=False).tolist())
        line = int(random.integers(3))
    in_order = [(line, near), (line, far)] if position.step[0] == 0 else [(near, line), (far, line)]
    cells = in_order if sum(position.step) < 0 else in_order[::-1]
    free = [(row, column) for row in range(3) for column in range(3) if (row, column) not in cells]
    cells += [free[i] for i in random.choice(len(free), len(compositions) - 2, replace=False)]
    objects = (SceneObject(kind, colour, cell) for (colour, kind), cell in zip(compositions, cells, strict=True))
    return Scene(file, split, position.type, tuple(objects))


def _other(compositions: list[Composition], taken: list[Composition], random: np.random.Generator) -> Composition:
    while (choice := compositions[random.integers(len(compositions))]) in taken:
        pass
    return choice
