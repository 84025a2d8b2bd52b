"""What a run answers to the same few questions, while it learns and in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.cards import Card, Group, cards
from app.escape import escape, one_line
from app.shared import graph
from app.words import Catalogue, name_of, score_text
from kgstore import Entity
from kgstore.errors import KgError
from model.track import EXAMPLES, BadRun, Run


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out triple that a run is asked to complete."""

    head: str
    relation: str
    tail: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a run put first, best first, at a time in words."""

    when: str
    answers: Sequence[tuple[str, float]]


Asked = dict[Question, list[Answered]]


def examples_of(run: Run) -> Asked:
    """The answers of a run to each of its questions, in time. Raises BadRun for examples that cannot be read."""
    asked: Asked = {}
    try:
        for said in run.examples().rows:
            add(asked, f"step {said['step']:,}", said["examples"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(f"{run.directory / EXAMPLES} cannot be read ({error}); the run folder is damaged.") from error
    results = run.results
    add(asked, f"measured, {results.get('checkpoint', '')}", results.get("examples", []))
    return asked


def add(asked: Asked, when: str, examples: Sequence[dict[str, Any]]) -> None:
    for each in examples:
        answers = [(answer["id"], answer["score"]) for answer in each["answers"]]
        asked.setdefault(Question(each["head"], each["relation"], each["tail"]), []).append(Answered(when, answers))


def draw_examples(runs: Sequence[Run]) -> None:
    """One question at a time: what was asked, and the answers over time with the right one marked."""
    run = runs[0]
    if len(runs) > 1:
        names = {each.name: each for each in runs}
        run = names[st.selectbox("Run", list(names), key="examples run")]
    try:
        asked = examples_of(run)
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    if not asked:
        st.caption(
            "No examples of this run: a Knowledge-CLIP that is trained with eval every, or measured, is asked some "
            "held-out questions."
        )
        return
    entities, catalogue = named(asked)
    questions = list(asked)
    words = [one_line(f"{name(entities, each.head)} · {text(catalogue, each.relation)}") for each in questions]
    chosen = st.selectbox("Question", range(len(questions)), key="question", format_func=lambda number: words[number])
    question = questions[chosen]
    answered = asked[question]
    draw_cards(question, answered[-1], entities, text(catalogue, question.relation))
    st.dataframe(answer_rows(answered, question.tail, entities), hide_index=True, key="answers")
    st.caption("✓ is the answer that was held out; others can be right too.")


def draw_cards(question: Question, last: Answered, entities: dict[str, Entity], relation: str) -> None:
    """What was asked and held out, and what is answered by now, in pictures where there are some."""
    pair = ((question.head, f"{relation} …"), (question.tail, "held out"))
    asked = [Card(entities[id], note=note) for id, note in pair if id in entities]
    answers = [
        Card(entities[id], score=score, rank=rank, note="✓" if id == question.tail else "")
        for rank, (id, score) in enumerate(last.answers, start=1)
        if id in entities
    ]
    if asked:
        cards("example", [Group(asked, "Asked"), Group(answers, f"Answered, {last.when}")], kinds=False)


def answer_rows(answered: Sequence[Answered], tail: str, entities: dict[str, Entity]) -> list[dict[str, str]]:
    """A row each time, a column each rank."""
    return [
        {"when": one_line(each.when)}
        | {
            f"{rank}.": f"{'✓ ' if id == tail else ''}{name(entities, id)}  {score_text(score)}"
            for rank, (id, score) in enumerate(each.answers, start=1)
        }
        for each in answered
    ]


def named(asked: Asked) -> tuple[dict[str, Entity], Catalogue | None]:
    """The entities that stand in questions and answers; where the graph cannot be asked, ids do."""
    ids = dict.fromkeys(id for question in asked for id in (question.head, question.tail))
    ids |= dict.fromkeys(id for each in asked.values() for one in each for id, _ in one.answers)
    try:
        return {entity.id: entity for entity in graph().entities(list(ids))}, Catalogue(graph())
    except KgError as error:
        st.warning(escape(str(error)), icon=":material/warning:")
        return {}, None


def name(entities: dict[str, Entity], id: str) -> str:
    return name_of(entities[id]) if id in entities else one_line(id)


def text(catalogue: Catalogue | None, relation: str) -> str:
    return catalogue.text(relation) if catalogue is not None else relation
