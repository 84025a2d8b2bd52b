"""Plain pictures in six colours, their captions, and a little of what colours are, for real training in seconds."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from kgstore import Entity, Relation, Source, Triple, open_store

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 190, 40),
    "blue": (40, 60, 220),
    "yellow": (230, 220, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}


def coloured_graph(folder: Path, valid: int = 0) -> Path:
    """An embedded graph in a new folder. Of the four pictures of a colour the last `valid` are of the valid split."""
    (folder / "pictures").mkdir()
    entities = [Entity("t:colour", name="colour", texts=("a colour",))]
    triples = []
    for name, colour in COLOURS.items():
        entities += [
            Entity(f"t:{name}", name=name, texts=(name, f"the colour {name}"), images=(f"t/{name}-0.png",)),
            Entity(f"t:caption-{name}", "caption", texts=(f"a {name} picture", f"a photo of {name}")),
        ]
        triples += [
            Triple(f"t:{name}", "IS_A", "t:colour"),
            Triple(f"t:caption-{name}", "HAS_COLOUR", f"t:{name}"),
        ]
        for shade in range(4):
            Image.new("RGB", (32, 32), tuple(min(255, part + 3 * shade) for part in colour)).save(
                folder / "pictures" / f"{name}-{shade}.png"
            )
            entities.append(Entity(f"t:picture-{name}-{shade}", "image", images=(f"t/{name}-{shade}.png",)))
            split = "valid" if shade >= 4 - valid else "train"
            triples += [
                Triple(f"t:picture-{name}-{shade}", "IMAGE_OF", f"t:caption-{name}", split=split),
                Triple(f"t:caption-{name}", "CAPTION_OF", f"t:picture-{name}-{shade}", split=split),
            ]
    with open_store(folder / "graph.db") as store:
        store.write(
            entities, triples, [Relation("IMAGE_OF", "image of")], Source("t", image_root=str(folder / "pictures"))
        )
    return folder / "graph.db"
