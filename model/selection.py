"""Which measurement on the valid split was the best one so far, and when to give up. A function of the metrics alone.

So nothing of it is kept in checkpoints: a run that goes on reads it again from the rows that it kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kgstore.command import WrongCall
from model.config import LOSSES
from model.track import Best

#: How the figures of a measurement are told from the others in a row of metrics.
VALID = "valid/"

#: Figures of which less is better; all others are percents.
LESS_IS_BETTER = (*LOSSES, "tails/mean_rank")


class Selection:
    """Follows one metric over the measurements of a run. Of equally good ones the first is the best."""

    def __init__(self, metric: str, patience: int, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self.metric, self.patience = metric, patience
        self.best: Best | None = None
        self.since = 0  # measurements since the best one
        for row in rows:
            if any(name.startswith(VALID) for name in row):
                self.note(int(row["step"]), row)

    def note(self, step: int, row: Mapping[str, float]) -> bool:
        """Whether this measurement is the best so far. Raises WrongCall where the metric was not measured."""
        key = VALID + self.metric
        if key not in row:
            measured = ", ".join(name.removeprefix(VALID) for name in row if name.startswith(VALID))
            raise WrongCall(f"--select {self.metric} is not measured on this graph; measured are {measured}.")
        value = row[key]
        better = self.best is None or (
            value < self.best.value if self.metric in LESS_IS_BETTER else value > self.best.value
        )
        if better and value == value:  # not NaN
            self.best, self.since = Best(step, key, value), 0
            return True
        self.since += 1
        return False

    @property
    def over(self) -> bool:
        """Whether it is time to give up."""
        return 0 < self.patience <= self.since

    @property
    def verdict(self) -> str:
        """Why the run ended early, or nothing."""
        if not self.over:
            return ""
        if self.best is None:
            return f"Ended early: of {self.since} measurements none gave a number for {VALID}{self.metric}."
        return (
            f"Ended early: {self.since} measurements were not better than {self.best.metric} {self.best.value:.4g} at "
            f"step {self.best.step}."
        )
