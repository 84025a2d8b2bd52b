"""The graph view's logic: what is in view, every step and its undoing, the panel, and the view as files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.graph_address import address_text, graph_address, ids_of
from app.graph_export import as_csv, as_json, as_page
from app.graph_panel import perform
from app.graph_view import OTHER_TYPES, TYPE_COLOURS, legend, type_colour
from app.neighbourhood import MOST, USUAL, Neighbourhood
from app.settings import Settings, use
from app.shared import close_graph, graph
from app.shown import MOST_ENTITIES, Shown
from app.words import Catalogue
from kgstore import Entity, GraphStore, Triple, TripleKey
from tests.app_graph import PICTURES, fill, hostile, predicted
from tests.app_pages import page

LAST = f"t:picture/{PICTURES - 1}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    """One graph for all that only read it: boxes, hostile names, a hub with 400 parts and 40 uses."""
    folder = tmp_path_factory.mktemp("graph-view")
    use(Settings(str(folder / "graph.lbug"), folder / "runs"))
    fill(graph(), folder)
    hostile(graph())
    parts = [Entity(f"b:part/{number:03}", name=f"part {number}") for number in range(400)]
    uses = [Entity(f"b:use/{number:03}", "phrase", f"use {number}") for number in range(40)]
    triples = [Triple("b:hub", "HAS_PART", part.id, weight=1 + n / 1000) for n, part in enumerate(parts)]
    triples += [Triple(one.id, "USES", "b:hub") for one in uses]
    triples += [Triple(one.id, "LIKES", "b:hub") for one in uses[:3]]
    graph().write([Entity("b:hub", name="hub"), *parts, *uses], triples)
    yield graph()
    close_graph()


def begun(store: GraphStore, *seeds: str) -> Neighbourhood:
    shown = Neighbourhood(",".join(seeds), seeds)
    shown.refresh(store)
    return shown


def look(shown: Neighbourhood) -> Shown:
    return replace(shown.shown, arrangement=0)


# --- growing ---


def test_a_view_begins_around_an_entity_and_grows_where_it_is_expanded(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    assert set(shown.shown.visible) == {"t:crate", "t:box"}
    assert {(one.type, one.direction, one.count) for one in shown.rest(store.neighbour_counts("t:box"), "t:box")} == {
        ("IS_A", "out", 1),
        ("IS_A", "in", 8),
    }
    shown.open(store, "t:box")
    assert set(shown.shown.visible) >= {"t:thing", "t:picture/0", LAST}
    assert shown.rest(store.neighbour_counts("t:box"), "t:box") == []
    shown.expand(store, "t:box")
    assert shown.message == "Nothing new around it."
    assert shown.last_step == "expand box"


def test_a_view_of_several_begins_with_the_relations_among_them(store: GraphStore) -> None:
    shown = begun(store, "t:box", "t:thing", "t:caption/0", "t:nobody")
    assert set(shown.shown.visible) == {"t:box", "t:thing", "t:caption/0"}
    assert shown.shown.drawn == [TripleKey("t:box", "IS_A", "t:thing")]


def test_types_take_turns_and_the_heaviest_relations_come_first(store: GraphStore) -> None:
    shown = begun(store, "b:hub")
    brought = [key.type for key in shown.shown.drawn]
    assert len(brought) == USUAL
    assert {type_: brought.count(type_) for type_ in brought} == {"HAS_PART": 11, "USES": 11, "LIKES": 3}
    assert "b:part/399" in shown.shown.visible
    assert "b:part/000" not in shown.shown.visible


def test_an_expansion_brings_the_chosen_types_up_to_the_chosen_number(store: GraphStore) -> None:
    shown = begun(store, "b:hub")
    before = set(shown.shown.drawn)
    shown.open(store, "b:hub")
    assert shown.message == "418 relations of hub are not shown. Choose which to bring."
    shown.expand(store, "b:hub", [("USES", "in")], 10)
    new = set(shown.shown.drawn) - before
    assert {key.type for key in new} == {"USES"}
    assert len(new) == 10
    shown.expand(store, "b:hub", [("HAS_PART", "out")], 10_000)
    assert len(shown.shown.drawn) == USUAL + 10 + MOST


def test_a_full_view_says_so_and_holds_no_more(store: GraphStore) -> None:
    shown = begun(store, "b:hub")
    for _ in range(MOST_ENTITIES // MOST + 1):
        shown.expand(store, "b:hub", [("HAS_PART", "out")], MOST)
    assert len(shown.shown.visible) == MOST_ENTITIES
    assert "shows 300 entities at most" in shown.message


# --- steps and their undoing ---


def test_every_step_can_be_taken_back(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    begin = shown.shown
    steps: list[Callable[[], None]] = [
        lambda: shown.expand(store, "t:box"),
        lambda: shown.hide("t:picture/0"),
        lambda: shown.pin("t:picture/1"),
        lambda: perform(shown, "arrange", ""),
        lambda: shown.collapse("t:box"),
        lambda: shown.show_hidden(),
        lambda: shown.add(store, "t:caption/2"),
        lambda: shown.find_path(store, "t:crate", "t:caption/2", 4),
        lambda: shown.connect(store),
    ]
    states = []
    for step in steps:
        states.append(shown.shown)
        step()
    while shown.last_step:
        perform(shown, "undo", "")
        assert shown.shown in states
    assert shown.shown == begin
    assert shown.message == "Taken back: expand box."


def test_collapsing_takes_out_what_an_expansion_brought_but_for_what_is_pinned(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    shown.expand(store, "t:box")
    shown.expand(store, "t:picture/0")
    assert "t:caption/0" in shown.shown.visible
    shown.pin("t:picture/1")
    shown.collapse("t:box")
    assert set(shown.shown.visible) == {"t:crate", "t:box", "t:picture/1"}
    assert shown.shown.drawn == [TripleKey("t:crate", "SYNONYM", "t:box")]


def test_what_is_hidden_stays_hidden_when_its_neighbour_is_expanded(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    shown.expand(store, "t:box")
    shown.hide("t:picture/0")
    shown.expand(store, "t:box")
    assert "t:picture/0" not in shown.shown.visible
    shown.show_hidden()
    assert TripleKey("t:picture/0", "IS_A", "t:box") in shown.shown.drawn


def test_a_path_is_brought_and_marked_or_a_sentence_says_there_is_none(store: GraphStore) -> None:
    shown = begun(store, "t:crate", "t:caption/0")
    assert shown.shown.drawn == []
    shown.find_path(store, "t:crate", "t:caption/0", 4)
    assert [key.type for key in shown.shown.path] == ["SYNONYM", "IS_A", "IMAGE_OF"]
    assert set(shown.shown.path) <= set(shown.shown.drawn)
    assert shown.message == "1 shortest path of 3 steps between crate and a red box, number 0."
    shown.find_path(store, "t:crate", "t:caption/0", 2)
    assert shown.message == "No path of at most 2 steps joins crate and a red box, number 0."


def test_where_the_store_fails_nothing_is_changed_and_a_sentence_says_why(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    before = shown.shown
    shown.attempt(lambda: shown.expand(store, "t:nobody"))
    assert "t:nobody" in shown.message
    assert (shown.shown, shown.past) == (before, [])


def test_a_decision_made_elsewhere_shows_and_what_is_gone_leaves(tmp_path: Path, embedded: GraphStore) -> None:
    fill(embedded, tmp_path)
    shown = begun(embedded, LAST)
    key = predicted(LAST, "t:box", 0.9).key
    embedded.decide(key, "accepted")
    shown.refresh(embedded)
    assert shown.triples[key].decision == "accepted"
    shown.hide("t:box")
    embedded.decide(key, "")
    shown.look_again(embedded, key)
    assert shown.triples[key].decision == ""
    embedded.decide(key, "rejected")
    shown.look_again(embedded, key)
    shown.undo()
    assert key not in shown.shown.drawn


# --- how it looks ---


def test_types_keep_their_colour_and_the_legend_counts_what_is_in_view(store: GraphStore) -> None:
    shown = begun(store, "t:crate")
    colour = type_colour("SYNONYM", shown)
    shown.expand(store, "t:box")
    assert type_colour("SYNONYM", shown) == colour
    counts = {entry["key"]: entry["count"] for group in legend(shown, Catalogue(store)).values() for entry in group}
    assert counts == {"kind concept": 3, "kind image": 8, "type SYNONYM": 1, "type IS_A": 9, "predicted": 3}
    shown.types = dict.fromkeys([f"T{number}" for number in range(len(TYPE_COLOURS))] + ["LATE"])
    assert type_colour("LATE", shown) == OTHER_TYPES


# --- files ---


def test_files_hold_what_is_in_view_and_not_what_the_legend_hides(store: GraphStore) -> None:
    shown = begun(store, "t:box")
    rows = list(csv.DictReader(io.StringIO(as_csv(shown, Catalogue(store)).decode("utf-8-sig"))))
    assert len(rows) == 10
    [row] = [row for row in rows if row["head"] == LAST]
    assert (row["head_name"], row["relation"], row["tail_name"], row["origin"]) == (
        "picture 7",
        "is a",
        "box",
        "predicted",
    )
    shown.off = frozenset({"predicted", "kind concept"})
    content = json.loads(as_json(shown, Catalogue(store)))
    assert content["relations"] == []
    assert {entity["kind"] for entity in content["entities"]} == {"image"}


def test_the_page_of_a_hostile_graph_is_inert_and_asks_no_server(store: GraphStore) -> None:
    ids = [id for (id,) in store.query("MATCH (e:Entity) WHERE e.id STARTS WITH 'h:' RETURN e.id").rows]
    evil = Entity("e:href", name="<a href='http://evil.example/'>", texts=('"><img src=x onerror=alert(1)></script>',))
    shown = begun(store, *map(str, ids), LAST, "t:box")
    shown.entities[LAST] = replace(evil, id=LAST, images=shown.entities[LAST].images)
    page = as_page(shown, Catalogue(store)).decode()
    assert not re.search(r"<script[^>]*\bsrc=|<link\b", page)
    assert "popup.innerHTML" not in page, "a title that holds href would be set as HTML"
    assert "<script>alert(1)" not in page
    assert "script-src 'sha256-" in page
    assert "data:image/png;base64," in page


# --- pages ---


def drawn(test: AppTest) -> dict[str, list[dict[str, object]]]:
    [element] = test.get("bidi_component")[-1:]
    data: dict[str, list[dict[str, object]]] = json.loads(element.proto.json)
    return data


def offered(test: AppTest) -> list[str]:
    """Entities on cards."""
    [element] = test.get("bidi_component")
    return [item["id"] for item in json.loads(element.proto.json)["groups"][0]["items"]]


def button(test: AppTest, label: str) -> AppTest:
    next(one for one in test.button if one.label.startswith(label)).click().run()
    assert not test.exception
    assert not test.error
    return test


def test_the_page_without_seeds_finds_some_and_one_with_seeds_shows_them(store: GraphStore) -> None:
    test = page("graph")
    assert "t:picture/0" in offered(test)
    test.text_input[0].set_value("crat").run()
    assert offered(test) == ["t:crate"]
    assert len(drawn(page("graph", seeds="t:crate,t:caption/3"))["nodes"]) == 2
    assert len(drawn(button(page("graph", seeds="t:crate"), "Start over"))["groups"]) == 1
    assert "t:nobody" in page("graph", seeds="t:nobody").warning[0].value.replace("\\", "")


def test_the_panel_expands_by_type_and_number_collapses_and_hides(store: GraphStore) -> None:
    test = page("graph", seeds="b:hub")
    assert "418 relations more" in "\n".join(caption.value for caption in test.caption)
    test.button_group[0].select(("USES", "in")).run()
    test.number_input[0].set_value(5).run()
    assert len(drawn(button(test, "Expand · 5 of 29"))["nodes"]) == 1 + USUAL - 3 + 5
    assert len(drawn(button(test, "Collapse"))["nodes"]) == 1
    button(test, "Hide")
    assert drawn(test)["nodes"] == []
    assert len(drawn(button(test, "Show 1 hidden"))["nodes"]) == 1


def test_entities_of_a_query_are_a_graph(store: GraphStore) -> None:
    def script() -> None:
        from app.graph_panel import entities_graph
        from app.shared import graph
        from app.words import Catalogue

        entities_graph("answer", ["t:box", "t:thing", "t:nobody"], Catalogue(graph()))

        entities_graph("none", ["t:nobody"], Catalogue(graph()))

    test = AppTest.from_function(script).run()
    assert not test.exception
    assert [edge["label"] for edge in drawn(test)["edges"]] == ["is a"]
    assert "None of these" in test.caption[-1].value


@pytest.mark.parametrize("ids", [["a:1"], ["a:one,two", "b:50%", "c:%2C"]])
def test_ids_with_commas_come_back_from_an_address(ids: list[str]) -> None:
    assert ids_of(address_text(ids)) == ids
    assert graph_address(ids).startswith("/graph?seeds=")
