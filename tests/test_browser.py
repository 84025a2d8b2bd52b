"""The tours of the app in a real headless Chromium: newcomers on both stores, trainers, hostile names, little room."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from model.track import Run, RunWriter
from tests.app_graph import HOSTILE, PICTURES, write_settings
from tests.browsing import (
    Site,
    assert_drawn,
    card,
    double_click_node,
    edge_dashes,
    graph_of,
    on_embedded,
    settle,
    visit,
    window,
)

LAST = f"t:picture/{PICTURES - 1}"
PAGES = ("/", "/search?q=box", "/entity?id=t:box", "/graph?seeds=t:box", "/review", "/training", "/query")
HOSTILE_ID = "h:1/![x](http://evil.exa"
TRAINS = 240_000  # milliseconds within which a trainer has loaded torch and begun, on however busy a machine


def test_a_newcomer_searches_opens_expands_accepts_and_finds_it_in_the_graph(page: Page, site: Site) -> None:
    visit(page, site.address)
    expect(page.get_by_role("heading", name="What the graph holds")).to_be_visible()
    page.get_by_role("link", name="Search", exact=True).click()
    box = page.get_by_placeholder(re.compile("typo is forgiven"))
    box.fill("pictur 7")  # it answers while one types
    expect(card(page, LAST)).to_be_visible()
    card(page, LAST).click()  # also if the answer is still on its way, and the card one of those before
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
    site.restart()
    visit(page, f"{site.address}/entity?id={LAST}")
    graph_of(page, LAST)
    assert edge_dashes(page, LAST, LAST, "t:box") == [False]


@on_embedded
def test_back_leads_to_the_entity_before(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/entity?id=t:crate")
    page.get_by_role("link", name="box", exact=True).first.click()
    expect(page.get_by_role("heading", name="box", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="crate", exact=True)).to_be_visible()


@on_embedded
def test_a_missing_entity_is_a_sentence(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/entity?id=t:nobody")
    expect(page.get_by_role("alert")).to_contain_text("t:nobody")


@on_embedded
def test_pictures_are_drawn(page: Page, site: Site) -> None:
    visit(page, site.address)
    image = card(page, "t:picture/0").locator("img")
    image.scroll_into_view_if_needed()
    page.wait_for_function("(image) => image.complete && image.naturalWidth >= 64", arg=image.element_handle())


@on_embedded
def test_a_curve_moves_while_the_run_goes_on_and_keeps_its_zoom(page: Page, site: Site) -> None:
    ended = threading.Event()
    trainer = threading.Thread(target=train, args=(site.runs / "moving", ended))
    trainer.start()
    try:
        visit(page, f"{site.address}/training?run=moving")
        expect(page.get_by_text("running")).to_be_visible()
        chart = page.locator("[data-testid=stVegaLiteChart]").first
        chart.hover()
        page.mouse.wheel(0, -600)
        settle(page)
        first = points_drawn(page)
        page.mouse.move(5, 5)
        zoomed = ticks(page)
        for _ in range(40):
            page.wait_for_timeout(250)
            if points_drawn(page) > first:
                break
        assert points_drawn(page) > first
        assert ticks(page) == zoomed
    finally:
        ended.set()
        trainer.join()


def train(run: Path, ended: threading.Event) -> None:
    """A trainer that does nothing but say so."""
    write_settings(run)
    with RunWriter(run).begin(10_000) as writer:
        for step in range(0, 9_000, 10):
            writer.log(
                [{"step": n, "seconds": n / 50, "loss": 50 / n, "clip": 50 / n} for n in range(step + 1, step + 11)]
            )
            if ended.wait(0.2):
                return


def points_drawn(page: Page) -> int:
    text = page.get_by_text(re.compile(r"step [\d,]+ of 10,000")).first.inner_text()
    return int(re.search(r"step ([\d,]+) of", text).group(1).replace(",", ""))  # type: ignore[union-attr]


def ticks(page: Page) -> list[str]:
    return page.locator("[data-testid=stVegaLiteChart]").first.locator("svg text").all_inner_texts()


@on_embedded
def test_a_trainer_starts_a_run_stops_it_goes_on_and_watches_the_log(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/training")
    page.get_by_role("button", name="Start a run").click()
    page.get_by_label("Steps", exact=True).fill("many")
    page.get_by_label("Steps", exact=True).press("Tab")
    expect(page.get_by_text("is no whole number")).to_be_visible()
    choose(page, "Objective", "clip")
    page.get_by_label("Steps", exact=True).fill("100000")
    page.get_by_label("Batch size", exact=True).fill("4")
    page.get_by_label("Name", exact=True).fill("tiny")
    page.get_by_label("Name", exact=True).press("Tab")
    settle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.wait_for(timeout=TRAINS)
    page.reload()  # the run belongs to no page
    stop.click()
    page.get_by_role("button", name="Go on").wait_for(timeout=TRAINS)
    run = Run(site.runs / "tiny")
    stopped = run.status
    assert stopped.state == "stopped"
    assert run.checkpoints[-1].name == f"step-{stopped.step}"
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_text("Go on with --resume auto")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    stop.wait_for(timeout=TRAINS)
    stop.click()
    page.get_by_role("button", name="Go on").wait_for(timeout=TRAINS)
    assert run.status.step > stopped.step


def choose(page: Page, label: str, option: str) -> None:
    """In a select box."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


@on_embedded
def test_hostile_names_are_shown_as_they_are_on_every_page(page: Page, site: Site) -> None:
    for path in (
        "/",
        "/search?q=emoji",
        "/search?q=script",
        "/review",
        "/training",
        "/query",
        f"/graph?seeds={HOSTILE_ID}",
    ):
        visit(page, f"{site.address}{path}")
        assert_drawn(page)
    visit(page, f"{site.address}/entity?id={HOSTILE_ID}")
    expect(page.get_by_role("heading", name=HOSTILE[1])).to_be_visible()
    graph_of(page, HOSTILE_ID)
    assert_drawn(page)


@on_embedded
def test_a_narrow_window_shows_all_of_it(narrow: Page, site: Site) -> None:
    for path in PAGES:
        visit(narrow, f"{site.address}{path}")
        assert_drawn(narrow)
        assert narrow.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path


@on_embedded
def test_the_dark_theme_is_dark_and_the_keyboard_reaches_what_the_mouse_does(browser: Browser, site: Site) -> None:
    with window(browser, (1280, 900), dark=True) as page:
        visit(page, f"{site.address}/search")
        assert page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor") == (
            "rgb(20, 22, 29)"
        )
        page.get_by_placeholder(re.compile("typo is forgiven")).focus()
        page.keyboard.type("crate")
        page.keyboard.press("Enter")
        expect(card(page, "t:crate")).to_be_visible()
        card(page, "t:crate").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="crate", exact=True)).to_be_visible()
