"""The evidence as a plot: a panel a metric, a bar an arm, a line from one deviation below the mean to one above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from model.experiment import Experiment


def plot(experiment: Experiment, arms: Mapping[str, Mapping[str, Mapping[str, Any]]], columns: int = 3) -> alt.Chart:
    """What the experiment shows of its arms."""
    rows = [
        {
            "arm": arm,
            "metric": metric,
            "mean": own[metric]["mean"],
            "low": own[metric]["mean"] - (own[metric]["std"] or 0.0),
            "high": own[metric]["mean"] + (own[metric]["std"] or 0.0),
        }
        for metric in experiment.shown
        for arm, own in arms.items()
        if metric in own
    ]
    chart: Any = alt.Chart(pd.DataFrame(rows), width=220, height=18 * len(arms))
    y = alt.Y("arm:N", sort=list(arms), title=None, axis=alt.Axis(labelLimit=300))
    bars = chart.mark_bar().encode(x=alt.X("mean:Q", title=None), y=y, color=alt.Color("arm:N", legend=None))
    spread = chart.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", y=y)
    panel = alt.Facet("metric:N", sort=list(experiment.shown), title=experiment.name)
    return (bars + spread).facet(panel, columns=columns)


def save(charts: Sequence[alt.Chart], path: Path) -> None:
    """All charts below one another, as an SVG. Needs vl-convert-python."""
    alt.vconcat(*charts).resolve_scale(color="independent").save(str(path))
