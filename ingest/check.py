"""What is looked at before anything is written, and holds for every source: ends, self-loops and pictures.

Each check takes out of what is set aside what the graph should not hold, and says so in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from tqdm import tqdm

from ingest.pictures import MISSING, what_is_wrong
from ingest.report import EXAMPLES, Report
from ingest.staging import Left, Staging
from kgstore.images import ImageRoots

SELF_LOOPS = "relations of an entity with itself"
DANGLING = "relations with an end that is neither in the source nor in the graph"

Known = Callable[[Sequence[str]], Collection[str]]

_ASKED = 10_000

PICTURES = """
SELECT DISTINCT split_part(image, '#xywh=', 1) AS file
FROM (SELECT unnest(images) AS image FROM entities) ORDER BY file
"""
BAD_PICTURES = """
CREATE TABLE bad_reference AS
SELECT number, id, image, reason
FROM (SELECT number, id, unnest(images) AS image FROM entities)
JOIN bad_picture ON split_part(image, '#xywh=', 1) = file
"""
COUNT_BAD = "SELECT reason, count(*) FROM bad_reference GROUP BY reason ORDER BY reason"
BAD_EXAMPLES = """
SELECT id || ': ' || image FROM bad_reference WHERE reason = $reason ORDER BY number, image LIMIT <examples>
"""
WITHOUT_BAD = """
UPDATE entities SET images = list_filter(entities.images, lambda image: NOT list_contains(bad.images, image))
FROM (SELECT id, list(image) AS images FROM bad_reference GROUP BY id) AS bad WHERE entities.id = bad.id
"""


def check_triples(staging: Staging, known: Known, report: Report, *, loops: bool = False) -> None:
    """Takes out self-loops, unless `loops` keeps them, and triples an end of which is neither set aside nor known."""
    if not loops:
        _tell(staging.leave_out_loops(), SELF_LOOPS, report)
    missing: list[str] = []
    for ends in staging.unstaged_ends():
        for first in range(0, len(ends), _ASKED):
            asked = ends[first : first + _ASKED]
            found = {*known(asked)}
            missing += [end for end in asked if end not in found]
    _tell(staging.leave_out_ends(missing), DANGLING, report)


def _tell(left: Left, reason: str, report: Report) -> None:
    report.skip(reason, [f"{key.head} {key.type} {key.tail}" for key in left.examples], left.many)


def check_pictures(
    staging: Staging, roots: ImageRoots, report: Report, *, decode: bool = False, progress: bool = True
) -> None:
    """Takes out references to pictures that cannot be used; their entities stay. Each file is opened once.

    Where the folder of a source's pictures is not here at all, nothing can be said, and the references stay.
    """
    staging.ask("CREATE TABLE bad_picture (file VARCHAR, reason VARCHAR)")
    elsewhere: dict[str, bool] = {}
    with tqdm(desc="looking at pictures", unit="picture", leave=False, disable=not progress) as bar:
        for rows in staging.ask_in_pieces(PICTURES, _ASKED):
            files = [file for (file,) in rows]
            bad: dict[str, str] = {}
            for file in files:
                source = file.partition("/")[0]
                if source not in elsewhere:
                    folder = roots.folders.get(source)
                    elsewhere[source] = folder is None or not folder.is_dir()
                if not elsewhere[source] and (reason := what_is_wrong(roots, file, decode=decode)):
                    bad[file] = reason
            bar.update(len(files))
            if bad:
                found = {"files": [*bad], "reasons": [*bad.values()]}
                staging.ask("INSERT INTO bad_picture SELECT unnest($files), unnest($reasons)", found)
    for source in sorted(source for source, away in elsewhere.items() if away):
        report.notes.append(f"the pictures of {source} were not looked at: their folder is not here")
    if staging.ask("SELECT count(*) FROM bad_picture WHERE reason = $reason", {"reason": MISSING})[0][0]:
        report.notes.append("pictures that come later are taken by --verify")
    if staging.ask("SELECT count(*) FROM bad_picture")[0][0]:
        staging.ask(BAD_PICTURES)
        for reason, count in staging.ask(COUNT_BAD):
            examples = staging.ask(BAD_EXAMPLES.replace("<examples>", str(EXAMPLES)), {"reason": reason})
            report.skip(f"references to {reason}", [example for (example,) in examples], count)
        staging.ask(WITHOUT_BAD)
        staging.ask("DROP TABLE bad_reference")
    staging.ask("DROP TABLE bad_picture")
