"""A real headless Chromium and the app served as a user starts it, over either store; for all tests in a browser.

site            the app over a small graph with hostile names too, on both stores, a server each for a file of tests
on_embedded     a mark: this test takes `site` on the embedded store alone
page, narrow    a window; in the end nothing was asked of any other server and no script failed
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, ViewportSize, expect, sync_playwright

from kgstore import open_store
from tests.app_graph import fill, hostile

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
WIDE, NARROW = (1280, 900), (420, 800)
UNDRAWN = "This page could not be drawn"
PATIENCE = 60_000  # milliseconds; what is asserted is that something comes, not how fast

on_embedded = pytest.mark.parametrize("site", ["embedded"], indirect=True)


class Site:
    """The app over a graph and a folder of runs, in a process of its own on a port that stays."""

    def __init__(self, folder: Path, store: str | Path, *arguments: str, runs: Path | None = None) -> None:
        self.folder, self.runs, self.store = folder, runs or folder / "runs", str(store)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.arguments = arguments
        self.start()

    def start(self) -> None:
        """Starts the app and waits until it answers."""
        command = [sys.executable, "-m", "app", "--store", self.store, "--runs", str(self.runs), *self.arguments]
        environment = {**os.environ, "PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        for _ in range(300):
            assert self.process.poll() is None, self.log.read_text()
            try:
                with urlopen(f"{self.address}/_stcore/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"The app did not answer at {self.address}: {self.log.read_text()}")

    def stop(self) -> None:
        """Ends it as Ctrl-C or a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def serving(folder: Path, store: str | Path, *arguments: str, runs: Path | None = None) -> Iterator[Site]:
    """The app over a store, with its log in the folder, and runs too unless they are elsewhere."""
    site = Site(folder, store, *arguments, runs=runs)
    try:
        yield site
    finally:
        site.stop()


@contextmanager
def filled(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The address of a graph that `fill` and `hostile` filled, "embedded" or "neo4j"; nobody holds it open."""
    with pytest.MonkeyPatch.context() as patch:
        store = str(folder / "graph.lbug")
        if kind == "neo4j":
            server = request.getfixturevalue("neo4j_server")
            patch.setenv("NEO4J_USERNAME", "neo4j")
            patch.setenv("NEO4J_PASSWORD", server.password)
            patch.delenv("NEO4J_DATABASE", raising=False)
            server.empty()
            store = server.uri
        with open_store(store) as opened:
            fill(opened, folder)
            hostile(opened)
        yield store


@pytest.fixture(scope="module", params=["embedded", "neo4j"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    with filled(request.param, request, folder) as store, serving(folder, store) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing = "Chromium is not installed (apt-get install chromium, or its path in CHROMIUM)"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with window(browser, WIDE) as page:
        yield page


@pytest.fixture
def narrow(browser: Browser) -> Iterator[Page]:
    with window(browser, NARROW) as page:
        yield page


@contextmanager
def window(browser: Browser, size: tuple[int, int], *, dark: bool = False) -> Iterator[Page]:
    """A window of its own; at the end, nothing was asked of any other server and no script failed."""
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    context.close()
    assert hosts <= {"127.0.0.1"}
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
    """Waits until the page is drawn."""
    page.wait_for_selector(IDLE)


def assert_drawn(page: Page) -> None:
    """The page is there, as it is meant to be, and nothing in it became a script."""
    expect(page.get_by_text(UNDRAWN)).to_have_count(0)
    assert page.locator("[data-testid=stMain] script").count() == 0


def card(page: Page, id: str) -> Locator:
    """An entity's card, row or chip."""
    return page.locator(f'a.item[data-id="{id}"]')


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
    """As a person does, on the node's place on the screen."""
    at = page.evaluate(
        """([focus, id]) => { const view = globalThis.knowledgeClipGraph.views.get(focus);
             const place = view.network.canvasToDOM(view.network.getPositions([id])[id]);
             const box = view.canvas.getBoundingClientRect();
             return [box.x + place.x, box.y + place.y] }""",
        [focus, id],
    )
    page.mouse.dblclick(*at)
