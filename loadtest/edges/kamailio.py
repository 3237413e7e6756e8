"""Kamailio with the same work as ours (`kamailio.cfg`): the measure of a C edge."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from loadtest.edges import AGENT, CARRIER, EDGE, NUMBER
from loadtest.process import Failed, udp_bound, wait_until

TEMPLATE = Path(__file__).with_name("kamailio.cfg")


class Kamailio:
    name = "kamailio"
    work = "source ACL, number table, channel limit, dialogs, hidden topology, codec filter, call records"

    @property
    def version(self) -> str:
        output = subprocess.run([binary(), "-v"], capture_output=True, text=True, check=False).stdout.split()
        return output[2] if len(output) > 2 else "unknown"

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        records = folder / "records"
        records.mkdir()
        configuration = fill(
            TEMPLATE.read_text(),
            EDGE=f"{EDGE[0]}:{EDGE[1]}",
            AGENT=f"{AGENT[0]}:{AGENT[1]}",
            CARRIER=CARRIER[0],
            NUMBER=NUMBER,
            RECORDS=str(records),
            MODULES=modules(),
        )
        child = run(configuration, folder)
        wait_until(lambda: udp_bound(*EDGE), 10, f"Kamailio (see {folder}/kamailio.out)", child)
        return child

    def records(self, folder: Path) -> int | None:
        """`acc` writes a line for the INVITE and one for the BYE."""
        paths = (folder / "records").glob("acc_*.log")
        return sum(line.startswith(b"INVITE|") for path in paths for line in path.read_bytes().splitlines())


def run(configuration: str, folder: Path, memory: int = 512) -> subprocess.Popen[bytes]:
    """Kamailio in the foreground with `configuration`; `memory` is MiB of shared memory."""
    path = folder / "kamailio.cfg"
    path.write_text(configuration)
    with (folder / "kamailio.out").open("wb") as output:
        return subprocess.Popen(
            [binary(), "-DD", "-E", "-f", str(path), "-m", str(memory), "-M", "32", "-Y", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def fill(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def binary() -> str:
    found = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Failed("kamailio is not installed (Debian: kamailio)")
    return found


def modules() -> str:
    for folder in (*sorted(Path("/usr/lib").glob("*/kamailio/modules")), Path("/usr/lib64/kamailio/modules")):
        if (folder / "tm.so").exists():
            return f"{folder}/"
    raise Failed("Kamailio's modules are not in /usr/lib/*/kamailio/modules")
