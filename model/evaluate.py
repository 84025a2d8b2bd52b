"""Measures a run on the held-out part of a graph, and on what a drawn world knows about itself.

    python -m model.evaluate --run RUN --store URI [--only retrieval,tails]

retrieval   pictures and captions of the test split: R@1/5/10 both ways, by the towers and by the fusion
relations   the relation between the ends of each test triple: top 1 and top 5, and the mean over relations
tails       filtered ranking of the test triples' tails over all entities of the graph: MRR and Hits@k
names, probe   the drawn world's own questions (model/world_questions.py)

Writes results.json into the run folder, where the figures of parts that are not measured now stay, and prints. A part
that the graph has no data for, or the run cannot be asked, says so in a sentence, and the others go on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from kgstore import open_store
from kgstore.command import WrongCall, add_images_option, add_store_option, run_command
from model.device import usable_device
from model.embed import NoFusion
from model.held_out import Figures, NothingToMeasure
from model.measures import (
    evaluate_heads,
    evaluate_relations,
    evaluate_retrieval,
    evaluate_tails,
    examples,
)
from model.predict import Predictor, everything
from model.track import Run, write_json
from model.world_questions import ask_names, ask_probe

#: The parts of an evaluation, in the order in which they are printed.
PARTS: dict[str, Callable[[Predictor], Figures]] = {
    "retrieval": evaluate_retrieval,
    "relations": evaluate_relations,
    "tails": evaluate_tails,
    "heads": evaluate_heads,
    "names": ask_names,
    "probe": ask_probe,
}

#: Figures that say how many things were measured; all others are percents.
COUNTS = frozenset({"pictures", "captions", "triples", "entities", "scenes"})


def evaluate(subject: Predictor, parts: Sequence[str]) -> tuple[dict[str, Figures], dict[str, str]]:
    """Figures by part, and for the parts that could not be measured the sentence that says why."""
    figures, sentences = {}, {}
    for part in parts:
        try:
            figures[part] = PARTS[part](subject)
        except (NothingToMeasure, NoFusion) as reason:
            sentences[part] = str(reason)
    return figures, sentences


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    run, device = Run(args.run), usable_device(args.device)
    with open_store(args.store) as store:  # no longer than the projection takes: others want it too
        projection = everything(store, run.directory.parent)
    subject = Predictor(run.directory, projection, checkpoint=args.checkpoint, device=device, images=args.images)
    figures, sentences = evaluate(subject, args.only)
    checkpoint = subject.trained.checkpoint
    metrics = _others(run, checkpoint, args.only) | _flat(figures)
    results = {"checkpoint": checkpoint, "metrics": metrics, "examples": examples(subject)}
    write_json(run.directory / "results.json", results)
    for part, named in figures.items():
        print(part)
        for name, value in named.items():
            print(f"  {name:<40} {value:10,.0f}" if name in COUNTS else f"  {name:<40} {value:10.1f}")
    for part, sentence in sentences.items():
        print(f"{part}: {sentence}", file=sys.stderr)
    return 0


def _flat(figures: Mapping[str, Figures]) -> Figures:
    return {f"{part}/{name}": value for part, named in figures.items() for name, value in named.items()}


def _others(run: Run, checkpoint: str, parts: Collection[str]) -> Figures:
    """What earlier calls found of the same checkpoint in parts that are not measured now."""
    found = run.results
    if found.get("checkpoint") != checkpoint:
        return {}
    return {name: value for name, value in found["metrics"].items() if name.partition("/")[0] not in parts}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.evaluate", description="Measure a run.")
    parser.add_argument("--run", required=True, metavar="RUN", help="folder of a trained run")
    add_store_option(parser)
    parser.add_argument("--only", type=_parts, default=tuple(PARTS), metavar="PART,...", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--checkpoint", default="best", help="best, last or step-N (default: best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    add_images_option(parser)
    return parser.parse_args(arguments)


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part for part in text.split(",") if part)
    for part in parts:
        if part not in PARTS:
            raise WrongCall(f"There is no part {part!r} of an evaluation; there are {', '.join(PARTS)}.")
    return parts


if __name__ == "__main__":
    sys.exit(run_command(main))
