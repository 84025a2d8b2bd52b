"""The test run really checks the shapes in signatures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from model.permutation import permuted
from tests.training_batches import random_batch


def test_a_wrong_shape_or_type_stops_the_call() -> None:
    with pytest.raises(TypeCheckError):
        permuted(np.zeros((2, 2), np.int64), 5, (0,))
    with pytest.raises(TypeCheckError):
        permuted(np.zeros(2, np.float32), 5, (0,))


def test_a_batch_whose_parts_do_not_fit_each_other_cannot_be_made() -> None:
    batch = random_batch()
    with pytest.raises(TypeCheckError):
        replace(batch, lengths=batch.lengths[:-1])
