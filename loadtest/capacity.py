"""The highest rate that an edge keeps up with: hardly a failure, hardly a retransmission, the rate really reached."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.edges import Edge
from loadtest.measure import Load, load

STEP = 1.3
PRECISION = 0.06
"""The search ends when the highest rate kept and the lowest not kept are this close."""


def search(edge: Edge, begin: float, seconds: float, tell: Callable[[Load], None], highest: float = 6000.0) -> float:
    """Calls a second. Climbs from `begin` by `STEP` until the edge falls behind, then halves the gap."""
    kept, lost = 0.0, 0.0
    rate = begin
    while not lost and rate <= highest:
        if _keeps(edge, rate, seconds, tell):
            kept, rate = rate, round(rate * STEP)
        else:
            lost = rate
    while not kept and lost > 5:
        rate = round(lost / 2)
        if _keeps(edge, rate, seconds, tell):
            kept = rate
        else:
            lost = rate
    while lost and kept and lost - kept > PRECISION * lost:
        rate = round((kept + lost) / 2)
        if _keeps(edge, rate, seconds, tell):
            kept = rate
        else:
            lost = rate
    return kept


def _keeps(edge: Edge, rate: float, seconds: float, tell: Callable[[Load], None]) -> bool:
    """One bad run may be the machine's doing: a rate is lost only when it is lost twice."""
    for _ in range(2):
        found = load(edge, rate, seconds)
        tell(found)
        if found.kept_up:
            return True
    return False
