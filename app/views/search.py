"""Search: by words, by meaning (text to pictures, beside the CLIP a run started from), and by a relation."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.ask import choose_relations, draw_answers
from app.cards import Card, cards
from app.escape import escape, one_line
from app.runs import choose_run, model_of, objective_of, start_of, trained_runs
from app.shared import graph
from app.words import Catalogue, count, name_of, names
from kgstore.errors import KgError
from kgstore.values import KINDS
from model.track import Run

HITS, PICTURES, HEADS = 40, 12, 20
PICTURED = ("image", "region")
WORDS, MEANING, RELATION = "By words", "By meaning", "By relation"


def draw() -> None:
    st.title("Search")
    mode = st.segmented_control(
        "How",
        [WORDS, MEANING, RELATION],
        key="mode",
        bind="query-params",
        default=WORDS,
        required=True,
        label_visibility="collapsed",
    )
    {WORDS: by_words, MEANING: by_meaning, RELATION: by_relation}[mode or WORDS]()


def by_words() -> None:
    """Names and texts, typos forgiven."""
    text = ask_for_text("Name or text", "a name, a word of a caption; a typo is forgiven")
    kinds = st.pills(
        "Kinds", KINDS, key="kind", bind="query-params", selection_mode="multi", label_visibility="collapsed"
    )
    if not text:
        draw_unasked(kinds)
        return
    hits = graph().search(text, kinds=kinds, limit=HITS)
    if not hits:
        st.info(
            f"Nothing is called or described like {escape(repr(one_line(text)))}. Try another spelling, or By meaning."
        )
        return
    st.caption(f"{count(len(hits), 'result')}, best first." if len(hits) < HITS else f"The best {HITS} results.")
    cards("hits", [Card(hit.entity) for hit in hits], layout="rows")


def draw_unasked(kinds: Sequence[str]) -> None:
    some = graph().pictures(18, kinds)
    if some:
        st.caption("Some with pictures, to begin with:")
        cards("some", [Card(entity) for entity in some], kinds=len(kinds) != 1)


def by_meaning() -> None:
    """Text to pictures, by a run's model; beside it the CLIP it started from, where that is a run too."""
    runs = trained_runs()
    if not runs:
        no_run()
        return
    text = ask_for_text("What the picture shows", "in any words of the graph, also those that no caption contains")
    run = choose_run(runs, key="run")
    if not text:
        st.caption("Names that only the graph tells, and no caption of a picture contains, are understood too.")
        return
    start = start_of(run, runs)
    shown = [(run, "Knowledge-CLIP" if objective_of(run) == "knowledge-clip" else "CLIP")]
    if start is not None:
        shown.append((start, "The CLIP it started from"))
    for (each, title), column in zip(shown, st.columns(len(shown), gap="large"), strict=True):
        with column:
            st.subheader(title, anchor=False)
            st.caption(escape(each.name))
            draw_pictures(each, text)


def draw_pictures(run: Run, text: str) -> None:
    try:
        answers = model_of(run).search_pictures(text, PICTURES, fused=objective_of(run) == "knowledge-clip")
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    found = names(graph().entities([answer.id for answer in answers]))
    cards(
        f"pictures {run.name}",
        [Card(found[a.id], a.score, rank, picture=a.picture) for rank, a in enumerate(answers, 1) if a.id in found],
        kinds=False,
    )


def by_relation() -> None:
    """A picture or entity and a relation in, ranked answers out."""
    runs = [run for run in trained_runs() if objective_of(run) == "knowledge-clip"]
    if not runs:
        no_run()
        return
    catalogue = Catalogue(graph())
    text = ask_for_text("Picture or entity", "find what to ask about by its name or text")
    hits = [hit.entity for hit in graph().search(text, limit=HEADS)] if text else graph().pictures(HEADS, PICTURED)
    if not hits:
        st.info("Nothing is called or described like that.")
        return
    found = {entity.id: entity for entity in hits}
    left, right = st.columns([2, 3])
    with left:
        head = st.selectbox("About", list(found), key="head", format_func=lambda id: one_line(name_of(found[id])))
        run = choose_run(runs, key="run")
    entity = found[head]
    with right:
        chosen = choose_relations(entity, f"relations {head}", catalogue)
        cards("head card", [Card(entity)], layout="rows")
    if chosen:
        draw_answers(entity, chosen, run, catalogue)


def ask_for_text(label: str, placeholder: str) -> str:
    return st.text_input(
        label, key="q", bind="query-params", placeholder=placeholder, label_visibility="collapsed", max_chars=500
    ).strip()


def no_run() -> None:
    st.info("This asks a trained model, and there is none among the runs yet:", icon=":material/info:")
    st.code("python -m model.train --store URI --runs DIR", language=None)


draw()
