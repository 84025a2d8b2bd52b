"""A real Neo4j server for tests, made from its Maven artifacts: no Docker, no root, gone when the process ends.

python -m tests.neo4j_server prepare      fetch the artifacts into .cache/neo4j/ (CI does this first)
python -m tests.neo4j_server serve        start one and say how to reach it, until Ctrl-C
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import neo4j

VERSION = "5.26.30"
CACHE = Path(__file__).parent.parent / ".cache" / "neo4j"
JARS = CACHE / f"jars-{VERSION}"
STARTS_WITHIN = 120.0

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>neo4j-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{VERSION}</version></dependency>
    <dependency>
      <groupId>org.neo4j.app</groupId><artifactId>neo4j-server</artifactId><version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent")
#: Bolt's greeting and four versions that we would speak; a server that is up answers with the one it chose.
BOLT_HANDSHAKE = bytes.fromhex("6060b017" + "00000405" + "00000404" + "00000304" + "00000003")
#: Waits until we are gone, however we went (a time limit, kill -9), then ends the server and takes its files away.
WATCH = 'cat; pid=$(cat "$1/pid"); kill "$pid"; sleep 5; kill -9 "$pid" 2> /dev/null; rm -rf "$1"'
EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
HEAP = ("-Xms256m", "-Xmx1g")


class ServerMissing(Exception):
    """Java, Maven or the artifacts are not there; the message says which and what to install."""


@dataclass
class Server:
    """A running server: its address and the password of the user neo4j."""

    uri: str
    password: str
    home: Path
    process: subprocess.Popen[bytes]

    def stop(self, signal_: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server: in order, or with SIGKILL as a power failure would."""
        self.process.send_signal(signal_)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def empty(self) -> None:
        """Deletes all that is in the graph."""
        with (
            neo4j.GraphDatabase.driver(self.uri, auth=("neo4j", self.password)) as driver,
            driver.session() as session,
        ):
            session.run(EMPTY).consume()

    def start(self) -> None:
        """Starts it again where it was."""
        self.process = _start(self.home)
        _wait_until_ready(int(self.uri.rpartition(":")[2]), self.process, self.home / "server.log")


def prepare() -> Path:
    """The folder of the server's jars, fetched by Maven the first time (123 MB, under a minute)."""
    if JARS.is_dir():
        return JARS
    for program, package in (("mvn", "maven"), ("java", "openjdk-17-jre-headless")):
        if shutil.which(program) is None:
            raise ServerMissing(f"{program} is not installed (Debian: {package}); the tests need it for a real Neo4j.")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes one fetches
        if JARS.is_dir():
            return JARS
        (Path(folder) / "pom.xml").write_text(POM)
        fetched = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if fetched.returncode != 0:
            raise ServerMissing(f"Maven could not fetch Neo4j {VERSION}: {(fetched.stdout + fetched.stderr)[-2000:]}")
        (Path(folder) / "jars").rename(JARS)
    return JARS


@contextlib.contextmanager
def serving(before: Sequence[Sequence[str]] = (), pagecache: str = "128m") -> Iterator[Server]:
    """A fresh server on free ports of the loopback, with a password of its own; empty, unless neo4j-admin's commands
    that it is given run before it starts and fill it."""
    prepare()
    if shutil.which("java") is None:
        raise ServerMissing("java is not installed (Debian: openjdk-17-jre-headless); the tests need it for Neo4j.")
    home = Path(tempfile.mkdtemp(prefix="neo4j-"))
    password = secrets.token_hex(12)  # a dash in front would be taken for an option
    port = _free_port()
    (home / "conf").mkdir()
    (home / "conf" / "neo4j.conf").write_text(
        f"server.bolt.listen_address=127.0.0.1:{port}\n"
        f"server.default_listen_address=127.0.0.1\n"
        "server.http.enabled=false\n"
        "dbms.usage_report.enabled=false\n"
        f"server.memory.pagecache.size={pagecache}\n"
    )
    with (home / "server.log").open("ab") as log:
        for command in (*before, ["dbms", "set-initial-password", password]):
            program = [*_java(), "org.neo4j.cli.AdminTool", *command]
            subprocess.run(program, env=_environment(home), stdout=log, stderr=log, check=True)
    server = Server(f"bolt://127.0.0.1:{port}", password, home, _start(home))
    watch = subprocess.Popen(["sh", "-c", WATCH, "sh", home], stdin=subprocess.PIPE, start_new_session=True)
    try:
        _wait_until_ready(port, server.process, home / "server.log")
        yield server
    finally:
        server.stop()
        watch.kill()
        watch.communicate()
        shutil.rmtree(home, ignore_errors=True)


def import_seconds(command: Sequence[str]) -> float:
    """How long neo4j-admin's import takes into a home of its own, which is gone afterwards; the start of Java too."""
    prepare()
    with tempfile.TemporaryDirectory(prefix="neo4j-") as home:
        (Path(home) / "conf").mkdir()
        (Path(home) / "conf" / "neo4j.conf").touch()
        begun = time.monotonic()
        program = [*_java(), "org.neo4j.cli.AdminTool", *command]
        subprocess.run(program, env=_environment(Path(home)), stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun


def _java() -> list[str]:
    return ["java", *HEAP, *(f"--add-opens={name}=ALL-UNNAMED" for name in OPENED), "-cp", f"{JARS}/*"]


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}


def _start(home: Path) -> subprocess.Popen[bytes]:
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*_java(), "org.neo4j.server.CommunityEntryPoint", f"--home-dir={home}", f"--config-dir={home / 'conf'}"],
            env=_environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in a terminal is for us; we end the server ourselves
        )
    (home / "pid").write_text(str(process.pid))
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(BOLT_HANDSHAKE)
            if len(connection.recv(4)) == 4:
                return
        time.sleep(0.1)
    raise ServerMissing(f"Neo4j did not start on port {port}: {log.read_text(errors='replace')[-2000:]}")


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.neo4j_server", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("prepare", "serve"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    try:
        if arguments.command == "prepare":
            print(prepare())
            return 0
        with serving() as server:
            print(f"NEO4J_URI={server.uri}\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD={server.password}", flush=True)
            server.process.wait()
    except KeyboardInterrupt:
        return 130
    except ServerMissing as error:
        print(error, file=sys.stderr)
        return 2
    return 1


if __name__ == "__main__":
    sys.exit(main())
