"""Runs and baselines side by side, from what their evaluations wrote.

python -m model.compare --runs RUNS [--parts links,tails] [--by-relation] [--markdown]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kgstore.command import WrongCall, run_command
from model.results_table import side_by_side
from model.track import list_runs


def measured(runs: Path) -> dict[str, dict[str, float]]:
    """The metrics of every run that was evaluated and of every baseline, by name: baselines first, runs by age."""
    found = {}
    for path in sorted((runs / "baselines").glob("*.json")):
        found[path.stem] = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    for run in reversed(list_runs(runs)):
        if metrics := run.results.get("metrics"):
            found[run.name] = metrics
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    found = measured(Path(args.runs))
    if not found:
        raise WrongCall(f"{args.runs} holds no results; python -m model.evaluate and model.baselines make them.")
    print(side_by_side(chosen(found, args.parts, args.by_relation), markdown=args.markdown))
    return 0


def chosen(
    found: Mapping[str, Mapping[str, float]], parts: Sequence[str], by_relation: bool
) -> dict[str, dict[str, float]]:
    """Metrics of these parts (of all if none is named), and those of single relations only where asked for."""

    def wanted(name: str) -> bool:
        part, *rest = name.split("/")
        return (not parts or part in parts) and (by_relation or not any(_is_type(word) for word in rest[:-1]))

    return {column: {k: v for k, v in metrics.items() if wanted(k)} for column, metrics in found.items()}


def _is_type(word: str) -> bool:
    return word.isupper() and word.replace("_", "").isalnum()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.compare", description="Runs and baselines side by side.")
    parser.add_argument("--runs", required=True, metavar="DIR", help="folder of the runs")
    parser.add_argument(
        "--parts", type=lambda text: [*filter(None, text.split(","))], default=[], metavar="PART,...", help="(all)"
    )
    parser.add_argument("--by-relation", action="store_true", help="figures of single relations too")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
