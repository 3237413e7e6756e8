"""One load on one edge, and what it cost.

CPU time is user and system of the edge's whole process tree over the run, divided by the completed calls. A capture
costs the sender system time, so set-up times are taken in runs of their own (`latency`).
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.edges import AGENT, CARRIER, EDGE, Edge
from loadtest.process import Failed, cpu_seconds, end, socket_drops, udp_bound, wait_until
from loadtest.sipp import Count, Party

TOLERATED = 0.001
"""The share of calls that may fail, and the share of the offered rate that SIPp may fall short of is fifty times it."""
RETRANSMITTED = 0.01
"""Retransmissions a call, both parties together, that still count as keeping up."""


class Load(NamedTuple):
    """A run's figures. Seconds unless the name says otherwise."""

    edge: str
    rate: float
    reached: float
    """Calls a second that SIPp really began."""
    calls: int
    completed: int
    """From INVITE to BYE, as both parties say: SIPp's carrier may take a repeated 200 for the BYE's."""
    failed: int
    cpu: float
    retransmitted: int
    """By both parties."""
    dropped: int
    """Datagrams lost at the sockets of the edge and of both parties."""
    records: int | None
    """In the edge's log after the run; None where it keeps none."""
    complaint: str

    @property
    def microseconds(self) -> float:
        """CPU per completed call."""
        return self.cpu / self.completed * 1e6 if self.completed else float("inf")

    @property
    def kept_up(self) -> bool:
        return (
            self.failed <= TOLERATED * self.calls
            and self.completed >= (1 - TOLERATED) * self.calls
            and self.retransmitted <= RETRANSMITTED * self.calls
            and (self.reached == 0 or self.reached >= (1 - 50 * TOLERATED) * self.rate)
        )

    @property
    def complete(self) -> bool:
        """Whether there were calls, and every completed one has its record."""
        return self.completed > 0 and (self.records is None or self.records >= self.completed)


def load(edge: Edge, rate: float, seconds: float) -> Load:
    """A fresh edge under `rate` calls a second."""
    with started(edge) as (pid, folder):
        before = cpu_seconds(pid)
        count, agent, dropped, complaint = offer(folder, behaviours.call(), rate, seconds, EDGE)
        cpu = cpu_seconds(pid) - before
        records = _settled_records(edge, folder, count.succeeded)
    return Load(
        edge=edge.name,
        rate=rate,
        reached=count.rate,
        calls=count.created,
        completed=min(count.succeeded, agent.succeeded),
        failed=count.failed,
        cpu=cpu,
        retransmitted=count.retransmitted + agent.retransmitted,
        dropped=dropped,
        records=records,
        complaint=complaint,
    )


def offer(
    folder: Path,
    behaviour: Behaviour,
    rate: float,
    seconds: float,
    to: tuple[str, int],
    grace: float = 8.0,
) -> tuple[Count, Count, int, str]:
    """Carrier's count, agent's count, datagrams dropped by the sockets, and the parties' first complaint.

    What has not ended `grace` seconds after the last call should have begun is cut off. The carrier is lenient because
    sippy lets a 200 overtake the 180 before it.
    """
    assert behaviour.agent is not None
    calls = max(1, int(rate * seconds))
    limit = seconds * 1.1 + grace
    agent = Party("agent", behaviour.agent.write(folder), folder, AGENT, seconds=limit + 20)
    carrier: Party | None = None
    try:
        wait_until(lambda: udp_bound(*AGENT), 5, "SIPp as agent", agent.process)
        carrier = Party(
            "carrier",
            behaviour.carrier.write(folder),
            folder,
            CARRIER,
            remote=to,
            rate=rate,
            calls=calls,
            seconds=limit,
            service=behaviour.dialled,
            lenient=True,
        )
        count = carrier.wait()
        dropped = sum(socket_drops(port) for port in {to[1], AGENT[1]})
        time.sleep(0.3)
        taken = agent.stop()
    finally:
        for party in (carrier, agent):
            if party is not None:
                end(party.process, 1, signal.SIGKILL)
    complaint = carrier.last_words() if count.failed else agent.last_words() if taken.failed else ""
    return count, taken, dropped, complaint


@contextmanager
def started(edge: Edge) -> Iterator[tuple[int, Path]]:
    """A running edge and its folder; both are gone afterwards."""
    if udp_bound(*EDGE):
        raise Failed(f"another program has {EDGE[0]}:{EDGE[1]}")
    folder = Path(tempfile.mkdtemp(prefix=f"load-{edge.name}-"))
    try:
        child = edge.start(folder)
        try:
            time.sleep(0.5)
            yield child.pid, folder
            if child.poll() is not None:
                raise Failed(f"{edge.name} ended with status {child.returncode} under load")
        finally:
            end(child)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settled_records(edge: Edge, folder: Path, wanted: int) -> int | None:
    """Records reach the log in groups: they are given a moment."""
    deadline = time.monotonic() + 15
    records = edge.records(folder)
    while records is not None and records < wanted and time.monotonic() < deadline:
        time.sleep(0.25)
        records = edge.records(folder)
    return records
