"""The edges that are compared. Each listens at `EDGE` and sends every call of `CARRIER` to `AGENT`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

CARRIER = ("127.0.0.22", 5062)
EDGE = ("127.0.0.21", 5060)
AGENT = ("127.0.0.23", 5090)
NUMBER = "+12125551234"


class Edge(Protocol):
    """One edge, started afresh for each run: `folder` takes its files and must be empty."""

    name: str
    work: str
    """What it does for a call, for the reader of a table."""

    @property
    def version(self) -> str: ...

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Returns when it answers at `EDGE`; raises `process.Failed` when it does not come up."""

    def records(self, folder: Path) -> int | None:
        """Calls in its log; None when it keeps none."""
