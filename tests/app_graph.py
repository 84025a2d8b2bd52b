"""A small graph with pictures, facts and predictions, for the tests of the app."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from kgstore import Entity, GraphStore, Relation, Source, Triple, open_store
from model.track import write_json

COLOURS = ("red", "green", "blue", "orange")
PICTURES = 8

HOSTILE = (
    "<script>alert(1)</script><b>bold</b>",
    "![x](http://evil.example/x.png) [link](http://evil.example/)",
    ":red[x] $x^2$ **bold** `code` # heading",
    "العربية \u202eright to left\u202c",
    "🦊 emoji \n new line \x00 end",
    "long " * 2000,
)


def fill(store: GraphStore, folder: Path) -> None:
    """Concepts, pictures of boxes with captions, and three predictions that wait."""
    root = folder / "pictures"
    root.mkdir()
    entities = [
        Entity("t:box", "concept", "box", ("box", "a thing with six sides"), sources=("t",)),
        Entity("t:crate", "concept", "crate", ("crate",), sources=("t",)),
        Entity("t:thing", "concept", "thing", ("thing",), sources=("t",)),
    ]
    triples = [
        Triple("t:box", "IS_A", "t:thing", sources=("t",)),
        Triple("t:crate", "SYNONYM", "t:box", sources=("t",)),
    ]
    for number in range(PICTURES):
        colour = COLOURS[number % len(COLOURS)]
        draw_box(root / f"{number}.png", colour, 8 + number)
        picture, caption = f"t:picture/{number}", f"t:caption/{number}"
        entities.append(Entity(picture, "image", f"picture {number}", images=(f"t/{number}.png",), sources=("t",)))
        entities.append(Entity(caption, "caption", "", (f"a {colour} box, number {number}",), sources=("t",)))
        triples.append(Triple(picture, "IMAGE_OF", caption, sources=("t",)))
        if number < PICTURES - 3:
            triples.append(Triple(picture, "IS_A", "t:box", sources=("t",)))
    relations = [Relation("IS_A", "is a"), Relation("SYNONYM", "synonym of"), Relation("IMAGE_OF", "image of")]
    store.write(entities, triples, relations, Source("t", image_root=str(root), complete=True))
    store.propose(
        [
            predicted(f"t:picture/{number}", "t:box", 0.9 - 0.1 * (number - PICTURES + 3))
            for number in range(PICTURES - 3, PICTURES)
        ]
    )


def predicted(head: str, tail: str, score: float, run: str = "first-run") -> Triple:
    when = "2026-01-02T03:04:05+00:00"
    return Triple(head, "IS_A", tail, origin="predicted", score=score, run=run, when=when)


def draw_box(path: Path, colour: str, size: int) -> None:
    picture = Image.new("RGB", (32, 32), "white")
    ImageDraw.Draw(picture).rectangle((4, 4, 4 + size, 4 + size), fill=colour)
    picture.save(path)


def hostile(store: GraphStore) -> list[str]:
    """Entities whose names, texts and relations try to be markup, all around the first one; returns their ids."""
    entities = [
        Entity(f"h:{number}/{name[:20]}", "concept", name, (name, f"{name} again"), (f"h/{name[:40]}.png",), ("h",))
        for number, name in enumerate(HOSTILE)
    ]
    first, *rest = entities
    triples = [Triple(first.id, "RELATED_BY_WORDS", other.id, words=other.name[:50]) for other in rest]
    store.write(entities, triples, [Relation("IS_A", "is ![a](http://evil.example/y.png)")])
    store.propose([predicted(other.id, first.id, 0.5, run="**run** ![r](http://evil.example/r.png)") for other in rest])
    return [entity.id for entity in entities]


def open_filled(folder: Path) -> GraphStore:
    store = open_store(folder / "graph.lbug")
    fill(store, folder)
    return store


def write_settings(run: Path, objective: str = "clip") -> None:
    """A run folder with what its run was told, before the first step."""
    run.mkdir(parents=True)
    write_json(run / "config.json", {"train": {"objective": objective}})
