"""Measures a run on the held-out part of a graph, and on what a drawn world knows about itself.

    python -m model.evaluate --run RUN --store URI [--only retrieval,tails] [--split test] [--limit N] [--markdown]

retrieval        pictures and captions (IMAGE_OF a caption or phrase): R@1/5/10 both ways, by the towers and the fusion
zero_shot        classes of pictures by their names in sentences (--templates): top 1 and 5, by the towers, by the
                 fusion, and asked by the relation that gives the classes (--classes)
taxonomy         classes without a training picture by their names, pictures by hypernym and by gloss; by the towers, by
                 the fusion, and asked "is a" and "means": top 1, mAP, what guessing gives (model/taxonomy.py)
linear_probe     logistic regression on frozen picture features, for the same classes
relations        the relation between the ends of each held-out triple: top 1 and 5, by relation, and their mean
tails, heads     filtered ranking over all entities of the graph, realistic ties: MRR and Hits@1/3/10, by relation and
                 by cardinality (1-1, 1-N, N-1, N-N; model/link_prediction.py says which); `links` is their mean.
                 For heads every entity is asked once a relation, the slowest part of all, but of a run with
                 --e2e-heads the tails are
relation_probe   "a horse left of a man" or "a man left of a horse"? on pictures with scene graphs
attribute_probe  "a red cube and a blue ball" or "a blue cube and a red ball"? likewise
word_order       a caption or the same words in another order?
names, probe     the drawn world's own questions (model/world_questions.py)

Writes results.json into the run folder, where the figures of parts that are not measured now stay, and prints tables. A
part that the graph has no data for, or the run cannot be asked, says so in a sentence, and the others go on. Another
split than test is written to results-SPLIT.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgstore import open_store
from kgstore.command import WrongCall, add_images_option, add_store_option, run_command
from kgstore.projection import Projection, open_projection
from kgstore.values import SPLITS
from model.card import write_card
from model.classes import CLASS_RELATIONS
from model.device import usable_device
from model.embed import NoFusion
from model.held_out import Figures, NothingToMeasure
from model.linear_probe import evaluate_linear_probe
from model.link_prediction import both_sides
from model.measures import captioned, evaluate_heads, evaluate_relations, evaluate_retrieval, evaluate_tails, examples
from model.predict import Predictor, everything
from model.results_table import COUNTS, is_percent, results_of, tables
from model.scene_probes import evaluate_attribute_probe, evaluate_relation_probe
from model.taxonomy import class_pairs, evaluate_taxonomy
from model.templates import HELP, SEVEN, templates_of
from model.track import Run, write_json
from model.word_order import evaluate_word_order
from model.world_questions import ask_names, ask_probe
from model.zero_shot import evaluate_zero_shot

__all__ = ["COUNTS", "LINKS", "PARTS", "Asked", "evaluate", "main"]


@dataclass(frozen=True)
class Asked:
    """About what an evaluation asks: the split, how many triples of it at most (0: all), and how classes are named."""

    split: str = "test"
    limit: int = 0
    templates: tuple[str, ...] = SEVEN
    classes: tuple[str, ...] = CLASS_RELATIONS


#: The parts of an evaluation, in the order in which they are printed.
PARTS: dict[str, Callable[[Predictor, Asked], Figures]] = {
    "retrieval": lambda subject, asked: evaluate_retrieval(subject, asked.split, asked.limit),
    "zero_shot": lambda subject, asked: evaluate_zero_shot(
        subject, asked.split, asked.limit, asked.templates, asked.classes
    ),
    "taxonomy": lambda subject, asked: evaluate_taxonomy(subject, asked.split, asked.limit, asked.classes),
    "linear_probe": lambda subject, asked: evaluate_linear_probe(subject, asked.split, asked.limit, asked.classes),
    "relations": lambda subject, asked: evaluate_relations(subject, asked.split, asked.limit),
    "tails": lambda subject, asked: evaluate_tails(subject, asked.split, asked.limit),
    "heads": lambda subject, asked: evaluate_heads(subject, asked.split, asked.limit),
    "relation_probe": lambda subject, asked: evaluate_relation_probe(subject, asked.split, asked.limit),
    "attribute_probe": lambda subject, asked: evaluate_attribute_probe(subject, asked.split, asked.limit),
    "word_order": lambda subject, asked: evaluate_word_order(subject, asked.split, asked.limit),
    "names": lambda subject, asked: ask_names(subject, asked.split),
    "probe": lambda subject, asked: ask_probe(subject, asked.split),
}

#: Parts that ask about the split's pictures and captions alone: where no others are measured only these are embedded,
#: for a graph may hold a hundred times as much. There are no examples then.
OF_CAPTIONS = {"retrieval", "word_order", "names", "probe"}

#: ... and one that asks about the split's pictures with classes alone.
OF_CLASSES = {"taxonomy"}

#: The mean of tails and heads, where both are known.
LINKS = "links"


def evaluate(
    subject: Predictor, parts: Sequence[str], asked: Asked = Asked()
) -> tuple[dict[str, Figures], dict[str, str]]:
    """Figures by part, and for the parts that could not be measured the sentence that says why."""
    figures, sentences = {}, {}
    for part in parts:
        try:
            figures[part] = PARTS[part](subject, asked)
        except (NothingToMeasure, NoFusion) as reason:
            sentences[part] = str(reason)
        if part == "heads" and "tails" in figures and "heads" in figures:
            figures[LINKS] = both_sides(figures["tails"], figures["heads"])
    return figures, sentences


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    asked = Asked(args.split, args.limit, args.templates, args.classes)
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    run, device = Run(args.run), usable_device(args.device)
    projection = whole_graph(args, run.directory.parent)
    only = asked_about(projection, args.only, asked)
    subject = Predictor(
        run.directory, projection, checkpoint=args.checkpoint, device=device, images=args.images, only=only
    )
    figures, sentences = evaluate(subject, args.only, asked)
    path = run.directory / ("results.json" if args.split == "test" else f"results-{args.split}.json")
    new = {"checkpoint": subject.trained.checkpoint, **results_of(figures), "sentences": sentences}
    told = {} if only is not None else {"examples": examples(subject, args.split)}
    write_json(path, _joined(path, new, {*args.only, LINKS}) | told)
    write_card(run.directory)
    if figures:
        print(tables(figures, markdown=args.markdown))
    for part, sentence in sentences.items():
        print(f"{part}: {sentence}", file=sys.stderr)
    return 0


def asked_about(projection: Projection, parts: Collection[str], asked: Asked) -> list[int] | None:
    """The numbers of what these parts ask about, ascending; None for the whole graph."""
    if not set(parts) <= OF_CAPTIONS | OF_CLASSES:
        return None
    found = set(ends_of_captions(projection, asked.split)) if OF_CAPTIONS & set(parts) else set()
    for type_ in asked.classes if OF_CLASSES & set(parts) else ():
        found |= set(class_pairs(projection, type_, asked.split)[0].tolist())
    return sorted(found)


def ends_of_captions(projection: Projection, split: str) -> list[int]:
    """The split's pictures and captions, ascending."""
    try:
        edges = captioned(projection, split)
    except NothingToMeasure:  # which each part says for itself
        return []
    return np.unique([projection.head[edges], projection.tail[edges]]).tolist()


def whole_graph(args: argparse.Namespace, runs: Path) -> Projection:
    """All facts of all splits, of the store or as somebody projected them. Raises WrongCall."""
    if args.projection is not None:
        return open_projection(args.projection)
    if args.store is None:
        raise WrongCall(
            "Say which graph to ask about: --store PATH, --neo4j-uri bolt://HOST:7687, or --projection DIR."
        )
    with open_store(args.store) as store:  # no longer than the projection takes: others want it too
        return everything(store, runs)


def _joined(path: Path, new: dict[str, Any], parts: Collection[str]) -> dict[str, Any]:
    """With what earlier calls found of the same checkpoint in parts that are not measured now."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.get("checkpoint") != new["checkpoint"]:
        return new
    metrics = {name: value for name, value in found["metrics"].items() if name.partition("/")[0] not in parts}
    metrics |= new["metrics"]
    told = {part: sentence for part, sentence in found.get("sentences", {}).items() if part not in parts}
    counts = [name for name in metrics if not is_percent(name)]
    kept = {"examples": found["examples"]} if "examples" in found else {}
    return new | kept | {"metrics": metrics, "counts": counts, "sentences": told | new["sentences"]}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.evaluate", description="Measure a run.")
    parser.add_argument("--run", required=True, metavar="RUN", help="folder of a trained run")
    add_store_option(parser, required=False)
    parser.add_argument(
        "--projection", metavar="DIR", help="the graph as it was projected whole, RUNS/projections/everything, instead"
    )
    parser.add_argument("--only", type=_parts, default=tuple(PARTS), metavar="PART,...", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--split", choices=SPLITS, default="test", help="what is asked about (default: test)")
    parser.add_argument(
        "--limit", type=_count, default=0, metavar="N", help="ask about N triples of it, always the same (default: all)"
    )
    parser.add_argument("--templates", type=templates_of, default=SEVEN, metavar="T", help=f"{HELP} (default: clip-7)")
    parser.add_argument(
        "--classes",
        type=lambda text: tuple(filter(None, text.split(","))),
        default=CLASS_RELATIONS,
        metavar="TYPE,...",
        help=f"relations from pictures to their classes (default: {','.join(CLASS_RELATIONS)})",
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--checkpoint", default="best", help="best, last or step-N (default: best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads of torch's (default: torch's own)")
    add_images_option(parser)
    return parser.parse_args(arguments)


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part for part in text.split(",") if part)
    for part in parts:
        if part not in PARTS:
            raise WrongCall(f"There is no part {part!r} of an evaluation; there are {', '.join(PARTS)}.")
    return parts


def _count(text: str) -> int:
    if not text.isdecimal():
        raise WrongCall(f"--limit takes how many, 0 for all, not {text!r}.")
    return int(text)


if __name__ == "__main__":
    sys.exit(run_command(main))
