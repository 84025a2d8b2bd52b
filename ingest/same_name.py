"""Other files that were loaded under a source's name: what they told is in the graph and not in the file at hand.

The path of a mark names them behind its own file, ` | /data/a.tsv`, until a load with --prune has taken back what they
told.
"""

from __future__ import annotations

from kgstore.values import Source

_OPTIONS = " [options "
_AND = " | "


def file_of(mark: Source) -> str:
    """The file or folder of the last load, without the digest of its options."""
    return mark.path.partition(_OPTIONS)[0]


def other_files(mark: Source | None, source: Source) -> list[str]:
    """Files other than the source's own that were loaded under its name and not pruned since, by the alphabet."""
    if mark is None or not mark.path:
        return []
    _, options, rest = mark.path.partition(_OPTIONS)
    earlier = rest.split(_AND)[1:] if options else []
    return sorted({file_of(mark), *earlier} - {file_of(source)})


def path_with(source: Source, others: list[str]) -> str:
    """What the mark of a load says that leaves what other files told."""
    return _AND.join([source.path, *others]) if _OPTIONS in source.path else source.path


def note(source: Source, others: list[str], *, pruned: bool) -> str:
    more = f" and {len(others) - 1} more" if others[1:] else ""
    before = f"{source.name} was also loaded from {others[0]}{more}: what only that told"
    if pruned:
        return f"{before} is gone too"
    return f"{before} stays until a load with --prune; files to keep side by side need names of their own (--source)"
