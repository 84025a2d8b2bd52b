"""What speaks for a prediction: what the graph says about both ends, the shortest paths between them, and the entities
nearest to its head by the run that proposed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import streamlit as st

from app.cards import Card, cards
from app.decisions import short_key
from app.escape import escape, one_line
from app.path_lines import path_lines
from app.runs import model_of, trained_runs
from app.shared import graph
from app.words import Catalogue, name_of, names
from kgstore import COMMON_TYPE, Entity, Triple
from kgstore.errors import KgError, QueryStopped
from kgstore.facts import FactFilter
from model.track import Run

HOPS, PATHS, PATH_SECONDS = 4, 4, 2.0
SIMILAR = 12
EXAMPLES = 6


def draw_why(
    triple: Triple, entities: Mapping[str, Entity], catalogue: Catalogue, place: str, wide: bool = True
) -> None:
    """All of it; `place` keeps the same prediction apart on one page. The nearest ones are found at a click."""
    mark = f"{place}-{short_key(triple.key)}"
    draw_known(triple, entities, catalogue, mark, wide)
    draw_paths(triple, catalogue, mark)
    draw_nearest(triple, entities, catalogue, mark)


def draw_known(triple: Triple, entities: Mapping[str, Entity], catalogue: Catalogue, mark: str, wide: bool) -> None:
    """What the graph says already: the head's own answers to this relation, and others with the same answer."""
    store, words = graph(), catalogue.of(triple)
    own = store.facts(triple.head, FactFilter("out", (triple.type,), "asserted"), limit=EXAMPLES)
    same = store.facts(triple.tail, FactFilter("in", (triple.type,), "asserted"), limit=EXAMPLES)
    ends = names(store.entities([*(t.tail for t in own.triples), *(t.head for t in same.triples)]))
    head, tail = (escape(name_of(entities[end])) for end in (triple.head, triple.tail))
    left, right = st.columns(2, gap="medium") if wide else (st.container(), st.container())
    with left:
        st.caption(f"Asserted so far: {head} **{escape(words)}** …" + ("" if own.total else " nothing"))
        cards(f"own-{mark}", [Card(ends[t.tail]) for t in own.triples if t.tail in ends], layout="chips")
    with right:
        more = f" ({same.total:,} in all)" if same.total > EXAMPLES else "" if same.total else ": nothing"
        st.caption(f"Asserted so far: … **{escape(words)}** {tail}{more}")
        cards(f"same-{mark}", [Card(ends[t.head]) for t in same.triples if t.head in ends], layout="chips")


def draw_paths(triple: Triple, catalogue: Catalogue, mark: str) -> None:
    """The shortest paths between the ends by what sources assert, so that no prediction speaks for itself."""
    st.markdown("**How the graph connects them**")
    try:
        found = graph().paths(triple.head, triple.tail, hops=HOPS, limit=PATHS, seconds=PATH_SECONDS, origin="asserted")
    except QueryStopped:
        st.caption(f"Looking for a path took longer than {PATH_SECONDS:g} s: one end has very many relations.")
        return
    if not found:
        st.caption(f"No path of at most {HOPS} asserted relations leads from one to the other.")
        return
    ends = names(graph().entities(list({end for path in found for one in path for end in (one.head, one.tail)})))
    path_lines(f"paths-{mark}", triple.head, found, ends, catalogue)


def draw_nearest(triple: Triple, entities: Mapping[str, Entity], catalogue: Catalogue, mark: str) -> None:
    """The entities that are nearest to the head for the run's towers, with what the graph says of them."""
    head = entities[triple.head]
    what = "pictures" if head.images else "entities"
    run = next((run for run in trained_runs() if run.name == triple.run), None)
    if run is None:
        st.caption(f"The {what} nearest to it cannot be shown: run {escape(triple.run)} is not among the runs here.")
        return
    if st.session_state.get(f"nearest-{mark}") or st.button(
        f"Nearest {what} by run {escape(run.name)}", key=f"find-nearest-{mark}", icon=":material/image_search:"
    ):
        st.session_state[f"nearest-{mark}"] = True
        draw_similar(triple, head, run, catalogue, mark)


def draw_similar(triple: Triple, head: Entity, run: Run, catalogue: Catalogue, mark: str) -> None:
    st.markdown(f"**Nearest to it by run {escape(run.name)}**")
    try:
        with st.spinner("Comparing it with all others …"):
            answers = model_of(run).similar(head.id, SIMILAR, [head.kind])
    except KgError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    found = names(graph().entities([answer.id for answer in answers]))
    said = {id: answers_of(id, triple) for id in found}
    told = names(graph().entities(list(dict.fromkeys(tail for tails in said.values() for tail in tails))))
    agreeing = sum(triple.tail in tails for tails in said.values())
    answered = Counter(bool(tails) for tails in said.values())[True]
    words = escape(catalogue.of(triple))
    if answered:
        same = f"{agreeing:,} of them" if agreeing else "none of them"
        st.caption(f"For {answered:,} of these the graph says **{words}** something; {same} as predicted here.")
    else:
        st.caption(f"For none of these the graph says **{words}** anything.")
    cards(
        f"similar-{mark}",
        [
            Card(
                found[answer.id],
                answer.score,
                note=one_line(", ".join(name_of(told[tail]) for tail in said[answer.id][:2] if tail in told)),
                state="known" if triple.tail in said[answer.id] else "",
            )
            for answer in answers
            if answer.id in found
        ],
        kinds=False,
    )


def answers_of(id: str, triple: Triple) -> list[str]:
    """What the graph answers for another head to the prediction's relation."""
    facts = graph().neighbours(id, direction="out", types=[triple.type], origin="asserted", limit=EXAMPLES)
    return [fact.tail for fact in facts if fact.type != COMMON_TYPE or fact.words == triple.words]
