"""Training: runs are started, watched while they go on, compared, stopped and gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.curves import AXES, ZOOM, Span, colours_of, curve_chart, curve_points
from app.escape import escape, one_line
from app.launch import log_of
from app.metrics import Columns, columns_of, names_in_order
from app.new_run import AWAITED, new_run_dialog
from app.run_cards import draw_run, draw_starts, moves
from app.run_examples import draw_examples
from app.run_tables import draw_numbers, draw_results, draw_settings
from app.runs import runs_of
from app.settings import current
from kgstore.errors import KgError
from model.track import Run

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
    "broken_pictures": "pictures that did not open",
}
LOSSES, VALID, FIGURES, SPEED = GROUPS = ("Losses", "Held-out losses", "Held-out figures", "Speed and memory")
FAST = ("samples_per_second", "wait_share", "memory_mb", "lr", "broken_pictures", "valid/seconds")
NO_BASELINE = "none"
EVERY, SELDOM = "2s", "10s"


def draw() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Training", width="stretch")
        if st.button("Start a run", key="new run", type="primary", icon=":material/add:"):
            new_run_dialog()
    runs = {run.name: run for run in runs_of(current().runs)}
    shown = choose(runs) if runs else []
    moving = moves(list(runs.values()))
    st.fragment(draw_states, run_every=EVERY if moving else SELDOM)(shown, list(runs), moving)
    if not runs:
        draw_empty()
    elif not shown:
        st.caption("Choose a run.")
    else:
        draw_tabs(runs, shown, moving)


def draw_empty() -> None:
    folder, store = current().runs, current().store
    st.info(f"No run in {escape(str(folder))} yet. Start one here, or by a command:", icon=":material/info:")
    st.code(f"python -m model.train --store {store} --runs {folder}", language=None)
    if current().embedded:
        st.caption("An embedded graph belongs to one process: for the command, end this app first.")


def choose(runs: Mapping[str, Run]) -> list[Run]:
    """The runs that are looked at: those that the address names, `run=` each, else the newest; and a baseline."""
    asked = st.query_params.get_all("run")
    if gone := [name for name in asked if name not in runs]:
        st.warning(f"There is no run {escape(', '.join(gone))} in {escape(str(current().runs))}; these are there.")
    if asked and st.session_state.get("asked runs") != asked:
        st.session_state["runs"] = [name for name in asked if name in runs] or list(runs)[:1]
    st.session_state["asked runs"] = asked
    if st.session_state.get(AWAITED) in runs:
        st.session_state["runs"] = [st.session_state.pop(AWAITED), *st.session_state.get("runs", [])]
    kept = [name for name in st.session_state.get("runs", list(runs)[:1]) if name in runs]
    st.session_state["runs"] = kept
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect("Runs", list(runs), key="runs", format_func=one_line)
        options = [NO_BASELINE, *runs]
        if st.session_state.get("baseline", NO_BASELINE) not in options:
            st.session_state["baseline"] = NO_BASELINE
        pinned = st.selectbox(
            "Baseline", options, key="baseline", width=220, format_func=one_line, help="Stays in every picture, dashed."
        )
    return [runs[name] for name in dict.fromkeys([*chosen, *([pinned] if pinned in runs else [])])]


def draw_states(runs: Sequence[Run], names: Sequence[str], moving: bool) -> None:
    """Starts, and where each run stands. When runs came, or began or ceased to move, the whole page is drawn anew."""
    draw_starts()
    colours = colours_of([run.name for run in runs], seen(), pinned_of(runs))
    for run in runs:
        try:
            draw_run(run, run.status, columns_of(run), colours[run.name])
        except KgError as error:
            st.error(escape(str(error)), icon=":material/error:")
    now = runs_of(current().runs)
    if {run.name for run in now} != set(names) or moves(now) != moving:
        st.rerun()


def draw_tabs(runs: Mapping[str, Run], shown: Sequence[Run], moving: bool) -> None:
    every = EVERY if moving else None
    curves, numbers, results, examples, settings, log = st.tabs(
        ["Curves", "Numbers", "Evaluation", "Examples", "Settings", "Log"], key="tab"
    )
    with curves:
        draw_curves(shown, every)
    with numbers:
        st.fragment(draw_table, run_every=every)(shown)
    with results:
        draw_results(shown, current().runs, pinned_of(shown))
    with examples:
        draw_examples(shown)
    with settings:
        draw_settings(shown)
    with log:
        st.fragment(draw_logs, run_every=every)(shown)


def draw_curves(runs: Sequence[Run], every: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        groups = st.pills("Show", GROUPS, selection_mode="multi", default=[LOSSES, VALID], key="groups")
        axis = st.segmented_control("Against", list(AXES), key="axis", default="step", required=True)
        smoothing = st.slider("Smoothing", 0.0, 0.98, 0.6, 0.02, key="smoothing", width=220)
        log = st.toggle("Logarithmic", key="log scale")
    st.fragment(draw_charts, run_every=every)(runs, groups, smoothing, axis or "step", log)


def draw_charts(runs: Sequence[Run], groups: Sequence[str], smoothing: float, axis: str, log: bool) -> None:
    metrics = readable(runs)
    terms = [name for name in names_in_order(metrics) if group_of(name) in groups]
    if not terms:
        st.caption("No step of that is written down yet.")
    pinned = pinned_of(runs)
    colours = colours_of(list(metrics), seen(), pinned)
    for first in range(0, len(terms), 2):
        for column, term in zip(st.columns(2, gap="medium"), terms[first : first + 2], strict=False):
            key = f"curve {term} {axis} {log}"
            points = curve_points(metrics, term, smoothing, axis, looked_at(key))
            chart = curve_chart(points, MEANINGS.get(term, term), colours, axis, pinned, log)
            with column:
                # Selecting reruns this part, which keeps the zoom when the next points come.
                st.altair_chart(chart, key=key, on_select="rerun")


def looked_at(key: str) -> Span | None:
    """The part of a chart's width that is zoomed in on, if it is."""
    bounds = st.session_state.get(key, {}).get("selection", {}).get(ZOOM, {}).get("x")
    return (float(bounds[0]), float(bounds[1])) if bounds else None


def group_of(term: str) -> str:
    """What a curve belongs to: valid/loss is a loss on held-out facts, valid/tails/mrr a figure."""
    return SPEED if term in FAST else (LOSSES, VALID)[term.count("/")] if term.count("/") < 2 else FIGURES


def readable(runs: Sequence[Run]) -> dict[str, Columns]:
    """The metrics of the runs whose metrics can be read; of the others it is said where they stand."""
    found = {}
    for run in runs:
        try:
            found[run.name] = columns_of(run)
        except KgError:
            continue
    return found


def seen() -> list[str]:
    """The runs that this session has looked at, which gives them their colours."""
    found: list[str] = st.session_state.setdefault("seen runs", [])
    return found


def pinned_of(runs: Sequence[Run]) -> str:
    pinned = str(st.session_state.get("baseline", ""))
    return pinned if any(run.name == pinned for run in runs) else ""


def draw_table(runs: Sequence[Run]) -> None:
    draw_numbers(readable(runs), pinned_of(runs))


def draw_logs(runs: Sequence[Run]) -> None:
    for run in runs:
        text = log_of(run.directory)
        st.markdown(f"**{escape(run.name)}**")
        if text:
            st.code(text, language=None, height=320)
        else:
            st.caption("Nothing here: a run that was started by a command says what it does where that was typed.")


draw()
