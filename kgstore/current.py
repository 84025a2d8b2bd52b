"""Projections that are kept: found again while the graph stands still, brought up to date when it has grown, else made
anew."""

from __future__ import annotations

import os
from pathlib import Path

from kgstore.appending import append
from kgstore.errors import BadProjection
from kgstore.projecting import fingerprint_of, project
from kgstore.projection import Projection, open_projection
from kgstore.recipes import Recipe
from kgstore.store import GraphStore


def projection_for(
    store: GraphStore,
    recipe: Recipe,
    cache: str | os.PathLike[str],
    *,
    all_entities: bool = False,
    progress: bool = False,
) -> Projection:
    """The projection of the graph as it stands, from below `cache` if it was made before; each state has its folder."""
    directory = Path(cache) / fingerprint_of(recipe, store.fingerprint(), all_entities)
    if (directory / "projection.json").is_file():
        return open_projection(directory)
    earlier = _earlier(Path(cache), recipe, all_entities)
    for each in earlier:
        grown = append(each, store, directory, progress=progress)
        if grown is not None:
            return grown
    return project(store, recipe, directory, all_entities=all_entities, earlier=earlier, progress=progress)


def current_projection(
    store: GraphStore,
    recipe: Recipe,
    directory: str | os.PathLike[str],
    *,
    all_entities: bool = False,
    progress: bool = False,
) -> Projection:
    """The projection of the graph as it stands in this folder, where it replaces what was there."""
    try:
        found = open_projection(directory)
    except BadProjection:  # none there, one cut short, or one of another version
        return project(store, recipe, directory, all_entities=all_entities, progress=progress)
    if (found.recipe, found.all_entities) == (recipe, all_entities):
        if not found.is_stale(store):
            return found
        grown = append(found, store, directory, progress=progress)
        if grown is not None:
            return grown
    return project(store, recipe, directory, all_entities=all_entities, earlier=[found], progress=progress)


def _earlier(cache: Path, recipe: Recipe, all_entities: bool) -> list[Projection]:
    """Projections of the same recipe below the folder, the latest of them first, one of each graph."""
    found: dict[str, Projection] = {}
    for description in cache.glob("*/projection.json"):
        try:
            projection = open_projection(description.parent)
        except BadProjection:
            continue
        if (projection.recipe, projection.all_entities) == (recipe, all_entities):
            extent = projection.extent
            if extent.graph not in found or found[extent.graph].extent.revision < extent.revision:
                found[extent.graph] = projection
    return list(found.values())
