"""A grid of runs: arms that are trained alike, tuned by as many runs each, measured on what none of them saw.

    python -m model.ablate --out DIR [--data SLICES] [--jobs 2] [--only world-names,wn9] [--budget 6] [--dry-run]

What an experiment is stands in model/experiment.py, the shipped ones in model/experiments/. Below DIR each graph of
one has a folder: graph.db, runs/ (ordinary run folders, as of model.train), logs/, and done/, a stamp a task. A grid
that was stopped or killed goes on when it is called again, runs in their middle included; nothing is done twice. A
graph that is told otherwise gets a folder of its own; one whose loader was changed is loaded anew
once its folder is gone.

1. the graph is loaded and projected     2. a CLIP a seed, from which all arms of that seed continue
3. tuning: each arm tries as many choices, on the first seed; what is best on the valid split is taken for all seeds
4. the runs, and what they make of the test split     5. runs with the seconds of the reference instead of its steps

evidence.json (the figures), evidence-runs.json (what they rest on), evidence.md and evidence.svg go to --results;
experiments that are not called keep their figures there, and --tables writes them without training anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from kgstore import open_store
from kgstore.command import INTERRUPTED, WrongCall, run_command
from kgstore.current import projection_for
from kgstore.errors import KgError
from kgstore.lock import FileLock
from kgstore.recipes import load_recipe, parse_parameters
from model.device import usable_device
from model.evidence import gather
from model.evidence_plot import save
from model.evidence_table import report
from model.experiment import SHIPPED, experiments
from model.grid import Grid, Machine, Task
from model.grid_runner import run_tasks
from model.predict import everything


class LoadFailed(KgError):
    """A call of python -m ingest that did not end well."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    grids = asked(args)
    if args.dry_run:
        print(planned(grids, args.jobs))
        return 0
    if args.tables:
        write_evidence(grids, args.results)
        return 0
    until = time.monotonic() + 3600 * args.budget if args.budget else float("inf")
    with ExitStack() as held:
        for grid in grids:
            grid.runs.mkdir(parents=True, exist_ok=True)
            held.callback(FileLock(grid.folder / ".lock", grid.folder).close)
            prepare(grid)
        outcome = run_tasks(
            lambda: [task for grid in grids for task in grid.tasks()],
            args.jobs,
            until,
            lambda line: print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True),
        )
    write_evidence(grids, args.results)
    for log, words in outcome.failed.items():
        print(f"{log.stem} failed: {words} (its log is {log})", file=sys.stderr)
    if missing := missing_of(grids):
        why = "The time is up. " if outcome.stopped else ""
        print(f"{why}Missing: {'; '.join(missing)}. Call it again to go on.", file=sys.stderr)
    return INTERRUPTED if outcome.stopped else 2 if outcome.failed else 0


def asked(args: argparse.Namespace) -> list[Grid]:
    """The grids of a call. Raises WrongCall for an experiment or an arm that there is not."""
    chosen = [*experiments(args.experiments, args.only).values()]
    arms = {arm for experiment in chosen for arm in experiment.arms}
    for arm in args.arms:
        if arm not in arms:
            raise WrongCall(f"There is no arm {arm!r}; there are {', '.join(sorted(arms))}.")
    for experiment in chosen:
        if args.data is None and any("{data}" in call for call in experiment.graph):
            raise WrongCall(f"Experiment {experiment.name} reads data sets; say by --data DIR where they are.")
    machine = Machine(args.out.resolve(), args.data and args.data.resolve(), usable_device(args.device), args.threads)
    return [Grid(experiment, machine, args.arms, args.seeds) for experiment in chosen]


def prepare(grid: Grid) -> None:
    """Loads the graph, which is done once, and projects what the runs learn from and are measured on."""
    loads = grid.loads()
    for log, words in run_tasks(lambda: loads, 1, float("inf")).failed.items():
        raise LoadFailed(f"The graph of {grid.experiment.name} cannot be loaded: {words} (the log is {log})")
    recipes = dict.fromkeys([("all", ()), *((arm.recipe, arm.parameters) for arm in grid.experiment.arms.values())])
    with open_store(str(grid.graph)) as store:
        everything(store, grid.runs)
        for recipe, parameters in recipes:
            asked = load_recipe(recipe, parse_parameters(list(parameters)))
            projection = projection_for(store, asked, grid.runs / "projections", progress=True)
            grid.project_to(recipe, parameters, projection.directory)


def write_evidence(grids: Sequence[Grid], results: Path) -> None:
    """The tables and the plot of what is measured by now, of whichever arms and seeds."""
    evidence, runs = gather([Grid(grid.experiment, grid.machine) for grid in grids], results)
    if not evidence:
        print("Nothing is measured yet.", file=sys.stderr)
        return
    text = report(evidence, runs)
    (results / "evidence.md").write_text(text, encoding="utf-8")
    print(text)
    if find_spec("vl_convert") is None:
        print("There is no plot: pip install vl-convert-python makes one.", file=sys.stderr)
    else:
        save(evidence, runs, results / "evidence.svg")


def missing_of(grids: Sequence[Grid]) -> list[str]:
    """What is not done, and arms whose runs wait for tuning."""
    missing = [task.name for grid in grids for task in grid.tasks() if not task.done]
    for grid in grids:
        missing += [f"{count} runs of {name}, to be tuned" for name, count in grid.undecided().items()]
    return missing


def planned(grids: Sequence[Grid], jobs: int) -> str:
    """The tasks that are known and how long they will take."""
    lines, total = [], 0.0
    for grid in grids:
        tasks: list[Task] = grid.tasks()
        for task in tasks:
            lines.append(f"{'done' if task.done else f'{task.seconds:,.0f} s':>9}  {grid.experiment.name}: {task.name}")
        total += sum(task.seconds for task in tasks if not task.done)
        for name, count in grid.undecided().items():
            arm = grid.experiment.arms[name]
            seconds = count * (grid.seconds_a_step(arm) * arm.settings.get("steps", 1000))
            seconds += count * grid.experiment.measuring_seconds
            total += seconds
            lines.append(f"{f'{seconds:,.0f} s':>9}  {grid.experiment.name}: {name}, {count} runs once it is tuned")
        if waiting := [name for name in grid.experiment.equal_seconds if name in {arm.name for arm in grid.arms}]:
            lines.append(f"{'':>9}  {grid.experiment.name}: equal seconds of {', '.join(waiting)}, not in the sum")
    return "\n".join([*lines, f"about {total / 3600:.1f} hours of work, {total / 3600 / jobs:.1f} with --jobs {jobs}"])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.ablate", description="Compare ways to train, run by run.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where graphs and runs are kept")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data sets that experiments read")
    parser.add_argument(
        "--experiments", type=Path, default=SHIPPED, metavar="DIR", help="TOML files (the shipped ones)"
    )
    parser.add_argument("--only", type=_words, default=[], metavar="EXPERIMENT,...", help="(default: all)")
    parser.add_argument("--arms", type=_words, default=[], metavar="ARM,...", help="(default: all)")
    parser.add_argument("--seeds", type=_numbers, default=[], metavar="N,...", help="(default: all)")
    parser.add_argument("--jobs", type=_positive, default=2, metavar="N", help="processes side by side (%(default)s)")
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="... of so many threads (%(default)s)"
    )
    parser.add_argument("--budget", type=float, default=0, metavar="HOURS", help="stop by then (default: never)")
    parser.add_argument("--dry-run", action="store_true", help="list the runs and about how long they take, and stop")
    parser.add_argument("--tables", action="store_true", help="write the tables of what is measured by now, and stop")
    parser.add_argument(
        "--results", type=Path, default=Path("benchmarks/results"), metavar="DIR", help="tables go here (%(default)s)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    args = parser.parse_args(arguments)
    if args.budget < 0:
        raise WrongCall(f"--budget is {args.budget} but must be 0 or more hours.")
    return args


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _numbers(text: str) -> list[int]:
    if not all(word.isdecimal() for word in _words(text)):
        raise WrongCall(f"--seeds takes numbers such as 0,1,2, not {text!r}.")
    return [int(word) for word in _words(text)]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(run_command(main))
