"""The reviewer's way through the app in a real browser: by key, in two windows at once, and in bulk from the table."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.app_graph import PICTURES
from tests.browsing import WIDE, Site, on_embedded, settle, visit, window

BEST, SECOND, THIRD = (f"picture {number}" for number in range(PICTURES - 3, PICTURES))
QUEUE = "/review?run=first-run"


def looks_at(page: Page, name: str) -> None:
    expect(page.locator(".st-key-candidate").get_by_role("link", name=name, exact=True)).to_be_visible()
    settle(page)


def test_two_reviewers_go_through_the_queue_by_keys(browser: Browser, page: Page, site: Site) -> None:
    visit(page, f"{site.address}{QUEUE}")
    looks_at(page, BEST)
    with window(browser, WIDE) as other:
        visit(other, f"{site.address}{QUEUE}")
        looks_at(other, SECOND)
        name = other.get_by_role("textbox", name="Reviewing as")
        name.fill("bo")
        name.press("r")  # typed, no decision
        other.locator("h1").click()
        settle(other)
        looks_at(other, SECOND)
        other.keyboard.press("r")
        looks_at(other, THIRD)
        page.keyboard.press("s")
        expect(page.get_by_text("You skipped this one before")).to_be_visible()
        settle(page)
        page.keyboard.press("a")
        looks_at(page, THIRD)
        expect(page.get_by_text("2 of 3 decided: 1 accepted, 1 rejected")).to_be_visible()
        other.keyboard.press("u")
        looks_at(other, SECOND)
        expect(other.get_by_text("1 of 3 decided: 1 accepted, 0 rejected")).to_be_visible()
        page.keyboard.press("u")
        looks_at(page, BEST)


@on_embedded
def test_marked_predictions_are_decided_together_and_listed(page: Page, site: Site) -> None:
    visit(page, f"{site.address}{QUEUE}&view=Table")
    page.get_by_role("checkbox", name="this row").first.click()
    page.get_by_role("checkbox", name="this row").nth(2).click(modifiers=["Shift"])
    page.get_by_role("button", name="Accept 3 marked").click()
    page.get_by_role("button", name="Yes, accept 3").click()
    expect(page.get_by_text("3 predictions accepted.")).to_be_visible()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    assert ",accepted,0.9,first-run," in lines[-1] + lines[-2] + lines[-3]


@on_embedded
def test_facts_are_sorted_by_a_heading_and_back_takes_it_back(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/entity?id=t:box")
    first = page.locator("table.table tbody a.words").first
    page.get_by_role("button", name="Entity", exact=True).click()
    expect(first).to_have_text("crate")
    assert page.evaluate("location.search").endswith("sort=name")
    page.get_by_role("button", name="Entity ↑").click()
    expect(first).to_have_text("thing")
    page.go_back()
    expect(first).to_have_text("crate")
    first.click()
    expect(page.get_by_role("heading", name="crate", exact=True)).to_be_visible()
    assert page.evaluate("location.search") == "?id=t%3Acrate"
    page.go_back()
    expect(page.get_by_role("heading", name="box", exact=True)).to_be_visible()
    expect(first).to_have_text("crate")
