"""Search and the password in a real browser: an answer comes while somebody types, a picture is brought along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kgstore import open_store
from tests.browsing import WIDE, Site, card, on_embedded, serving, settle, visit, window
from tests.trained_world import trained_world


@on_embedded
def test_an_answer_comes_while_somebody_types(page: Page, site: Site) -> None:
    visit(page, f"{site.address}/search")
    box = page.get_by_placeholder(re.compile("typo is forgiven"))
    box.press_sequentially("crat", delay=30)
    expect(card(page, "t:crate")).to_be_visible()
    expect(box).to_be_focused()
    box.press_sequentially("e", delay=30)
    page.wait_for_function("() => location.search === '?q=crate'")
    settle(page)
    card(page, "t:crate").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="crate", exact=True)).to_be_visible()


def test_behind_the_password_a_picture_brought_along_finds_its_like(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = trained_world(tmp_path_factory.getbasetemp() / "trained").with_own_store(tmp_path)
    with open_store(world.store) as store:
        picture = store.pictures(1, ["image"])[0]
    (tmp_path / "runs").symlink_to(world.clip.parent)
    monkeypatch.setenv("KG_APP_PASSWORD", "correct horse")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with serving(tmp_path, world.store) as site, window(browser, WIDE) as page:
        page.goto(f"{site.address}/search?mode=By+meaning&with=A+picture+of+yours")
        for password in ("wrong", "correct horse"):
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Open").click()
        settle(page)
        assert "with=A+picture+of+yours" in page.evaluate("location.search").replace("%20", "+")
        page.set_input_files("input[type=file]", world.pictures / picture.images[0].partition("/")[2])
        expect(card(page, picture.id)).to_be_visible(timeout=60_000)
        assert card(page, picture.id).locator(".rank").inner_text() == "1"
        page.get_by_role("link", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
