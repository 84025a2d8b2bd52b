"""How fast a training step is: beside open_clip's, part by part, and beside the paper's naive form. In one run.

    python -m benchmarks.training [pairs] [step] [--towers small] [--batch-size 64] [--results benchmarks/results]
    python -m benchmarks.training masked [--steps 300] [--seeds 0 1]
    python -m benchmarks.training pairs --towers vit-b-32 --device cuda --precision bf16 --batch-size 256 1024 4096

pairs: a step on image-text pairs, CLIP's objective alone, ours beside open_clip's on the same towers and batch; with
texts as long as captions are, and as long as they can be. On a GPU with the share of its dense bf16 peak and the most
memory used; batch sizes that do not fit are told.
step: what the parts of a knowledge step cost on a batch of a drawn world, and what is saved against the naive form of
the paper: each entity encoded and represented once, texts unpadded, masked positions dropped.
masked: short trainings with --masked drop and zero, and what they learn; minutes, and only where asked for.
--results writes training.json, on a GPU training-gpu.json; what was measured at other settings stays in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.clip_step import clip_like, open_clips_step, our_step, pairs
from benchmarks.masked_quality import what_is_learnt
from benchmarks.rounds import seconds
from benchmarks.setting import Setting
from benchmarks.step_parts import FORMS, forms, parts, work_of
from kgstore.command import run_command
from model.config import TOWERS
from model.device import usable_device

#: Floating-point operations a second of dense bf16 matrices, by a word of the device's name, as its maker states them.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}

#: How many tokens captions have, from and to.
CAPTIONS = (8, 24)


#: What tells a row of the results from another one.
SETTINGS = ("towers", "batch_size", "tokens", "context", "precision", "compiled")


@dataclasses.dataclass(frozen=True)
class PairsRow:
    """Samples a second on image-text pairs; `ratio` is ours over the faster of open_clip's two."""

    towers: str
    batch_size: int
    tokens: str
    precision: str
    compiled: bool
    ours: float
    open_clip: float
    open_clip_fused_adamw: float
    ratio: float
    peak_share: float | None
    memory_mb: float | None


def main() -> None:
    arguments = _parser().parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(usable_device(arguments.device))
    found: dict[str, Any] = {"machine": _machine(device)}
    if "pairs" in arguments.parts:
        found["pairs"] = [dataclasses.asdict(row) for row in on_pairs(arguments, device)]
    if "step" in arguments.parts:
        found["step"] = [of_a_step(setting, arguments) for setting in _settings(arguments, device, CAPTIONS)]
    if "masked" in arguments.parts:
        found["masked"] = what_is_learnt(arguments.steps, arguments.seeds)
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        path = arguments.results / ("training-gpu.json" if device.type == "cuda" else "training.json")
        before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(json.dumps(joined(before, found), indent=1) + "\n", encoding="utf-8")


def joined(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What was found earlier, with the rows of the same settings replaced."""
    both = before | found
    for part in ("pairs", "step"):
        rows = {str([row.get(name) for name in SETTINGS]): row for row in [*before.get(part, []), *found.get(part, [])]}
        both[part] = list(rows.values())
    return both


def on_pairs(arguments: argparse.Namespace, device: torch.device) -> Iterator[PairsRow]:
    print("samples/s on image-text pairs                        ours  open_clip  with fused AdamW   ratio")
    context = arguments.context
    for lengths in (CAPTIONS, (context, context)):
        for setting in _settings(arguments, device, lengths):
            try:
                row = pairs_row(setting, arguments.rounds)
            except torch.cuda.OutOfMemoryError:
                print(f"{setting.batch_size} pairs do not fit into the memory of {_machine(device)}.", file=sys.stderr)
                break
            share = "" if row.peak_share is None else f"  {row.peak_share:.0%} of the peak"
            memory = "" if row.memory_mb is None else f"  {row.memory_mb:,.0f} MB"
            what = f"{row.towers} x {row.batch_size}, {row.tokens} tokens, {row.precision}{', compiled' * row.compiled}"
            print(
                f"{what:48}{row.ours:9,.1f}{row.open_clip:11,.1f}{row.open_clip_fused_adamw:18,.1f}{row.ratio:8.2f}"
                f"{share}{memory}",
                flush=True,
            )
            yield row


def pairs_row(setting: Setting, rounds: int) -> PairsRow:
    clip, batch = clip_like(setting), pairs(setting)
    ours, memory = our_step(clip, batch, setting), None
    with FlopCounterMode(display=False) as counter:
        ours()
    if setting.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(setting.device)
        ours()
        memory = torch.cuda.max_memory_allocated(setting.device) / 2**20
    ways = {
        "ours": ours,
        "open_clip": open_clips_step(clip, batch, setting, fused=False),
        "fused": open_clips_step(clip, batch, setting, fused=True),
    }
    took = seconds(ways, rounds, setting.device)
    peak = next((peak for word, peak in PEAKS.items() if word in _machine(setting.device)), None)
    m = setting.batch_size
    return PairsRow(
        towers=setting.towers,
        batch_size=m,
        tokens="-".join(map(str, sorted(set(setting.lengths)))),
        precision=setting.precision,
        compiled=setting.compiled,
        ours=round(m / took["ours"], 2),
        open_clip=round(m / took["open_clip"], 2),
        open_clip_fused_adamw=round(m / took["fused"], 2),
        ratio=round(min(took["open_clip"], took["fused"]) / took["ours"], 3),
        peak_share=round(counter.get_total_flops() / took["ours"] / peak, 3) if peak else None,
        memory_mb=memory,
    )


def of_a_step(setting: Setting, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the parts of a knowledge step cost, and what the naive form costs beside it, in seconds."""
    work = work_of(setting, tuple(arguments.fanout))
    batch = work.batch
    size = {
        "triples": len(batch.head),
        "edges": len(batch.edge_head),
        "pictures": len(batch.pixels),
        "texts": len(batch.tokens),
        "tokens a text": round(float(batch.lengths.float().mean()), 1),
    }
    print(f"a knowledge step: {setting.towers}, {', '.join(f'{value} {name}' for name, value in size.items())}")
    costs = seconds(parts(work), arguments.rounds, setting.device)
    whole = costs.pop("all")
    costs["the rest"] = whole - sum(costs.values())
    for name, cost in costs.items():
        print(f"  {name:26}{1000 * cost:10.1f} ms{cost / whole:8.1%}")
    print(f"  {'all':26}{1000 * whole:10.1f} ms", flush=True)
    took = seconds(forms(work), arguments.rounds, setting.device)
    before = took["naive"]
    for name in FORMS:
        print(f"  {name:26}{1000 * took[name]:10.1f} ms{before / took[name]:8.2f} times")
        before = took[name]
    saved = took["naive"] / before
    print(f"  in all{saved:39.2f} times", flush=True)
    return {
        "towers": setting.towers,
        "batch_size": setting.batch_size,
        "context": setting.context,
        "precision": setting.precision,
        "compiled": setting.compiled,
        "batch": size,
        "parts": {name: round(cost, 5) for name, cost in (costs | {"all": whole}).items()},
        "forms": {name: round(value, 5) for name, value in took.items()},
        "over_naive": round(saved, 2),
    }


def _settings(arguments: argparse.Namespace, device: torch.device, lengths: tuple[int, int]) -> Iterator[Setting]:
    for size in arguments.batch_size:
        yield Setting(
            arguments.towers, arguments.context, size, lengths, device, arguments.precision, arguments.compile
        )


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} of them used, no GPU"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts",
        nargs="*",
        default=["pairs", "step"],
        metavar="PART",
        help="pairs, step, masked (default: the first two)",
    )
    parser.add_argument("--towers", choices=tuple(TOWERS), default="small", help="(default %(default)s)")
    parser.add_argument("--context", type=int, default=77, help="tokens a text may have (default %(default)s)")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[64], help="pairs or triples a step (default 64)")
    parser.add_argument("--fanout", type=int, nargs="+", default=[4, 4], help="of the neighbourhoods (default 4 4)")
    parser.add_argument("--rounds", type=int, default=10, help="times each way is timed (default %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default %(default)s)")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="(default %(default)s)")
    parser.add_argument("--compile", action="store_true", help="torch.compile, of both")
    parser.add_argument("--threads", type=int, default=1, help="threads of a CPU (default %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=300, help="steps of each training of `masked` (default %(default)s)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="... and its seeds (default 0 1)")
    parser.add_argument("--results", type=Path, metavar="DIR", help="write training.json there")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
