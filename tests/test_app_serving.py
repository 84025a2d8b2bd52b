"""Who may see what: the password before everything, pictures brought along, a server that is away and comes back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.testing.v1 import AppTest

from app import login, shared
from app.headers import SecurityHeaders
from app.login import COOKIE, PasswordGate
from app.pictures import IMAGE_ROUTE
from app.settings import Settings, use
from app.shared import close_graph, graph
from kgstore.errors import BadImage
from kgstore.images import MAX_PIXELS, picture_of
from tests.app_graph import fill
from tests.app_pages import MAIN, page
from tests.cutting_proxy import CuttingProxy

PASSWORD = "correct horse"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Path]:
    use(Settings(str(tmp_path / "graph.lbug"), tmp_path / "runs"))
    fill(graph(), tmp_path)
    yield tmp_path
    close_graph()


# --- the password ---


def client_of(password: str) -> TestClient:
    """The picture route, a page and a connection, behind the headers and the password as in the app."""

    async def shown(request: Request) -> PlainTextResponse:
        return PlainTextResponse("the page")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    routes = [IMAGE_ROUTE, WebSocketRoute("/_stcore/stream", talk), Route("/{page:path}", shown)]
    gates = [Middleware(SecurityHeaders, hosts=("localhost",)), Middleware(PasswordGate, password=password)]
    return TestClient(
        Starlette(routes=routes, middleware=gates), base_url="http://localhost:8501", follow_redirects=False
    )


@pytest.fixture
def client(filled: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(login, "PAUSE", 0.01)
    return client_of(PASSWORD)


def test_without_the_password_neither_pages_nor_pictures_nor_connections_are_had(client: TestClient) -> None:
    answer = client.get("/entity?id=t%3Abox")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fentity%3Fid%3Dt%253Abox"
    assert client.get("/image/t/0.png").status_code == 401
    assert client.get("/_stcore/host-config").status_code == 401
    assert client.post("/anything").status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass
    assert client.get("/_stcore/health").status_code == 200


def test_the_form_gives_a_cookie_that_opens_everything(client: TestClient) -> None:
    form = client.get("/login?next=/entity%3Fid%3Dt")
    assert 'value="/entity?id=t"' in form.text
    assert "script-src 'self'" in form.headers["content-security-policy"]
    answer = client.post("/login", data={"password": PASSWORD, "next": "/entity?id=t"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/entity?id=t")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert PASSWORD not in cookie
    assert client.get("/entity").text == "the page"
    assert client.get("/image/t/0.png").status_code == 200
    own = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    with client.websocket_connect("/_stcore/stream", headers=own) as connection:
        assert connection.receive_text() == "hello"
    again = client_of(PASSWORD)
    again.cookies = client.cookies
    assert again.get("/entity").text == "the page", "a restart of the server does not end it"
    other = client_of("another password")
    other.cookies = client.cookies
    assert other.get("/entity").status_code == 303
    client.get("/logout")
    assert client.get("/entity").status_code == 303


def test_a_wrong_password_or_a_made_up_cookie_opens_nothing(client: TestClient) -> None:
    for wrong in ("", "correct", PASSWORD + " ", "x" * 100_000):
        answer = client.post("/login", data={"password": wrong})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    later = int(time.time()) + 1000
    for made_up in ("", "x", f"{later}.", f"{later}.00", "²³.00", "é" * 10):
        assert client.get("/entity", headers={b"cookie": f"{COOKIE}={made_up}".encode()}).status_code == 303
    ended = PasswordGate(Starlette(), PASSWORD)._signed(int(time.time()) - 1)
    assert client.get("/entity", headers={"cookie": f"{COOKIE}={ended}"}).status_code == 303


@pytest.mark.parametrize(
    "wanted", ["//evil.example/x", "/\\evil.example", "https://evil.example", "/a\r\nb", "", "/login"]
)
def test_the_form_leads_to_no_other_server(client: TestClient, wanted: str) -> None:
    answer = client.post("/login", data={"password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == "/"


def test_what_the_form_is_given_is_shown_as_it_is(client: TestClient) -> None:
    assert "<script>" not in client.get('/login?next=/"><script>alert(1)</script>').text


def test_without_a_password_everybody_is_let_in(filled: Path) -> None:
    assert client_of("").get("/entity").text == "the page"


def test_a_short_password_is_refused_at_the_start(tmp_path: Path) -> None:
    environment = {**os.environ, "KG_APP_PASSWORD": "short"}
    (tmp_path / "graph.lbug").touch()
    command = [sys.executable, "-m", "app", "--store", str(tmp_path / "graph.lbug")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "KG_APP_PASSWORD is shorter than 8" in ended.stderr


# --- pictures brought along ---


def test_a_picture_brought_along_is_limited_in_pixels_before_it_is_decoded() -> None:
    buffer = BytesIO()
    Image.new("1", (MAX_PIXELS // 1000 + 1, 1000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 10_000
    with pytest.raises(BadImage, match="above the limit"):
        picture_of(buffer, "large.png")
    with pytest.raises(BadImage, match=r"'x\.png' cannot be decoded"):
        picture_of(BytesIO(b"%PDF-1.4"), "x.png")
    buffer = BytesIO()
    Image.new("RGBA", (20, 10), "red").save(buffer, "PNG")
    assert (picture_of(buffer, "small.png").size, picture_of(buffer, "small.png").mode) == ((20, 10), "RGB")


# --- a server that is away ---


def test_pages_recover_when_the_server_comes_back(
    neo4j_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "TOLD_AGAIN", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    behind = int(neo4j_uri.rpartition(":")[2])
    use(Settings(f"bolt://127.0.0.1:{port}", tmp_path / "runs"))
    try:
        assert "No Neo4j server answers" in error_of("home")
        server = CuttingProxy(behind, [], port)
        fill(graph(), tmp_path)
        assert not page("home").error
        server.close()
        for name in ("home", "search", "query"):
            assert "No Neo4j server answers" in error_of(name)
        server = CuttingProxy(behind, [], port)
        assert not page("home").error
        server.close()
    finally:
        close_graph()


def error_of(name: str) -> str:
    test = AppTest.from_file(MAIN, default_timeout=60)
    test.switch_page(f"views/{name}.py").run()
    assert not test.exception
    return str(test.error[0].value)
