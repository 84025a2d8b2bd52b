"""A whole load of ConceptNet into the embedded store beside a raw COPY of the same rows, in one run.

    python -m benchmarks.loading [--lines 3000000] [--slice FOLDER]

FOLDER holds real slices of ConceptNet's assertions; they are enlarged to so many lines, dirt and all. The load is that
of `python -m ingest conceptnet`: the hash of the file, reading, setting aside, checks, writing and the mark. The search
index, which is built when first asked, is timed apart. The COPY gets its rows from Parquet files of the same graph, and
as Arrow tables. Each step is a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.conceptnet import read_conceptnet
from ingest.load import load
from kgstore import ENTITY_COLUMNS, TRIPLE_COLUMNS, open_store
from kgstore.command import run_command
from kgstore.errors import KgError
from kgstore.ladybug_cypher import table_of
from kgstore.ladybug_engine import LadybugEngine
from kgstore.ladybug_statements import COPY_ENTITIES, COPY_TRIPLES, RELATION_TABLE, on
from kgstore.ladybug_store import NODE_TABLES

SLICES = Path(__file__).parent.parent.parent / "shared" / "data" / "conceptnet"
FILES = ("assertions-5.2-en-slice.csv.gz", "testdata-5.7/kgtk-conceptnet.csv")
ENTITIES = "entities.parquet"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--lines", type=int, default=3_000_000, metavar="N")
    parser.add_argument("--slice", type=Path, default=SLICES, metavar="FOLDER")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step:
        print(json.dumps(STEPS[options.step](options.path, options.to)))
        return 0
    if not all((options.slice / name).is_file() for name in FILES):
        raise KgError(f"{options.slice} lacks {' or '.join(FILES)}; name a folder that has them by --slice.")
    with tempfile.TemporaryDirectory() as folder:
        measure(options.slice, options.lines, Path(folder))
    return 0


def measure(slices: Path, lines: int, folder: Path) -> None:
    whole = {}
    print(f"{'lines':>10} {'entities':>10} {'relations':>10} {'seconds':>8} {'lines/s':>9} {'index':>7} {'peak':>8}")
    for part in (lines // 10, lines // 3, lines):
        path, graph = folder / f"{part}.csv", folder / f"{part}.lbug"
        with path.open("wb") as file:
            file.writelines(islice(enlarged(slices), part))
        whole = _step("load", path, graph)
        print(
            f"{part:10,} {whole['entities']:10,} {whole['triples']:10,} {whole['seconds']:8.1f} "
            f"{part / whole['seconds']:9,.0f} {whole['index']:6.1f}s {whole['megabytes']:5,.0f} MB",
            flush=True,
        )
        path.unlink()
    rows = whole["entities"] + whole["triples"]
    _step("export", graph, folder / "rows")
    copies = {name: _step(f"copy-{name}", folder / "rows", folder / f"{name}.lbug") for name in ("parquet", "arrow")}
    for name, copy in copies.items():
        print(
            f"COPY from {name:7} {copy['seconds']:8.1f} s {rows / copy['seconds']:9,.0f} rows/s "
            f"{copy['megabytes']:5,.0f} MB, {copy['processor']:.1f} s of processor"
        )
    print(f"whole load        {whole['seconds']:8.1f} s {rows / whole['seconds']:9,.0f} rows/s, "
          f"{whole['processor']:.1f} s of processor")  # fmt: skip
    fastest = min(copies.values(), key=lambda copy: copy["seconds"])
    print(f"the load reaches {fastest['seconds'] / whole['seconds']:.0%} of the faster raw COPY (bar: 60 %), "
          f"{fastest['processor'] / whole['processor']:.0%} in time of the processor")  # fmt: skip


def enlarged(slices: Path) -> Iterator[bytes]:
    """The lines of the slices again and again, each time about other concepts: words get the number of the turn."""
    lines = gzip.decompress((slices / FILES[0]).read_bytes()).splitlines(keepends=True)
    lines += (slices / FILES[1]).read_bytes().splitlines(keepends=True)
    yield from lines
    turn = 0
    while True:
        turn += 1
        ending = b"%d" % turn
        for line in lines:
            uri, relation, start, end, details = line.split(b"\t", 4)
            yield b"\t".join((uri, relation, _renamed(start, ending), _renamed(end, ending), details))


def _renamed(node: bytes, ending: bytes) -> bytes:
    parts = node.split(b"/")
    if len(parts) > 3 and parts[1] == b"c":
        parts[3] += ending
    return b"/".join(parts)


def _step(name: str, path: Path, to: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.loading", "--step", name, "--path", str(path), "--to", str(to)]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def _load(path: Path, to: Path) -> dict[str, Any]:
    begun, used = time.perf_counter(), time.process_time()
    with open_store(to) as store:
        report = load(store, read_conceptnet(path), progress=False)
        loaded, processor = time.perf_counter() - begun, time.process_time() - used
        peak = _peak()
        asked = time.perf_counter()
        store.search("dgo")
        index = time.perf_counter() - asked
    written = report.written
    return {
        "seconds": loaded,
        "processor": processor,
        "index": index,
        "megabytes": peak,
        "entities": written.new_entities,
        "triples": written.new_triples,
    }


def _export(path: Path, to: Path) -> dict[str, Any]:
    """The graph's rows in files, a relation table each, as a COPY takes them."""
    to.mkdir()
    with open_store(path) as store:
        with pq.ParquetWriter(to / ENTITIES, ENTITY_COLUMNS, compression="none") as file:
            for batch in store.entity_columns():
                file.write_batch(batch)
        columns = ["head", "tail", *TRIPLE_COLUMNS.names[3:]]
        writers: dict[str, pq.ParquetWriter] = {}
        for batch in store.triple_columns():
            table = table_of(batch["type"][0].as_py())
            rows = pa.Table.from_batches([batch]).select(columns)
            if table not in writers:
                writers[table] = pq.ParquetWriter(to / f"{table}.table", rows.schema, compression="none")
            writers[table].write_table(rows)
        for writer in writers.values():
            writer.close()
    for file_ in to.glob("*.table"):
        file_.rename(file_.with_suffix(".relations.parquet"))
    return {}


def _copy(rows: Callable[[LadybugEngine, str, Path], None]) -> Callable[[Path, Path], dict[str, Any]]:
    def copy(path: Path, to: Path) -> dict[str, Any]:
        engine = LadybugEngine(to)
        relations = sorted(path.glob("*.relations.parquet"))
        engine.run(NODE_TABLES[0])
        begun, used = time.perf_counter(), time.process_time()
        rows(engine, COPY_ENTITIES, path / ENTITIES)
        for file in relations:
            table = file.name.removesuffix(".relations.parquet")
            engine.run(on(table, RELATION_TABLE))
            rows(engine, on(table, COPY_TRIPLES), file)
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
        engine.close()
        return {"seconds": seconds, "processor": processor, "megabytes": _peak()}

    return copy


def _from_parquet(engine: LadybugEngine, cypher: str, file: Path) -> None:
    engine.run(cypher.replace("$rows", f"'{file}'"))


def _from_arrow(engine: LadybugEngine, cypher: str, file: Path) -> None:
    engine.run(cypher, {"rows": pq.read_table(file)})


def _peak() -> float:
    """Megabytes of this process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


STEPS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "load": _load,
    "export": _export,
    "copy-parquet": _copy(_from_parquet),
    "copy-arrow": _copy(_from_arrow),
}

if __name__ == "__main__":
    sys.exit(run_command(main))
