"""The evidence as a plot: a row an experiment, a panel a metric, a line an arm.

A point is the mean, the line through it reaches one deviation to both sides, ticks are the seeds, and what guessing
gives is dashed. Arms that get fewer seeds than others are in the tables alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import altair as alt
import pandas as pd

from model.evidence import Evidence

#: What an arm may be, and its colour.
KINDS = {"a CLIP": "#d9822b", "a Knowledge-CLIP": "#2f6fde", "a baseline": "#7d8590"}
INK, GRID = "#222222", "#dddddd"

#: Where pages are dark.
DARK = (
    f"<style>@media(prefers-color-scheme:dark){{[fill='{INK}']{{fill:#e6edf3}}[stroke='{GRID}']{{stroke:#3d444d}}"
    f"[stroke='{INK}']{{stroke:#e6edf3}}}}</style>"
)

#: Of a panel; how many letters of its title a line takes, and pixels an arm.
WIDTH, LETTERS, LINE = 150, 24, 17


def save(evidence: Evidence, runs: Mapping[str, Any], path: Path) -> None:
    """All experiments that say what is plotted, as an SVG. Needs vl-convert-python."""
    rows = [row(name, own, evidence[name]) for name, own in runs.items() if own["plotted"]]
    if not rows:
        return
    chart = alt.vconcat(*rows, spacing=26, background="transparent").configure_view(stroke=None)
    chart = chart.configure_axis(labelColor=INK, titleColor=INK, gridColor=GRID, domainColor=GRID, gridWidth=0.7)
    chart = chart.configure_title(color=INK).configure_legend(labelColor=INK, symbolOpacity=1)
    chart.save(str(path))
    drawn = path.read_text(encoding="utf-8")
    begins = drawn.index(">", drawn.index("<svg")) + 1
    path.write_text(drawn[:begins] + DARK + drawn[begins:], encoding="utf-8")


def row(name: str, own: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> Any:
    """The panels of an experiment, side by side; the first has the names of the arms."""
    most = max(told["seeds"] for told in own["arms"].values())
    shown = [arm for arm in arms if arm not in own["arms"] or own["arms"][arm]["seeds"] == most]
    panels = [
        panel(points(metric, own, {arm: arms[arm] for arm in shown}), shown, words, own["chance"].get(metric), not k)
        for k, (metric, words) in enumerate(own["plotted"].items())
    ]
    title = alt.Title(name, anchor="start", fontSize=13)
    return alt.hconcat(*panels, spacing=12, title=title).resolve_scale(y="shared", color="shared")


def points(metric: str, own: Mapping[str, Any], arms: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row an arm for its mean, and one a seed."""
    found: list[dict[str, Any]] = []
    for arm, figures in arms.items():
        if metric not in figures:
            continue
        told = own["arms"].get(arm)
        kind = "a baseline" if told is None else "a Knowledge-CLIP" if told["knowledge"] else "a CLIP"
        mean, std = figures[metric]["mean"], figures[metric]["std"] or 0.0
        found.append({"arm": arm, "kind": kind, "mean": mean, "low": mean - std, "high": mean + std, "seed": None})
        for value in (told or {}).get("by_seed", {}).get(metric, {}).values():
            found.append({"arm": arm, "kind": kind, "mean": None, "low": None, "high": None, "seed": value})
    return pd.DataFrame(found, columns=["arm", "kind", "mean", "low", "high", "seed"])


def panel(data: pd.DataFrame, arms: list[str], words: str, chance: float | None, named: bool) -> Any:
    axis = alt.Axis(labelLimit=220, labels=named, ticks=False, domain=False, grid=True)
    y = alt.Y("arm:N", sort=arms, scale=alt.Scale(domain=arms), title=None, axis=axis)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=[*KINDS], range=[*KINDS.values()]),
        legend=alt.Legend(title=None, orient="bottom", direction="horizontal"),
    )
    scale = alt.Scale(zero=False, nice=True)
    chart: Any = alt.Chart(
        data, width=WIDTH, height=LINE * len(arms), title=alt.Title(wrap(words, LETTERS), fontSize=11)
    )
    layers = [
        chart.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=None, scale=scale), x2="high:Q", y=y, color=colour
        ),
        chart.mark_tick(thickness=1.5, size=LINE - 6, opacity=0.7).encode(
            x=alt.X("seed:Q", title=None), y=y, color=colour
        ),
        chart.mark_point(filled=True, size=50, opacity=1).encode(x=alt.X("mean:Q", title=None), y=y, color=colour),
    ]
    if chance is not None:
        guessed = alt.Chart(pd.DataFrame({"chance": [chance]})).mark_rule(strokeDash=[3, 3], color=INK)
        layers.insert(0, guessed.encode(x=alt.X("chance:Q", title=None)))
    return alt.layer(*layers)
