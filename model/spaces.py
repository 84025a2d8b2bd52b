"""Pictures and words in the spaces of a run: by the towers alone, and by the fusion when a picture is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from model.embed import BATCH, Description, Encoder
from model.embeddings import Rows, unit
from model.predict import Predictor


class Space(NamedTuple):
    """Some pictures, and what makes vectors of texts; cosines are dot products."""

    pictures: Float[np.ndarray, "p d"]
    texts: Callable[[Sequence[str]], Float[np.ndarray, "t d"]]


def spaces(subject: Predictor, rows: Int64[np.ndarray, " p"]) -> dict[str, Space]:
    """towers: pooled outputs. fused, if there is a fusion: Y(picture,"image of",-) and Y(-,-,text).

    `rows` are rows of the embedded pictures.
    """
    pictures = subject.embeddings.pictures
    found = {"towers": Space(np.asarray(pictures.pooled[rows]), lambda texts: by_towers(subject.encoder, texts))}
    if subject.fused:
        found["fused"] = Space(asked(pictures)[rows], lambda texts: by_fusion(subject.encoder, texts))
    return found


def by_towers(encoder: Encoder, texts: Sequence[str]) -> Float[np.ndarray, "t d"]:
    """Pooled outputs, of unit length."""
    parts = [unit(encoder.texts(part).pooled.float().cpu().numpy()) for part in _batches(texts)]
    return np.concatenate(parts)


def by_fusion(encoder: Encoder, texts: Sequence[str]) -> Float[np.ndarray, "t f"]:
    """Y(-,-,text), of unit length. Raises NoFusion."""
    return np.concatenate([encoder.alone(encoder.texts(part)) for part in _batches(texts)])


def asked_by(subject: Predictor, rows: Int64[np.ndarray, " p"], relation: str) -> Float[np.ndarray, "p f"]:
    """Y(picture, relation, -) for a relation in words. Raises NoFusion."""
    encoder, projection, pictures = subject.encoder, subject.projection, subject.embeddings.pictures
    wanted = [
        Description(owner, place, projection.images(owner)[place])
        for owner, place in zip(pictures.owner[rows].tolist(), pictures.place[rows].tolist(), strict=True)
    ]
    words = encoder.relations([relation])
    found = np.zeros((len(rows), subject.trained.config.fusion_width), np.float32)
    for places, encoding in encoder.batches(wanted, pictures=True):
        found[places] = encoder.asked(encoding.elements, words.expand(len(places), -1))
    return found


def first_pictures(subject: Predictor, entities: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """The row of each entity's first picture; -1 for one without a picture that was embedded."""
    owner, place = np.asarray(subject.embeddings.pictures.owner), np.asarray(subject.embeddings.pictures.place)
    rows = np.searchsorted(owner, entities)
    there = rows < len(owner)
    there[there] = (owner[rows[there]] == entities[there]) & (place[rows[there]] == 0)
    return np.where(there, rows, -1).astype(np.int64)


def asked(pictures: Rows) -> Float[np.ndarray, "v f"]:
    """Y(picture,"image of",-) of all pictures of a run with a fusion."""
    assert pictures.asked is not None
    return pictures.asked


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
