"""A newcomer's way through the app, in a real headless Chromium, on a real server over the embedded store."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect, sync_playwright

from model.track import RunWriter
from tests.app_graph import PICTURES, hostile, open_filled, write_settings

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
LAST = f"t:picture/{PICTURES - 1}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing = "Chromium is not installed (apt-get install chromium, or its path in CHROMIUM)"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The app over the folder's graph and runs, in a process of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app", "--store", str(folder / "graph.lbug"), "--runs", str(folder / "runs")]
    environment = {**os.environ, "PORT": str(port), "PYTHONPATH": str(ROOT)}
    log = (folder / "server.log").open("a")
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        await_server(address, process, folder / "server.log")
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def await_server(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The app did not answer at {address}: {log.read_text()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    with open_filled(folder) as store:
        hostile(store)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path, browser: Browser) -> Iterator[str]:
    with serving(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window of its own; at the end, nothing was asked of any other server and no script failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    asked: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    context.close()
    assert hosts == {"127.0.0.1"}
    assert failures == []


def visit(page: Page, address: str) -> None:
    """Opens a page; once more where Chromium gave up because the machine's network changed meanwhile."""
    page.goto(address)
    try:
        page.wait_for_selector(IDLE, timeout=15_000)
    except TimeoutError:
        page.reload()
        settle(page)


def settle(page: Page) -> None:
    page.wait_for_selector(IDLE)


def graph_of(page: Page, focus: str) -> dict[str, dict[str, float]]:
    """Where the nodes of a graph view are, once it is at rest."""
    page.wait_for_function(
        """(focus) => { const view = globalThis.knowledgeClipGraph?.views.get(focus);
             return view && view.canvas.dataset.settled === String(view.nodes.length) }""",
        arg=focus,
    )
    positions: dict[str, dict[str, float]] = page.evaluate(
        "(focus) => globalThis.knowledgeClipGraph.views.get(focus).network.getPositions()", focus
    )
    return positions


def edge_dashes(page: Page, focus: str, head: str, tail: str) -> list[bool]:
    """For each drawn edge between the two whether it is dashed."""
    dashes: list[bool] = page.evaluate(
        """([focus, head, tail]) => globalThis.knowledgeClipGraph.views.get(focus).edges.get()
             .filter((edge) => edge.from === head && edge.to === tail).map((edge) => Boolean(edge.dashes))""",
        [focus, head, tail],
    )
    return dashes


def double_click_node(page: Page, focus: str, id: str) -> None:
    at = page.evaluate(
        """([focus, id]) => { const view = globalThis.knowledgeClipGraph.views.get(focus);
             const place = view.network.canvasToDOM(view.network.getPositions([id])[id]);
             const box = view.canvas.getBoundingClientRect();
             return [box.x + place.x, box.y + place.y] }""",
        [focus, id],
    )
    page.mouse.dblclick(*at)


def card(page: Page, id: str) -> Locator:
    return page.locator(f'a.item[data-id="{id}"]')


def test_a_newcomer_searches_opens_expands_accepts_and_finds_it_in_the_graph(
    browser: Browser, page: Page, tmp_path: Path
) -> None:
    open_filled(tmp_path).close()
    with serving(tmp_path) as address:
        visit(page, address)
        expect(page.get_by_role("heading", name="What the graph holds")).to_be_visible()
        page.get_by_role("link", name="Search", exact=True).click()
        box = page.get_by_placeholder(re.compile("typo is forgiven"))
        box.fill("pictur 7")
        box.press("Enter")
        expect(page.get_by_text("1 result, best first")).to_be_visible()
        settle(page)
        card(page, LAST).click()
        expect(page.get_by_role("heading", name="picture 7")).to_be_visible()
        assert page.evaluate("location.search") == f"?id={LAST.replace(':', '%3A').replace('/', '%2F')}"

        before = graph_of(page, LAST)
        assert edge_dashes(page, LAST, LAST, "t:box") == [True]
        double_click_node(page, LAST, "t:box")
        page.wait_for_function(
            "([focus, n]) => globalThis.knowledgeClipGraph.views.get(focus).nodes.length > n", arg=[LAST, len(before)]
        )
        page.wait_for_timeout(1500)
        after = graph_of(page, LAST)
        assert len(after) > len(before)
        assert all(abs(after[id][axis] - before[id][axis]) < 0.5 for id in before for axis in ("x", "y"))

        page.get_by_role("button", name="Accept").click()
        page.wait_for_function(
            """([focus, tail]) => globalThis.knowledgeClipGraph.views.get(focus).edges.get()
                 .some((edge) => edge.from === focus && edge.to === tail && !edge.dashes)""",
            arg=[LAST, "t:box"],
        )
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
    with serving(tmp_path) as address:
        visit(page, f"{address}/entity?id={LAST}")
        graph_of(page, LAST)
        assert edge_dashes(page, LAST, LAST, "t:box") == [False]


def test_back_leads_to_the_entity_before(page: Page, address: str) -> None:
    visit(page, f"{address}/entity?id=t:crate")
    card(page, "t:box").click()
    expect(page.get_by_role("heading", name="box", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="crate", exact=True)).to_be_visible()


def test_a_missing_entity_is_a_sentence(page: Page, address: str) -> None:
    visit(page, f"{address}/entity?id=t:nobody")
    expect(page.get_by_role("alert")).to_contain_text("t:nobody")


def test_pictures_are_drawn(page: Page, address: str) -> None:
    visit(page, address)
    image = card(page, "t:picture/0").locator("img")
    image.scroll_into_view_if_needed()
    page.wait_for_function("(image) => image.complete && image.naturalWidth >= 64", arg=image.element_handle())


def test_a_curve_gets_more_points_while_the_run_goes_on(page: Page, address: str, folder: Path) -> None:
    ended = threading.Event()
    trainer = threading.Thread(target=train, args=(folder / "runs" / "moving", ended))
    trainer.start()
    try:
        visit(page, f"{address}/training?run=moving")
        first = steps_shown(page)
        expect(page.get_by_text("running")).to_be_visible()
        for _ in range(40):
            page.wait_for_timeout(500)
            if steps_shown(page) > first:
                break
        assert steps_shown(page) > first
    finally:
        ended.set()
        trainer.join()


def train(run: Path, ended: threading.Event) -> None:
    write_settings(run)
    with RunWriter(run).begin(10_000) as writer:
        step = 0
        while not ended.wait(0.2):
            rows = [{"step": n, "seconds": n / 50, "loss": 50 / n, "clip": 50 / n} for n in range(step + 1, step + 11)]
            writer.log(rows)
            step += 10
            if step >= 9_000:
                return


def steps_shown(page: Page) -> int:
    text = page.get_by_text(re.compile(r"step [\d,]+ of 10,000")).first.inner_text()
    return int(re.search(r"step ([\d,]+) of", text).group(1).replace(",", ""))  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["/", "/search?q=emoji", "/review", "/search?q=script", "/training", "/query"])
def test_hostile_names_are_shown_and_fetch_nothing(page: Page, address: str, path: str) -> None:
    visit(page, f"{address}{path}")
    expect(page.get_by_text("This page could not be drawn")).to_have_count(0)
    assert page.locator("[data-testid=stMain] script").count() == 0


def test_an_entity_with_a_hostile_name_is_walked(page: Page, address: str) -> None:
    visit(page, f"{address}/entity?id=h:1/![x](http://evil.exa")
    expect(page.get_by_role("heading", name="![x](http://evil.example/x.png)")).to_be_visible()
    graph_of(page, "h:1/![x](http://evil.exa")


def test_a_narrow_window_shows_all_of_it(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 420, "height": 800})
    page = context.new_page()
    for path in ("/", "/search?q=box", "/entity?id=t:box", "/review", "/training", "/query"):
        visit(page, f"{address}{path}")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, path
    context.close()
