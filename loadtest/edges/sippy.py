"""sippy's `b2bua_simple`: the established B2BUA in Python. It knows no trunks and writes no records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from loadtest.edges import AGENT, EDGE
from loadtest.process import Failed, udp_bound, wait_until

VERSION = "2.5.0"
ENVIRONMENT = Path(__file__).parent.parent / ".venv-sippy"


class Sippy:
    name = "sippy"
    work = "B2BUA; no ACL, no records"
    version = VERSION

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        command = [str(installed()), "-f", "-l", EDGE[0], "-p", str(EDGE[1]), "-n", f"{AGENT[0]}:{AGENT[1]}"]
        with (folder / "sippy.out").open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "SIPLOG_BEND": "none", "SIPLOG_LVL": "ERR"},
            )
        wait_until(lambda: udp_bound(*EDGE), 15, f"sippy (see {folder}/sippy.out)", child)
        return child

    def records(self, folder: Path) -> int | None:
        return None


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
