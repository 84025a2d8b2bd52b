"""The graph view as a person uses it, in a real browser: it grows, stays put, forgets and remembers, and is saved."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Download, Page, expect

from tests.app_graph import HOSTILE, PICTURES
from tests.browsing import Site, assert_drawn, card, double_click_node, graph_of, on_embedded, settle, visit

LAST = f"t:picture/{PICTURES - 1}"


def view(page: Page, graph: str, expression: str) -> Any:
    """What JavaScript says of a view, `v`."""
    return page.evaluate(
        f"(graph) => {{ const v = globalThis.knowledgeClipGraph.views.get(graph); {expression} }}", graph
    )


def place(page: Page, graph: str, id: str) -> tuple[float, float]:
    """Where a node is on the screen."""
    at = view(page, graph, f"return v.network.canvasToDOM(v.network.getPositions()['{id}'])")
    box = view(page, graph, "const b = v.canvas.getBoundingClientRect(); return [b.x, b.y]")
    return box[0] + at["x"], box[1] + at["y"]


def await_nodes(page: Page, graph: str, number: int) -> None:
    page.wait_for_function(
        "([graph, n]) => globalThis.knowledgeClipGraph.views.get(graph)?.nodes.length === n", arg=[graph, number]
    )
    graph_of(page, graph)
    settle(page)


def assert_names_inside(page: Page, graph: str) -> None:
    """No name is cut by the edge of the canvas, once the picture is drawn as it stands."""
    seen, boxes = view(
        page,
        graph,
        "const drawn = () => [v.labels.visible(v.network.getScale()), v.labels.shown];"
        "return new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(() => f(drawn()))))",
    )
    assert boxes
    for box in boxes:
        assert all(seen[side] <= box[side] for side in ("left", "top")), box["id"]
        assert all(seen[side] >= box[side] for side in ("right", "bottom")), box["id"]


def moved(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> float:
    """How far the nodes that are in both went, at most."""
    return max(abs(after[id][axis] - before[id][axis]) for id in before.keys() & after.keys() for axis in ("x", "y"))


@on_embedded
def test_a_graph_grows_by_a_chosen_type_and_stays_put_and_steps_are_taken_back(page: Page, site: Site) -> None:
    graph = "t:thing"
    visit(page, f"{site.address}/graph?seeds={graph}")
    first = graph_of(page, graph)
    assert set(first) == {"t:thing", "t:box"}
    page.mouse.click(*place(page, graph, "t:box"))
    page.get_by_role("button", name="← is a · 8").click()
    page.get_by_role("button", name="Expand · 8").click()
    await_nodes(page, graph, 10)
    double_click_node(page, graph, "t:box")
    await_nodes(page, graph, 11)
    second = graph_of(page, graph)
    assert moved(first, second) < 0.5

    double_click_node(page, graph, "t:picture/0")
    await_nodes(page, graph, 12)
    third = graph_of(page, graph)
    assert moved(second, third) < 0.5

    view(page, graph, "v.canvas.focus()")
    page.keyboard.press("Delete")
    await_nodes(page, graph, 11)
    assert "t:picture/0" not in graph_of(page, graph)
    page.keyboard.press("Control+z")
    await_nodes(page, graph, 12)
    assert moved(third, graph_of(page, graph)) < 0.5
    page.get_by_role("button", name="Undo").click()
    await_nodes(page, graph, 11)

    page.mouse.click(*place(page, graph, "t:box"))
    page.keyboard.press("p")
    page.wait_for_function(
        "(graph) => globalThis.knowledgeClipGraph.views.get(graph).data.nodes.some((node) => node.pinned)", arg=graph
    )
    page.get_by_role("button", name="Arrange").click()
    page.wait_for_function("(graph) => globalThis.knowledgeClipGraph.views.get(graph).arrangement === 1", arg=graph)
    arranged = graph_of(page, graph)
    assert moved(third, {"t:box": arranged["t:box"]}) < 0.5 < moved(third, arranged)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("(graph) => globalThis.knowledgeClipGraph.views.get(graph).arrangement === 0", arg=graph)
    assert moved(third, graph_of(page, graph)) < 0.5

    page.get_by_role("link", name="Home", exact=True).click()
    expect(page.get_by_role("heading", name="What the graph holds")).to_be_visible()
    page.get_by_role("link", name="Graph", exact=True).click()
    page.wait_for_function("(graph) => globalThis.knowledgeClipGraph.views.has(graph)", arg=graph)
    again = graph_of(page, graph)
    assert set(again) == set(third) - {"t:caption/0"}
    assert moved(third, again) < 0.5


@on_embedded
def test_the_legend_hides_and_shows_and_names_do_not_cover_each_other(page: Page, site: Site) -> None:
    graph = "t:box"
    visit(page, f"{site.address}/graph?seeds={graph}")
    graph_of(page, graph)
    assert_names_inside(page, graph)
    boxes = view(page, graph, "return v.labels.shown")
    assert {box["id"] for box in boxes} >= {"t:box", "t:crate", LAST}
    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            apart = one["left"] >= other["right"] or other["left"] >= one["right"]
            assert apart or one["top"] >= other["bottom"] or other["top"] >= one["bottom"]
    page.get_by_role("button", name="image 8").click()
    page.wait_for_function(
        "(graph) => globalThis.knowledgeClipGraph.views.get(graph).labels.shown.length <= 5", arg=graph
    )
    expect(page.get_by_role("button", name="image 8")).to_have_attribute("aria-pressed", "false")
    assert (
        view(page, graph, f"return v.nodes.get('{LAST}').hidden && v.edges.get().filter((e) => e.hidden).length") == 8
    )
    page.get_by_role("button", name="image 8").click()
    page.get_by_role("button", name="predicted 3").click()
    settle(page)
    assert view(page, graph, "return v.edges.get().filter((e) => e.hidden && e.dashes).length") == 3
    assert view(
        page,
        graph,
        "v.hover({node: 't:crate'}); return new Promise((f) => setTimeout(() => f([...v.lit().nodes].sort()), 300))",
    ) == [
        "t:box",
        "t:crate",
    ]


def test_a_path_is_found_and_marked(page: Page, site: Site) -> None:
    graph = "t:crate,t:caption/0"
    visit(page, f"{site.address}/graph?seeds={graph}")
    graph_of(page, graph)
    page.get_by_role("button", name="Path").click()
    page.get_by_role("button", name="Find the shortest paths").click()
    expect(page.get_by_text("1 shortest path of 3 steps")).to_be_visible()
    await_nodes(page, graph, 4)
    lit = view(page, graph, "return { strong: v.lit().strong, nodes: [...v.lit().nodes].sort() }")
    assert lit == {"strong": True, "nodes": ["t:box", "t:caption/0", "t:crate", "t:picture/0"]}


@on_embedded
def test_hostile_names_are_inert_in_the_view_and_in_every_file(
    page: Page, browser: Browser, site: Site, tmp_path: Path
) -> None:
    visit(page, f"{site.address}/graph")
    box = page.get_by_placeholder("typo is forgiven")
    box.fill("alert bold")
    box.press("Enter")
    expect(page.get_by_text("best first")).to_be_visible()
    settle(page)
    card(page, f"h:0/{HOSTILE[0][:20]}").click()
    page.wait_for_function("() => globalThis.knowledgeClipGraph?.views.size === 1")
    graph = page.evaluate("() => [...globalThis.knowledgeClipGraph.views.keys()][0]")
    await_nodes(page, graph, len(HOSTILE))
    assert_drawn(page)
    page.get_by_role("button", name="Export").click()
    files = {name: save(page, name, tmp_path) for name in ("CSV", "JSON", "Web page")}
    rows = list(csv.DictReader(files["CSV"].read_text("utf-8-sig").splitlines()))
    assert any(row["head_name"].startswith("<script>alert(1)") for row in rows)
    with page.expect_download() as download:
        page.keyboard.press("Escape")
        page.get_by_role("button", name="PNG").click()
    assert stored(download.value, tmp_path).read_bytes()[:4] == b"\x89PNG"

    context = browser.new_context(offline=True)
    saved = context.new_page()
    asked: list[str] = []
    failures: list[str] = []
    saved.on("request", lambda request: asked.append(request.url))
    saved.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
    saved.on("dialog", lambda dialog: failures.append(dialog.message))
    saved.goto(files["Web page"].as_uri())
    saved.wait_for_function("() => network.getPositions && Object.keys(network.getPositions()).length > 5")
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert failures == []
    assert saved.title().startswith("Graph: <script>alert(1)")
    context.close()


def save(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return stored(download.value, folder)


def stored(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


@on_embedded
def test_a_narrow_window_and_the_keyboard_do(narrow: Page, site: Site) -> None:
    wide_names = f"h:0/{HOSTILE[0][:20]}"
    visit(narrow, f"{site.address}/entity?id={quote(wide_names)}")
    graph_of(narrow, wide_names)
    assert_names_inside(narrow, wide_names)
    graph = "t:thing"
    visit(narrow, f"{site.address}/graph?seeds={graph}")
    graph_of(narrow, graph)
    assert_names_inside(narrow, graph)
    assert narrow.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    view(narrow, graph, "v.canvas.focus()")
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        narrow.keyboard.press(key)
    chosen = view(narrow, graph, "return v.selected.node")
    assert chosen in ("t:thing", "t:box")
    expect(narrow.get_by_test_id("stMain").get_by_text("· concept")).to_be_visible()
    narrow.keyboard.press("Escape")
    assert view(narrow, graph, "return v.lit()") is None
