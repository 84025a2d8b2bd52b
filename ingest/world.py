"""The drawn world: pictures, scene graphs, a taxonomy and language facts whose truth is known, made from a seed.

Source: drawn here. Licence: none needed. To get it: `python -m ingest world --path DIR --store URI`.

Into DIR go `objects/*.png` (32 x 32, one object each), `scenes/*.png` (96 x 96, a grid of 3 x 3 cells of 32) and
`truth.json`, from which everything below is built.

Entities
  concept  the 16 kinds, 8 colours, 4 hypernyms and all synonyms. A kind carries some training pictures of it.
  image    a picture of one object (`world:image/..`) or a scene (`world:scene/..`)
  region   an object of a scene, its cell as a crop
  caption  "a red cube" in all templates, one entity for each composition of colour and kind, shared by its pictures;
           "a red cube left of a blue ball", shared by the scenes in which it is true
  phrase   a gloss; "a red blick" and "a crimson cube" in the captions' templates

Relations
  IMAGE_OF, CAPTION_OF         picture and caption, both ways
  SYNONYM                      both ways: kind and synonym, synonym and second synonym, colour and its synonym; phrase
                               and caption ("a red blick", "a red cube"), but **never** "a crimson blick"
  IS_A                         kind, caption, or picture (one training picture of each composition); and hypernym
  HAS_GLOSS, GLOSS_OF          kind and gloss
  PART_OF, DEPICTS, HAS_COLOUR region and scene, kind, colour
  LEFT_OF, RIGHT_OF, ABOVE, BELOW   regions that share a row or a column of their scene

Captions use kinds and colours only; every other name is told by the graph alone. A pictured composition that is held
out, a test picture, a test scene, what only they bear and the triples that touch these have split "test"; those of
--valid-pictures and --valid-scenes, which show compositions that training sees, have split "valid".

Relations in space are learnt from nothing most easily in `--pictures 0 --scenes 4000 --scene-kinds 3 --others 0
--layout opposite`, by `--towers scenes --compose pictures=1 --group-size 4 --schedule constant`: few pairs of objects,
nothing beside them, places that say which of the two it is, all four relations of a pair in a group, as the family of
scenes has them, and a rate that is still there when it comes, all at once and after hundreds of steps of nothing. In
the grid the same towers stayed at chance for 2,000 steps.

truth.json, an object:
  format, settings             1, and the options of the world
  kinds, colours               lists of names; the names that captions use
  synonyms, second_synonyms, hypernyms, glosses   kind -> name (gloss: a sentence); colour_synonyms: colour -> name
  templates                    captions with places {colour} and {kind}; no word here needs the article "an"
  bare_templates               of a name alone, place {name}
  scene_templates              of a scene, places {head}, {relation}, {tail}; head and tail are "red cube" and the like
  positions                    type -> {text, converse (a type)}
  held_out                     list of [colour, kind] that no training picture shows
  pictures                     entity id -> {file, kind, colour, split}
  scenes                       entity id -> {file, split, relation, objects: [{kind, colour, cell: [row, column]}]};
                               relation: how the first object stands to the second. The region of object k is
                               `world:region/<last part of the scene's id>/k`
  Files are relative to the folder of truth.json, which is the image root of the source.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ingest.records import BadSource, DataSet, Record, data_source
from ingest.world_drawing import CELL, Thing, draw
from ingest.world_truth import Composition, Scene, SceneObject, Settings, Truth, decide, read_truth
from ingest.world_words import BARE_TEMPLATES, COLOURS, KINDS, POSITIONS, SCENE_TEMPLATES, TEMPLATES, Kind
from kgstore.values import SPLITS, Entity, Relation, Triple

NAME = "world"
HELP = "the drawn world: pictures, scenes, taxonomy and names that only the graph tells; no download"

FINISHED, UNFINISHED = "truth.json", "truth.json.part"
#: What stands in the folder before its truth does.
BEGUN = ("begun", "objects", "scenes")

#: Training pictures that a kind's concept carries, and that are told to be of their hypernym, for each composition.
PICTURES_OF_A_KIND = 16
CLASSED_PICTURES = 1

#: How the phrases are shared out among their forms, in triples (see `_phrases`).
PHRASE_FORMS = {"synonym": 0.3, "colour": 0.25, "second synonym": 0.25, "hypernym": 0.2}

RELATIONS = (
    Relation("IMAGE_OF", "image of"),
    Relation("CAPTION_OF", "caption of"),
    Relation("SYNONYM", "synonym"),
    Relation("IS_A", "is a"),
    Relation("HAS_GLOSS", "means"),
    Relation("GLOSS_OF", "meaning of"),
    Relation("PART_OF", "part of"),
    Relation("DEPICTS", "depicts"),
    Relation("HAS_COLOUR", "has the colour"),
    *(Relation(position.type, position.text) for position in POSITIONS),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, metavar="DIR", help="where the pictures are drawn to")
    for option in fields(Settings):
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=type(option.default),
            default=option.default,
            help=f"{option.metadata['help']} (%(default)s)",
        )


def from_options(options: argparse.Namespace) -> DataSet:
    settings = Settings(**{option.name: getattr(options, option.name) for option in fields(Settings)})
    if options.dry_run:
        return planned_world(options.path, settings)
    draw_world(options.path, settings)
    return read_world(options.path)


def draw_world(folder: Path, settings: Settings, progress: bool = True) -> None:
    """Draws the pictures that are not there yet; truth.json comes last, so what has one is complete.

    Raises BadSource when the folder holds something else, or a world with other settings.
    """
    started = _started(folder, settings)
    if started and started.name == FINISHED:
        return
    unfinished = folder / UNFINISHED
    try:
        for name in ("objects", "scenes"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        truth = decide(settings)
        if not started:
            (folder / "begun").write_text(truth.to_json(), encoding="utf-8")
            (folder / "begun").replace(unfinished)
        things = [*_things(truth)]
        for file, objects, cells, seed in tqdm(things, desc="drawing", unit="picture", disable=not progress):
            if not (folder / file).exists():
                part = folder / f"{file}.part"
                draw(objects, cells, np.random.default_rng(seed)).save(part, format="PNG")
                part.replace(folder / file)
    except OSError as error:
        raise BadSource(f"Cannot draw into {folder}: {error.strerror or error}.") from error
    unfinished.replace(folder / FINISHED)


def _started(folder: Path, settings: Settings) -> Path | None:
    """The truth of the world that is in the folder, drawn in part or whole."""
    started = next((file for file in (folder / FINISHED, folder / UNFINISHED) if file.exists()), None)
    if started:
        found = read_truth(started).settings
        if found != settings:
            raise BadSource(
                f"{folder} holds a world with other settings ({found}): choose another --path or delete it."
            )
    elif folder.exists() and (not folder.is_dir() or any(file.name not in BEGUN for file in folder.iterdir())):
        raise BadSource(f"{folder} is no empty folder and no drawn world: choose another --path.")
    return started


def _things(truth: Truth) -> Iterator[tuple[str, list[Thing], int, list[int]]]:
    """File, objects, cells of a side and seed of every picture; a picture does not depend on how many there are."""
    rgb = {colour.name: colour.rgb for colour in COLOURS}
    for picture in truth.pictures.values():
        yield picture.file, [Thing(picture.kind, rgb[picture.colour])], 1, _seed(truth, picture.file)
    for scene in truth.scenes.values():
        yield scene.file, [Thing(o.kind, rgb[o.colour], o.cell) for o in scene.objects], 3, _seed(truth, scene.file)


def _seed(truth: Truth, file: str) -> list[int]:
    return [truth.settings.seed, *file.encode()]


def read_world(folder: Path) -> DataSet:
    """The records of a world that was drawn."""
    if not (folder / FINISHED).is_file():
        raise BadSource(f"{folder} holds no drawn world (no {FINISHED}): draw one with `python -m ingest world`.")
    return _data_set(folder, read_truth(folder / FINISHED), files=(folder / FINISHED,))


def planned_world(folder: Path, settings: Settings) -> DataSet:
    """The records of a world that need not be drawn yet; nothing is. Raises BadSource as `draw_world` does."""
    started = _started(folder, settings)
    return read_world(folder) if started and started.name == FINISHED else _data_set(folder, decide(settings))


def _data_set(folder: Path, truth: Truth, files: tuple[Path, ...] = ()) -> DataSet:
    """Without files for a world that is not drawn: nobody looks for its pictures."""
    records = partial(_records, truth)
    source = data_source(NAME, folder, truth.settings, image_root=str(folder.resolve()) if files else "")
    return DataSet(source, records, total=sum(1 for _ in records()), files=files)


def _records(truth: Truth) -> Iterator[Record]:
    yield from RELATIONS
    held_out: dict[str, str] = {}  # entities and their splits: a triple that touches one is held out too
    for record in (*_concepts(truth), *_captions(truth), *_phrase_records(truth), *_pictures(truth), *_scenes(truth)):
        if isinstance(record, Entity) and record.split != "train":
            held_out[record.id] = record.split
        yield record if isinstance(record, Entity) else _split(record, held_out)


def _split(triple: Triple, held_out: Mapping[str, str]) -> Triple:
    splits = {held_out.get(triple.head, "train"), held_out.get(triple.tail, "train")}
    split = next(each for each in ("test", "valid", "train") if each in splits)
    return Triple(triple.head, triple.type, triple.tail, sources=(NAME,), split=split)


def _concepts(truth: Truth) -> Iterator[Entity | Triple]:
    """The words and the facts about them."""
    examples: dict[str, list[str]] = {kind.name: [] for kind in KINDS}
    for picture in truth.pictures.values():
        if picture.split == "train" and len(examples[picture.kind]) < PICTURES_OF_A_KIND:
            examples[picture.kind].append(f"{NAME}/{picture.file}")
    for kind in KINDS:
        yield _concept(kind.name, tuple(examples[kind.name]))
        yield _concept(kind.synonym)
        yield _concept(kind.second_synonym)
        yield _entity(f"gloss/{kind.name}", "phrase", kind.gloss, (kind.gloss,))
    for name in dict.fromkeys(kind.hypernym for kind in KINDS):
        yield _concept(name)
    for colour in COLOURS:
        yield _word(colour.name)
        yield _word(colour.synonym)
    for kind in KINDS:
        yield from _both_ways(_concept_id(kind.name), "SYNONYM", _concept_id(kind.synonym))
        yield from _both_ways(_concept_id(kind.synonym), "SYNONYM", _concept_id(kind.second_synonym))
        yield Triple(_concept_id(kind.name), "IS_A", _concept_id(kind.hypernym))
        yield Triple(_concept_id(kind.name), "HAS_GLOSS", f"{NAME}:gloss/{kind.name}")
        yield Triple(f"{NAME}:gloss/{kind.name}", "GLOSS_OF", _concept_id(kind.name))
    for colour in COLOURS:
        yield from _both_ways(_concept_id(colour.name), "SYNONYM", _concept_id(colour.synonym))


def _captions(truth: Truth) -> Iterator[Entity]:
    for kind in KINDS:
        for colour in COLOURS:
            split = "test" if (colour.name, kind.name) in truth.held_out else "train"
            yield _entity(f"caption/{colour.name}-{kind.name}", "caption", *_described(colour.name, kind.name), split)


def _phrase_records(truth: Truth) -> Iterator[Entity | Triple]:
    """Language triples in the captions' templates, so many that they are `phrase_share` of all language triples.

    Without them a model that was asked for "a red blick" has only ever seen "blick". In every form each name occurs
    equally often, with colours (for a colour's synonym: kinds) that the seed chooses; compositions that are held out
    never occur.
    """
    bare = sum(isinstance(record, Triple) for record in _concepts(truth)) + len(_classed(truth))
    share = truth.settings.phrase_share
    wanted = {form: part * bare * share / (1 - share) for form, part in PHRASE_FORMS.items()}
    random = np.random.default_rng([truth.settings.seed, 5])
    kinds = {kind.name: kind for kind in KINDS}
    synonym = {colour.name: colour.synonym for colour in COLOURS}

    by_kind, by_colour = _spread(truth, 1, random), _spread(truth, 0, random)
    phrases: dict[str, Entity] = {}

    def phrase(colour: str, name: str) -> str:
        entity = _entity(f"phrase/{colour}-{name}", "phrase", *_described(colour, name))
        phrases[entity.id] = entity
        return entity.id

    triples: list[Triple] = []
    for colour, kind in by_kind[: round(wanted["synonym"] / 2)]:
        triples += _both_ways(phrase(colour, kinds[kind].synonym), "SYNONYM", _caption_id(colour, kind))
    for colour, kind in by_colour[: round(wanted["colour"] / 2)]:
        triples += _both_ways(phrase(synonym[colour], kind), "SYNONYM", _caption_id(colour, kind))
    for colour, kind in by_kind[: round(wanted["second synonym"] / 2)]:
        second, first = phrase(colour, kinds[kind].second_synonym), phrase(colour, kinds[kind].synonym)
        triples += _both_ways(second, "SYNONYM", first)
    for colour, kind in by_kind[: round(wanted["hypernym"])]:
        triples.append(Triple(_caption_id(colour, kind), "IS_A", _concept_id(kinds[kind].hypernym)))
    yield from phrases.values()
    yield from triples


def _spread(truth: Truth, key: int, random: np.random.Generator) -> list[Composition]:
    """The compositions of training in an order in which every colour (key 0) or kind (key 1) comes once a round."""
    turns: dict[str, int] = {}
    seen = [(c.name, k.name) for k in KINDS for c in COLOURS if (c.name, k.name) not in truth.held_out]
    order: list[tuple[int, Composition]] = []
    for i in random.permutation(len(seen)):
        turn = turns[seen[i][key]] = turns.get(seen[i][key], 0) + 1
        order.append((turn, seen[i]))
    return [composition for _, composition in sorted(order, key=lambda pair: pair[0])]


def _classed(truth: Truth) -> dict[str, Kind]:
    """The training pictures that are told to be of their kind's hypernym."""
    kinds = {kind.name: kind for kind in KINDS}
    taken: dict[Composition, int] = {}
    classed: dict[str, Kind] = {}
    for id, picture in truth.pictures.items():
        composition = (picture.colour, picture.kind)
        if picture.split == "train" and taken.setdefault(composition, 0) < CLASSED_PICTURES:
            taken[composition] += 1
            classed[id] = kinds[picture.kind]
    return classed


def _pictures(truth: Truth) -> Iterator[Entity | Triple]:
    classed = _classed(truth)
    for id, picture in truth.pictures.items():
        name = Path(picture.file).stem.replace("-", " picture ")
        image = f"{NAME}/{picture.file}"
        yield Entity(id, "image", name, images=(image,), sources=(NAME,), split=picture.split)
        yield from _image_and_caption(id, _caption_id(picture.colour, picture.kind))
        if id in classed:
            yield Triple(id, "IS_A", _concept_id(classed[id].hypernym))


def _scenes(truth: Truth) -> Iterator[Entity | Triple]:
    split_of = {id: split for split in reversed(SPLITS) for id in _told_in(truth, split)}
    written: set[str] = set()
    for id, scene in truth.scenes.items():
        name = Path(scene.file).stem.replace("-", " scene ")
        yield Entity(id, "image", name, images=(f"{NAME}/{scene.file}",), sources=(NAME,), split=scene.split)
        for caption, texts in _told(scene):
            if caption not in written:
                written.add(caption)
                yield Entity(caption, "caption", texts[0], texts, sources=(NAME,), split=split_of[caption])
            yield from _image_and_caption(id, caption)
        yield from _regions(id, name, scene)


def _told_in(truth: Truth, split: str) -> Iterator[str]:
    """The captions of a split's scenes."""
    for scene in truth.scenes.values():
        if scene.split == split:
            yield from (caption for caption, _ in _told(scene))


def _told(scene: Scene) -> list[tuple[str, tuple[str, ...]]]:
    """The captions that are true of a scene, as entity ids with texts: the relation as it is, and mirrored."""
    positions = {position.type: position for position in POSITIONS}
    position = positions[scene.relation]
    captions = []
    for a, words, b in (
        (scene.objects[0], position.text, scene.objects[1]),
        (scene.objects[1], positions[position.converse].text, scene.objects[0]),
    ):
        head, tail = f"{a.colour} {a.kind}", f"{b.colour} {b.kind}"
        texts = tuple(template.format(head=head, relation=words, tail=tail) for template in SCENE_TEMPLATES)
        captions.append((f"{NAME}:caption/{head} {words} {tail}".replace(" ", "-"), texts))
    return captions


def _regions(scene_id: str, scene_name: str, scene: Scene) -> Iterator[Entity | Triple]:
    stem = scene_id.rpartition("/")[2]
    ids = [f"{NAME}:region/{stem}/{k}" for k in range(len(scene.objects))]
    for k, (id, thing) in enumerate(zip(ids, scene.objects, strict=True)):
        row, column = thing.cell
        image = f"{NAME}/{scene.file}#xywh={column * CELL},{row * CELL},{CELL},{CELL}"
        yield Entity(id, "region", f"{scene_name}, object {k + 1}", images=(image,), sources=(NAME,), split=scene.split)
    for id, thing in zip(ids, scene.objects, strict=True):
        yield Triple(id, "PART_OF", scene_id)
        yield Triple(id, "DEPICTS", _concept_id(thing.kind))
        yield Triple(id, "HAS_COLOUR", _concept_id(thing.colour))
    for a, b in combinations(range(len(ids)), 2):
        for head, tail in ((a, b), (b, a)):
            if position := position_of(scene.objects[head], scene.objects[tail]):
                yield Triple(ids[head], position, ids[tail])


def position_of(head: SceneObject, tail: SceneObject) -> str:
    """How the head stands to the tail; empty unless they share a row or a column."""
    step = tuple(int(np.sign(h - t)) for h, t in zip(head.cell, tail.cell, strict=True))
    return next((position.type for position in POSITIONS if position.step == step), "")


def _image_and_caption(image: str, caption: str) -> Iterable[Triple]:
    return Triple(image, "IMAGE_OF", caption), Triple(caption, "CAPTION_OF", image)


def _both_ways(head: str, type: str, tail: str) -> Iterable[Triple]:
    return Triple(head, type, tail), Triple(tail, type, head)


def _described(colour: str, kind: str) -> tuple[str, tuple[str, ...]]:
    """The name and the texts of a composition."""
    texts = tuple(template.format(colour=colour, kind=kind) for template in TEMPLATES)
    return texts[0], texts


def _concept(name: str, images: tuple[str, ...] = ()) -> Entity:
    texts = tuple(template.format(name=name) for template in BARE_TEMPLATES)
    return Entity(_concept_id(name), "concept", name, texts, images, sources=(NAME,))


def _word(name: str) -> Entity:
    return Entity(_concept_id(name), "concept", name, (name,), sources=(NAME,))


def _entity(key: str, kind: str, name: str, texts: tuple[str, ...], split: str = "train") -> Entity:
    return Entity(f"{NAME}:{key}", kind, name, texts, sources=(NAME,), split=split)


def _concept_id(name: str) -> str:
    return f"{NAME}:concept/{name}"


def _caption_id(colour: str, kind: str) -> str:
    return f"{NAME}:caption/{colour}-{kind}"
