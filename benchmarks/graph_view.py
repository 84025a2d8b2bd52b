"""How fluid the graph view is at its largest: 300 entities, a third with pictures, and 1,000 relations, in Chromium.

    python -m benchmarks.graph_view [--entities 300] [--relations 1000] [--results benchmarks/results]

First draw (from the address until the layout is at rest, and how long of it the layout took), frames per second while
the picture is dragged, zoomed and an entity is hovered, and how long an expansion takes from the double click until
the new entities are in the picture; and how many pixels the old ones moved. Chromium draws in software where there is
no graphics card. --results writes graph_view.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page

from kgstore import Entity, Source, Triple, open_store
from tests.browsing import chromium, double_click_node, graph_of, serving, visit

TYPES = ("IS_A", "PART_OF", "NEAR", "USED_FOR", "HAS_COLOUR", "DEPICTS", "LEFT_OF", "SYNONYM")
NEW = 20
#: Counts the frames of the page until it is told to stop.
COUNT_FRAMES = """() => { const began = performance.now(); let frames = 0; let on = true;
  const next = () => { frames++; if (on) requestAnimationFrame(next) };
  requestAnimationFrame(next);
  globalThis.framesPerSecond = () => { on = false; return 1000 * frames / (performance.now() - began) } }"""

#: Forgets where the nodes are and lays them out anew; milliseconds.
LAY_OUT = """(graph) => new Promise((done) => { const view = globalThis.knowledgeClipGraph.views.get(graph);
  globalThis.knowledgeClipGraph.positions.clear();
  delete view.canvas.dataset.settled;
  const began = performance.now();
  view.begin();
  const look = () => view.canvas.dataset.settled ? done(performance.now() - began) : setTimeout(look, 5);
  look() })"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=300, metavar="N", help="in the picture (default: 300)")
    parser.add_argument("--relations", type=int, default=1000, metavar="N", help="among them (default: 1000)")
    parser.add_argument("--results", type=Path, metavar="DIR", help="write graph_view.json there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), arguments.entities, arguments.relations)
    for name, value in found.items():
        print(f"{name:48} {value:10,.2f}")
    if arguments.results:
        machine = f"{os.cpu_count()} CPU cores, no graphics card"
        text = json.dumps({"machine": machine, **found}, indent=1)
        (arguments.results / "graph_view.json").write_text(text + "\n", encoding="utf-8")


def measured(folder: Path, entities: int, relations: int) -> dict[str, float]:
    # The view is full at 300, so what an expansion brings is left out of it at first.
    seeds = fill(folder, entities, relations)
    with serving(folder, folder / "graph.lbug") as site, chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 960})
        visit(page, f"{site.address}/graph")  # the script and the server are warm
        small = seeds[: entities - NEW]
        began = time.perf_counter()
        page.goto(f"{site.address}/graph?seeds={','.join(small)}")
        graph = ",".join(small)
        before = graph_of(page, graph)
        drawn = time.perf_counter() - began
        layout: float = page.evaluate(LAY_OUT, graph)
        before = graph_of(page, graph)
        found = {"entities": float(len(before)), "first draw, seconds": drawn, "... of it layout": layout / 1000}
        found |= {f"{name}, frames/s": frames(page, act) for name, act in gestures(graph).items()}
        began = time.perf_counter()
        double_click_node(page, graph, small[0])
        page.wait_for_function(
            "([graph, n]) => globalThis.knowledgeClipGraph.views.get(graph).nodes.length > n", arg=[graph, len(before)]
        )
        found["expansion, seconds until it is seen"] = time.perf_counter() - began
        page.wait_for_timeout(2000)
        after = graph_of(page, graph)
        found["entities after the expansion"] = float(len(after))
        found["old entities moved at most, pixels"] = max(
            abs(after[id][axis] - before[id][axis]) for id in before for axis in ("x", "y")
        )
        found |= {f"{name}, frames/s, all": frames(page, act) for name, act in gestures(graph).items()}
        return found


def fill(folder: Path, entities: int, relations: int) -> list[str]:
    """Hubs and chains as in real graphs; the first entity has its neighbours among the last."""
    draw = random.Random(0)
    (folder / "pictures").mkdir()
    made, ids = [], [f"b:{number}" for number in range(entities)]
    for number, id in enumerate(ids):
        images: tuple[str, ...] = ()
        if number % 3 == 0:
            picture = Image.new("RGB", (96, 96), (draw.randrange(256), draw.randrange(256), draw.randrange(256)))
            ImageDraw.Draw(picture).ellipse((20, 20, 76, 76), fill="white")
            picture.save(folder / "pictures" / f"{number}.png")
            images = (f"b/{number}.png",)
        kind = "image" if images else ("concept", "caption")[number % 2]
        made.append(Entity(id, kind, f"entity number {number}", images=images, sources=("b",)))
    triples = {Triple(ids[0], "IS_A", id).key: Triple(ids[0], "IS_A", id) for id in ids[-NEW:]}
    while len(triples) < relations:
        head = draw.randrange(1, entities)
        tail = int(entities * draw.random() ** 2.5)
        if head != tail and tail:
            triple = Triple(ids[head], draw.choice(TYPES), ids[tail])
            triples.setdefault(triple.key, triple)
    with open_store(folder / "graph.lbug") as store:
        source = Source("b", image_root=str(folder / "pictures"), complete=True)
        store.write(made, list(triples.values()), source=source)
    return ids


def gestures(graph: str) -> dict[str, Callable[[Page], None]]:
    def drag(page: Page) -> None:
        x, y = middle(page, graph)
        page.mouse.move(x - 250, y - 200)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(x - 250 + 5 * step, y - 200 + 3 * (step % 20))
        page.mouse.up()

    def zoom(page: Page) -> None:
        page.mouse.move(*middle(page, graph))
        for step in range(40):
            page.mouse.wheel(0, -60 if step % 20 < 10 else 60)
            page.wait_for_timeout(16)

    def hover(page: Page) -> None:
        x, y = middle(page, graph)
        for step in range(60):
            page.mouse.move(x - 150 + 5 * step, y + 2 * (step % 30))
            page.wait_for_timeout(16)

    return {"dragging": drag, "zooming": zoom, "hovering": hover}


def middle(page: Page, graph: str) -> tuple[float, float]:
    x, y = page.evaluate(
        """(graph) => { const box = globalThis.knowledgeClipGraph.views.get(graph).canvas.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2] }""",
        graph,
    )
    return x, y


def frames(page: Page, act: Callable[[Page], None]) -> float:
    page.evaluate(COUNT_FRAMES)
    act(page)
    rate: float = page.evaluate("() => globalThis.framesPerSecond()")
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    return rate


if __name__ == "__main__":
    main()
