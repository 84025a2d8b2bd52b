"""What the command line decided, for all pages of the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The graph, the folder of runs and where pictures are (SOURCE=DIR each); hosts the server answers to.

    Without a `password` everybody who reaches the server is let in.
    """

    store: str
    runs: Path = Path("runs")
    images: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    password: str = field(default="", repr=False)

    @property
    def embedded(self) -> bool:
        return "://" not in self.store


_current: list[Settings] = []


def use(settings: Settings) -> None:
    """Makes these the settings of the process."""
    _current[:] = [settings]


def current() -> Settings:
    """The settings of the process; `python -m app` or a test has set them."""
    return _current[0]
