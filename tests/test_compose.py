"""What docker-compose.yml and the Makefile promise, as far as it can be seen without an engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
COMMANDS = ("world", "app", "ingest", "train", "train-gpu")


def test_only_the_server_and_the_page_are_published_and_only_on_the_loopback() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert set(published) == {"neo4j", "app"}
    addresses = {port for ports in published.values() for port in ports}
    assert all(port.startswith("${KG_BIND:-127.0.0.1}:") for port in addresses)


def test_up_starts_the_graph_and_the_page_and_further_jobs_wait_for_their_profile() -> None:
    profiles = {name: service.get("profiles") for name, service in services().items()}
    assert {name for name, profile in profiles.items() if profile is None} == {"password", "neo4j", "world", "app"}
    assert {name: profile for name, profile in profiles.items() if profile} == {
        "ingest": ["ingest"],
        "train": ["train"],
        "train-gpu": ["train-gpu"],
    }


def test_each_service_waits_for_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services().items()
    }
    assert waits["neo4j"] == {"password": "service_completed_successfully"}
    assert waits["app"] == {"neo4j": "service_healthy", "world": "service_completed_successfully"}
    assert all(waits[name]["neo4j"] == "service_healthy" for name in COMMANDS)
    assert all("healthcheck" in services()[name] for name in ("neo4j", "app"))


def test_no_secret_stands_in_the_file() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|AUTH|SECRET|TOKEN", variable):
                assert re.fullmatch(r"/secrets/\w+|\$\{\w+:-\}", value), f"{name}: {variable}"


def test_the_graph_and_the_password_outlive_the_containers() -> None:
    assert set(compose()["volumes"]) == {"secrets", "graph"}
    assert "graph:/data" in services()["neo4j"]["volumes"]


def test_only_the_gpu_profile_asks_for_a_gpu() -> None:
    assert [name for name, service in services().items() if "deploy" in service] == ["train-gpu"]


def test_both_compose_versions_read_the_file() -> None:
    sections = {name for name in compose() if not name.startswith("x-")}
    assert sections == {"services", "volumes"}, "1.29 refuses `name`, today's warns of `version`"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_flags_given_in_containers_exist(name: str) -> None:
    service = services()[name]
    words = [*service.get("entrypoint", []), *service["command"]]
    assert words[:2] == ["python", "-m"]
    subcommand = [word for word in words[3:4] if not word.startswith("-")]
    known = help_of(words[2], *subcommand)
    assert [word for word in words[3:] if word.startswith("--") and word not in known] == []


def test_a_password_is_made_once_and_is_random(tmp_path: Path) -> None:
    assert make_password(tmp_path / "one").returncode == 0
    first = (tmp_path / "one" / "password").read_text()
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert (tmp_path / "one" / "auth").read_text() == f"neo4j/{first}"
    assert make_password(tmp_path / "one").returncode == 0
    assert (tmp_path / "one" / "password").read_text() == first
    assert make_password(tmp_path / "other").returncode == 0
    assert (tmp_path / "other" / "password").read_text() != first


def test_whoever_sets_the_password_decides_it(tmp_path: Path) -> None:
    assert make_password(tmp_path, "correct horse/battery'").returncode == 0
    assert (tmp_path / "auth").read_text() == "neo4j/correct horse/battery'"


def test_a_password_that_the_server_would_refuse_is_refused_in_words(tmp_path: Path) -> None:
    answer = make_password(tmp_path, "short")
    assert answer.returncode != 0
    assert "8 characters" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_password_for_a_graph_that_has_one_is_refused_in_words(tmp_path: Path) -> None:
    make_password(tmp_path, "the first one")
    answer = make_password(tmp_path, "the second one")
    assert answer.returncode != 0
    assert "Unset it" in answer.stderr
    assert (tmp_path / "password").read_text() == "the first one"


def test_make_without_a_python_says_what_is_missing() -> None:
    answer = subprocess.run(
        ["make", "--always-make", "PYTHON=", ".venv/.ready"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "Python 3.11 or later is needed" in answer.stderr


def make_password(folder: Path, wanted: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the password service's own script with `folder` in the place of its volume."""
    folder.mkdir(exist_ok=True)
    service = services()["password"]
    script = service["command"][0].replace("$$", "$").replace("cd /secrets\n", f"cd '{folder}'\n")
    return subprocess.run(
        [*service["entrypoint"], script],
        env={"PATH": os.environ["PATH"], "NEO4J_PASSWORD": wanted},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def help_of(module: str, *subcommand: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", module, *subcommand, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    defined: dict[str, dict[str, Any]] = compose()["services"]
    return defined
