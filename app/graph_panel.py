"""The graph around entities, and a panel for what is looked at in it: what more there is, and what can be done."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from app.cards import open_entity
from app.decisions import decision_buttons, show_decision_error
from app.escape import escape
from app.graph_address import address_text
from app.graph_expand import draw_expand
from app.graph_tools import draw_tools
from app.graph_view import edge_id, graph_view
from app.neighbourhood import Neighbourhood
from app.shared import graph
from app.words import Catalogue, name_of, score_text, since
from kgstore import Entity, Triple
from kgstore.errors import KgError

KEY = "graph"


def graph_panel(entity: Entity, predicted: Collection[Triple], catalogue: Catalogue) -> None:
    """What this session has unfolded around the entity; `predicted` are the predictions about it as they stand."""
    shown = view_of(entity.id, [entity.id])
    shown.refresh(graph(), predicted)
    draw_graph(shown, catalogue)


def entities_graph(key: str, ids: Sequence[str], catalogue: Catalogue) -> None:
    """These entities and the relations among them, such as a query's answer; `key` tells views of one page apart."""
    found = [entity.id for entity in graph().entities(list(dict.fromkeys(ids)))]
    if not found:
        st.caption("None of these is an entity of the graph.")
        return
    shown = view_of(f"{key}\n{address_text(found)}", found)
    shown.refresh(graph())
    draw_graph(shown, catalogue, key)


def view_of(name: str, seeds: Sequence[str]) -> Neighbourhood:
    """The view of that name, as this session left it."""
    views: dict[str, Neighbourhood] = st.session_state.setdefault("neighbourhoods", {})
    return views.setdefault(name, Neighbourhood(name, tuple(seeds)))


@st.fragment
def draw_graph(shown: Neighbourhood, catalogue: Catalogue, key: str = KEY, wide: bool = False) -> None:
    """The graph, its tools and the panel of what was clicked; expanding redraws only this part. A `wide` one has its
    panel at its side."""
    try:
        _draw_graph(shown, catalogue, key, wide)
    except KgError as error:  # a fragment that runs by itself has no page around it that would say so
        st.error(escape(str(error)), icon=":material/error:")


def _draw_graph(shown: Neighbourhood, catalogue: Catalogue, key: str, wide: bool) -> None:
    def select() -> None:
        at = st.session_state[key]["selected"] or {}
        shown.selected = at.get("node", "")
        drawn = {edge_id(shown.triples[one]): one for one in shown.shown.drawn}
        shown.selected_triple = drawn.get(at.get("edge", ""))

    def act() -> None:
        perform(shown, **{"id": "", **(st.session_state[key]["act"] or {})})

    def filter_() -> None:
        shown.off = frozenset(st.session_state[key]["off"] or ())

    if shown.selected_triple and shown.selected_triple in shown.shown.triples:
        shown.look_again(graph(), shown.selected_triple)
    picture, panel = st.columns([5, 2], gap="medium") if wide else (st.container(), st.container())
    with picture:
        draw_tools(shown, catalogue, key, elsewhere=not wide)
        graph_view(key, shown, catalogue, select, act, filter_, "clamp(340px, 62vh, 760px)" if wide else "500px")
    with panel, st.container(border=True, key=f"panel-{key}" if key != KEY else "panel"):
        if shown.message:
            st.caption(escape(shown.message))
        triple = shown.triples.get(shown.selected_triple) if shown.selected_triple else None
        if triple is not None and triple.key in shown.shown.drawn:
            draw_relation(triple, shown, catalogue)
        else:
            chosen = shown.selected if shown.selected in shown.shown.visible else shown.focus
            draw_entity(shown.entities.get(chosen), shown, catalogue, key)


def perform(shown: Neighbourhood, do: str, id: str) -> None:
    """What a button of the view, a key or a double click asks for."""
    if do == "undo":
        shown.undo()
    elif do == "arrange":
        shown.arrange()
    elif id not in shown.shown.visible:
        return
    elif do == "expand":
        shown.attempt(lambda: shown.open(graph(), id))
    elif do == "hide":
        shown.hide(id)
    elif do == "pin":
        shown.pin(id)


def draw_entity(entity: Entity | None, shown: Neighbourhood, catalogue: Catalogue, key: str) -> None:
    if entity is None:
        st.caption("Click an entity to see what more there is around it.")
        return
    st.markdown(f"**{escape(name_of(entity))}** · {entity.kind}")
    with st.container(horizontal=True, gap="small"):
        if entity.id != st.query_params.get("id") and st.button(
            "Open", key=f"open-selected-{key}", icon=":material/arrow_forward:"
        ):
            open_entity(entity.id)
        pinned = entity.id in shown.shown.pinned
        pin, why = ("Loosen", "Let it move again") if pinned else ("Pin", "It stays when the rest is arranged")
        for label, icon, help_, does in (
            (pin, "keep", why, shown.pin),
            ("Hide", "visibility_off", "Take it out of the view", shown.hide),
        ):
            if entity.id in shown.shown.visible:
                st.button(
                    label,
                    key=f"{label}-{key}",
                    icon=f":material/{icon}:",
                    help=help_,
                    on_click=does,
                    args=(entity.id,),
                )
        if brought := len(shown.shown.brought_by(entity.id)):
            st.button(
                f"Collapse {brought}",
                key=f"collapse-{key}",
                icon=":material/collapse_content:",
                help="Take out what its expansions brought",
                on_click=shown.collapse,
                args=(entity.id,),
            )
    draw_expand(entity.id, shown, catalogue, key)


def draw_relation(triple: Triple, shown: Neighbourhood, catalogue: Catalogue) -> None:
    """What is known of a relation, and its decision if it is a prediction."""
    head, tail = (escape(shown.called(end)) for end in (triple.head, triple.tail))
    st.markdown(f"{head} **{escape(catalogue.of(triple))}** {tail}")
    if triple.origin == "predicted":
        state = f"{triple.decision} {since(triple.when)}" if triple.decision else "waiting for review"
        st.caption(escape(f"predicted by {triple.run} · score {score_text(triple.score)} · {state}"))
        decision_buttons(triple, "graph")
        show_decision_error()
    else:
        weight = "" if triple.weight == 1 else f" · weight {score_text(triple.weight)}"
        st.caption(escape(f"asserted by {', '.join(triple.sources) or 'nobody named'}{weight}"))
        if triple.text:
            st.text(triple.text[:500])
