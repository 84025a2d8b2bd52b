"""The dialog that starts a run: a few fields that matter, all others folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.escape import escape, one_line
from app.launch import CannotTrain, name_problem, start
from app.run_form import Field, checked, fields_of, towers_to_start_from
from app.runs import objective_of, runs_of, trained_runs
from app.settings import current
from app.shared import graph
from kgstore.errors import KgError
from kgstore.recipes import QUERIES, Recipe, load_recipe
from model.config import ModelConfig, TrainConfig
from model.track import Run

NOTHING, ANOTHER = "nothing", "another CLIP"
FIRST = ("steps", "batch_size", "save_every", "eval_every")
CLIP = "clip"
#: The run that this session has started: it is looked at as soon as it is there.
AWAITED = "awaited run"
OBJECTIVE = "knowledge-clip learns from all of the graph; clip only from pictures with captions, and fast."
RECIPE = "Which facts are learnt from: a recipe of queries/, and all says all of them."


class Form:
    """The fields as they are drawn: what was typed, by name, and below each a place for what is wrong with it."""

    def __init__(self) -> None:
        self.typed: dict[str, str] = {}
        self._places: dict[str, DeltaGenerator] = {}

    def draw(self, field: Field) -> None:
        """A field that shows its default until something is said."""
        label, key = words_of(field.name).capitalize(), f"new {field.name}"
        options: dict[str, Any] = {"key": key, "placeholder": field.default or "none", "help": explained(field)}
        if field.choices:
            self.typed[field.name] = st.selectbox(label, field.choices, index=None, **options) or ""
        else:
            self.typed[field.name] = st.text_input(label, **options)
        self._places[field.name] = st.empty()

    def draw_many(self, fields: Sequence[Field], columns: int = 3) -> None:
        """In rows, so that the order for the eye is that of the keyboard."""
        for first in range(0, len(fields), columns):
            for column, field in zip(st.columns(columns), fields[first : first + columns], strict=False):
                with column:
                    self.draw(field)

    def say(self, problems: Mapping[str, str]) -> None:
        """Each sentence at its field."""
        for name, problem in problems.items():
            self._places.get(name, st).markdown(f":red[{escape(problem)}]")


@st.dialog("Start a run", width="large", icon=":material/model_training:")
def new_run_dialog() -> None:
    """Starts a run and closes; what is wrong stands below its field."""
    runs = {run.name: run for run in trained_runs()}
    recipes = sorted(path.stem for path in QUERIES.glob("*.cypher"))
    left, right = st.columns(2)
    with left:
        objective = st.selectbox("Objective", objectives(), key="new objective", help=OBJECTIVE)
        suggested = suggested_name(objective)
        name = st.text_input("Name", key="new name", placeholder=suggested, max_chars=100).strip() or suggested
        if taken := name_problem(name):
            st.markdown(f":red[{escape(taken)}]")
    with right:
        init, source = draw_start(runs)
        recipe = st.selectbox("Learns from", recipes, index=recipes.index("all"), key="new recipe", help=RECIPE)
    towers = towers_to_start_from(init, source, st.session_state.get("new towers") or "")
    form = Form()
    form.typed["objective"] = objective
    draw_fields(form, objective, towers, fixed=bool(init), whole=source is not None and objective_of(source) != CLIP)
    found = checked(form.typed, towers)
    form.say(found.problems)
    if st.button("Start", type="primary", key="start run", icon=":material/play_arrow:", disabled=bool(taken)):
        if found.problems:
            wrong = ", ".join(words_of(name) for name in found.problems if name) or "the settings"
            st.error(escape(f"Put {wrong} right, then start."), icon=":material/error:")
        else:
            begin(name, [*found.flags, *(["--init", init] if init else [])], recipe, found.train)


def begin(name: str, flags: list[str], recipe: str, train: TrainConfig | None) -> None:
    try:
        recipes = recipes_of(recipe, bool(train and train.eval_every))
        if train and train.sampler == "live":
            flags += live_flags()
        start(graph(), name, flags, recipes)
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    st.session_state[AWAITED] = name
    st.rerun()


def live_flags() -> list[str]:
    """A live sampler asks the graph while it trains."""
    if current().embedded:
        raise CannotTrain(
            "An embedded graph belongs to this app while it runs, so a run cannot ask it live: leave the sampler as it "
            "is, or end the app and start the run by a command."
        )
    return ["--store", current().store]


def recipes_of(name: str, measured: bool) -> dict[str, Recipe]:
    """What is projected for a run; one that is measured while it trains wants the valid split too."""
    recipe = load_recipe(name)
    found = {"--projection": recipe}
    if measured:
        if "splits" not in recipe.parameters:
            raise CannotTrain(
                f"Recipe {name} does not say which split its facts are of, so there is nothing to measure on; take "
                "another one, or leave eval every at 0."
            )
        found["--valid-projection"] = replace(recipe, parameters={**recipe.parameters, "splits": ["train", "valid"]})
    return found


def draw_start(runs: Mapping[str, Run]) -> tuple[str, Run | None]:
    """What the run begins with: --init, and the run that this is, if it is one of ours."""
    words = {NOTHING: "nothing, new towers", ANOTHER: "another CLIP, by folder or name"}
    words |= {name: f"{one_line(name)} · {objective_of(run)}" for name, run in runs.items()}
    chosen = st.selectbox(
        "Starts from",
        list(words),
        key="new init",
        format_func=lambda name: words[name],
        help="Its weights are taken over, and its towers are the teacher of the loss kd.",
    )
    if chosen == ANOTHER:
        told = st.text_input("Which", key="new checkpoint", placeholder="openai/clip-vit-base-patch32, or a folder")
        return told.strip(), None
    return (str(runs[chosen].directory), runs[chosen]) if chosen in runs else ("", None)


def draw_fields(form: Form, objective: str, towers: str, *, fixed: bool, whole: bool) -> None:
    """All settings, the first ones in sight. What the run starts from may bring its towers, which then are `fixed`, or
    the `whole` network."""
    train = {field.name: field for field in fields_of(TrainConfig, objective, towers)}
    shape = [field for field in fields_of(ModelConfig, objective, towers) if not (fixed and field.name == "towers")]
    form.draw_many([train[name] for name in FIRST], columns=len(FIRST))
    with st.expander("All settings of the training", icon=":material/tune:", key="new training"):
        form.draw_many([field for name, field in train.items() if name not in ("objective", *FIRST)])
    if objective != CLIP and not whole:
        with st.expander("The network's shape", icon=":material/hub:", key="new shape"):
            form.draw_many(shape)


def words_of(name: str) -> str:
    return name.replace("_", " ")


def explained(field: Field) -> str:
    return escape(field.help[0].upper() + field.help[1:] + ".")


def objectives() -> list[str]:
    return list(next(field for field in fields_of(TrainConfig, "", "") if field.name == "objective").choices)


def suggested_name(objective: str) -> str:
    """The objective's name, or with a number after it."""
    taken = {run.name for run in runs_of(current().runs)}
    number = 2
    name = objective
    while name in taken or name_problem(name):
        name, number = f"{objective}-{number}", number + 1
    return name
