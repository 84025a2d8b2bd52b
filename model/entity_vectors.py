"""A vector of its own for each entity of the graph, as embeddings such as RotatE's have them [D: not in the paper].

The paper's entities are what they show: two of the same words are one, and one without words or pictures is nothing. A
vector remembers what the graph says of an entity where what it shows does not. An entity that came after the training
has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from kgstore.projection import Projection
from model.fusion import Elements
from model.track import BadRun, write_json

#: The row of an entity that has no vector.
NONE = 0

FILE = "entities.json"


class EntityVectors(nn.Embedding):
    """Rows 1 to n are the vectors of the n entities that the run was trained on, in the order of `FILE`."""

    def __init__(self, entities: int, width: int, scale: float) -> None:
        super().__init__(1 + entities, width, padding_idx=NONE)
        with torch.no_grad():
            self.weight.normal_(std=scale)[NONE] = 0

    def tokens(self, rows: Int64[Tensor, " n"]) -> Elements:
        """The vectors as elements of one token, which is not there where an entity has no vector."""
        return Elements(self(rows)[:, None], (rows != NONE)[:, None])

    def before(self, elements: Elements, rows: Int64[Tensor, " n"]) -> Elements:
        """What entities show, after the token of each one's vector."""
        own = self.tokens(rows)
        return Elements(torch.cat([own.tokens, elements.tokens], 1), torch.cat([own.present, elements.present], 1))


def write_entities(directory: Path, projection: Projection) -> None:
    """Which entity each row is of, into a run folder."""
    write_json(directory / FILE, projection.entity_ids(np.arange(projection.entity_count)))


def read_entities(directory: Path) -> list[str]:
    """The ids in the order of their rows. Raises BadRun."""
    try:
        ids: list[str] = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRun(f"{directory / FILE} says whose the run's vectors are and cannot be read: {error}") from error
    return ids


def rows_of(ids: Sequence[str], projection: Projection) -> Int64[np.ndarray, " n"]:
    """The row of each entity of a projection, NONE for those that are not among the ids."""
    found = projection.known_numbers(ids)
    rows = np.full(projection.entity_count, NONE, np.int64)
    rows[found[found >= 0]] = 1 + np.flatnonzero(found >= 0)
    return rows
