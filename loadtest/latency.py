"""What an edge adds to a call's set-up: by the same call without it, and inside it.

*Added* is the quantile through the edge less the quantile of the same call from SIPp to SIPp. *Inside* is taken call by
call in one capture: INVITE in → 200 out, less INVITE out → 200 in. The edges handle INVITEs in their order, which pairs
the two legs without a word in common. *Added* holds what SIPp itself loses by waking up more often, *inside* does not.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.capture import Quantiles, answers, capture, quantiles
from loadtest.edges import AGENT, CARRIER, EDGE, Edge
from loadtest.measure import offer, started

HOSTS = (CARRIER[0], AGENT[0])


class SetUp(NamedTuple):
    """Seconds."""

    edge: str
    rate: float
    added_p50: float
    added_p99: float
    inside_p50: float | None
    inside_p99: float | None
    samples: int


def direct(rate: float, seconds: float) -> Quantiles:
    """The call without an edge."""
    folder = Path(tempfile.mkdtemp(prefix="load-direct-"))
    try:
        with capture(folder / "direct.pcap", HOSTS):
            offer(folder, behaviours.call(), rate, seconds, AGENT)
        return quantiles(answers(folder / "direct.pcap", CARRIER[0], AGENT[0]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def set_up(edge: Edge, rate: float, seconds: float, without: Quantiles) -> SetUp:
    with started(edge) as (_, folder):
        path = folder / "edge.pcap"
        with capture(path, HOSTS):
            offer(folder, behaviours.call(), rate, seconds, EDGE)
        outside = answers(path, CARRIER[0], EDGE[0])
        beyond = answers(path, EDGE[0], AGENT[0])
    through = quantiles(outside)
    inside = None
    if len(outside) == len(beyond):
        inside = quantiles([whole - agent for whole, agent in zip(outside, beyond, strict=True)])
    return SetUp(
        edge=edge.name,
        rate=rate,
        added_p50=through.p50 - without.p50,
        added_p99=through.p99 - without.p99,
        inside_p50=inside and inside.p50,
        inside_p99=inside and inside.p99,
        samples=through.samples,
    )
