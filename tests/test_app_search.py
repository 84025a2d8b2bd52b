"""Home, search and query by Streamlit's own test driver: what leads where, what is kept to, what is brought along."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.query_examples import example_names
from app.query_results import as_csv, as_json, entities_in
from app.settings import Settings, use
from app.shared import close_graph, graph
from kgstore import Entity, Rows
from tests.app_graph import HOSTILE, PICTURES, fill, hostile
from tests.app_pages import components, page, words
from tests.trained_world import World, trained_world


@pytest.fixture
def filled(store_uri: str, tmp_path: Path) -> Iterator[Path]:
    """On both stores: the small graph, and one more entity of another source."""
    use(Settings(store_uri, tmp_path / "runs"))
    fill(graph(), tmp_path)
    graph().write([Entity("o:box", "concept", "box", ("a box of another source",), sources=("o",))])
    yield tmp_path
    close_graph()


def shown(test: AppTest, key: str) -> list[dict[str, object]]:
    """The items of the components in whose key the word is."""
    found = [element for element in test.get("bidi_component") if f"-{key}" in element.proto.id]
    data = [json.loads(element.proto.json) for element in found]
    return [item for each in data for group in each.get("groups", [each]) for item in group["items"]]


def test_home_leads_to_kinds_sources_and_relation_types(filled: Path) -> None:
    test = page("home")
    assert {item["id"] for item in shown(test, "sources")} == {"t", "o"}
    assert {item["id"] for item in shown(test, "kinds")} == {"concept", "image", "caption"}
    assert {item["id"]: item["shown"] for item in shown(test, "types")}["IMAGE_OF"] == str(PICTURES)


def test_search_keeps_to_kinds_and_sources_of_the_address(filled: Path) -> None:
    def ids(**query: str) -> set[object]:
        return {item["id"] for item in shown(page("search", q="bx", **query), "hits")}

    assert {"t:box", "o:box", "t:caption/0"} <= ids()
    assert ids(kind="concept") == {"t:box", "o:box"}
    assert ids(source="o") == {"o:box"}
    assert ids(source="t", kind="concept") == {"t:box"}
    assert "among what is chosen above" in words(page("search", q="bx", source="o", kind="caption"))
    assert {item["id"] for item in shown(page("search", source="t", kind="image"), "hits")} == {
        f"t:picture/{number}" for number in range(PICTURES)
    }


def test_rows_with_entities_are_a_table_a_graph_and_pictures(filled: Path) -> None:
    cypher = "MATCH (h:Entity)-[r:IS_A]->(t:Entity) WHERE h.kind = 'image' RETURN h, r, t ORDER BY h.id LIMIT 3"
    test = page("query", cypher=cypher)
    row = test.dataframe[0].value.values.tolist()[0]
    assert row == ["picture 0", "picture 0 – is a → box", "box"]
    assert '"title": "picture 0\\nimage"' in components(page("query", cypher=cypher, **{"as": "Graph"}))
    pictures = shown(page("query", cypher=cypher, **{"as": "Pictures"}), "answer")
    assert [item["name"] for item in pictures] == ["picture 0", "picture 1", "picture 2"]


def test_every_example_is_answered_or_says_why_not(filled: Path) -> None:
    test = page("query")
    for name in example_names():
        test.pills[0].set_value(name).run()
        assert not test.exception
        assert not test.error, f"{name}: {test.error[0].value}"
    asked = test.text_area[0].value
    test.pills[0].set_value("Entities by kind").run()
    assert str(test.query_params["cypher"]).startswith("MATCH (e:Entity)\nRETURN e.kind")
    next(button for button in test.button if "The facts that are asserted" in button.label).click().run()
    assert test.text_area[0].value == asked
    assert test.query_params["parameters"]


def test_parameters_that_are_no_json_and_queries_that_write_are_sentences(filled: Path) -> None:
    test = page("query", cypher="MATCH (e:Entity) WHERE e.id = $id RETURN e.name AS name", parameters='{"id": "t:box"}')
    assert test.dataframe[0].value.values.tolist() == [["box"]]
    for wrong in ("{", "[1]"):
        test.text_input(key="parameters").set_value(wrong).run()
        assert "parameters are no JSON" in test.error[0].value
    test.text_area[0].set_value("MATCH (e:Entity) SET e.name = 'x'").run()
    assert test.error
    assert graph().entity("t:box").name == "box"


def test_an_answer_as_a_file_holds_all_of_it() -> None:
    rows = Rows(("name", "number", "node"), [(HOSTILE[0], 0.123456789, {"id": "t:box"}), ("a,b\n", None, [1])], False)
    [header, first, second] = csv.reader(io.StringIO(as_csv(rows).decode()))
    assert header == ["name", "number", "node"]
    assert first == [HOSTILE[0], "0.123456789", '{"id": "t:box"}']
    assert second == ["a,b\n", "", "[1]"]
    assert json.loads(as_json(rows))[1] == {"name": "a,b\n", "number": None, "node": [1]}
    assert entities_in([({"id": "a:1"}, [{"nodes": [{"id": "a:2"}]}]), ("a:3", "no id")]) == ["a:1", "a:2", "a:3"]


# --- a trained model ---


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return trained_world(tmp_path_factory.getbasetemp() / "trained")


def test_an_entity_leads_to_what_is_like_it_of_the_kinds_and_sources_chosen(trained: World) -> None:
    picture = graph().pictures(1, ["image"])[0]
    graph().write([Entity(picture.id, "image", sources=("second",))])
    asked = {"mode": "By meaning", "with": "An entity", "head": picture.id}
    alike = shown(page("search", **asked), "similar")
    assert picture.id not in {item["id"] for item in alike}
    assert all(item["score"] for item in alike)
    captions = shown(page("search", **asked, kind="caption"), "similar")
    assert {graph().entity(str(item["id"])).kind for item in captions} == {"caption"}
    assert "Not in the graph" in page("search", **asked | {"head": "no:such"}).warning[0].value
    of_second = page("search", mode="By meaning", q="a red cube", source="second")
    assert {item["id"] for item in shown(of_second, "pictures")} == {picture.id}


def test_a_picture_brought_along_finds_its_like_and_is_asked_by_a_relation(trained: World) -> None:
    picture = graph().pictures(1, ["image"])[0]
    content = (trained.pictures / picture.images[0].partition("/")[2]).read_bytes()
    test = page("search", mode="By meaning", **{"with": "A picture of yours"})
    test.file_uploader[0].upload("mine.png", content, "image/png")
    test.run()
    assert not test.error
    first = shown(test, "similar")[0]
    assert (first["id"], first["score"]) == (picture.id, "1.00")

    test = page("search", mode="By relation", about="A picture of yours")
    test.file_uploader[0].upload("mine.png", content, "image/png")
    test.run()
    assert not test.error
    assert "This picture **image of**" in words(test)
    assert {graph().entity(str(item["id"])).kind for item in shown(test, "answers IMAGE_OF")} == {"caption"}


def test_what_is_no_picture_is_a_sentence(trained: World) -> None:
    large = BytesIO()
    Image.new("1", (6000, 6000)).save(large, "PNG")
    for content, sentence in ((b"no picture", "cannot be decoded"), (large.getvalue(), "above the limit")):
        test = page("search", mode="By meaning", **{"with": "A picture of yours"})
        test.file_uploader[0].upload("mine.png", content, "image/png")
        test.run()
        assert sentence in test.error[0].value


def test_hostile_names_of_sources_and_examples_are_shown_as_they_are(trained: World) -> None:
    hostile(graph())
    graph().write([Entity(f"s:{number}", sources=(name[:60],)) for number, name in enumerate(HOSTILE[:4])])
    for test in (page("home"), page("search"), page("search", mode="By meaning")):
        assert not test.error
        assert "](http" not in words(test)
