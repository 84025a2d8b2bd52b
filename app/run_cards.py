"""Where runs stand: one card each, with what can be done with it; and starts that are on their way or have failed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from app.escape import escape
from app.launch import Launch, cancel, forget, go_on, launch_of, launches, stop
from app.metrics import Columns, last_of, recent
from app.runs import STATE_COLOURS, STATE_ICONS, objective_of, progress_text, time_left
from app.settings import current
from app.words import duration, since
from kgstore.errors import KgError
from model.track import BadRun, Run, Status


def draw_starts() -> None:
    """Starts without a first step yet, and those that came to nothing."""
    for launch in launches():
        if launch.failure:
            draw_failure(launch)
        elif not launch.spoke:
            draw_start(launch)


def draw_start(launch: Launch) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"start-{launch.name}"):
        waited = duration(time.monotonic() - launch.begun)
        stage = "Stopping" if launch.stopping else launch.stage
        st.markdown(f"**{escape(launch.name)}** · {escape(stage)} … {waited}", width="stretch")
        st.badge("starting", icon=":material/hourglass_top:", color="gray")
        if st.button("Cancel", key=f"cancel {launch.name}", icon=":material/close:", disabled=launch.stopping):
            cancel(launch.name)
            st.rerun(scope="fragment")


def draw_failure(launch: Launch) -> None:
    with st.container(border=True, key=f"failed-{launch.name}"):
        sentence = f"**{escape(launch.name)}** did not start. {escape(launch.failure)}"
        st.error(sentence, icon=":material/error:")
        if st.button("All right", key=f"forget {launch.name}"):
            forget(launch.name)
            st.rerun(scope="fragment")


def draw_run(run: Run, status: Status, columns: Columns, colour: str) -> None:
    """A run's state in a line or two, and buttons that stop it or go on with it."""
    launch = launch_of(run.name)
    if launch is not None and not launch.failure and not launch.spoke:
        return  # its start is shown
    with st.container(border=True, key=f"run-{run.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f'<span style="color: {colour}">━━</span>', width="content")
            st.markdown(f"**{escape(run.name)}** · {escape(objective_of(run))}", width="stretch")
            st.badge(status.state, icon=STATE_ICONS[status.state], color=STATE_COLOURS[status.state])
            draw_actions(run, status, launch)
        if status.steps:
            st.progress(min(status.step / status.steps, 1.0), text=escape(status_line(status, columns)))
        said = [status.message] if status.message else []
        if best := run.best:
            said.append(f"Best so far by {best.metric}: {best.value:.4g} at step {best.step:,}.")
        if said:
            st.caption(escape(" ".join(said)))


def draw_actions(run: Run, status: Status, launch: Launch | None) -> None:
    try:
        if status.state == "running":
            stopping = (run.name, status.pid) in st.session_state.get("stopping", ())
            stopping = stopping or (launch is not None and launch.stopping)
            label = "Stopping …" if stopping else "Stop"
            help = "Finishes the step, writes a checkpoint and ends; it can go on later."
            if st.button(label, key=f"stop {run.name}", icon=":material/stop:", disabled=stopping, help=help):
                stop(run)
                st.session_state["stopping"] = [*st.session_state.get("stopping", ()), (run.name, status.pid)]
                st.rerun(scope="fragment")
        elif status.state in ("stopped", "crashed") and st.button(
            "Go on", key=f"go on {run.name}", icon=":material/play_arrow:", help="Goes on from the last checkpoint."
        ):
            go_on(run)
            st.rerun()
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")


def status_of(name: str) -> Status | None:
    """The status of a run by its name; None where there is none to read."""
    try:
        return Run(current().runs / name).status
    except BadRun:
        return None


def status_line(status: Status, columns: Columns) -> str:
    """How far, how long still, how fast, how much of the time waited for data, how much memory."""
    last = last_of(columns) | recent(columns, ("samples_per_second", "wait_share"))
    parts = [progress_text(status)]
    if left := time_left(status, columns):
        parts.append(f"{left} left")
    if "samples_per_second" in last:
        parts.append(f"{last['samples_per_second']:,.0f} samples/s")
    if "wait_share" in last:
        parts.append(f"waited {last['wait_share']:.0%}")
    if "memory_mb" in last:
        parts.append(f"{last['memory_mb']:,.0f} MB")
    if status.state != "running" and status.heartbeat:
        parts.append(since(status.heartbeat))
    return " · ".join(parts)


def moves(runs: Sequence[Run]) -> bool:
    """Whether anything here changes by itself."""
    if any(not launch.failure for launch in launches()):
        return True
    return any((status := status_of(run.name)) is not None and status.state == "running" for run in runs)
