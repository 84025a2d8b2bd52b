"""What a run is to be compared with: counts, knowledge-graph embeddings, and the similarity of a CLIP.

    python -m model.baselines --store URI --runs RUNS [--only majority,frequency,rotate,complex] [--seeds 0,1,2]
    python -m model.baselines --store URI --runs RUNS --only clip-similarity --run RUNS/clip

majority         always the commonest tail, head, relation                       (model/baseline_counts.py)
frequency        ... of the relation, and the relation by its ends
rotate, complex  embeddings trained by PyKEEN on the same triples                (model/pykeen_models.py)
clip-similarity  tails and heads by how like a run's towers find the two ends    (model/clip_similarity.py)

All learn from the train split and are measured as runs are, by model/link_prediction.py: tails, heads and links over
all entities of the graph, and relations, with the same names. What else a CLIP can be asked is measured by
`python -m model.evaluate --run RUNS/clip`.

Written to RUNS/baselines/NAME.json in the form of a run's results.json, with `settings`, and with `spread`, the
standard deviation over seeds, where there are several; `python -m model.compare --runs RUNS` shows them beside runs.
An embedding's `seconds` are what training took, a seed: of processors on a CPU, else of the clock.
RotatE's and ComplEx's links are also what PyKEEN's own evaluator finds of them, under `pykeen`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64

from kgstore import open_store
from kgstore.command import WrongCall, add_images_option, add_store_option, run_command
from kgstore.current import projection_for
from kgstore.projection import Projection
from kgstore.recipes import load_recipe, parse_parameters
from kgstore.values import SPLITS
from model import pykeen_models
from model.baseline_counts import Facts, Frequency, Majority
from model.clip_similarity import ClipSimilarity
from model.device import usable_device
from model.held_out import Edges, Figures, NothingToMeasure, held_out_edges, triples_of
from model.link_prediction import LinkScorer, both_sides, head_ranks, link_figures, tail_ranks
from model.measures import relation_figures
from model.predict import Predictor, everything
from model.pykeen_models import PykeenLinks, Training
from model.ranking import filtered_ranks
from model.results_table import results_of, tables
from model.track import write_json

COUNTED: dict[str, Callable[[Facts], LinkScorer]] = {"majority": Majority, "frequency": Frequency}
SIMILARITY = "clip-similarity"
NAMES = (*COUNTED, *pykeen_models.NAMES, SIMILARITY)

#: Where the figures go, below the folder of runs.
FOLDER = "baselines"

BATCH = 256


@runtime_checkable
class RelationScorer(Protocol):
    """What can say how well each relation stands between two entities."""

    def relations(self, heads: Int64[np.ndarray, " b"], tails: Int64[np.ndarray, " b"]) -> Float[np.ndarray, "b r"]:
        """A higher score is better."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    runs = Path(args.runs)
    names = args.only or [name for name in NAMES if name != SIMILARITY or args.run]
    if SIMILARITY in names and not args.run:
        raise WrongCall(f"{SIMILARITY} needs the run whose towers compare: --run RUNS/clip.")
    recipe = load_recipe(args.recipe, parse_parameters(args.param))
    with open_store(args.store) as store:
        projection = everything(store, runs)
        trained = projection_for(store, recipe, runs / "projections", progress=True)
    facts, edges = facts_of(trained, projection), held_out_edges(projection, split=args.split, limit=args.limit)
    (runs / FOLDER).mkdir(parents=True, exist_ok=True)
    training = Training(**{each.name: getattr(args, each.name) for each in dataclasses.fields(Training)})
    for name in names:
        took: list[float] = []
        settings: dict[str, Any] = {"split": args.split, "limit": args.limit, "recipe": recipe.name}
        if name in COUNTED:
            found = [measure(projection, edges, COUNTED[name](facts), facts)]
        elif name == SIMILARITY:
            subject = Predictor(args.run, projection, device=args.device, images=args.images)
            found = [measure(projection, edges, ClipSimilarity(subject), facts)]
            settings["run"] = str(args.run)
        else:
            found = []
            for seed in args.seeds:
                links = pykeen_models.train(name, facts, training, seed)
                found.append(measure_twice(projection, edges, links, facts))
                took.append(links.seconds)
            settings |= dataclasses.asdict(training.of(name)) | {"seeds": list(args.seeds)}
        figures, spread = mean_and_spread(found)
        path, results = runs / FOLDER / f"{name}.json", results_of(figures)
        if took:
            results["metrics"]["seconds"] = float(np.mean(took))
            results["counts"].append("seconds")
            spread |= {"seconds": float(np.std(took, ddof=1))} if len(took) > 1 else {}
        write_json(path, {"baseline": name, "settings": settings, **results, "spread": spread})
        print(tables({f"{name}: {part}": own for part, own in figures.items()}, markdown=args.markdown), end="\n\n")
        print(f"{name} is in {path}", file=sys.stderr)
    return 0


def facts_of(trained: Projection, projection: Projection) -> Facts:
    """The train split of one projection by the numbers of another, of the same graph. Raises NothingToMeasure."""
    edges = np.flatnonzero(np.asarray(trained.split) == SPLITS.index("train"))
    if not len(edges):
        raise NothingToMeasure("The recipe returns no triples of the train split, so no baseline learns anything.")
    entity = projection.numbers(trained.entity_ids(np.arange(trained.entity_count)))
    relation = np.array([projection.relations.index(each) for each in trained.relations])
    heads, relations, tails = triples_of(trained, edges)
    kinds = np.asarray(projection.kinds)
    return Facts(entity[heads], relation[relations], entity[tails], kinds, len(projection.relations))


def measure(projection: Projection, edges: Edges, scorer: LinkScorer, facts: Facts) -> dict[str, Figures]:
    """Tails, heads and their mean, and relations of those that answer with relations."""
    tails = link_figures(projection, edges, tail_ranks(projection, edges, scorer))
    heads = link_figures(projection, edges, head_ranks(projection, edges, scorer))
    figures = {"tails": tails, "heads": heads, "links": both_sides(tails, heads)}
    if isinstance(scorer, RelationScorer):
        figures["relations"] = predicted_relations(projection, edges, scorer, facts)
    return figures


def predicted_relations(projection: Projection, edges: Edges, scorer: RelationScorer, facts: Facts) -> Figures:
    """As a run is measured: among the relations of training, and not asked about others."""
    trained = np.unique(facts.relation)
    edges = edges[np.isin(projection.relation[edges], trained)]
    nothing = np.zeros(0, np.int64)
    ranks = []
    for start in range(0, len(edges), BATCH):
        heads, relations, tails = triples_of(projection, edges[start : start + BATCH])
        scores = scorer.relations(heads, tails)[:, trained]
        ranks.append(filtered_ranks(scores, np.searchsorted(trained, relations), nothing, nothing))
    types = [projection.relations[number].type for number in projection.relation[edges]]
    return relation_figures(np.concatenate(ranks), types) if types else {}


def measure_twice(projection: Projection, edges: Edges, links: PykeenLinks, facts: Facts) -> dict[str, Figures]:
    """Measured by us, and beside it what PyKEEN's evaluator finds of the same model."""
    figures = measure(projection, edges, links, facts)
    asked = np.stack(triples_of(projection, edges), axis=1)
    known = np.stack(triples_of(projection, np.arange(projection.edge_count)), axis=1)
    figures["pykeen"] = links.both_sides_by_pykeen(asked, known)
    return figures


def mean_and_spread(found: Sequence[Mapping[str, Figures]]) -> tuple[dict[str, Figures], Figures]:
    """Means over seeds, and standard deviations by part/name; of one seed there are none."""
    means = {
        part: {name: float(np.mean([each[part][name] for each in found])) for name in own}
        for part, own in found[0].items()
    }
    if len(found) == 1:
        return means, {}
    spread = {
        f"{part}/{name}": float(np.std([each[part][name] for each in found], ddof=1))
        for part, own in found[0].items()
        for name in own
    }
    return means, spread


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.baselines", description="Measure what runs compare with.")
    add_store_option(parser)
    parser.add_argument("--runs", required=True, metavar="DIR", help="folder of the runs; figures go to its baselines/")
    parser.add_argument("--only", type=_names, metavar="NAME,...", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--run", metavar="RUN", help=f"the run of {SIMILARITY}")
    parser.add_argument("--recipe", default="all", metavar="R", help="what is learnt from, as of model.train (all)")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of the recipe; repeatable")
    parser.add_argument("--split", choices=SPLITS[1:], default="test", help="what is asked about (default: test)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="ask about N triples of it (default: all)")
    parser.add_argument("--seeds", type=_seeds, default=(0,), metavar="S,...", help="of the embeddings (default: 0)")
    parser.add_argument("--dim", type=int, default=Training.dim, help="of the embeddings, complex (%(default)s)")
    parser.add_argument("--epochs", type=int, default=Training.epochs, help=f"(0: {_by_name(pykeen_models.EPOCHS)})")
    parser.add_argument("--batch-size", type=int, default=Training.batch_size, help="(%(default)s)")
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=Training.learning_rate,
        help=f"of Adam (0: {_by_name(pykeen_models.RATES)})",
    )
    parser.add_argument("--negatives", type=int, default=Training.negatives, help="of RotatE, a triple (%(default)s)")
    parser.add_argument("--margin", type=float, default=Training.margin, help="of RotatE (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads of torch's (default: torch's own)")
    add_images_option(parser)
    args = parser.parse_args(arguments)
    args.device = usable_device(args.device)
    if min(args.dim, args.batch_size, args.negatives) < 1 or min(args.epochs, args.learning_rate, args.limit) < 0:
        raise WrongCall(
            "--dim, --batch-size and --negatives are above 0, --epochs, --learning-rate and --limit 0 or more."
        )
    return args


def _by_name(values: Mapping[str, float]) -> str:
    return ", ".join(f"{value:g} for {name}" for name, value in values.items())


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in NAMES:
            raise WrongCall(f"There is no baseline {name!r}; there are {', '.join(NAMES)}.")
    return names


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part for part in text.split(",") if part]
    if not parts or not all(part.isdecimal() for part in parts):
        raise WrongCall(f"--seeds takes numbers such as 0,1,2, not {text!r}.")
    return tuple(map(int, parts))


if __name__ == "__main__":
    sys.exit(run_command(main))
