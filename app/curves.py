"""Training curves: thinned for the eye, several runs over each other, zoom kept while points come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import altair as alt
import numpy as np
import pandas as pd

from app.metrics import Columns
from app.theme import BASELINE, CURVES

MOST_POINTS = 1000
#: Of what lies beside the part that is zoomed in on.
POINTS_ASIDE = 100
#: So few points are dots on their line.
FEW = 40
HEIGHT = 210
#: The selection whose bounds are the axes; by its name the browser tells what is zoomed in on.
ZOOM = "zoom"

#: What curves can be drawn against: the column that holds it, and how many of its units make one.
AXES = {"step": ("step", 1.0), "minutes": ("seconds", 60.0)}

Span = tuple[float, float]


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


def thinned_around(steps: np.ndarray, values: np.ndarray, span: Span | None) -> tuple[np.ndarray, np.ndarray]:
    """Thinned, with nearly all of the points given to the span that is looked at, so that a zoom shows more."""
    if span is None or len(steps) <= MOST_POINTS:
        return thinned(steps, values)
    first, last = np.searchsorted(steps, span[0], "left"), np.searchsorted(steps, span[1], "right")
    parts = [
        thinned(steps[part], values[part], most)
        for part, most in (
            (slice(0, first), POINTS_ASIDE),
            (slice(first, last), MOST_POINTS),
            (slice(last, None), POINTS_ASIDE),
        )
    ]
    x, y = zip(*parts, strict=True)
    return np.concatenate(x), np.concatenate(y)


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """An exponential mean without the bias of its start; weight 0 leaves the values as they are."""
    if not weight or not len(values):
        return values
    return pd.Series(values).ewm(alpha=1 - weight, adjust=True).mean().to_numpy()


def curve_points(
    metrics: Mapping[str, Columns], term: str, smoothing: float, axis: str = "step", span: Span | None = None
) -> pd.DataFrame:
    """Columns run, x and value of one metric over the runs; steps without it are left out. Few points, as validation
    gives, are not smoothed."""
    along, unit = AXES[axis]
    parts = []
    for run, columns in metrics.items():
        if term not in columns or along not in columns:
            continue
        known = np.isfinite(columns[term]) & np.isfinite(columns[along])
        x, y = columns[along][known] / unit, columns[term][known]
        x, y = thinned_around(x, smoothed(y, 0 if len(y) <= FEW else smoothing), span)
        parts.append(pd.DataFrame({"run": run, "x": x, "value": y}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"run": [], "x": [], "value": []})


def colours_of(runs: Sequence[str], seen: list[str], baseline: str = "") -> dict[str, str]:
    """A colour for each run, the same as long as `seen` is kept, to which it adds; the baseline's is grey."""
    seen.extend(run for run in runs if run not in seen)
    return {run: BASELINE if run == baseline else CURVES[seen.index(run) % len(CURVES)] for run in runs}


def curve_chart(
    points: pd.DataFrame, title: str, colours: Mapping[str, str], axis: str, baseline: str = "", log: bool = False
) -> alt.Chart:
    """One metric of several runs, the baseline dashed; their cards are the legend. The named selection keeps a zoom."""
    runs = list(colours)
    many = points.groupby("run").size()
    dots = bool(many.max() <= FEW or many.min() == 1)
    least = 1 if axis == "step" else 0.1
    if log:
        points = points[points["value"] > 0]
    scale = alt.Scale(domain=runs, range=list(colours.values()))
    dashes = alt.Scale(domain=runs, range=[[5, 4] if run == baseline else [1, 0] for run in runs])
    return (
        alt.Chart(points, height=HEIGHT)
        .properties(title=alt.TitleParams(title, fontSize=13, anchor="start"))
        .mark_line(strokeWidth=1.6, point=alt.OverlayMarkDef(size=24) if dots else False)
        .encode(
            x=alt.X("x:Q", title=None, axis=alt.Axis(tickCount=5, format="~s", grid=False, tickMinStep=least)),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(type="log") if log else alt.Scale(zero=False),
                axis=alt.Axis(tickCount=5, format=".3~g"),
            ),
            color=alt.Color("run:N", scale=scale, legend=None),
            strokeDash=alt.StrokeDash("run:N", scale=dashes, legend=None),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("x:Q", title=axis, format=",.4~r"),
                alt.Tooltip("value:Q", title=title, format=".4~g"),
            ],
        )
        .add_params(alt.selection_interval(bind="scales", name=ZOOM, encodings=["x", "y"]))
    )
