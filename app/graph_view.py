"""The neighbourhood as a picture: a Streamlit v2 component over vis-network. The layout stays put when it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from app.component import component
from app.escape import one_line, shorten
from app.neighbourhood import Neighbourhood
from app.pictures import picture_url
from app.theme import KIND_COLOURS, PREDICTED
from app.vendor import vis_network_address
from app.words import Catalogue, name_of, score_text
from kgstore import Entity, Triple

_mount = component("graph")
LABEL_LENGTH = 36


def graph_view(
    key: str,
    shown: Neighbourhood,
    catalogue: Catalogue,
    on_select: Callable[[], None],
    on_expand: Callable[[], None],
) -> None:
    """Draws the neighbourhood; the callbacks find `selected` or `expand`, an entity's id, in st.session_state[key]."""
    _mount(
        key=key,
        data={
            "script": vis_network_address(),
            "graph": shown.focus,
            "focus": shown.focus,
            "nodes": [_node(entity) for entity in shown.entities.values()],
            "edges": _edges(shown, catalogue),
            "legend": _legend(shown),
        },
        on_selected_change=on_select,
        on_expand_change=on_expand,
    )


def _node(entity: Entity) -> dict[str, object]:
    name = name_of(entity)
    node: dict[str, object] = {
        "id": entity.id,
        "label": shorten(name, LABEL_LENGTH),
        "title": f"{name}\n{entity.kind}",
        "colour": KIND_COLOURS[entity.kind],
    }
    if entity.images:
        node["picture"] = picture_url(entity.images[0], 160)
    return node


def _edges(shown: Neighbourhood, catalogue: Catalogue) -> list[dict[str, object]]:
    """Relations between the same two entities are bent apart; those of opposite directions bend to opposite sides."""
    together = Counter(frozenset((triple.head, triple.tail)) for triple in shown.triples.values())
    drawn: Counter[tuple[str, str]] = Counter()
    edges = []
    for triple in shown.triples.values():
        ends = (triple.head, triple.tail)
        drawn[ends] += 1
        edges.append(_edge(triple, catalogue, bend=0.13 * drawn[ends] if together[frozenset(ends)] > 1 else 0.0))
    return edges


def _edge(triple: Triple, catalogue: Catalogue, bend: float) -> dict[str, object]:
    edge: dict[str, object] = {
        "id": "\n".join(triple.key),
        "from": triple.head,
        "to": triple.tail,
        "label": shorten(catalogue.of(triple), LABEL_LENGTH),
        "bend": bend,
        "predicted": triple.origin == "predicted",
        "accepted": triple.decision == "accepted",
        "colour": PREDICTED,
    }
    if triple.origin == "predicted":
        state = triple.decision or "waiting for review"
        edge["title"] = f"predicted by {one_line(triple.run)}, score {score_text(triple.score)}, {state}"
    return edge


def _legend(shown: Neighbourhood) -> list[dict[str, str]]:
    kinds = Counter(entity.kind for entity in shown.entities.values())
    entries = [{"text": kind, "colour": KIND_COLOURS[kind]} for kind in KIND_COLOURS if kinds[kind]]
    decisions = {triple.decision for triple in shown.triples.values() if triple.origin == "predicted"}
    if "" in decisions:
        entries.append({"text": "predicted", "colour": PREDICTED, "line": "dashed"})
    if "accepted" in decisions:
        entries.append({"text": "accepted", "colour": PREDICTED, "line": "solid"})
    return entries
