"""Review, and facts and predictions of an entity, by Streamlit's own test driver: queue, desk, table, list, why."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from app.decision_csv import DECISIONS_ROUTE, decisions_address
from app.desk import SECONDS, Desk
from app.settings import Settings, current, use
from app.shared import close_graph, graph
from kgstore import Entity, Triple
from tests.app_graph import HOSTILE, PICTURES, fill, hostile, predicted
from tests.app_pages import components, page, press, words

BEST, SECOND, THIRD = (f"t:picture/{number}" for number in range(PICTURES - 3, PICTURES))


@pytest.fixture(autouse=True)
def reviewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_REVIEWER", "ann")


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Path]:
    use(Settings(str(tmp_path / "graph.lbug"), tmp_path / "runs"))
    fill(graph(), tmp_path)
    yield tmp_path
    close_graph()


def tap(test: AppTest, letter: str) -> None:
    """The button that does what a key does."""
    test.button(f"press-{letter}").click().run()
    assert not test.exception
    assert not test.error


def shown(test: AppTest) -> str:
    """The head of the prediction that is on the screen, by the keys that are told apart by it."""
    [keys] = [data for data in map(data_of, test.get("bidi_component")) if "shown" in data]
    return str(keys["shown"]).partition("\n")[0]


def data_of(element: object) -> dict[str, object]:
    data = json.loads(element.proto.json)  # type: ignore[attr-defined]
    return data if isinstance(data, dict) else {}


def propose(many: int, run: str = "second-run") -> None:
    """Further predictions, from a score of 0 on, that stand behind those of `fill`."""
    store = graph()
    store.write([Entity(f"t:extra/{n}") for n in range(many)])
    store.propose([predicted(f"t:extra/{n}", "t:thing", n / (4 * many), run) for n in range(many)])


def test_the_queue_is_gone_through_skipped_and_undone_several_steps_back(filled: Path) -> None:
    test = page("review")
    assert shown(test) == BEST
    tap(test, "a")
    assert shown(test) == SECOND
    tap(test, "s")
    assert shown(test) == THIRD
    tap(test, "r")
    assert shown(test) == SECOND
    assert "You skipped this one before" in words(test)
    decided = {triple.head: triple for triple in graph().predictions(decision=None)}
    assert [(decided[head].decision, decided[head].who) for head in (BEST, SECOND, THIRD)] == [
        ("accepted", "ann"),
        ("", ""),
        ("rejected", "ann"),
    ]
    tap(test, "u")
    assert shown(test) == THIRD
    tap(test, "u")
    assert shown(test) == BEST
    assert test.button("press-u").disabled
    assert len(graph().predictions()) == 3


def test_the_whole_queue_is_gone_through_and_the_end_says_so(filled: Path) -> None:
    propose(130)
    test = page("review", run="second-run")
    assert "0 of 130 decided" in test.get("progress")[0].proto.text
    for _ in range(3):
        tap(test, "r")
    assert shown(test) == "t:extra/126"
    assert "3 of 130 decided: 0 accepted, 3 rejected" in test.get("progress")[0].proto.text
    graph().decide_all({triple.key: triple for triple in graph().predictions(limit=200)[:-1]}, "rejected", "bob")
    test = page("review")
    tap(test, "a")
    assert "Nothing waits here" in test.success[0].value


def test_the_queue_is_filtered_by_relation_run_and_score(filled: Path) -> None:
    propose(40)
    assert shown(page("review", run="second-run")) == "t:extra/39"
    assert shown(page("review", high="0.1")) == "t:extra/16"
    test = page("review", low="0.85", relation="IS_A")
    assert "0 of 1 decided" in test.get("progress")[0].proto.text
    assert "is a number" in page("review", low="much").warning[0].value


def test_a_reviewer_who_comes_second_is_told_and_gets_the_next(filled: Path) -> None:
    test = page("review")
    waiting = graph().predictions()
    graph().decide(waiting[0].key, "rejected", who="bob", seen=waiting[0])
    tap(test, "a")
    assert "bob rejected this meanwhile" in test.warning[0].value
    assert shown(test) == SECOND
    assert [triple.who for triple in graph().predictions(decision="rejected")] == ["bob"]


def test_what_was_undone_does_not_come_back_once_somebody_else_decided_it(filled: Path) -> None:
    propose(3)
    test = page("review")
    tap(test, "a")
    tap(test, "u")
    assert shown(test) == BEST
    test.query_params["run"] = "second-run"
    test.run()
    assert shown(test) == "t:extra/2"  # nor does it stand before what another filter lets through
    waiting = graph().predictions()
    graph().decide(waiting[0].key, "rejected", who="bob", seen=waiting[0])
    del test.query_params["run"]
    test.run()
    tap(test, "a")
    assert shown(test) == SECOND


def test_a_decision_that_cannot_be_taken_back_now_can_be_later(filled: Path) -> None:
    test = page("review")
    tap(test, "a")
    uri = current().store
    graph().close()
    test.button("press-u").click().run()
    assert test.error
    close_graph()
    use(Settings(uri, filled / "runs"))
    test.run()
    tap(test, "u")
    assert shown(test) == BEST
    assert not graph().predictions(decision="accepted")


def test_two_sessions_look_at_different_predictions(filled: Path) -> None:
    first, second = page("review"), page("review")
    assert [shown(first), shown(second)] == [BEST, SECOND]
    tap(second, "a")
    tap(first, "a")
    assert shown(second) == shown(first) == THIRD
    assert graph().statistics().accepted == 2


def test_a_desk_forgets_who_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = [predicted(f"a:{n}", "a:0", 0.5) for n in range(1, 4)]
    desk = Desk()
    assert [desk.take(name, queue, 0.0) for name in ("ann", "bob", "ann", "cy", "dan")] == [
        queue[0],
        queue[1],
        queue[0],
        queue[2],
        queue[0],
    ]
    assert desk.others("ann") == 3
    monkeypatch.setattr("app.desk.time.monotonic", lambda: 10 * SECONDS + 1e9)
    assert desk.take("eve", queue, 0.0) == queue[0]
    assert desk.others("eve") == 0


def test_a_table_is_decided_in_bulk_after_a_question(filled: Path) -> None:
    propose(60)
    test = page("review", view="Table", run="second-run")
    assert components(test).count('"key": "t:extra') == 25
    press(test, "Reject all 60")
    assert "Reject: 60 predictions?" in words(test)
    press(test, "No")
    assert graph().statistics().rejected == 0
    press(test, "Reject all 60")
    press(test, "Yes, reject 60")
    assert "60 predictions rejected" in test.success[0].value
    assert {triple.who for triple in graph().predictions(decision="rejected")} == {"ann"}
    assert "No prediction is like that" in words(test)
    test = page("review", view="Table", run="second-run", state="rejected", page="3")
    assert components(test).count('"key": "t:extra') == 10
    press(test, "Put back all 60")
    press(test, "Yes, put back 60")
    assert graph().statistics().waiting == 63


def test_predictions_with_hostile_names_are_reviewed(filled: Path) -> None:
    hostile(graph())
    for view in ("One at a time", "Table"):
        test = page("review", view=view, run="**run** ![r](http://evil.example/r.png)")
        assert not test.error
        for part in (*test.title, *test.subheader, *test.markdown, *test.caption):
            assert "](http" not in str(part.value)
    assert len(HOSTILE) > 1


def test_decisions_come_as_csv_of_a_run_or_of_all(filled: Path) -> None:
    propose(3)
    for triple in graph().predictions():
        graph().decide(triple.key, "rejected", who='Zoë "the second", o\'Neil')
    client = TestClient(Starlette(routes=[DECISIONS_ROUTE]))
    answer = client.get(decisions_address("second-run"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert {row["who"] for row in rows} == {'Zoë "the second", o\'Neil'}
    assert {(row["relation"], row["run"], row["decision"]) for row in rows} == {("IS_A", "second-run", "rejected")}
    assert len(client.get(decisions_address()).content.decode().splitlines()) == 7
    assert len(client.get(decisions_address("no run")).content.decode().splitlines()) == 1


# --- an entity's page ---


def test_facts_are_paged_sorted_and_filtered_by_the_address(filled: Path) -> None:
    leaves = [Entity(f"t:leaf/{n}", name=f"leaf {n:03}") for n in range(60)]
    parts = [Triple(leaf.id, "PART_OF", "t:box", weight=n, sources=("t",)) for n, leaf in enumerate(leaves)]
    graph().write(leaves, parts)
    rows = facts(page("entity", id="t:box", relation="PART_OF in", sort="-weight", page="2"))
    assert [row[1] for row in rows] == [f"leaf {n:03}" for n in range(25, 50)]
    assert "26 to 50 of 60" in words(page("entity", id="t:box", relation="PART_OF in", page="2"))
    found = facts(page("entity", id="t:box", find="LEAF 05"))
    assert [row[1] for row in found] == [f"leaf 05{n}" for n in range(9, -1, -1)]
    rows = facts(page("entity", id="t:box", origin="predicted", sort="score"))
    assert [row[2] for row in rows] == ["predicted, waiting"] * 3
    assert rows[0][4:6] == ["0.90", "first-run"]
    assert len(facts(page("entity", id="t:box", page="999", relation="PART_OF in"))) == 10
    assert "No fact is like that" in words(page("entity", id="t:box", find="nothing of the kind"))


def facts(test: AppTest) -> list[list[str]]:
    """The words of the table's cells."""
    [table] = [data for data in map(data_of, test.get("bidi_component")) if "columns" in data]
    return [[cell["text"] for cell in row["cells"]] for row in table["rows"]]  # type: ignore[attr-defined]


def test_why_shows_paths_without_predictions_and_says_when_there_is_none(filled: Path) -> None:
    graph().write([], [Triple(BEST, "NEAR", "t:crate", sources=("t",))])
    test = page("entity", id=BEST)
    test.toggle[0].set_value(True).run()
    assert not test.error
    [_, paths] = [data["paths"] for data in map(data_of, test.get("bidi_component")) if "paths" in data]
    assert [[part.get("name", part.get("words")) for part in path] for path in paths] == [  # type: ignore[attr-defined]
        [f"picture {PICTURES - 3}", "— near →", "crate", "— synonym of →", "box"]
    ]
    test = page("entity", id=SECOND)
    test.toggle[0].set_value(True).run()
    assert "No path of at most" in words(test)
    assert "first-run is not among the runs here" in words(test).replace("\\", "")


def test_a_region_is_shown_as_its_crop_and_as_a_box(filled: Path) -> None:
    graph().write([Entity("t:region", "region", "a part", images=("t/3.png#xywh=4,4,9,9",))])
    shown = "\n".join(str(part.proto.body) for part in page("entity", id="t:region").get("html"))
    assert "/image/t/3.png%23xywh%3D4%2C4%2C9%2C9?width=320&amp;region=box" in shown
