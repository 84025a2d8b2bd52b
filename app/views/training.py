"""Training: the runs, their state, and curves that move while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.curves import curve_chart, curve_points
from app.escape import escape
from app.metrics import rows_of
from app.runs import STATE_COLOURS, STATE_ICONS, objective_of, progress_text, runs_of, time_left
from app.settings import current
from app.words import since
from kgstore.errors import KgError
from model.track import BadRun, Run, Status

TERMS = ("loss", "e2e", "e2r", "g2e", "kd", "clip")
MEANINGS = {
    "loss": "loss (the weighted sum)",
    "e2e": "e2e: triplets of entities (Eq. 8)",
    "e2r": "e2r: relations (Eq. 10)",
    "g2e": "g2e: the graph's neighbourhood (Eq. 13)",
    "kd": "kd: distillation from the first CLIP",
    "clip": "clip: image-text pairs (Eq. 1)",
    "samples_per_second": "samples per second",
    "wait_share": "share of time waited for data",
    "memory_mb": "memory, MB",
    "lr": "learning rate",
}
MORE = ("samples_per_second", "wait_share", "memory_mb", "lr")
EVERY = "2s"


def draw() -> None:
    st.title("Training")
    runs = {run.name: run for run in runs_of(current().runs)}
    if not runs:
        st.info(f"No run in {escape(str(current().runs))} yet. This trains one from the graph:", icon=":material/info:")
        store = current().store
        st.code(f"python -m model.train --store {store} --runs {current().runs}", language=None)
        return
    asked = st.query_params.get("run", "")
    if asked and asked not in runs:
        st.warning(f"There is no run {escape(asked)} in {escape(str(current().runs))}; these are there.")
    first = [asked] if asked in runs else [next(iter(runs))]
    if asked in runs and st.session_state.get("asked run") != asked:
        st.session_state["runs"] = [asked]
    st.session_state["asked run"] = asked
    chosen = st.multiselect("Runs", list(runs), key="runs", default=None if "runs" in st.session_state else first)
    shown = [runs[name] for name in chosen]
    if not shown:
        st.caption("Choose a run.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        smoothing = st.slider("Smoothing", 0.0, 0.98, 0.6, 0.02, key="smoothing", width=260)
        axis = st.segmented_control("Against", ["step", "seconds"], key="axis", default="step", required=True)
        more = st.toggle("Speed and memory too", key="more")
    moving = any(state_of(run) == "running" for run in shown)
    st.fragment(draw_live, run_every=EVERY if moving else None)(shown, smoothing, axis or "step", more)
    draw_results(shown)
    draw_settings(shown)


def state_of(run: Run) -> str:
    try:
        return run.status.state
    except BadRun:
        return "crashed"


def draw_live(runs: Sequence[Run], smoothing: float, axis: str, more: bool) -> None:
    """What moves: the state of each run and its curves."""
    rows = {}
    for run in runs:
        try:
            rows[run.name] = rows_of(run)
            draw_state(run, run.status, rows[run.name])
        except KgError as error:
            st.error(escape(str(error)), icon=":material/error:")
    names = list(rows)
    terms = [
        term
        for term in (*TERMS, *(MORE if more else ()))
        if any(row.get(term) for r in rows.values() for row in r[-1:])
    ]
    if not terms:
        st.caption("No step is written down yet.")
    columns = st.columns(2, gap="medium")
    for number, term in enumerate(terms):
        with columns[number % 2]:
            points = curve_points(rows, term, smoothing, axis)
            chart = curve_chart(points, MEANINGS[term], names, axis)
            # Selecting reruns this part, which keeps the zoom when the next points come.
            st.altair_chart(chart, key=f"curve {term}", on_select="rerun")


def draw_state(run: Run, status: Status, rows: Sequence[dict[str, float]]) -> None:
    with st.container(border=True, key=f"run-{run.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(run.name)}** · {escape(objective_of(run))}", width="stretch")
            st.badge(status.state, icon=STATE_ICONS[status.state], color=STATE_COLOURS[status.state])
        if status.steps:
            st.progress(min(status.step / status.steps, 1.0), text=status_line(status, rows))
        if status.message:
            st.caption(escape(status.message))


def status_line(status: Status, rows: Sequence[dict[str, float]]) -> str:
    parts = [progress_text(status)]
    if left := time_left(status, rows):
        parts.append(f"{left} left")
    if rows:
        last = rows[-1]
        if "samples_per_second" in last:
            parts.append(f"{last['samples_per_second']:,.0f} samples/s")
        if "wait_share" in last:
            parts.append(f"waited {last['wait_share']:.0%}")
        if "memory_mb" in last:
            parts.append(f"{last['memory_mb']:,.0f} MB")
    if status.state != "running" and status.heartbeat:
        parts.append(since(status.heartbeat))
    return " · ".join(parts)


def draw_results(runs: Sequence[Run]) -> None:
    """What the evaluations found, side by side."""
    found: dict[str, dict[str, float]] = {}
    for run in runs:
        try:
            metrics = flat(run.results.get("metrics", {}))
        except BadRun as error:
            st.error(escape(str(error)), icon=":material/error:")
            continue
        if metrics:
            found[run.name] = metrics
    if not found:
        return
    st.subheader("Evaluation")
    names = list(dict.fromkeys(metric for metrics in found.values() for metric in metrics))
    table = {"metric": names} | {run: [metrics.get(name) for name in names] for run, metrics in found.items()}
    columns = {run: st.column_config.NumberColumn(format="%.3f") for run in found}
    st.dataframe(table, column_config=columns, hide_index=True)


def draw_settings(runs: Sequence[Run]) -> None:
    """What each run was told; where several are shown, what differs stands first."""
    told: dict[str, dict[str, object]] = {}
    for run in runs:
        try:
            told[run.name] = flat(run.config)
        except BadRun:
            continue
    names = list(dict.fromkeys(name for settings in told.values() for name in settings))
    differ = [name for name in names if len({str(settings.get(name, "")) for settings in told.values()}) > 1]
    order = [*differ, *(name for name in names if name not in differ)]
    with st.expander("Settings", icon=":material/tune:"):
        st.dataframe(
            {"setting": order} | {run: [str(s.get(name, "")) for name in order] for run, s in told.items()},
            hide_index=True,
        )


def flat(value: object, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level, their names joined by a slash."""
    if not isinstance(value, dict):
        return {prefix: value}
    joined = (flat(inner, f"{prefix} / {name}" if prefix else str(name)) for name, inner in value.items())
    return {name: inner for part in joined for name, inner in part.items()}


draw()
