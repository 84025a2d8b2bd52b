"""How long the app's pages take over a drawn world, and a search among very many entities.

    python -m benchmarks.pages [--store bolt://localhost:7687] [--entities 200000] [--pictures 4096] [--times 5]

Pages are drawn by Streamlit's test driver, which is all that the server does, without the browser and the wire: coming
from another page of the session, and once more on the page. Searches are asked of the store directly, as they come
while somebody types and with typos. Both in the embedded store in a temporary folder, and in what --store names, which
must be empty and is left with what was measured.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from streamlit.logger import set_log_level
from streamlit.testing.v1 import AppTest

from app.settings import Settings, use
from app.shared import close_graph, graph
from ingest.__main__ import main as ingest
from kgstore import Entity, GraphStore, open_store
from kgstore.command import run_command
from kgstore.errors import KgError

MAIN = str(Path(__file__).parent.parent / "app" / "main.py")
PAGE_MS, SEARCH_MS = 300, 100
SYLLABLES = [a + b for a in ("b", "d", "f", "k", "l", "m", "n", "r", "s", "t", "v", "z", "st", "pr") for b in "aeiou"]
DISTINCT_WORDS = 40_000
ASKED = 40


def main() -> None:
    arguments = _parser().parse_args()
    set_log_level("error")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for store in (None, *arguments.store):
            if store is not None:
                with open_store(store) as opened:
                    if opened.statistics().entities:
                        raise KgError(f"{store} is not empty; give a new graph.")
            measure_pages(store or str(folder / "world.db"), folder, arguments.pictures, arguments.times)
            with open_store(store or str(folder / "many.db")) as opened:
                measure_search(opened, arguments.entities)


def measure_pages(store: str, folder: Path, pictures: int, times: int) -> None:
    drawn = ["world", "--path", str(folder / "world"), "--store", store, "--pictures", str(pictures)]
    ingest([*drawn, "--scenes", str(pictures // 16), "--seed", "0"])
    use(Settings(store, folder / "runs"))
    some = graph().pictures(1, ["concept"])[0].id
    print(f"{store}: pages over a world of {pictures:,} pictures, in ms by Streamlit's test driver (within {PAGE_MS})")
    test = AppTest.from_file(MAIN, default_timeout=120).run()
    for page, query in (
        ("home", {}),
        ("search", {"q": "rde cube"}),
        ("search", {}),
        ("entity", {"id": some}),
        ("graph", {"seeds": some}),
        ("review", {}),
        ("training", {}),
        ("query", {}),
    ):
        first, again = zip(*(page_times(test, page, query) for _ in range(times)), strict=True)
        told = f"{page} {' '.join(query.values())}"
        late = "  LATE" if max(median(first), median(again)) > PAGE_MS else ""
        rest = f"then {median(first):5.0f}, again {median(again):5.0f}{late}"
        print(f"  {told:28} the first time {first[0]:5.0f}, {rest}", flush=True)
    close_graph()


def page_times(test: AppTest, page: str, query: dict[str, str]) -> tuple[float, float]:
    """Coming from another page, and once more."""
    test.query_params.clear()
    test.switch_page(f"views/{'review' if page == 'training' else 'training'}.py").run()
    test.switch_page(f"views/{page}.py")
    for key, value in query.items():
        test.query_params[key] = value
    first, again = timed(test.run), timed(test.run)
    if test.exception or test.error:
        raise KgError(f"Page {page} shows an error: {[*test.exception, *test.error]}")
    return first, again


def measure_search(store: GraphStore, entities: int) -> None:
    made = invented(entities)
    for first in range(0, entities, 50_000):
        store.write(made[first : first + 50_000])
    print(f"{store.uri}: searches among {entities:,} entities, in ms (within {SEARCH_MS})")
    print(f"  {'the first, which makes the index':34} {timed(lambda: store.search('warm up')):6.0f}")
    for what, asked in questions(made):
        taken = sorted(timed(partial(store.search, text, limit=40)) for text in asked)
        most = taken[int(0.95 * len(taken))]
        late = "  LATE" if most > SEARCH_MS else ""
        print(f"  {what:34} median {median(taken):4.0f}, 95 % {most:4.0f}, worst {taken[-1]:4.0f}{late}", flush=True)


def invented(count: int) -> list[Entity]:
    """Names and texts in words of syllables, a few of which are said very often, as in a language."""
    generator = random.Random(0)
    words = ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))) for _ in range(DISTINCT_WORDS)]
    often = list(itertools.accumulate(1 / (rank + 5) for rank in range(DISTINCT_WORDS)))

    def said(fewest: int, most: int) -> str:
        return " ".join(generator.choices(words, cum_weights=often, k=generator.randint(fewest, most)))

    kinds = ("concept", "caption", "image", "region", "phrase")
    return [
        Entity(f"many:{number}", kinds[number % 5], said(1, 3), (said(4, 14),), sources=("many",))
        for number in range(count)
    ]


def questions(entities: list[Entity]) -> Iterator[tuple[str, list[str]]]:
    generator = random.Random(1)
    some = generator.sample(entities, ASKED)
    for letters in (1, 2, 4, 7):
        yield f"the first {letters} letters of a name", [entity.name[:letters] for entity in some]
    yield "a name", [entity.name for entity in some]
    yield "a name, each word mistyped", [mistyped(entity.name, generator) for entity in some]
    yield "a sentence", [entity.texts[0] for entity in some]
    yield "a sentence, each word mistyped", [mistyped(entity.texts[0], generator) for entity in some]


def mistyped(text: str, generator: random.Random) -> str:
    """Two letters of each word of four or more change places."""
    words = []
    for word in text.split():
        at = generator.randrange(1, len(word) - 1) if len(word) > 3 else 0
        words.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :] if at else word)
    return " ".join(words)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="append", default=[], metavar="URI", help="an empty graph beside; repeatable")
    parser.add_argument("--entities", type=int, default=200_000, metavar="N", help="that are searched")
    parser.add_argument("--pictures", type=int, default=4096, metavar="N", help="of the drawn world")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="how often each page is drawn")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
