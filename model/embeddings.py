"""The embeddings of a graph's entities as mapped arrays: one row for each description that was embedded.

An entity has several descriptions, texts and pictures. [D] Each of the first few gets a row of its own and an entity
scores as its **best** row does, so that one odd picture does not spoil a concept (the mean of the rows ranked a drawn
world's tails equally well); the paper draws one at random in training and does not say what stands for an entity
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Int64

#: What a row holds: the towers' pooled output, Y(-,-,x), or Y(x,"image of",-).
Space = Literal["pooled", "fused", "asked"]
Modality = Literal["picture", "text"]

ROWS_AT_ONCE = 65536


@dataclass(frozen=True)
class Rows:
    """Descriptions of one modality, sorted by the entity they describe; vectors have unit length.

    Row k is description number `place[k]` (its index in the entity's texts or images) of entity `owner[k]`. Only a run
    with a fusion has `fused`, and only its pictures have `asked`.
    """

    owner: Int64[np.ndarray, " v"]
    place: Int64[np.ndarray, " v"]
    pooled: Float[np.ndarray, "v d"]
    fused: Float[np.ndarray, "v f"] | None = None
    asked: Float[np.ndarray, "v f"] | None = None

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Mapped, so that only what is read is loaded."""
        return cls(
            **{path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(directory.glob("*.npy"))}
        )

    def save(self, directory: Path) -> None:
        """One .npy file an array, in a new directory."""
        directory.mkdir(parents=True)
        for name, array in vars(self).items():
            if array is not None:
                np.save(directory / f"{name}.npy", array, allow_pickle=False)

    def best(
        self, queries: Float[np.ndarray, "b d"], space: Space, scores: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, "b n"]:
        """`scores` raised to the cosine of each query with each entity's best row, where that is higher."""
        vectors = getattr(self, space)
        for start in range(0, len(self.owner), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            owner = np.asarray(self.owner[part])
            first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
            best = np.maximum.reduceat(queries @ np.asarray(vectors[part]).T, first, axis=1)
            scores[:, owner[first]] = np.maximum(scores[:, owner[first]], best)
        return scores

    def best_place(self, query: Float[np.ndarray, " d"], space: Space, entity: int) -> int:
        """Which description of an entity that has one is nearest to the query."""
        start, end = np.searchsorted(self.owner, [entity, entity + 1])
        return int(self.place[start + np.argmax(getattr(self, space)[start:end] @ query)])


@dataclass(frozen=True)
class Embeddings:
    """The rows of both modalities, by entity number of one projection."""

    entity_count: int
    pictures: Rows
    texts: Rows

    @classmethod
    def open(cls, directory: Path, entity_count: int) -> Self:
        return cls(entity_count, Rows.open(directory / "pictures"), Rows.open(directory / "texts"))

    def save(self, directory: Path) -> None:
        self.pictures.save(directory / "pictures")
        self.texts.save(directory / "texts")

    def scores(
        self,
        queries: Float[np.ndarray, "b d"],
        space: Space,
        modalities: Sequence[Modality] = ("picture", "text"),
    ) -> Float[np.ndarray, "b n"]:
        """Cosine of each query with each entity's best row of these modalities; -inf where it has none."""
        scores = np.full((len(queries), self.entity_count), -np.inf, dtype=np.float32)
        for modality in modalities:
            rows = self.pictures if modality == "picture" else self.texts
            scores = rows.best(unit(queries), space, scores)
        return scores


def unit(vectors: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b d"]:
    """Rows of length 1; a row of zeros stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
