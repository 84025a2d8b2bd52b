"""A password before everything the server has, pages, pictures and the connection of a page alike, if one is set.

Whoever knows it gets a cookie that holds when it ends, signed with a key made from the password: it outlives a restart
of the server, and another password ends it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOGIN, LOGOUT = "/login", "/logout"
COOKIE = "knowledge_clip_login"
DAYS = 30
#: After a wrong password its sender waits so long, and of all senders together only one is answered at a time.
PAUSE = 1.0
LONGEST_FORM = 4096
SHORTEST_PASSWORD = 8
#: What a container's health check asks.
OPEN = ("/_stcore/health",)
#: These are asked for by a page and not by a person; no form helps there.
PARTS = ("/_stcore/", "/static/", "/media/", "/component/", "/image/", "/vendor/")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Knowledge-CLIP</title><style>
:root { color-scheme: light dark; font-family: "Source Sans", system-ui, sans-serif;
  --back: #fbfbfd; --field: #f0f1f6; --text: #22252f; --line: #dfe1ea; }
@media (prefers-color-scheme: dark) { :root { --back: #14161d; --field: #1e212b; --text: #e6e8ef; --line: #333745; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text); }
form { width: min(20rem, calc(100vw - 3rem)); display: grid; gap: 0.8rem; }
h1 { font-size: 1.5rem; font-weight: 650; margin: 0; }
label { font-size: 0.9rem; } p { margin: 0; font-size: 0.9rem; color: #d64545; min-height: 1.2em; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: 0.6rem 0.8rem; border-radius: 0.6rem;
  border: 1px solid var(--line); background: var(--field); color: inherit; }
label input { margin-top: 0.3rem; }
button { background: #5b6ee1; border-color: #5b6ee1; color: white; cursor: pointer; }
</style></head><body><form method="post" action="/login">
<h1>Knowledge-CLIP</h1>
<input type="hidden" name="next" value="<next>">
<label>Password<input type="password" name="password" autocomplete="current-password" required autofocus></label>
<button>Open</button><p role="alert"><message></p>
</form></body></html>"""


class PasswordGate:
    """Lets nothing through without the cookie but the form that gives it. With an empty password it is not there."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self.app = app
        self._password = password.encode()
        self._key = hashlib.scrypt(self._password, salt=b"knowledge-clip login", n=2**14, r=8, p=1)
        self._one_failure = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self._password:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in (LOGIN, LOGOUT):
            answer = await self._form(Request(scope, receive))
            await answer(scope, receive, send)
        elif scope["path"] in OPEN or self._valid(_cookie(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Log in first."})
        else:
            await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(PARTS):
            return PlainTextResponse("Log in first.", 401, {"Cache-Control": "no-store"})
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(wanted, safe='')}", 303, {"Cache-Control": "no-store"})

    async def _form(self, request: Request) -> Response:
        if request.url.path == LOGOUT:
            answer: Response = RedirectResponse(LOGIN, 303)
            answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
            return answer
        if request.method != "POST":
            return _page(_own_address(request.query_params.get("next", "/")))
        form = parse_qs(await _body(request))
        wanted = _own_address(form.get("next", ["/"])[0])
        given = form.get("password", [""])[0].encode()
        if not hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(self._password).digest()):
            async with self._one_failure:
                await asyncio.sleep(PAUSE)
            return _page(wanted, "That is not the password.")
        answer = RedirectResponse(wanted, 303, {"Cache-Control": "no-store"})
        secure = request.url.scheme == "https"
        age = DAYS * 86400
        answer.set_cookie(
            COOKIE, self._signed(int(time.time()) + age), age, httponly=True, samesite="lax", secure=secure
        )
        return answer

    def _signed(self, until: int) -> str:
        return f"{until}.{hmac.new(self._key, str(until).encode(), hashlib.sha256).hexdigest()}"

    def _valid(self, cookie: str) -> bool:
        until = cookie.partition(".")[0]
        if not (until.isascii() and until.isdecimal() and len(until) < 12):
            return False
        return hmac.compare_digest(cookie.encode(), self._signed(int(until)).encode()) and int(until) > time.time()


async def _body(request: Request) -> str:
    """The form that was sent, as far as a form of a password may be long."""
    content = b""
    async for part in request.stream():
        content += part[: LONGEST_FORM - len(content)]
    return content.decode("utf-8", "replace")


def _cookie(scope: Scope) -> str:
    try:
        found = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _own_address(address: str) -> str:
    """The address if it is a page of this server, else the first page."""
    parts = urlsplit(address)
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return address if own and address.isprintable() and parts.path not in (LOGIN, LOGOUT) else "/"


def _page(wanted: str, message: str = "") -> HTMLResponse:
    content = PAGE.replace("<next>", html.escape(wanted)).replace("<message>", html.escape(message))
    return HTMLResponse(content, 403 if message else 200, {"Cache-Control": "no-store"})
