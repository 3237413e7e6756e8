"""May one more call come in?

Every limit is asked before any is taken from, in one turn, so that a call takes from all of them or from none; a
refused call costs the limits nothing.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from trunkline.guard.rate import Rate, Rates
from trunkline.guard.toll import Tolls
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.trunk.capacity import Capacity


class Full(NamedTuple):
    cause: str
    """`source-rate`, `trunk-rate`, `trunk-full` or `edge-full`; of outbound calls `outbound-…`."""
    detail: str
    retry_after: int
    """Seconds."""


class Admission:
    """The limits of one edge."""

    __slots__ = ("capacity", "rates", "tolls")

    def __init__(
        self, capacity: Capacity | None = None, rates: Rates | None = None, tolls: Tolls | None = None
    ) -> None:
        self.capacity = capacity if capacity is not None else Capacity()
        self.rates = rates if rates is not None else Rates()
        self.tolls = tolls if tolls is not None else Tolls()

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

    def refuses_outbound(self, organization_id: str, rules: OutboundRules, now: float) -> Full | None:
        """The first limit of the organization's own that one more outbound call would break. Takes nothing."""
        key = _outbound(organization_id)
        if rules.calls_per_second is not None:
            wait = self.rates.wait(key, Rate.of(rules.calls_per_second), now)
            if wait:
                detail = f"The organization begins more than {rules.calls_per_second:g} outbound calls/s."
                return Full("outbound-rate", detail, ceil(wait))
        if self.capacity.full(key, rules.concurrent_calls):
            return Full("outbound-full", f"The organization's {rules.concurrent_calls} outbound calls are all up.", 5)
        left = self.tolls.left(organization_id, rules.minute_price, rules.daily_limit, now)
        if left == 0:
            return Full(
                "outbound-limit",
                f"What is left of today's {rules.daily_limit:g} for outbound calls pays for no minute.",
                0,
            )
        return None

    def take_outbound(self, organization_id: str, rules: OutboundRules, call_id: str, now: float) -> None:
        """An outbound call is in: what `refuses_outbound` allowed is taken, in the same turn."""
        key = _outbound(organization_id)
        if rules.calls_per_second is not None:
            self.rates.take(key, Rate.of(rules.calls_per_second), now)
        self.capacity.hold(key, call_id)

    def follow(self, organization_id: str, call_id: str, leg: str, now: float) -> bool:
        """The telephone that an outbound call reached goes on by itself, as this leg of another call; whether it is one
        that counts. That call ends, and is released."""
        if not self.tolls.counts(call_id):
            return False
        self.capacity.hold(_outbound(organization_id), leg)
        self.tolls.begin(organization_id, leg, now)
        return True

    def longest(self, organization_id: str, rules: OutboundRules, now: float) -> float | None:
        """Seconds after the answer at which an outbound call must end: by the rules, and by what is left of the day's
        limit; None when nothing ends it."""
        left = self.tolls.left(organization_id, rules.minute_price, rules.daily_limit, now)
        if left is None:
            return rules.max_duration
        paid = max(1, left) * 60.0
        return paid if rules.max_duration is None else min(paid, rules.max_duration)

    def attempt(self, trunk: Trunk, call_id: str) -> bool:
        """A call that is in takes a place on the trunk by which an agent is tried; False when that trunk is full."""
        if self.capacity.holds(trunk.id, call_id):
            return True
        if self.capacity.full(trunk.id, trunk.max_concurrent_calls):
            return False
        self.capacity.hold(trunk.id, call_id)
        return True

    def release(self, call_id: str, now: float) -> None:
        """The call has ended."""
        self.capacity.release(call_id)
        self.tolls.end(call_id, now)


def _outbound(organization_id: str) -> str:
    """The key of an organization's outbound calls, among those of trunks and sources."""
    return f"outbound {organization_id}"
