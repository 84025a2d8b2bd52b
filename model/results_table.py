"""The figures of an evaluation as text: a table a part, aligned or as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model.held_out import Figures

#: Last words of figures that are no percents: counts, and what stands beside them.
COUNTS = frozenset(
    {
        "pictures",
        "captions",
        "triples",
        "entities",
        "scenes",
        "classes",
        "distinct_names",
        "pairs",
        "train_pictures",
        "hypernyms",
        "glosses",
    }
)
NO_PERCENTS = COUNTS | {"mean_rank", "penalty"}

#: A table is turned when it would have more columns than this.
WIDEST = 6


def is_percent(name: str) -> bool:
    """Whether a figure, by its full name or its last word, is a percent."""
    return name.rpartition("/")[2] not in NO_PERCENTS


def tables(figures: Mapping[str, Figures], *, markdown: bool = False) -> str:
    """All parts, each under its name."""
    return "\n\n".join(f"{'### ' if markdown else ''}{part}\n{_table(own, markdown)}" for part, own in figures.items())


def results_of(figures: Mapping[str, Figures]) -> dict[str, Any]:
    """What results.json says of figures: `metrics`, part/name -> number, and `counts`, the names of no percents."""
    metrics = {f"{part}/{name}": value for part, named in figures.items() for name, value in named.items()}
    return {"metrics": metrics, "counts": [name for name in metrics if not is_percent(name)]}


def side_by_side(columns: Mapping[str, Figures], *, markdown: bool = False) -> str:
    """A row a figure, a column a run or a baseline."""
    names = [*dict.fromkeys(name for own in columns.values() for name in own)]
    rows = [["", *columns], *([name, *(_told(name, own) for own in columns.values())] for name in names)]
    return _aligned(rows, markdown)


def _table(figures: Figures, markdown: bool) -> str:
    """Rows are what stands before the last slash of the names (nothing for a part as a whole), columns what follows."""
    prefixes = [*dict.fromkeys(name.rpartition("/")[0] for name in figures)]
    measures = [*dict.fromkeys(name.rpartition("/")[2] for name in figures)]
    turned = len(measures) > WIDEST and len(prefixes) <= WIDEST
    heads, sides = (prefixes, measures) if turned else (measures, prefixes)
    rows = [["", *(head or "all" for head in heads)]]
    for side in sides:
        names = [f"{a}/{b}" if a else b for a, b in ((head, side) if turned else (side, head) for head in heads)]
        rows.append([side or "all", *(_told(name, figures) for name in names)])
    return _aligned(rows, markdown)


def _aligned(rows: Sequence[Sequence[str]], markdown: bool) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths, markdown) for row in rows]
    if markdown:
        lines.insert(1, f"| {' | '.join(['---', *['---:'] * (len(widths) - 1)])} |")
    return "\n".join(lines)


def _told(name: str, figures: Figures) -> str:
    if name not in figures:
        return ""
    word, value = name.rpartition("/")[2], figures[name]
    if word in COUNTS:
        return f"{value:,.0f}"
    return f"{value:.0e}" if word == "penalty" else f"{value:.1f}"


def _line(cells: Sequence[str], widths: Sequence[int], markdown: bool) -> str:
    if markdown:
        return f"| {' | '.join(cells)} |"
    first = f"  {cells[0]:<{widths[0]}}"
    return "  ".join([first, *(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True))]).rstrip()
