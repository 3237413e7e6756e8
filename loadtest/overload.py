"""At twice what it can carry, the edge refuses early with 503, keeps what it admitted whole, and recovers at once.

A call is admitted when it was answered with anything but a shed 503, the 100 included; whole when INVITE, ACK, BYE
and the answers went through. Early: half of the refusals within `EARLY` seconds of the INVITE, before its first
retransmission is due, so that a carrier fails over while its caller still hears nothing. Recovered: a second of
moderate load right after it, with no failure.
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from loadtest import behaviours, capacity
from loadtest.capture import answers, capture, quantiles
from loadtest.edges import AGENT, CARRIER, EDGE
from loadtest.edges.trunkline import Trunkline
from loadtest.measure import Load, offer, started
from loadtest.process import alone

EARLY = 0.5
WHOLE = 0.99


class Overload(NamedTuple):
    rate: float
    calls: int
    shed: int
    whole: int
    broken: int
    """Admitted and not whole: failed, or never finished."""
    unanswered: int
    """Neither tried nor refused: the datagrams of all its attempts were lost."""
    shed_p50: float | None
    """Seconds from INVITE to 503."""
    shed_p99: float | None
    recovered: int
    """Calls whole, of `asked`, directly afterwards."""
    asked: int

    def faults(self) -> list[str]:
        found = []
        admitted = self.whole + self.broken
        if not self.shed:
            found.append("nothing was refused: the edge was not overloaded")
        if admitted == 0 or self.whole < WHOLE * admitted:
            found.append(f"{self.whole} of {admitted} admitted calls were whole")
        if self.shed_p50 is not None and self.shed_p50 > EARLY:
            found.append(f"half of the refusals took more than {self.shed_p50:.2f} s")
        if self.recovered < self.asked:
            found.append(f"{self.recovered} of {self.asked} calls were whole directly afterwards")
        return found


def overload(edge: Trunkline, able: float, seconds: float) -> Overload:
    """`able` is the edge's capacity in calls a second."""
    rate = 2 * able
    with started(edge) as (_, folder):
        path = folder / "overload.pcap"
        with capture(path, (CARRIER[0], AGENT[0])):
            count, _, _, _ = offer(folder, behaviours.overload(), rate, seconds, EDGE, grace=40.0)
        times = answers(path, CARRIER[0], EDGE[0], 503)
        path.unlink()
        again, _, _, _ = offer(folder, behaviours.call(), max(10.0, able / 4), 1.0, EDGE)
    shed, whole = count.named["shed"], count.named["whole"]
    admitted = max(count.named["tried"], whole)
    refused = quantiles(times) if times else None
    return Overload(
        rate=rate,
        calls=count.created,
        shed=shed,
        whole=whole,
        broken=admitted - whole,
        unanswered=max(0, count.created - shed - admitted),
        shed_p50=refused and refused.p50,
        shed_p99=refused and refused.p99,
        recovered=again.succeeded,
        asked=again.created,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.overload", description="Twice the capacity.")
    parser.add_argument("--capacity", type=float, help="calls a second; measured when not given")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the overload (%(default)g)")
    options = parser.parse_args(arguments)
    edge = Trunkline()
    able = options.capacity
    if able is None:
        print("capacity")
        able = capacity.search(edge, 500.0, 6.0, _tell)
    found = overload(edge, able, options.seconds)
    print(f"offered {found.rate:g}/s: {found.calls} calls, {found.shed} refused with 503, {found.whole} whole")
    print(f"admitted and not whole: {found.broken}; never answered: {found.unanswered}")
    if found.shed_p50 is not None and found.shed_p99 is not None:
        print(f"refused after {found.shed_p50 * 1000:.1f} ms (p50), {found.shed_p99 * 1000:.1f} ms (p99)")
    print(f"directly afterwards: {found.recovered} of {found.asked} calls whole")
    faults = found.faults()
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _tell(run: Load) -> None:
    print(f"  {run.rate:5g}/s {'kept' if run.kept_up else 'lost'}", flush=True)


if __name__ == "__main__":
    with alone():
        sys.exit(main())
