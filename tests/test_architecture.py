"""The house keeps its rules: imports run one way, drivers stay behind their border, the README's tree is the disk."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("kgstore", "ingest", "model", "app")
MAY_IMPORT = {"kgstore": set(), "ingest": {"kgstore"}, "model": {"kgstore"}, "app": {"kgstore", "model"}}
# What decides which packages are installed, and from where.
BUILD_FILES = (
    "Makefile",
    "Dockerfile",
    ".dockerignore",
    "docker-compose.yml",
    ".ci/run",
    "pyproject.toml",
    "constraints.txt",
)


def test_packages_import_one_another_one_way() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, imports in import_graph().items()
        for imported in sorted(imports)
        if package_of(imported) in PACKAGES
        and package_of(imported) not in MAY_IMPORT[package_of(module)] | {package_of(module)}
    ]
    assert wrong == []


def test_imports_have_no_cycles() -> None:
    graph = import_graph()
    cycles = [module for module in graph if module in reachable(graph, module)]
    assert cycles == []


@pytest.mark.parametrize(
    ("library", "home"),
    [("neo4j", {"kgstore.neo4j_driver"}), ("ladybug", {"kgstore.ladybug_engine"})],
)
def test_each_driver_is_imported_in_one_file(library: str, home: set[str]) -> None:
    assert importers(library) == home


def test_streamlit_stays_in_the_app() -> None:
    assert {package_of(module) for module in importers("streamlit")} == {"app"}


def test_torch_stays_in_the_model() -> None:
    assert {package_of(module) for module in importers("torch")} == {"model"}


@pytest.mark.parametrize("module", ["model.config", "model.track"])
def test_configuration_and_run_folders_are_read_without_torch(module: str) -> None:
    heavy = {"torch", "torch_geometric", "transformers"}
    assert reachable(import_graph(), module) & heavy == set()


def test_the_readme_shows_the_tree_on_the_disk() -> None:
    shown = readme_tree()
    opened = {path.rpartition("/")[0] for path in shown if "/" in path}
    assert opened >= set(PACKAGES), "the README lists the files of every package"
    assert set(shown) == {path for path in tree_on_disk() if path.rpartition("/")[0] in {"", *opened}}


def test_the_readme_says_of_every_file_what_it_is() -> None:
    assert [path for path, clause in readme_tree().items() if not clause] == []


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pins = constraints()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["dev"], "uv"])
    outside = [str(one) for one in wanted if not one.specifier.contains(pins[canonicalize_name(one.name)])]
    assert outside == []


@pytest.mark.parametrize("name", BUILD_FILES)
def test_build_files_name_no_address_to_fetch_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    hosts = {re.split(r"[/:\s'\"]", address)[0] for address in re.findall(r"\b(?:https?|git\+\w+|ftp)://(\S+)", text)}
    assert hosts <= {"localhost", "127.0.0.1"}
    assert re.findall(r"index[-_]url|find[-_]links|trusted[-_]host|\bmirror", text, re.IGNORECASE) == []


# --- reading the sources ---


@cache
def import_graph() -> dict[str, frozenset[str]]:
    """Of every module of ours: our modules, by full name, and other libraries, by their first name."""
    modules = {module_name(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    return {name: frozenset(imports_of(path, set(modules)) - {name}) for name, path in modules.items()}


def imports_of(path: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules else str(node.module))
    return {name if name in modules else package_of(name) for name in found}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    return module.partition(".")[0]


def importers(library: str) -> set[str]:
    return {module for module, imports in import_graph().items() if library in imports}


def reachable(graph: dict[str, frozenset[str]], start: str) -> set[str]:
    """What `start` imports, directly or through others; itself only if there is a way back."""
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        module = ahead.pop()
        if module not in seen:
            seen.add(module)
            ahead.extend(graph.get(module, ()))
    return seen


# --- reading the README and the pins ---


def readme_tree() -> dict[str, str]:
    """Path to clause, from the fenced block of the README that holds `kgstore/`; two blanks are one level deeper."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return dict(tree_lines(next(block for block in blocks if re.search(r"^kgstore/", block, re.MULTILINE))))


def tree_lines(block: str) -> Iterator[tuple[str, str]]:
    parents: list[str] = []
    for line in filter(str.strip, block.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, clause = line.strip().partition(" ")
        parents[depth:] = [name.rstrip("/")]
        yield "/".join(parents), clause.strip()


def tree_on_disk() -> set[str]:
    """Files that git knows or would add, and their folders; a package's own __init__.py goes without saying."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    files = {Path(name) for name in listed if (ROOT / name).exists() and not name.endswith("__init__.py")}
    folders = {parent for file in files for parent in file.parents} - {Path()}
    return {path.as_posix() for path in files | folders}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==([\w.!+]+)", line) for line in lines]
    assert None not in pins, "constraints.txt holds plain pins only, name==version"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}
