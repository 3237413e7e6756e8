"""May one more call come in?

Every limit is asked before any is taken from, in one turn, so that a call takes from all of them or from none; a
refused call costs the limits nothing.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from trunkline.guard.rate import Rate, Rates
from trunkline.model.trunk import Trunk
from trunkline.trunk.capacity import Capacity


class Full(NamedTuple):
    cause: str
    """`source-rate`, `trunk-rate`, `trunk-full` or `edge-full`."""
    detail: str
    retry_after: int
    """Seconds."""


class Admission:
    """The limits of one edge."""

    __slots__ = ("capacity", "rates")

    def __init__(self, capacity: Capacity | None = None, rates: Rates | None = None) -> None:
        self.capacity = capacity if capacity is not None else Capacity()
        self.rates = rates if rates is not None else Rates()

    def refuses(
        self, trunk: Trunk, source: str, now: float, source_rate: Rate | None, max_calls: int | None
    ) -> Full | None:
        """The first limit that one more call from `source` by `trunk` would break. Takes nothing."""
        if source_rate is not None:
            wait = self.rates.wait(source, source_rate, now)
            if wait:
                return Full("source-rate", f"{source} brings more than {source_rate.per_second:g} calls/s.", ceil(wait))
        if trunk.calls_per_second is not None:
            wait = self.rates.wait(trunk.id, Rate.of(trunk.calls_per_second), now)
            if wait:
                return Full("trunk-rate", f"It brings more than {trunk.calls_per_second:g} calls/s.", ceil(wait))
        if trunk.max_concurrent_calls is not None and self.capacity.full(trunk.id, trunk.max_concurrent_calls):
            return Full("trunk-full", f"Its {trunk.max_concurrent_calls} calls at once are all up.", 5)
        if max_calls is not None and len(self.capacity) >= max_calls:
            return Full("edge-full", f"The edge's {max_calls} calls are all up.", 5)
        return None

    def take(self, trunk: Trunk, source: str, call_id: str, now: float, source_rate: Rate | None) -> None:
        """The call is in: what `refuses` allowed is taken, in the same turn."""
        if source_rate is not None:
            self.rates.take(source, source_rate, now)
        if trunk.calls_per_second is not None:
            self.rates.take(trunk.id, Rate.of(trunk.calls_per_second), now)
        self.capacity.hold(trunk.id, call_id)

    def attempt(self, trunk: Trunk, call_id: str) -> bool:
        """A call that is in takes a place on the trunk by which an agent is tried; False when that trunk is full."""
        if self.capacity.holds(trunk.id, call_id):
            return True
        if self.capacity.full(trunk.id, trunk.max_concurrent_calls):
            return False
        self.capacity.hold(trunk.id, call_id)
        return True

    def release(self, call_id: str) -> None:
        """The call has ended."""
        self.capacity.release(call_id)
