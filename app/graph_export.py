"""What a graph view shows, as files: CSV, JSON, and a page made by pyvis that needs no network."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import re
from dataclasses import asdict

from app.escape import one_line, shorten
from app.graph_view import LABEL_LENGTH, bends, legend, shrink, type_colour
from app.neighbourhood import Neighbourhood
from app.pictures import picture
from app.theme import KIND_COLOURS
from app.words import Catalogue, name_of, score_text
from kgstore import Entity, Triple
from kgstore.errors import KgError

PICTURE_WIDTH = 160
#: Among more edges their names only hide each other; the legend and the titles tell them.
MOST_EDGE_LABELS = 70
COLUMNS = ("head", "head_name", "relation", "type", "tail", "tail_name", "origin", "weight", "score", "run", "when")
MORE_COLUMNS = ("decision", "sources", "text")
#: Nothing is fetched and no script runs but those of the file itself, told by their digests.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {scripts}"
OPTIONS = {
    "nodes": {"widthConstraint": {"maximum": 120}},
    "interaction": {"hover": True, "tooltipDelay": 200},
    "edges": {"arrows": {"to": {"enabled": True, "scaleFactor": 0.5}}},
    "physics": {
        "solver": "forceAtlas2Based",
        "forceAtlas2Based": {"gravitationalConstant": -160, "springLength": 170, "avoidOverlap": 1},
        "stabilization": {"iterations": 250},
        "minVelocity": 2,
    },
}
_STYLE = (
    "<style>body{font-family:system-ui,sans-serif;margin:0;color:#22252f}h1{font-size:1.1rem;margin:.7rem 1rem .3rem}"
    "#mynetwork{border:0!important}ul{list-style:none;margin:0 1rem .4rem;padding:0;display:flex;flex-wrap:wrap;"
    "gap:.2rem 1rem;font-size:.85rem}i{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;"
    "margin-right:.35rem}</style>"
)


def in_view(shown: Neighbourhood) -> tuple[list[Entity], list[Triple]]:
    """Entities and relations that are drawn: neither hidden, nor left out by the legend."""
    entities = [shown.entities[id] for id in shown.shown.visible]
    entities = [entity for entity in entities if f"kind {entity.kind}" not in shown.off]
    there = {entity.id for entity in entities}
    drawn = [shown.triples[key] for key in shown.shown.drawn if key.head in there and key.tail in there]
    return entities, [t for t in drawn if not {f"type {t.type}", _state(t)} & shown.off]


def _state(triple: Triple) -> str:
    return (triple.decision or "predicted") if triple.origin == "predicted" else ""


def as_csv(shown: Neighbourhood, catalogue: Catalogue) -> bytes:
    """A line a relation, with the names of its ends; UTF-8 with the mark by which Excel knows it."""
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow((*COLUMNS, *MORE_COLUMNS))
    for t in in_view(shown)[1]:
        names = (name_of(shown.entities[t.head]), name_of(shown.entities[t.tail]))
        score = "" if t.score is None else t.score
        row = (t.head, names[0], catalogue.of(t), t.type, t.tail, names[1], t.origin, t.weight, score, t.run, t.when)
        table.writerow((*row, t.decision, " ".join(t.sources), t.text))
    return file.getvalue().encode("utf-8-sig")


def as_json(shown: Neighbourhood, catalogue: Catalogue) -> bytes:
    """All fields of the entities and relations."""
    entities, triples = in_view(shown)
    relations = [{"relation": catalogue.of(triple), **asdict(triple)} for triple in triples]
    content = {"entities": [asdict(entity) for entity in entities], "relations": relations}
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def as_page(shown: Neighbourhood, catalogue: Catalogue) -> bytes:
    """A page by itself, pictures included, that lays the graph out in any browser and asks no server."""
    from pyvis.network import Network  # brings IPython and networkx along: only where a page is made

    entities, triples = in_view(shown)
    network = Network(height="88vh", width="100%", directed=True, cdn_resources="in_line")
    for entity in entities:
        network.add_node(entity.id, **_node(entity))
    few = len(triples) <= MOST_EDGE_LABELS
    for triple, bend in zip(triples, bends(triples), strict=True):
        look = _edge(triple, catalogue, type_colour(triple.type, shown))
        smooth = {"enabled": bend > 0, "type": "curvedCW", "roundness": bend}
        network.add_edge(triple.head, triple.tail, smooth=smooth, **(look if few else {**look, "label": ""}))
    network.set_options(json.dumps(OPTIONS))
    title = ", ".join(shorten(shown.called(id), LABEL_LENGTH) for id in shown.seeds[:3])
    return standalone(network.generate_html(), f"Graph: {title}", _legend(shown, catalogue)).encode()


def standalone(page: str, title: str, legend_: str) -> str:
    """pyvis's page without what it fetches from elsewhere, and with a policy that forbids any."""
    page = re.sub(r"<link\b[^>]*>|<script[^>]*\bsrc=[^>]*>\s*</script>", "", page)
    page = re.sub(r"<center>\s*<h1>\s*</h1>\s*</center>", "", page)
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    policy = POLICY.format(scripts=" ".join(f"'sha256-{digest}'" for digest in digests))
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{html.escape(title)}</title>{_STYLE}"
    )
    page = page.replace('<meta charset="utf-8">', head, 1)
    body = f"<body><h1>{html.escape(title)}</h1>{legend_}"
    return "<!DOCTYPE html>\n" + page.replace("<body>", body, 1)


def _node(entity: Entity) -> dict[str, object]:
    name = name_of(entity)
    texts = "\n".join(shorten(text, 200) for text in entity.texts[:3] if one_line(text) != name)
    node: dict[str, object] = {
        "label": shorten(name, LABEL_LENGTH),
        "title": plain(f"{name}\n{entity.kind}\n{texts}".strip()),
        "color": KIND_COLOURS[entity.kind],
        "shape": "dot",
        "size": 12,
        "font": {"strokeWidth": 4, "strokeColor": "#ffffff"},
    }
    if picture_ := _picture(entity):
        node |= {"shape": "image", "image": picture_, "size": 26 * shrink(entity.images[0]), "borderWidth": 2.5}
        node["shapeProperties"] = {"useBorderWithImage": True}
    return node


def _picture(entity: Entity) -> str:
    """The first picture within the page; none where it does not open."""
    if not entity.images:
        return ""
    try:
        content, media = picture(entity.images[0], PICTURE_WIDTH)
    except KgError:
        return ""
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def _edge(triple: Triple, catalogue: Catalogue, colour: str) -> dict[str, object]:
    words = shorten(catalogue.of(triple), LABEL_LENGTH)
    predicted = triple.origin == "predicted"
    state = triple.decision or "waiting for review"
    said = f"predicted by {one_line(triple.run)}, score {score_text(triple.score)}, {state}"
    return {
        "label": words,
        "title": plain(f"{words}\n{said}" if predicted else words),
        "color": colour,
        "dashes": predicted and triple.decision != "accepted",
        "width": 2.4 if predicted else 1.3,
        "font": {"size": 11, "color": colour, "strokeWidth": 4, "strokeColor": "#ffffff"},
    }


def plain(title: str) -> str:
    """vis shows a title as plain text; pyvis takes one that holds the word href for HTML, so it may not be one word."""
    return title.replace("href", "hre\u2060f")


def _legend(shown: Neighbourhood, catalogue: Catalogue) -> str:
    entries = [entry for group in legend(shown, catalogue).values() for entry in group if entry["key"] not in shown.off]
    items = (f'<li><i style="background:{e["colour"]}"></i>{html.escape(str(e["text"]))}</li>' for e in entries)
    return f"<ul>{''.join(items)}</ul>"
