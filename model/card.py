"""The model card: README.md of a run, for people and for hubs. It is written from the other files of the run folder.

`write_card(directory)` is called when training begins and ends, and after an evaluation has written results.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from kgstore.errors import BadProjection
from kgstore.projection import Projection, open_projection
from model.checkpoint import MODEL, damage
from model.config import ModelConfig, TrainConfig
from model.results_table import tables
from model.selection import VALID
from model.track import Run

CARD = "README.md"

#: What is known of the licences of sources by the names that loads give them.
LICENCES = {
    "cn": "ConceptNet: CC BY-SA 4.0",
    "vg": "Visual Genome: annotations CC BY 4.0, pictures with their photographers (Flickr)",
    "visualsem": "VisualSem: CC BY-NC 4.0",
    "vrd": "Visual Relationship Detection: research use only",
    "wordnet": "WordNet's own licence; Open English WordNet CC BY 4.0",
    "imagenet": "ImageNet: pictures for non-commercial research; WordNet's own licence",
    "flickr": "Flickr8k/30k: non-commercial research, pictures with their photographers",
    "coco": "COCO: annotations CC BY 4.0, pictures under Flickr's terms",
    "cc3m": "Conceptual Captions: any purpose, pictures belong to their sites",
    "world": "drawn here, none needed",
    "link": "joins made here, none needed",
}
UNKNOWN_LICENCE = "not known here; ask who made it"

#: Rows of a table; what is rarer is summed up.
ROWS = 20


def write_card(directory: str | Path) -> None:
    """Writes README.md of a run folder anew, aside first. What is not there yet is left out."""
    run = Run(directory)
    text = "\n\n".join(section.strip() for section in _sections(run) if section) + "\n"
    aside = run.directory / f".{CARD}.{os.getpid()}"
    aside.write_text(text, encoding="utf-8")
    aside.replace(run.directory / CARD)


def _sections(run: Run) -> Iterator[str]:
    config = run.config
    tags = dict.fromkeys(("clip", "knowledge-graph", config["train"]["objective"]))
    yield "\n".join(["---", "library_name: knowledge-clip", "tags:", *(f"- {tag}" for tag in tags), "---"])
    yield f"# {run.name}\n\n{_summary(run, config)}"
    yield _use(run)
    yield "## Data\n\n" + "\n\n".join(_data(run, config))
    yield "## Training\n\n" + "\n\n".join(_training(run, config))
    yield "## Results\n\n" + "\n\n".join(_results(run))
    yield _limits(config)


def _summary(run: Run, config: Mapping[str, Any]) -> str:
    what = (
        "A CLIP, trained by its own loss (Eq. 1 of the paper below) on pictures and their captions"
        if config["train"]["objective"] == "clip"
        else "A Knowledge-CLIP: a CLIP and a fusion encoder that reads triplets of a knowledge graph"
    )
    start = f", beginning with `{config['init']}`" if config.get("init") else ", from nothing"
    status = run.status
    return (
        f"{what}{start}. After Pan et al., *Contrastive Language-Image Pre-Training with Knowledge Graphs*, NeurIPS "
        f"2022 (arXiv 2210.08901).\n\nState: {status.state}, {status.step:,} of {config['train']['steps']:,} steps. "
        f"{status.message}"
    )


def _use(run: Run) -> str:
    return f"""## How to use it

```python
from model.checkpoint import load_run

trained = load_run({run.name!r})  # the run's folder; the best checkpoint where some were measured, else the last
model, tokenizer = trained.model, trained.tokenizer
```

```
python -m model.evaluate --run {run.name} --store URI
python -m model.predict  --run {run.name} --store URI --head ID --relation TYPE
python -m model.export   --run {run.name} --out DIR    # a plain CLIP, for transformers and open_clip
```"""


def _data(run: Run, config: Mapping[str, Any]) -> Iterator[str]:
    parameters = ", ".join(f"{name} = {json.dumps(value)}" for name, value in config["parameters"].items())
    yield (
        f"Recipe `{config['recipe']}`{f' ({parameters})' if parameters else ''}; fingerprint of graph and recipe "
        f"`{config['fingerprint']}`; regions of pictures are shown by `{config.get('region', 'crop')}`."
    )
    try:
        projection = open_projection(run.directory / config["projection"])
    except BadProjection:
        yield "The projection that it was trained on is not there any more."
        return
    yield f"```cypher\n{projection.recipe.cypher.strip()}\n```"
    yield f"{projection.entity_count:,} entities and {projection.edge_count:,} triples."
    yield _table(("relation", "triples"), _counted([each.name for each in projection.relations], projection.relation))
    yield _table(("source", "triples", "licence, as far as its name tells"), _by_source(projection))
    if config.get("valid_projection"):
        yield "Triples of the valid split were held out and measured while it trained; they were not learnt from."


def _by_source(projection: Projection) -> Iterator[tuple[str, ...]]:
    for name, count in _counted(list(projection.sources), projection.source):
        yield name or "not told by the recipe", count, LICENCES.get(name, UNKNOWN_LICENCE)


def _training(run: Run, config: Mapping[str, Any]) -> Iterator[str]:
    if count := parameter_count(run):
        yield f"{count:,} parameters."
    if config.get("teacher"):
        yield f"Teacher of the distillation: `{config['teacher']}`."
    defaults = {
        name: field.default for kind in (TrainConfig, ModelConfig) for name, field in kind.__dataclass_fields__.items()
    }
    rows = [
        (name, json.dumps(value), "" if _same(value, defaults.get(name)) else "*")
        for section in ("train", "model")
        for name, value in config[section].items()
    ]
    yield (
        "Settings; those with a star are not the defaults. `config.json` beside this file holds them too, and "
        "`python -m model.train --config config.json ...` takes them from there."
    )
    yield _table(("setting", "value", ""), rows)


def _results(run: Run) -> Iterator[str]:
    rows, found = run.metrics().rows, run.results
    if rows:
        last = rows[-1]
        losses = ", ".join(
            f"{name} {last[name]:.3f}" for name in ("loss", "e2e", "e2r", "g2e", "kd", "clip") if name in last
        )
        yield f"Step {int(last['step']):,} after {last['seconds'] / 60:,.1f} minutes: {losses}."
    if best := run.best:
        yield f"Best on the valid split: {best.metric} {best.value:.4g} at step {best.step:,}, which is what is used."
        [row] = [row for row in rows if row["step"] == best.step] or [{}]
        yield _table(
            ("while training, on the valid split", ""),
            [(name.removeprefix(VALID), f"{value:.4g}") for name, value in row.items() if name.startswith(VALID)],
        )
    if found:
        yield f"By `python -m model.evaluate`, of checkpoint {found['checkpoint']}; percents, but for counts:"
        yield tables(_by_part(found["metrics"]), markdown=True)
    else:
        yield "Not evaluated yet: `python -m model.evaluate` adds its table here."


def _by_part(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """part/name -> value, as part -> name -> value."""
    parts: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        part, _, own = name.partition("/")
        parts.setdefault(part, {})[own] = value
    return parts


def _limits(config: Mapping[str, Any]) -> str:
    lines = [
        "It knows what its graph says, with what is wrong or one-sided in that, and it was measured on held-out parts "
        "of the same graph.",
    ]
    if config["train"].get("eval_every"):
        lines.append(
            "Tails were ranked among some entities only while it trained; `python -m model.evaluate` ranks among all."
        )
    return "## Limits\n\n" + " ".join(lines)


def parameter_count(run: Run) -> int:
    """How many numbers the network holds, at the start as ever after; 0 where that is not there whole."""
    folder = run.directory / "start"
    if damage(folder):
        return 0
    with safe_open(folder / MODEL, "numpy") as file:
        return sum(int(np.prod(file.get_slice(name).get_shape(), dtype=np.int64)) for name in file.keys())  # noqa: SIM118


def _counted(names: list[str], numbers: np.ndarray) -> list[tuple[str, str]]:
    """Names with how often their number comes, the most frequent first, none that never comes."""
    counts = np.bincount(numbers, minlength=len(names))
    order = [number for number in np.argsort(-counts, kind="stable").tolist() if counts[number]]
    rows = [(names[number], f"{counts[number]:,}") for number in order[:ROWS]]
    if rest := order[ROWS:]:
        rows.append((f"{len(rest):,} others", f"{counts[rest].sum():,}"))
    return rows


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _same(value: object, default: object) -> bool:
    return value == (list(default) if isinstance(default, tuple) else default) or (
        not isinstance(default, int | float | str | tuple) and not value
    )
