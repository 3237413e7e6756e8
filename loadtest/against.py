"""`python -m loadtest.against ../before/.venv/bin/trunkline`: what a call costs this build and another one.

Both edges run side by side, each with the same work as in `python -m loadtest`, and take the same short load in turn:
first one, then the other, then the other way round. What the machine does beside falls on both alike, so a difference
of a few per cent shows in some minutes, where whole runs one after the other scatter by a fifth.

CPU is what the scheduler gave the edge's threads (`/proc/PID/task/*/schedstat`, nanoseconds), from before the first
call of a turn until half a second after its last, divided by the completed calls.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.edges.trunkline import program, ready, seed, serve, write
from loadtest.measure import offer
from loadtest.process import Failed, alone, end, wait_until

HOSTS = ("127.0.0.31", "127.0.0.32")


class Build(NamedTuple):
    """An edge that runs."""

    name: str
    host: str
    child: subprocess.Popen[bytes]


class Turn(NamedTuple):
    """µs of CPU a call, in a turn of each."""

    other: float
    this: float


def compare(other: str, turns: int, rate: float, seconds: float) -> list[Turn]:
    """Takes turns, and tells each. Raises `Failed` when calls are lost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-against-")))
        builds = []
        for name, command, host in zip(("other", "this"), (other, program()), HOSTS, strict=True):
            build = Build(name, host, start(folder / name, command, host))
            stack.callback(end, build.child)
            builds.append(build)
        time.sleep(2)
        for build in builds:
            spent(build, folder, rate, min(seconds, 2.0))  # The first calls of a process are dearer.
        found = []
        for number in range(turns):
            order = builds if number % 2 else builds[::-1]
            costs = {build.name: spent(build, folder, rate, seconds) for build in order}
            found.append(Turn(costs["other"], costs["this"]))
            print(f"  {found[-1].other:6.0f}  {found[-1].this:6.0f}", flush=True)
        return found


def start(folder: Path, command: str, host: str) -> subprocess.Popen[bytes]:
    """The edge of this command, ready for calls."""
    folder.mkdir()
    write(folder, [{"transport": "udp", "host": host, "port": 5060}], seed(), {"api": {"host": host, "port": 8021}})
    child = serve(folder, command)
    try:
        wait_until(lambda: ready((host, 8021)), 30, f"{command} (see {folder}/trunkline.out)", child)
    except Failed:
        end(child)
        raise
    return child


def spent(build: Build, folder: Path, rate: float, seconds: float) -> float:
    """µs of CPU a call over one turn."""
    with tempfile.TemporaryDirectory(dir=folder) as parties:
        before = scheduled(build.child.pid)
        count, _, _, complaint = offer(Path(parties), behaviours.call(), rate, seconds, (build.host, 5060))
        time.sleep(0.2)
        cost = scheduled(build.child.pid) - before
    if count.failed or not count.succeeded:
        raise Failed(
            f"{build.name}: {count.failed} of {count.created} calls failed: {' '.join(complaint.split())[:300]}"
        )
    return cost / count.succeeded * 1e6


def scheduled(pid: int) -> float:
    """Seconds of CPU of the threads that live."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def report(found: Sequence[Turn]) -> str:
    other, this = (statistics.median(column) for column in zip(*found, strict=True))
    ratio = statistics.median([turn.this / turn.other for turn in found])
    return f"median of {len(found)} turns: other {other:.0f} µs, this {this:.0f} µs; turn by turn {ratio:.2f} x"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.against", description="CPU per call of two builds.")
    parser.add_argument("other", help="the command `trunkline` of the other build")
    parser.add_argument("--turns", type=int, default=20, help="of each (%(default)s)")
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second (%(default)g)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a turn (%(default)g)")
    options = parser.parse_args(arguments)
    other = Path(options.other).absolute()
    if not other.exists():
        parser.error(f"{other} is not there")
    print(f"µs of CPU a call at {options.rate:g} calls/s: other, this")
    try:
        with alone():
            print(report(compare(str(other), options.turns, options.rate, options.seconds)))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
