"""The tours of the app in a real headless Chromium, on a real server over both stores."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from model.track import RunWriter
from tests.app_graph import PICTURES, write_settings
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
)

LAST = f"t:picture/{PICTURES - 1}"


def test_a_newcomer_searches_opens_expands_accepts_and_finds_it_in_the_graph(page: Page, site: Site) -> None:
    visit(page, site.address)
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
    site.restart()
    visit(page, f"{site.address}/entity?id={LAST}")
    graph_of(page, LAST)
    assert edge_dashes(page, LAST, LAST, "t:box") == [False]


@on_embedded
def test_back_leads_to_the_entity_before(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/entity?id=t:crate")
    card(page, "t:box").click()
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
def test_a_curve_gets_more_points_while_the_run_goes_on(page: Page, site: Site) -> None:
    ended = threading.Event()
    trainer = threading.Thread(target=train, args=(site.runs / "moving", ended))
    trainer.start()
    try:
        visit(page, f"{site.address}/training?run=moving")
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


@on_embedded
@pytest.mark.parametrize("path", ["/", "/search?q=emoji", "/review", "/search?q=script", "/training", "/query"])
def test_hostile_names_are_shown_and_fetch_nothing(page: Page, site: Site, path: str) -> None:
    visit(page, f"{site.address}{path}")
    assert_drawn(page)


@on_embedded
def test_an_entity_with_a_hostile_name_is_walked(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/entity?id=h:1/![x](http://evil.exa")
    expect(page.get_by_role("heading", name="![x](http://evil.example/x.png)")).to_be_visible()
    graph_of(page, "h:1/![x](http://evil.exa")


@on_embedded
def test_a_narrow_window_shows_all_of_it(narrow: Page, site: Site) -> None:
    for path in ("/", "/search?q=box", "/entity?id=t:box", "/review", "/training", "/query"):
        visit(narrow, f"{site.address}{path}")
        overflow = narrow.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, path
