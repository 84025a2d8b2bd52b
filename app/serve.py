"""The server: Streamlit's pages, the vis-network file of the pyvis wheel, pictures of the graph."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from app.decision_csv import DECISIONS_ROUTE
from app.headers import SecurityHeaders
from app.launch import still_training
from app.login import PasswordGate
from app.pictures import IMAGE_ROUTE
from app.settings import Settings
from app.shared import close_graph, warm_up
from app.theme import THEME
from app.upload import UPLOAD_MEGABYTES
from app.vendor import VIS_NETWORK_ROUTE

MAIN = Path(__file__).with_name("main.py")


def build(settings: Settings, address: str) -> st.App:
    """The ASGI app; it says `address` when it is ready and closes the store when it ends."""

    @asynccontextmanager
    async def lifespan(app: st.App) -> AsyncIterator[None]:
        print(f"Knowledge-CLIP is at {address} (Ctrl-C ends it).", flush=True)
        threading.Thread(target=warm_up, daemon=True).start()
        yield
        close_graph()
        print("The app has ended; the graph is closed.", file=sys.stderr)
        for name in still_training():
            print(f"Run {name} goes on training; the next app shows it and can stop it.", file=sys.stderr)

    return st.App(
        MAIN,
        routes=[VIS_NETWORK_ROUTE, IMAGE_ROUTE, DECISIONS_ROUTE],
        middleware=[
            Middleware(SecurityHeaders, hosts=settings.hosts),
            Middleware(PasswordGate, password=settings.password),
        ],
        lifespan=lifespan,
    )


def streamlit_options(settings: Settings, address: str, port: int) -> dict[str, object]:
    """Streamlit's defaults reach out, show tracebacks and ask for an e-mail address: these do not."""
    return {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        "server.showEmailPrompt": False,
        "server.allowedHosts": [f"[{host}]" if ":" in host else host for host in settings.hosts],
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.maxUploadSize": UPLOAD_MEGABYTES,
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "client.showSidebarNavigation": True,
        "logger.hideWelcomeMessage": True,
        "runner.magicEnabled": False,
        **THEME,
    }
