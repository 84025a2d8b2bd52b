"""Visual Genome at several times a slice of it: does the peak memory of a load stay what it was?

    python -m benchmarks.visual_genome --path SLICE [--times 1 10] [--limit 1.2]

SLICE is a folder with scene_graphs.json, image_data.json and images/. From its statistics are drawn pictures, objects
with names, synsets and boxes, attributes, relationships and described regions, with some of the dirt of the published
files. Each size is read, and then loaded into an embedded graph, in a process of its own; prints peak memory, seconds
and the ratio to the first size. Ends with status 1 when a load's ratio is above the limit. What grows is not the
reader: a COPY into the embedded graph holds its rows in memory, and what sets records aside uses up its allowance.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from ingest.records import BadSource
from kgstore.command import run_command

#: Reads all records and drops them: what the loader itself needs.
READ = """
import sys
from collections import deque
from pathlib import Path
from ingest.visual_genome import read_visual_genome
deque(read_visual_genome(Path(sys.argv[1])).records(), 0)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visual_genome", description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, required=True, metavar="SLICE", help="scene_graphs.json and the rest")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="sizes, in slices (1 10)")
    parser.add_argument("--limit", type=float, default=1.2, help="the largest ratio of peak memories (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    first: dict[str, float] = {}
    worst = 0.0
    for times in arguments.times:
        with tempfile.TemporaryDirectory(prefix="visual-genome-") as folder:
            path = Path(folder) / "slice"
            megabytes, statements = write_slices(arguments.path, path, times, arguments.seed)
            print(f"{times} times: {megabytes:.0f} MB of JSON, {statements:,} relationships")
            for what, command in (
                ("read", [sys.executable, "-c", READ, str(path)]),
                (
                    "load",
                    [sys.executable, "-m", "ingest", "visual-genome", "--path", str(path), "--store", f"{folder}/g"],
                ),
            ):
                seconds, peak = measured(command)
                ratio = peak / first.setdefault(what, peak)
                worst = max(worst, ratio) if what == "load" else worst
                print(f"  {what}: {seconds:.1f} s, peak {peak:.0f} MB, {ratio:.2f} times the first")
    print(f"peak memory of a load: {worst:.2f} times, at most {arguments.limit} wanted")
    return int(worst > arguments.limit)


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of a process."""
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BadSource(f"{' '.join(command[:4])} ended with status {process.returncode}: run it by itself to see why.")
    return time.monotonic() - started, used.ru_maxrss / 1024


def write_slices(source: Path, folder: Path, times: int, seed: int) -> tuple[float, int]:
    """Writes so many times the pictures of the slice; returns megabytes of JSON and how many relationships."""
    try:
        graphs = json.loads((source / "scene_graphs.json").read_bytes())
        images = {image["image_id"]: image for image in json.loads((source / "image_data.json").read_bytes())}
    except OSError as error:
        raise BadSource(
            f"{source} lacks scene_graphs.json or image_data.json ({error}): give --path a slice."
        ) from error
    draw = random.Random(seed)
    (folder / "images").mkdir(parents=True)
    drawn = _Drawn(graphs, draw)
    with (
        JsonList(folder / "image_data.json") as image_data,
        JsonList(folder / "scene_graphs.json") as scene_graphs,
        JsonList(folder / "region_descriptions.json") as descriptions,
    ):
        for number in range(1, times * len(graphs) + 1):
            like = draw.choice(graphs)
            image = images[like["image_id"]]
            if (picture := source / "images" / f"{like['image_id']}.jpg").exists():
                shutil.copyfile(picture, folder / "images" / f"{number}.jpg")
            url = f"https://example.org/VG_100K/{number}.jpg"
            image_data.append({**image, "image_id": number, "url": url})
            scene_graphs.append(drawn.scene(number, like, image))
            descriptions.append(drawn.regions(number, image))
    written = sum(file.stat().st_size for file in folder.glob("*.json"))
    return written / 1e6, drawn.statements


class JsonList:
    """A list that is written an element at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._before = "["

    def append(self, element: object) -> None:
        self._file.write(self._before + json.dumps(element))
        self._before = ",\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write("]" if self._before == ",\n" else "[]")
        self._file.close()


class _Drawn:
    """Scenes and regions drawn from what the slice holds; `statements` counts the relationships."""

    def __init__(self, graphs: list[dict[str, Any]], draw: random.Random) -> None:
        self.things = [thing for graph in graphs for thing in graph["objects"]]
        self.said = [relationship for graph in graphs for relationship in graph["relationships"]]
        self.draw = draw
        self.objects = self.statements = self.described = 0

    def scene(self, number: int, like: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
        """As many objects and relationships as the picture it is like; objects hang over the edge, some were merged."""
        objects = [self._object(image) for _ in like["objects"]]
        ids = [thing["object_id"] for thing in objects]
        ids += [old for thing in objects for old in thing.get("merged_object_ids", [])]
        said = []
        for at, relationship in enumerate(self.draw.choices(self.said, k=len(like["relationships"]))):
            subject, object_ = self.draw.choices(ids, k=2)
            ends = {"subject_id": subject, "object_id": object_}
            said.append({**relationship, **ends, "relationship_id": self.statements + at})
        self.statements += len(said)
        return {"image_id": number, "objects": objects, "relationships": said}

    def _object(self, image: dict[str, Any]) -> dict[str, Any]:
        self.objects += 2
        thing = {**self.draw.choice(self.things), "object_id": self.objects}
        attributes = self.draw.choice(self.things).get("attributes")
        thing |= {"attributes": attributes} if attributes else {}
        thing |= {"x": self.draw.randrange(image["width"]), "y": self.draw.randrange(image["height"])}
        if self.draw.random() < 0.02:
            thing["merged_object_ids"] = [self.objects + 1]
        return thing

    def regions(self, number: int, image: dict[str, Any]) -> dict[str, Any]:
        """Fifty regions, as a published picture has, in words of the slice."""
        regions = []
        for _ in range(50):
            self.described += 1
            one, said, other = (self.draw.choice(pool) for pool in (self.things, self.said, self.things))
            phrase = f"the {one['names'][0]} {said['predicate']} the {other['names'][0]}"
            x, y = self.draw.randrange(image["width"]), self.draw.randrange(image["height"])
            box = {"x": x, "y": y, "width": 40, "height": 30}
            regions.append({"region_id": self.described, "image_id": number, "phrase": phrase, **box})
        return {"id": number, "regions": regions}


if __name__ == "__main__":
    sys.exit(run_command(main))
