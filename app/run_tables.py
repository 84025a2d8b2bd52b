"""Runs side by side: their metrics in numbers, what was measured of them, what they were told, and all of it as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.escape import escape, one_line
from app.metrics import Columns, names_in_order
from kgstore.errors import KgError
from model.track import BadRun, Run

#: Figures of evaluations made before results.json said which of them are counts.
COUNTS = ("pictures", "captions", "triples", "entities", "scenes")

#: Where a figure stands, beside the runs.
PLACES = ("part", "metric")


def draw_numbers(metrics: Mapping[str, Columns], baseline: str) -> None:
    """The least, the greatest and the last value of each metric and run, and how far the last is from the baseline."""
    rows = []
    for name in names_in_order(metrics):
        pinned = known(metrics.get(baseline, {}), name)
        for run, columns in metrics.items():
            values = known(columns, name)
            if len(values):
                row = {"metric": name, "run": run, "least": values.min(), "greatest": values.max(), "last": values[-1]}
                rows.append(row | ({"against baseline": values[-1] - pinned[-1]} if len(pinned) else {}))
    if not rows:
        st.caption("No step is written down yet.")
        return
    shown = {name: st.column_config.NumberColumn(format="%.4g") for name in ("least", "greatest", "last")}
    shown["against baseline"] = st.column_config.NumberColumn(format="%+.3g")
    st.dataframe(pd.DataFrame(rows), column_config=shown, hide_index=True, key="numbers", height="content")
    st.download_button(
        "All steps as CSV",
        lambda: csv_of(metrics),
        "metrics.csv",
        "text/csv",
        key="metrics csv",
        icon=":material/download:",
    )


def known(columns: Columns, name: str) -> np.ndarray:
    values = columns.get(name, np.empty(0))
    return values[np.isfinite(values)]


def csv_of(metrics: Mapping[str, Columns]) -> str:
    """Every step of every run, one line each; a metric that a step does not have is empty."""
    tables = [pd.DataFrame(columns).assign(run=run) for run, columns in metrics.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["run", *(name for name in table.columns if name != "run")]].to_csv(index=False)


def draw_results(runs: Sequence[Run], folder: Path, baseline: str) -> None:
    """What the evaluations found, runs and baselines side by side."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        try:
            found |= {run.name: run.results} if run.results else {}
        except BadRun as error:
            st.error(escape(str(error)), icon=":material/error:")
    if not found:
        st.info("None of these runs has been measured yet. This measures one:", icon=":material/info:")
        st.code(f"python -m model.evaluate --run {runs[0].directory} --store URI", language=None)
        return
    found |= baselines_of(folder)
    rows = result_rows(found, baseline)
    right = {name: st.column_config.TextColumn(alignment="right") for name in rows[0] if name not in PLACES}
    st.dataframe(pd.DataFrame(rows), column_config=right, hide_index=True, key="results", height="content")
    if baseline in found and len(found) > 1:
        st.caption(f"In percent, counts aside; in brackets the difference from {escape(baseline)}.")
    else:
        st.caption("In percent, counts aside.")
    for name, results in found.items():
        for part, reason in results.get("sentences", {}).items():
            st.caption(escape(f"{name}, {part}: {reason}"))
    st.download_button(
        "As CSV", lambda: rows_as_csv(rows), "evaluation.csv", "text/csv", key="results csv", icon=":material/download:"
    )


def result_rows(found: Mapping[str, Mapping[str, Any]], baseline: str = "") -> list[dict[str, str]]:
    """A row each metric, a column each run, as they are read."""
    names = dict.fromkeys(name for results in found.values() for name in results.get("metrics", {}))
    pinned = found.get(baseline, {}).get("metrics", {})
    rows = []
    for name in names:
        part, _, metric = one_line(name).partition("/")
        row = {"part": part, "metric": metric.replace("_", " ")}
        for run, results in found.items():
            value, counted = results.get("metrics", {}).get(name), name in counts_of(results)
            compared = pinned.get(name) if run != baseline and not counted else None
            row[run] = figure(value, counted) + ("" if None in (compared, value) else f" ({value - compared:+.1f})")
        rows.append(row)
    return rows


def counts_of(results: Mapping[str, Any]) -> frozenset[str]:
    """The metrics that are no percents."""
    told = results.get("counts")
    if told is not None:
        return frozenset(told) | {name for name in results["metrics"] if name.rpartition("/")[2] in told}
    return frozenset(name for name in results.get("metrics", {}) if name.rpartition("/")[2] in COUNTS)


def figure(value: float | None, counted: bool) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if counted else f"{value:.1f}"


def baselines_of(folder: Path) -> dict[str, dict[str, Any]]:
    """What was measured without a network of ours, by name; a file that cannot be read is told."""
    found = {}
    for path in sorted((folder / "baselines").glob("*.json")):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            st.warning(escape(f"{path} cannot be read ({error})."))
    return found


def draw_settings(runs: Sequence[Run]) -> None:
    """What each run was told; of several, what differs."""
    told: dict[str, dict[str, object]] = {}
    for run in runs:
        try:
            told[run.name] = flat(run.config)
        except KgError as error:
            st.error(escape(str(error)), icon=":material/error:")
    names = list(dict.fromkeys(name for settings in told.values() for name in settings))
    differ = [name for name in names if len({str(settings.get(name, "")) for settings in told.values()}) > 1]
    if len(told) > 1 and st.toggle("Only what differs", value=True, key="differs"):
        names = differ
    if not names:
        st.caption("These runs were told the same.")
        return
    table = {"setting": [one_line(name) for name in names]}
    table |= {run: [one_line(str(settings.get(name, ""))) for name in names] for run, settings in told.items()}
    st.dataframe(table, hide_index=True, key="settings")


def flat(value: object, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level, their names joined by a slash."""
    if not isinstance(value, dict):
        return {prefix: value}
    joined = (flat(inner, f"{prefix} / {name}" if prefix else str(name)) for name, inner in value.items())
    return {name: inner for part in joined for name, inner in part.items()}


def rows_as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
