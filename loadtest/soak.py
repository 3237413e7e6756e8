"""Ten thousand calls leave nothing behind, twice.

After each run every table of the engine is empty once the longest timer has run out (64·T1, 32 s), and the second run
leaves no more memory and no more descriptors than the first: what the first run warmed up, the second uses again.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.edges import EDGE
from loadtest.edges.trunkline import Trunkline, tables
from loadtest.measure import offer, started
from loadtest.process import alone, descriptors, resident_bytes

TIMERS = 32.0 + 4.0
"""Seconds until RFC 3261's longest timer is over, and a moment."""
REST = 5.0
"""Seconds in which the edge gives back what the load needed: it looks every three whether it is at rest."""
SLACK = 1 << 20
"""Bytes of resident memory that are the allocator's and the kernel's rounding, not a leak."""


class Run(NamedTuple):
    calls: int
    failed: int
    retransmitted: int
    left: dict[str, int]
    """Tables that are not empty, and how many entries they hold."""
    resident: int
    """Bytes."""
    descriptors: int


def soak(runs: int, count: int, rate: float) -> list[Run]:
    edge = Trunkline()
    found = []
    with started(edge) as (pid, folder):
        for _ in range(runs):
            carrier, agent, _, _ = offer(folder, behaviours.call(), rate, count / rate, EDGE, grace=40.0)
            left = _empty(folder, TIMERS)
            time.sleep(REST)
            run = Run(
                calls=carrier.created,
                failed=carrier.created - carrier.succeeded + agent.failed,
                retransmitted=carrier.retransmitted + agent.retransmitted,
                left=left,
                resident=resident_bytes(pid),
                descriptors=descriptors(pid),
            )
            print(
                f"{run.calls} calls, {run.failed} failed, {run.retransmitted} retransmitted;"
                f" {run.resident / 2**20:.1f} MiB, {run.descriptors} descriptors; left: {run.left or 'nothing'}",
                flush=True,
            )
            found.append(run)
    return found


def faults(runs: list[Run]) -> list[str]:
    found = []
    for number, run in enumerate(runs, 1):
        if run.failed:
            found.append(f"run {number}: {run.failed} of {run.calls} calls failed")
        if run.left:
            found.append(f"run {number}: not empty: {run.left}")
    for number, (before, after) in enumerate(pairwise(runs), 2):
        if after.resident > before.resident + SLACK:
            found.append(f"run {number}: {(after.resident - before.resident) / 2**20:.1f} MiB more than the run before")
        if after.descriptors > before.descriptors:
            found.append(f"run {number}: {after.descriptors - before.descriptors} descriptors more than the run before")
    return found


def _empty(folder: Path, seconds: float) -> dict[str, int]:
    """What is still in the engine's tables when they did not empty themselves in time."""
    deadline = time.monotonic() + seconds
    while True:
        left = {name: count for name, count in tables(folder).items() if count}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(1.0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.soak", description="Many calls, and nothing left.")
    parser.add_argument("--calls", type=int, default=10_000, help="calls a run (%(default)s)")
    parser.add_argument("--rate", type=float, default=250.0, help="calls a second (%(default)g)")
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args(arguments)
    found = faults(soak(options.runs, options.calls, options.rate))
    for fault in found:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    with alone():
        sys.exit(main())
