"""What the README says of the evidence is what benchmarks/results/evidence.json holds: its table, figures in its text.

A figure in the text is a link to the tables whose title is the experiment, the arm and the metric.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVIDENCE: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads((RESULTS / "evidence.json").read_text())
RUNS: Mapping[str, Any] = json.loads((RESULTS / "evidence-runs.json").read_text())

#: The columns of the table, and their arms.
ARMS = {
    "CLIP": "clip",
    "... composed": "clip-composed",
    "... told": "clip-told",
    "paper": "paper",
    "Knowledge-CLIP": "full",
    "composed": "full-composed",
    "dot": "full-gate-dot",
}

#: In scenes what is told, and the paper's form, were compared composed.
COMPOSED = {"clip-told": "clip-told-composed", "paper": "paper-composed"}

#: The rows, from which experiment they are, and the metric.
ROWS = {
    "a name that only the graph explains (128)": ("world-names", "names/towers/graph_only_128"),
    "... two hops away in it (16)": ("world-names", "names/towers/two_hops_16"),
    "... read by the fusion": ("world-names", "names/fused/two_hops_16"),
    "an explanation in made-up words (16)": ("world-names", "names/towers/gloss_16"),
    "... read by the fusion ": ("world-names", "names/fused/gloss_16"),
    "pictures by hypernym, mAP": ("world-names", "names/towers/hypernym_map"),
    "asked *image of*: the caption": ("world-names", "names/asked/image_of_gives_leaf"),
    "asked *is a*: the class": ("world-names", "names/asked/is_a_gives_hypernym"),
    "image retrieval, R@1": ("world-names", "retrieval/towers/image_retrieval_r@1"),
    "scenes: what stands left of, above what?": ("world-scenes", "probe/towers/swap"),
    "... both true forms before both false": ("world-scenes", "probe/towers/all"),
    "... image retrieval, R@1": ("world-scenes", "retrieval/towers/image_retrieval_r@1"),
    "tiny-imagenet: one of 20 unseen synsets": ("tiny-imagenet", "taxonomy/towers/unseen_top1"),
    "... pictures by hypernym, mAP": ("tiny-imagenet", "taxonomy/towers/hypernym_map"),
    "... pictures by gloss, mAP": ("tiny-imagenet", "taxonomy/towers/gloss_map"),
    "Flickr8k: image retrieval, R@10": ("flickr8k", "retrieval/towers/image_retrieval_r@10"),
    "... text retrieval, R@10": ("flickr8k", "retrieval/towers/text_retrieval_r@10"),
}


def told(experiment: str, arm: str, metric: str) -> str:
    """Mean and deviation of what was measured; nothing of what was not."""
    figure = EVIDENCE.get(experiment, {}).get(arm, {}).get(metric)
    if figure is None:
        return ""
    digits = 0 if figure["mean"] >= 20 else 1
    mean = f"{figure['mean']:,.{digits}f}"
    return mean if figure["std"] is None else f"{mean} ± {figure['std']:.{digits}f}"


def table() -> str:
    lines = [f"| | guessing | {' | '.join(ARMS)} |", f"| --- |{' ---: |' * (len(ARMS) + 1)}"]
    for label, (experiment, metric) in ROWS.items():
        if experiment not in EVIDENCE:
            continue
        chance = RUNS[experiment]["chance"].get(metric)
        arms = [COMPOSED.get(arm, arm) if experiment == "world-scenes" else arm for arm in ARMS.values()]
        cells = ["" if chance is None else f"{chance:g}", *(told(experiment, arm, metric) for arm in arms)]
        lines.append(f"| {label.strip()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_table_of_results_is_the_evidence() -> None:
    assert table() in README, f"the table is now\n{table()}"


TOLD = re.findall(r'\[([^\]]+)\]\(benchmarks/results/evidence\.md "([^"]+)"\)', " ".join(README.split()))


@pytest.mark.parametrize(("said", "title"), TOLD, ids=[title for _, title in TOLD])
def test_a_figure_in_the_text_is_the_evidence(said: str, title: str) -> None:
    experiment, arm, metric = title.split(": ")
    assert said.replace(" %", "") == told(experiment, arm, metric)
