"""Pictures of every page, light and dark, as a user sees them: `make screenshots` writes them into docs/.

    python -m tests.screenshots [--demo DIR] [--out docs] [--only search,graph]

Of the demo where there is one, else of a small world that is drawn and trained on for a minute.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page

from kgstore import open_store
from model.predict import main as predict
from model.track import list_runs
from tests.browsing import WIDE, chromium, serving, settle, visit, window
from tests.trained_world import trained_world

#: Charts and graphs still move into their place when a page is drawn, and pictures come.
REST = 3_000
QUALITY = 78


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        demo = args.demo if (args.demo / "graph.db").exists() else small_demo(Path(scratch))
        addresses = addresses_of(demo)
        chosen = args.only.split(",") if args.only else list(addresses)
        if unknown := set(chosen) - set(addresses):
            print(f"There are pictures of {', '.join(addresses)}; none of {', '.join(unknown)}.", file=sys.stderr)
            return 2
        images = [f"--images=world={demo / 'world'}"]
        with serving(Path(scratch), demo / "graph.db", *images, runs=demo / "runs") as site, chromium() as browser:
            for dark in (False, True):
                with window(browser, WIDE, dark=dark) as page:
                    for name in chosen:
                        path = args.out / f"{name}{'-dark' if dark else ''}.webp"
                        take(page, f"{site.address}{addresses[name]}", path, patience=args.patience)
                        print(f"{path}  {path.stat().st_size // 1024} KB")
    return 0


def small_demo(folder: Path) -> Path:
    """A drawn world, two runs and what the second proposes."""
    print("A small world is drawn and trained on; this takes some minutes.", file=sys.stderr)
    world = trained_world(folder, pictures=512, scenes=48, steps=200)
    common = ["--store", str(world.store), "--run", str(world.knowledge_clip), "--device", "cpu"]
    assert predict([*common, "--relation", "IS_A", "--all-heads", "60", "--top", "1", "--write"]) == 0
    return folder


def addresses_of(demo: Path) -> Mapping[str, str]:
    """What is shown: by the name of its picture, the page with something on it."""
    with open_store(demo / "graph.db") as store:
        proposed = {entity.id: entity for entity in store.entities([each.head for each in store.predictions()])}
        shown = [entity.id for entity in proposed.values() if entity.images] or [store.pictures(1, ["image"])[0].id]
    head = shown[0]
    runs = [("run", run.name) for run in list_runs(demo / "runs") if run.status.state == "finished"][:2]
    meaning = {"mode": "By meaning", "q": "a crimson blick"}
    return {
        "home": "/",
        "words": f"/search?{urlencode({'q': 'red cube'})}",
        "search": f"/search?{urlencode(meaning)}",
        "entity": f"/entity?{urlencode({'id': head})}",
        "graph": f"/graph?{urlencode({'seeds': head})}",
        "review": "/review",
        "training": f"/training?{urlencode(runs)}",
        "query": "/query",
    }


def take(page: Page, address: str, path: Path, *, patience: float) -> None:
    """The page as it is when it has come to rest."""
    page.set_default_timeout(patience * 1000)
    visit(page, address)
    settle(page)
    page.wait_for_timeout(REST)
    settle(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--demo", type=Path, default=Path("demo"), metavar="DIR", help="a demo that was made")
    parser.add_argument("--out", type=Path, default=Path("docs"), metavar="DIR", help="where the pictures go")
    parser.add_argument("--only", default="", metavar="PAGE,...", help="of these pages")
    parser.add_argument(
        "--patience", type=float, default=180, metavar="SECONDS", help="for one page; a model is loaded"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
