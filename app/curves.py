"""Training curves: thinned for the eye, several runs over each other, zoom kept while points come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import altair as alt
import numpy as np
import pandas as pd

from app.theme import CURVES

MOST_POINTS = 1000
HEIGHT = 210


def thinned(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most about `most` points of a curve; in each bucket the lowest and the highest stay, in their order."""
    if len(steps) <= most:
        return steps, values
    edges = np.linspace(0, len(steps), most // 2 + 1).astype(int)
    kept = sorted(
        {0, len(steps) - 1}
        | {int(a + np.argmin(values[a:b])) for a, b in pairwise(edges)}
        | {int(a + np.argmax(values[a:b])) for a, b in pairwise(edges)}
    )
    return steps[kept], values[kept]


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """An exponential mean without the bias of its start; weight 0 leaves the values as they are."""
    if not weight or not len(values):
        return values
    return pd.Series(values).ewm(alpha=1 - weight, adjust=True).mean().to_numpy()


def curve_points(
    metrics: Mapping[str, Sequence[Mapping[str, float]]], term: str, smoothing: float, axis: str = "step"
) -> pd.DataFrame:
    """Columns run, x, value and raw of one metric over the runs; rows without it are left out."""
    parts = []
    for run, rows in metrics.items():
        points = [(row[axis], row[term]) for row in rows if row.get(term) is not None and axis in row]
        if not points:
            continue
        x, y = np.array(points, dtype=float).T
        soft = smoothed(y, smoothing)
        x, soft = thinned(x[np.isfinite(soft)], soft[np.isfinite(soft)])
        parts.append(pd.DataFrame({"run": run, "x": x, "value": soft}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"run": [], "x": [], "value": []})


def curve_chart(points: pd.DataFrame, title: str, runs: Sequence[str], axis: str) -> alt.Chart:
    """One metric; the named selection is what keeps the zoom."""
    zoom = alt.selection_interval(bind="scales", name="zoom", encodings=["x", "y"])
    colours = alt.Scale(domain=list(runs), range=[CURVES[i % len(CURVES)] for i in range(len(runs))])
    return (
        alt.Chart(points, height=HEIGHT, title=alt.TitleParams(title, fontSize=13, anchor="start"))
        .mark_line(strokeWidth=1.6)
        .encode(
            x=alt.X("x:Q", title=None, axis=alt.Axis(tickCount=5, format="~s", grid=False, tickMinStep=1)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5, format=".3~g")),
            color=alt.Color(
                "run:N", scale=colours, legend=alt.Legend(orient="bottom", title=None) if len(runs) > 1 else None
            ),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("x:Q", title=axis, format=","),
                alt.Tooltip("value:Q", title=title, format=".4~g"),
            ],
        )
        .add_params(zoom)
    )
