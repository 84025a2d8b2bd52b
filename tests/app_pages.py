"""Pages of the app by Streamlit's own test driver: drawn without a browser, read, and their buttons pressed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from app.settings import Settings, use
from app.shared import close_graph

if TYPE_CHECKING:  # it brings torch, which few tests need
    from tests.trained_world import World

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is tested stays behind as __main__, which processes that are spawned later would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """An app over an empty graph and no runs."""
    use(Settings(str(tmp_path / "graph.lbug"), tmp_path / "runs"))
    yield tmp_path
    close_graph()


@pytest.fixture
def trained(world: World, tmp_path: Path) -> Iterator[World]:
    """The trained runs beside a copy of their graph."""
    own = world.with_own_store(tmp_path)
    use(Settings(str(own.store), own.clip.parent))
    yield own
    close_graph()


def page(name: str, **query: str) -> AppTest:
    """A page, drawn, without an error on it."""
    test = AppTest.from_file(MAIN, default_timeout=30)
    test.switch_page(f"views/{name}.py")
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    """All that the page says outside its components."""
    parts = [
        *test.title,
        *test.subheader,
        *test.markdown,
        *test.caption,
        *test.text,
        *test.info,
        *test.error,
        *test.code,
    ]
    return "\n".join(str(part.value) for part in parts)


def components(test: AppTest) -> str:
    """The data of the page's components, as JSON."""
    return "\n".join(
        json.dumps(json.loads(element.proto.json), ensure_ascii=False) for element in test.get("bidi_component")
    )


def press(test: AppTest, label: str) -> None:
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception
    assert not test.error
