"""The neighbourhood as a picture: a Streamlit v2 component over vis-network. The layout stays put when it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from app.component import component
from app.escape import one_line, shorten
from app.neighbourhood import Neighbourhood
from app.pictures import picture_url
from app.theme import KIND_COLOURS, PREDICTED
from app.vendor import vis_network_address
from app.words import Catalogue, name_of, score_text
from kgstore import Entity, Triple
from kgstore.errors import BadImage
from kgstore.images import box_of

_mount = component("graph", "graph_look", "graph_labels", "graph_bar")
LABEL_LENGTH = 36
#: Beside the shorter side of a picture, before it is drawn smaller.
LONGEST_SIDE = 1.6
#: Colours of relation types in the order in which a view meets them, readable on both themes; later types are grey.
TYPE_COLOURS = (
    "#3f8fd2",
    "#d9822b",
    "#3aa76d",
    "#c9507c",
    "#b0961f",
    "#2fa3a8",
    "#c65447",
    "#7f9440",
    "#a5719c",
    "#5b7fb8",
    "#94683c",
    "#4f9d7f",
    "#c98bb0",
    "#6d8291",
)
OTHER_TYPES = "#8a8f9c"


def graph_view(
    key: str,
    shown: Neighbourhood,
    catalogue: Catalogue,
    on_select: Callable[[], None],
    on_act: Callable[[], None],
    on_filter: Callable[[], None],
    height: str = "500px",
) -> None:
    """Draws the neighbourhood. The callbacks find in st.session_state[key] `selected` ({node} or {edge} or nothing),
    `act` ({do, id}: what a button, a key or a double click asks for), or `off` (keys of the legend)."""
    _mount(
        key=key,
        data={
            "script": vis_network_address(),
            "graph": shown.name,
            "arrangement": shown.shown.arrangement,
            "height": height,
            "nodes": [_node(shown.entities[id], shown) for id in shown.shown.visible],
            "edges": _edges(shown, catalogue),
            "legend": legend(shown, catalogue),
            "off": sorted(shown.off),
            "path": [edge_id(shown.triples[key]) for key in shown.shown.path if key in shown.triples],
            "selected": shown.selected or shown.focus,
            "undo": one_line(shown.last_step),
        },
        on_selected_change=on_select,
        on_act_change=on_act,
        on_off_change=on_filter,
    )


def _node(entity: Entity, shown: Neighbourhood) -> dict[str, object]:
    name = name_of(entity)
    node: dict[str, object] = {
        "id": entity.id,
        "label": shorten(name, LABEL_LENGTH),
        "title": f"{name}\n{entity.kind}",
        "kind": entity.kind,
        "colour": KIND_COLOURS[entity.kind],
        "seed": entity.id in shown.seeds and len(shown.seeds) <= 5,
        "pinned": entity.id in shown.shown.pinned,
    }
    if entity.images:
        node |= {"picture": picture_url(entity.images[0], 160), "shrink": shrink(entity.images[0])}
    return node


def shrink(reference: str) -> float:
    """How much smaller the picture of a long region is drawn: vis makes the shorter side as long as of any other."""
    try:
        box = box_of(reference)
    except BadImage:
        return 1.0
    if box is None or min(box.width, box.height) <= 0:
        return 1.0
    return min(1.0, LONGEST_SIDE * min(box.width, box.height) / max(box.width, box.height))


def bends(triples: Sequence[Triple]) -> list[float]:
    """Relations between the same two entities are bent apart; those of opposite directions bend to opposite sides."""
    together = Counter(frozenset((triple.head, triple.tail)) for triple in triples)
    same: Counter[tuple[str, str]] = Counter()
    found = []
    for triple in triples:
        ends = (triple.head, triple.tail)
        same[ends] += 1
        found.append(0.13 * same[ends] if together[frozenset(ends)] > 1 else 0.0)
    return found


def _edges(shown: Neighbourhood, catalogue: Catalogue) -> list[dict[str, object]]:
    drawn = [shown.triples[key] for key in shown.shown.drawn]
    return [
        _edge(triple, catalogue, type_colour(triple.type, shown), bend)
        for triple, bend in zip(drawn, bends(drawn), strict=True)
    ]


def _edge(triple: Triple, catalogue: Catalogue, colour: str, bend: float) -> dict[str, object]:
    words = shorten(catalogue.of(triple), LABEL_LENGTH)
    waits = triple.origin == "predicted" and not triple.decision
    edge: dict[str, object] = {
        "id": edge_id(triple),
        "from": triple.head,
        "to": triple.tail,
        "label": f"{words} {score_text(triple.score)}".strip() if waits else words,
        "title": words,
        "type": triple.type,
        "bend": bend,
        "predicted": triple.origin == "predicted",
        "accepted": triple.decision == "accepted",
        "colour": colour,
    }
    if triple.origin == "predicted":
        state = triple.decision or "waiting for review"
        edge["title"] = f"{words}\npredicted by {one_line(triple.run)}, score {score_text(triple.score)}, {state}"
    return edge


def edge_id(triple: Triple) -> str:
    return "\n".join(triple.key)


def type_colour(type_: str, shown: Neighbourhood) -> str:
    """A type keeps its colour as long as the view lives."""
    place = list(shown.types).index(type_) if type_ in shown.types else len(TYPE_COLOURS)
    return TYPE_COLOURS[place] if place < len(TYPE_COLOURS) else OTHER_TYPES


def legend(shown: Neighbourhood, catalogue: Catalogue) -> dict[str, list[dict[str, object]]]:
    """The kinds of entities and the types of relations in the view, and what is predicted, with how many of each."""
    kinds = Counter(shown.entities[id].kind for id in shown.shown.visible)
    drawn = [shown.triples[key] for key in shown.shown.drawn]
    types = Counter(triple.type for triple in drawn)
    states = Counter(str(triple.decision or "predicted") for triple in drawn if triple.origin == "predicted")
    entries = [
        _entry(f"type {type_}", catalogue.text(type_), type_colour(type_, shown), "solid", types[type_])
        for type_ in shown.types
        if types[type_]
    ]
    marks = (("predicted", "dashed"), ("accepted", "thick"))
    entries += [_entry(state, state, PREDICTED, mark, states[state]) for state, mark in marks if states[state]]
    return {
        "kinds": [_entry(f"kind {kind}", kind, KIND_COLOURS[kind], "dot", kinds[kind]) for kind in kinds],
        "types": entries,
    }


def _entry(key: str, text: str, colour: str, mark: str, number: int) -> dict[str, object]:
    return {"key": key, "text": shorten(text, LABEL_LENGTH), "colour": colour, "mark": mark, "count": number}
