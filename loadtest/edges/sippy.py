"""sippy's `b2bua_simple`: the established B2BUA in Python. It knows no trunks and writes no records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from loadtest.edges import AGENT, EDGE
from loadtest.process import Failed, udp_bound, wait_until

VERSION = "2.5.0"
_IN_ORDER = """
import sys
from sippy.Udp_server import Udp_server_opts
from sippy.b2bua_simple import main_func
Udp_server_opts.nworkers = 1
sys.exit(main_func())
"""
ENVIRONMENT = Path(__file__).parent.parent / ".venv-sippy"


class Sippy:
    name = "sippy"
    work = "B2BUA; no ACL, no records"
    version = VERSION

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        return run(folder, EDGE, AGENT)

    def records(self, folder: Path) -> int | None:
        return None


def run(
    folder: Path, place: tuple[str, int], onward: tuple[str, int], *, in_order: bool = False
) -> subprocess.Popen[bytes]:
    """It listens at `place` and calls `onward`. Its three threads that send may let a 180 pass the 200 after it; with
    `in_order` there is one."""
    python = installed().with_name("python")
    options = ["-f", "-l", place[0], "-p", str(place[1]), "-n", f"{onward[0]}:{onward[1]}"]
    with (folder / "sippy.out").open("wb") as output:
        child = subprocess.Popen(
            [str(python), "-c", _IN_ORDER, *options] if in_order else [str(installed()), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "SIPLOG_BEND": "none", "SIPLOG_LVL": "ERR"},
        )
    wait_until(lambda: udp_bound(*place), 15, f"sippy (see {folder}/sippy.out)", child)
    return child


def installed() -> Path:
    """Its command, in a virtual environment of its own beside this package that is made once."""
    command = ENVIRONMENT / "bin" / "b2bua_simple"
    if not command.exists():
        for step in (
            [sys.executable, "-m", "venv", str(ENVIRONMENT)],
            [str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", f"sippy=={VERSION}"],
        ):
            try:
                done = subprocess.run(step, capture_output=True, text=True, timeout=180, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Failed(f"sippy {VERSION} cannot be installed: {error}") from None
            if done.returncode:
                raise Failed(f"sippy {VERSION} cannot be installed: {done.stderr.strip()[-500:]}")
    return command
