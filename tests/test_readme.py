"""What the README shows can be done: its commands take the flags it gives them, and its recipe selects triples."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from torch import Tensor

from kgstore import Entity, GraphStore, Triple, open_store
from kgstore.projecting import project
from kgstore.recipes import load_recipe

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for _, block in BLOCKS for line in block.splitlines() if re.match(r"(\.venv/bin/)?python -m ", line)]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # runpy, of what was imported before
@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_takes_the_flags_it_is_shown_with(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, module, *arguments = shlex.split(line)
    subcommand = [word for word in arguments[:1] if not word.startswith("-")]
    monkeypatch.setattr(sys, "argv", [module, *subcommand, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    known = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert {word.partition("=")[0] for word in arguments if word.startswith("--")} <= known


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from Python 3.12 on
def test_the_graphs_for_a_model_of_your_own_are_drawn_from_the_graph(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = [block for language, block in BLOCKS if language == "python"]
    assert len(example.splitlines()) <= 12
    with open_store(store_uri) as store:
        store.write(
            [Entity(f"a:{number}") for number in range(9)],
            [Triple(f"a:{head}", "NEAR", f"a:{tail}") for head in range(9) for tail in range(9) if head != tail],
        )
    monkeypatch.chdir(tmp_path)
    drawn: list[int] = []

    def train_step(entities: Tensor, edges: Tensor, relations: Tensor, asked: Tensor) -> float:
        assert edges.max() < len(entities)
        assert len(relations) == edges.shape[1]
        drawn.append(asked.shape[1])
        return 0.0

    for there, here in (("bolt://localhost:7687", store_uri), ("batch_size=512", "batch_size=6"), (", 1000", ", 3")):
        assert there in example
        example = example.replace(there, here)
    exec(example, {"train_step": train_step})
    assert drawn == [6, 6, 6]


def test_the_recipe_selects_what_its_comment_says(store: GraphStore, tmp_path: Path) -> None:
    [recipe] = [block for language, block in BLOCKS if language == "cypher"]
    (tmp_path / "recipe.cypher").write_text(recipe, encoding="utf-8")
    often, seldom = Triple("a:1", "AT_LOCATION", "a:2", weight=2.5), Triple("a:2", "AT_LOCATION", "a:1")
    store.write([Entity("a:1"), Entity("a:2")], [often, seldom, Triple("a:1", "IS_A", "a:2", weight=9.0)])
    projection = project(store, load_recipe(str(tmp_path / "recipe.cypher"), {}), tmp_path / "projection")
    ends = [projection.entity_ids(side.tolist()) for side in (projection.head, projection.tail)]
    assert ends == [["a:1"], ["a:2"]]
