"""The flags of the trainer."""

from __future__ import annotations

import argparse

from kgstore.command import add_images_option, add_store_option
from model.config import ModelConfig, TrainConfig, add_flags
from model.projected import DEFAULT_RECIPE


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.train",
        description="Trains a Knowledge-CLIP, or a CLIP, on the graph.",
        epilog="[P]: stated in the paper; [D]: our choice where the paper is silent or we differ from it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings from a file, TOML or JSON, by the names of these flags; a flag that is given wins",
    )
    add_store_option(parser, required=False)
    add_images_option(parser)
    parser.add_argument(
        "--projection",
        metavar="DIR",
        help="learn from this projection of a graph instead of a store, which stays free for others; made by "
        "python -m kgstore project, or by an earlier run in RUNS/projections",
    )
    parser.add_argument(
        "--valid-projection",
        metavar="DIR",
        help="... and measure on the valid triples of this one (default: on those that --projection holds)",
    )
    parser.add_argument("--runs", metavar="DIR", default="runs", help="where runs and their caches are (default: runs)")
    parser.add_argument("--name", help="the run's folder below --runs (default: the objective and the time)")
    parser.add_argument(
        "--resume",
        choices=("auto", "never"),
        default="never",
        help="auto: go on from the last checkpoint; without --name with the newest run that has not finished; begin "
        "where there is none. A run goes on with the graph, recipe and settings that it began with (default: never)",
    )
    parser.add_argument(
        "--recipe",
        "--sample-query",
        metavar="FILE",
        help=f"Cypher that returns head, relation, tail: the triples to learn from; a file, or one of queries/ "
        f"(default: {DEFAULT_RECIPE})",
    )
    parser.add_argument("--param", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the recipe")
    parser.add_argument(
        "--init", metavar="CHECKPOINT", help="a run of ours, a CLIP of transformers in a folder, or its name on a hub"
    )
    parser.add_argument(
        "--teacher", metavar="CHECKPOINT", help="the teacher of the loss kd (default: what --init names)"
    )
    parser.add_argument(
        "--region",
        choices=("crop", "place"),
        help="a region of a picture is shown by its crop [P], or in its place on a grey picture: relations in space "
        "need that (default: crop)",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads of a CPU (default: torch's)")
    add_flags(parser, ModelConfig)
    add_flags(parser, TrainConfig)
    return parser
