"""`kill -9` under load loses no answered call.

The edge is killed while calls are set up, answered and ended, and started again on what it left. Every call that the
carrier saw answered must then be in the log, ended; and both parties of every such call must have been told.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.edges import AGENT, CARRIER, EDGE, NUMBER
from loadtest.edges.trunkline import Trunkline, calls, serve
from loadtest.process import alone, end, udp_bound, wait_until
from loadtest.sipp import Party


class Crash(NamedTuple):
    answered: int
    """As the carrier counted."""
    interrupted: int
    """Ended by the edge that came back."""
    logged: int
    """Calls in the log that were answered and have ended."""
    left_open: int
    agents_told: int
    """Calls whose end reached the agent."""

    def faults(self) -> list[str]:
        found = []
        if not self.answered:
            found.append("no call was answered")
        if self.logged < self.answered:
            found.append(f"{self.answered - self.logged} answered calls are not in the log")
        if self.left_open:
            found.append(f"{self.left_open} calls are still open in the log")
        if self.agents_told < self.answered:
            found.append(f"{self.answered - self.agents_told} agents were not told that their call ended")
        return found


def crash(rate: float, seconds: float) -> Crash:
    """Kills the edge in the middle of `seconds` of load and starts it again a second later."""
    folder = Path(tempfile.mkdtemp(prefix="load-crash-"))
    behaviour = behaviours.crash()
    assert behaviour.agent is not None
    limit = seconds + 25
    edge = Trunkline().start(folder)
    parties: list[Party] = []
    try:
        agent = Party("agent", behaviour.agent.write(folder), folder, AGENT, seconds=limit + 20, lenient=True)
        parties.append(agent)
        wait_until(lambda: udp_bound(*AGENT), 5, "SIPp as agent", agent.process)
        carrier = Party(
            "carrier",
            behaviour.carrier.write(folder),
            folder,
            CARRIER,
            remote=EDGE,
            rate=rate,
            calls=int(rate * seconds),
            seconds=limit,
            service=NUMBER,
            lenient=True,
        )
        parties.append(carrier)
        time.sleep(seconds / 2)
        end(edge, 5, signal.SIGKILL)
        time.sleep(1.0)
        edge = serve(folder)
        wait_until(lambda: udp_bound(*EDGE), 20, f"the edge's second start (see {folder}/trunkline.out)", edge)
        count = carrier.wait()
        told = agent.stop()
        _settle(folder)
        ended = calls(folder, "answered_at IS NOT NULL", "ended_at IS NOT NULL")
        return Crash(
            answered=count.named["answered"],
            interrupted=count.named["interrupted"],
            logged=ended.get((1, 1), 0),
            left_open=ended.get((0, 0), 0) + ended.get((1, 0), 0),
            agents_told=told.succeeded,
        )
    finally:
        for party in parties:
            end(party.process, 1, signal.SIGKILL)
        end(edge)
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, seconds: float = 10.0) -> None:
    """Until the log has not grown for a second."""
    deadline = time.monotonic() + seconds
    before = None
    while time.monotonic() < deadline:
        now = calls(folder, "ended_at IS NOT NULL")
        if now == before and (0,) not in now:
            return
        before = now
        time.sleep(1.0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.crash", description="Kill the edge under load.")
    parser.add_argument("--rate", type=float, default=150.0, help="calls a second (%(default)g)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the load (%(default)g)")
    options = parser.parse_args(arguments)
    found = crash(options.rate, options.seconds)
    print(f"{found.answered} calls answered, {found.interrupted} of them ended by the edge that came back")
    print(f"{found.logged} answered calls in the log, {found.left_open} left open; {found.agents_told} agents told")
    faults = found.faults()
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    with alone():
        sys.exit(main())
