"""What all sessions of the process share: one store, the picture folders, one predictor for each run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.settings import current
from kgstore import GraphStore, open_store
from kgstore.errors import KgError, StoreUnavailable
from kgstore.images import ImageRoots

if TYPE_CHECKING:
    from model.predict import Predictor

ROOTS_SECONDS = 10.0
#: A server that is away is waited for so long; pages that come a moment later are told at once.
PATIENCE, TOLD_AGAIN = 2.0, 2.0
#: Models kept loaded; each checkpoint that a run writes while somebody asks it is another one.
MODELS = 4

_away: dict[str, tuple[float, StoreUnavailable]] = {}


def graph() -> GraphStore:
    """The store of this process. Raises StoreUnavailable or StoreBusy; a call some seconds later tries again."""
    uri = current().store
    until, told = _away.get(uri, (0.0, None))
    if told is not None and time.monotonic() < until:
        raise StoreUnavailable(str(told)) from told
    try:
        return _open(uri)
    except StoreUnavailable as error:
        _away[uri] = (time.monotonic() + TOLD_AGAIN, error)
        raise


def close_graph() -> None:
    """Closes the store, so that another process may have the file."""
    _open.clear()
    _roots.clear()
    _away.clear()
    predictor.clear()


def warm_up() -> None:
    """Makes what the first page, search and query would wait for; what fails here, a page will say."""
    try:
        store = graph()
        store.search("warm up", limit=1)
        store.statistics()
        store.query("MATCH (e:Entity) RETURN e.id LIMIT 1")
    except KgError as error:
        print(f"The graph could not be prepared for searches: {error}", file=sys.stderr)


def image_roots() -> ImageRoots:
    """Where each source's pictures are; a load that happens meanwhile is noticed after some seconds."""
    return _roots(current().store, current().images, int(time.monotonic() / ROOTS_SECONDS))


@st.cache_resource(show_spinner=False, on_release=lambda store: store.close())
def _open(uri: str) -> GraphStore:
    return open_store(uri, answers_within=PATIENCE)


@st.cache_resource(show_spinner=False, max_entries=2)
def _roots(uri: str, overrides: tuple[str, ...], period: int) -> ImageRoots:
    return ImageRoots.of(graph(), overrides)


@st.cache_resource(
    show_spinner="Loading the model and embedding the graph; the first time takes a while …", max_entries=MODELS
)
def predictor(run: Path, checkpoint: str) -> Predictor:
    """The answers of a run. `checkpoint` only belongs to the key, so that a newer one is loaded anew."""
    from model.predict import Predictor  # torch and the network: only where embeddings are needed

    return Predictor(run, graph(), images=current().images, progress=False)
