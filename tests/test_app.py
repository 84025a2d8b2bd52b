"""The pages' logic by Streamlit's own test driver, on a real embedded graph; the routes by a test client."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from app.escape import escape, one_line, shorten
from app.headers import SecurityHeaders
from app.pictures import IMAGE_ROUTE, picture_url
from app.serve import streamlit_options
from app.settings import Settings, use
from app.shared import close_graph, graph
from app.vendor import VIS_NETWORK_ROUTE, vis_network_address
from app.words import duration, score_text
from kgstore import open_store
from tests.app_graph import HOSTILE, PICTURES, fill, hostile
from tests.app_pages import MAIN, components, page, press, words
from tests.trained_world import World, trained_world


@pytest.fixture
def filled(empty: Path) -> Path:
    fill(graph(), empty)
    return empty


# --- pages ---


def test_an_empty_graph_says_which_command_fills_it(empty: Path) -> None:
    shown = words(page("home"))
    assert "The graph is empty" in shown
    assert "python -m ingest world" in shown


def test_home_shows_counts_pictures_and_what_waits(filled: Path) -> None:
    test = page("home")
    assert {metric.label: metric.value for metric in test.metric}["Entities"] == str(3 + 2 * PICTURES)
    assert {metric.label: metric.value for metric in test.metric}["Predictions waiting"] == "3"
    leads = [link.proto.label for link in test.get("page_link")]
    assert leads[:4] == ["Search them", "See some", "Compare them", "Review them"]
    assert "/image/t/0.png" in components(test)
    assert '"name": "image of"' in components(test)


@pytest.mark.parametrize("name", ["home", "search", "entity", "review", "training", "query"])
def test_every_page_of_an_empty_graph_says_something(empty: Path, name: str) -> None:
    test = page(name)
    assert not test.error
    assert test.title[0].value


def test_search_forgives_a_typo(filled: Path) -> None:
    test = page("search", q="crat")
    assert '"id": "t:crate"' in components(test)


def test_search_without_a_hit_says_so(filled: Path) -> None:
    assert "Nothing is called" in words(page("search", q="zzzzqqqq"))


@pytest.mark.parametrize("mode", ["By meaning", "By relation"])
def test_search_by_a_model_says_when_there_is_none(filled: Path, mode: str) -> None:
    assert "none among the runs" in words(page("search", mode=mode))


def test_an_entity_shows_its_texts_facts_and_neighbours(filled: Path) -> None:
    test = page("entity", id="t:box")
    assert test.title[0].value == "box"
    assert "a thing with six sides" in words(test)
    assert '"text": "is a →"' in components(test)
    assert '"from": "t:crate"' in components(test)


def test_a_missing_entity_is_a_sentence(filled: Path) -> None:
    test = page("entity", id="t:nobody")
    assert "nobody" in test.error[0].value


def test_a_prediction_is_accepted_undone_and_rejected(filled: Path) -> None:
    last = f"t:picture/{PICTURES - 1}"
    test = page("entity", id=last)
    press(test, "Accept")
    assert graph().predictions(decision="accepted")[0].head == last
    assert '"accepted": true' in components(test)
    press(test, "Undo")
    assert len(graph().predictions()) == 3
    press(test, "Reject")
    assert graph().predictions(decision="rejected")[0].head == last
    assert "rejected" in words(test)


def test_query_answers_and_refuses(filled: Path) -> None:
    test = page("query")
    test.text_area[0].set_value("MATCH (e:Entity) RETURN e.kind AS kind, count(*) AS n ORDER BY kind").run()
    assert dict(test.dataframe[0].value.values.tolist())["image"] == PICTURES
    test.text_area[0].set_value("MATCH (e:Entity) SET e.name = 'x'").run()
    assert test.error
    assert graph().entity("t:box").name == "box"


@pytest.mark.parametrize("store", ["bolt://127.0.0.1:9"])
def test_a_server_that_is_down_is_a_sentence_on_every_page(tmp_path: Path, store: str) -> None:
    use(Settings(store, tmp_path / "runs"))
    for name in ("home", "search", "entity", "review", "query"):
        test = AppTest.from_file(MAIN, default_timeout=60)
        test.switch_page(f"views/{name}.py").run()
        assert not test.exception
        assert "127\\.0\\.0\\.1" in test.error[0].value, name
    assert not page("training").error


# --- a trained model, asked in the pages ---


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return trained_world(tmp_path_factory.getbasetemp() / "trained")


def test_search_by_meaning_shows_knowledge_clip_beside_the_clip_it_started_from(trained: World) -> None:
    test = page("search", mode="By meaning", q="a red cube")
    assert not test.error
    assert [part.value for part in test.subheader] == ["Knowledge-CLIP", "The CLIP it started from"]
    assert len(test.get("bidi_component")) == 2
    assert components(test).count('"score": "') == 2 * 12


def test_search_by_relation_ranks_answers_and_marks_what_is_known(trained: World) -> None:
    test = page("search", mode="By relation", q="cube")
    assert not test.error
    answers = [
        item
        for element in test.get("bidi_component")
        for group in json.loads(element.proto.json)["groups"]
        for item in group["items"]
        if "rank" in item
    ]
    assert [item["rank"] for item in answers] == [*range(1, 6), *range(1, 6)]
    head = str(test.selectbox[0].value)
    known = {triple.tail for triple in graph().neighbours(head, direction="out", limit=1000)}
    assert {item["id"] for item in answers if item["note"] == "known"} <= known


def test_a_picture_is_asked_by_two_relations_on_its_page(trained: World) -> None:
    picture = graph().pictures(1, ["image"])[0]
    test = page("entity", id=picture.id)
    test.toggle[0].set_value(True).run()
    assert not test.error
    assert {"image of", "is a"} <= {text for text in ("image of", "is a") if text in words(test)}
    assert components(test).count('"rank": 1') == 2


def test_a_checkpoint_that_is_cut_short_is_a_sentence(trained: World, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(trained.clip.parent, tmp_path / "runs"))
    for weights in (runs / "clip").rglob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:1000])
    use(Settings(str(trained.store), runs))
    test = AppTest.from_file(MAIN, default_timeout=60)
    test.switch_page("views/search.py")
    test.query_params["mode"] = "By meaning"
    test.query_params["q"] = "a red cube"
    test.run()
    assert not test.exception
    assert len(test.error) == 1
    assert "could not be drawn" not in test.error[0].value


def test_the_pages_show_a_graph_on_a_neo4j_server(neo4j_uri: str, tmp_path: Path) -> None:
    use(Settings(neo4j_uri, tmp_path / "runs"))
    try:
        fill(graph(), tmp_path)
        assert "/image/t/0.png" in components(page("home"))
        assert '"id": "t:crate"' in components(page("search", q="crat"))
        test = page("entity", id=f"t:picture/{PICTURES - 1}")
        press(test, "Accept")
        assert '"accepted": true' in components(test)
        press(page("review"), "Reject")
        assert graph().statistics().waiting == 1
        assert page("query").dataframe
    finally:
        close_graph()


# --- names from data ---


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_keeps_no_markup(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    assert all(escaped[place - 1] == "\\" for place, letter in enumerate(escaped) if letter in "<>[]!*`$:_#" and place)


def test_one_line_drops_control_characters_and_direction_overrides() -> None:
    assert one_line("a\nb\x00c\u202ed\u202c") == "a b c" + "d"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"


def test_pages_with_hostile_names_are_drawn(filled: Path) -> None:
    ids = hostile(graph())
    for test in (page("entity", id=ids[0]), page("entity", id=ids[1]), page("search", q="emoji"), page("review")):
        assert not test.error
        for part in (*test.title, *test.subheader, *test.markdown, *test.caption):
            assert "](http" not in str(part.value)
    assert not page("home").error


# --- routes ---


@pytest.fixture
def client(filled: Path) -> TestClient:
    middleware = [Middleware(SecurityHeaders, hosts=("localhost",))]
    server = Starlette(routes=[VIS_NETWORK_ROUTE, IMAGE_ROUTE], middleware=middleware)
    return TestClient(server, base_url="http://localhost:8501")


def test_a_picture_comes_as_a_thumbnail_large_enough_to_draw(client: TestClient) -> None:
    answer = client.get(picture_url("t/3.png", 160))
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(answer.content)).size == (64, 64)
    again = client.get(picture_url("t/3.png", 160), headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_region_comes_as_its_crop_or_in_its_place(client: TestClient, filled: Path) -> None:
    Image.new("RGB", (400, 200), "white").save(filled / "pictures" / "wide.png")
    crop = client.get(picture_url("t/wide.png#xywh=10,20,100,50", 320))
    assert Image.open(BytesIO(crop.content)).size == (100, 50)
    place = client.get(picture_url("t/wide.png#xywh=10,20,100,50", 320, region="place"))
    assert Image.open(BytesIO(place.content)).size == (320, 160)


def test_a_picture_that_stays_in_a_tar_file_is_served_from_there(client: TestClient, filled: Path) -> None:
    with tarfile.open(filled / "pictures" / "shard.tar", "w") as archive:
        archive.add(filled / "pictures" / "0.png", "0.png")
        archive.add(filled / "pictures" / "3.png", "3.png")
    with tarfile.open(filled / "pictures" / "shard.tar") as archive:
        place = archive.getmember("3.png").offset
    answer = client.get(picture_url(f"t/shard.tar@{place}/3.png", 160))
    assert answer.content == client.get(picture_url("t/3.png", 160)).content
    assert client.get(picture_url(f"t/shard.tar@{place}/0.png", 160)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/image/t/none.png",
        "/image/t/..%2F..%2Fgraph.lbug",
        "/image/other/0.png",
        "/image/t/%2Fetc%2Fpasswd",
        "/image/t",
    ],
)
def test_what_is_no_picture_of_the_graph_is_not_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


def test_vis_network_comes_out_of_the_wheel(client: TestClient) -> None:
    answer = client.get(vis_network_address())
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert "vis-network" in answer.text[:1000]


def test_every_answer_forbids_other_servers_and_other_names_get_none(client: TestClient) -> None:
    assert "connect-src 'self'" in client.get("/image/t/0.png").headers["content-security-policy"]
    assert client.get("/image/t/0.png", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/_stcore/metrics").status_code == 404


def test_streamlit_reports_to_nobody_and_shows_no_tracebacks(tmp_path: Path) -> None:
    options = streamlit_options(Settings("graph", tmp_path), "127.0.0.1", 8501)
    assert options["browser.gatherUsageStats"] is False
    assert options["server.showEmailPrompt"] is False
    assert options["client.showErrorDetails"] == "none"


# --- words ---


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (60, "1 min"), (125, "2 min 5 s"), (7260, "2 h 1 min"), (90000, "1 d")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("score", "text"), [(None, ""), (0.123456, "0.12"), (123.456, "123"), (12345.6, "12,346")])
def test_scores_show_no_eight_decimals(score: float | None, text: str) -> None:
    assert score_text(score) == text


def test_the_store_is_given_back_when_the_app_ends(filled: Path) -> None:
    close_graph()
    with open_store(filled / "graph.lbug") as store:
        assert store.statistics().waiting == 3


# --- the command ---


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--store", "none/graph.lbug"], "none"),
        (["--store", "bolt://127.0.0.1:1", "--images", "nonsense"], "SOURCE=DIR"),
        (["--store", "carrier-pigeon://roof"], "carrier-pigeon"),
        (["--store", "bolt://127.0.0.1:1", "--address", "192.0.2.1"], "--port"),
        ([], "--store"),
    ],
)
def test_a_wrong_call_ends_with_a_sentence_and_status_2(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert sentence in refused(tmp_path, *arguments, "--port", port)


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "choose another by --port" in refused(tmp_path, "--store", "bolt://127.0.0.1:1", "--port", port)


def test_a_graph_that_another_process_holds_is_a_sentence(filled: Path) -> None:
    graph().statistics()
    assert "process" in refused(filled, "--store", str(filled / "graph.lbug"), "--port", "0")


def refused(folder: Path, *arguments: str) -> str:
    """What the command says on stderr when it ends with status 2."""
    environment = {name: value for name, value in os.environ.items() if name not in ("NEO4J_URI", "PORT", "KG_IMAGES")}
    environment["PYTHONPATH"] = str(Path(MAIN).parent.parent)
    command = [sys.executable, "-m", "app", *arguments]
    called = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert called.returncode == 2, called.stderr
    assert "Traceback" not in called.stderr
    return called.stderr
