"""The evidence as one Markdown text: a table an experiment, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model.evidence import COSTS, Evidence, seeds_of
from model.evidence_runs import PROCESSOR
from model.results_table import is_percent

Figures = Mapping[str, Mapping[str, Any]]

#: A re-run baseline counts when it is at most so many points below its published MRR, in percent.
NEAR = 2.0
MRR = "links/mrr"


def report(evidence: Evidence, runs: Mapping[str, Any]) -> str:
    """All experiments, in the order of the files."""
    lines = ["# The evidence", "", "Means and standard deviations over seeds, in percent; the best mean is bold.", ""]
    for name, arms in evidence.items():
        own = runs[name.partition(",")[0]]
        lines += [f"## {name}", ""]
        if name not in runs:
            lines += [f"As many steps as take the seconds of {own['reference']}.", "", table(own, arms), ""]
            continue
        lines += [own["about"], "", table(own, arms), "", *_published(own, arms), sizes(own), "", tuning(own), ""]
    return "\n".join(lines)


def table(own: Mapping[str, Any], arms: Mapping[str, Figures]) -> str:
    """A row an arm, a column a metric that the experiment shows; an arm of fewer seeds than others says how many."""
    measured = {metric for figures in arms.values() for metric in figures}
    columns = [name for name in (*own["shown"], *COSTS) if name in measured]
    best = {
        name: max(figures[name]["mean"] for figures in arms.values() if name in figures)
        for name in columns
        if name not in COSTS and is_percent(name)
    }
    most = max(map(seeds_of, arms.values()))
    rows = []
    for arm, figures in arms.items():
        seeds = seeds_of(figures)
        named = arm if seeds == most else f"{arm} ({seeds} seed{'s' if seeds > 1 else ''})"
        rows.append([named, *(_cell(figures.get(name), name, best.get(name)) for name in columns)])
    others = {f"{arm}, published": told for arm, told in own["published"].items() if arm in arms}
    if own["chance"]:
        others["chance"] = own["chance"]
    rows += [[arm, *(f"{told[name]:.1f}" if name in told else "" for name in columns)] for arm, told in others.items()]
    return _markdown(["arm", *columns], rows)


def sizes(own: Mapping[str, Any]) -> str:
    """The graph, what all of it took, where and when."""
    triples = ", ".join(f"{count:,} {split}" for split, count in own["triples"].items())
    clock = "of the processor" if own["clock"] == PROCESSOR else "by the clock"
    budget = f" of {own['budget']:,.0f} that it may take" if own["budget"] else ""
    start = own["start"]
    begun = f" All arms of a seed begin as one CLIP of {start.get('steps', 0):,} steps." if start else ""
    return (
        f"{own['entities']:,} entities, {own['pictures']:,} pictures, triples: {triples}.{begun} Loading, tuning, "
        f"training and measuring took {own['seconds']:,} s{budget}; seconds are {clock}. {own['machine']}; trained on "
        f"{own['device']}; {own['date']}. `{own['command']}`"
    )


def tuning(own: Mapping[str, Any]) -> str:
    """A row an arm: its sizes, and what tuning tried with what came of it on the valid split."""
    rows = []
    for arm, told in own["arms"].items():
        tried = "; ".join(
            f"{'**' if each['choice'] == told['chosen'] else ''}{_settings(each['choice'])}: {each['figure']:.1f}"
            f"{'**' if each['choice'] == told['chosen'] else ''}"
            for each in told["tried"]
        )
        like = f"{_settings(told['chosen'])}, as {told['tuned_like']}" if told["tuned_like"] else ""
        sizes = [told["towers"], f"{told['parameters']:,}", f"{told['steps']:,}", f"{told['batch_size']:,}"]
        rows.append([arm, *sizes, tried or like])
    by = ", ".join(own["tuned_by"])
    return _markdown(["arm", "towers", "parameters", "steps", "batch", f"tried: {by} (valid)" if by else "tried"], rows)


def _published(own: Mapping[str, Any], arms: Mapping[str, Figures]) -> list[str]:
    """Whether a re-run baseline is near enough to what others report of it."""
    lines = []
    for arm, told in own["published"].items():
        if arm not in arms or MRR not in told or MRR not in arms[arm]:
            continue
        mean = arms[arm][MRR]["mean"]
        near = "the re-run counts" if mean >= told[MRR] - NEAR else "the published figure is the bar"
        source = told.get("source", "others")
        lines += [f"{arm}: {mean:.1f} here, {told[MRR]:.1f} published ({source}): {near}.", ""]
    return lines


def _settings(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "as they are"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(told: Mapping[str, Any] | None, name: str, best: float | None) -> str:
    if told is None:
        return ""
    digits = 3 if name == "seconds_a_step" else 0 if name in COSTS else 1
    mean, std = f"{told['mean']:,.{digits}f}", told["std"]
    mean = f"**{mean}**" if told["mean"] == best else mean
    return mean if std is None or name == "steps" else f"{mean} ± {std:.{digits}f}"
