"""What all sessions of the process share: one store, the picture folders, one predictor for each run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.settings import current
from kgstore import GraphStore, open_store
from kgstore.images import ImageRoots

if TYPE_CHECKING:
    from model.predict import Predictor

ROOTS_SECONDS = 10.0


def graph() -> GraphStore:
    """The store of this process. Raises StoreUnavailable or StoreBusy; the next call tries again."""
    return _open(current().store)


def close_graph() -> None:
    """Closes the store, so that another process may have the file."""
    _open.clear()
    _roots.clear()
    predictor.clear()


def image_roots() -> ImageRoots:
    """Where each source's pictures are; a load that happens meanwhile is noticed after some seconds."""
    return _roots(current().store, current().images, int(time.monotonic() / ROOTS_SECONDS))


@st.cache_resource(show_spinner=False, on_release=lambda store: store.close())
def _open(uri: str) -> GraphStore:
    return open_store(uri)


@st.cache_resource(show_spinner=False, max_entries=2)
def _roots(uri: str, overrides: tuple[str, ...], period: int) -> ImageRoots:
    return ImageRoots.of(graph(), overrides)


@st.cache_resource(show_spinner="Loading the model and embedding the graph; the first time takes a while …")
def predictor(run: Path, checkpoint: str) -> Predictor:
    """The answers of a run. `checkpoint` only belongs to the key, so that a newer one is loaded anew."""
    from model.predict import Predictor  # torch and the network: only where embeddings are needed

    return Predictor(run, graph(), images=current().images, progress=False)
