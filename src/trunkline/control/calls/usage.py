"""What a number's calls came to in a period: counts, billed minutes, cost.

The cost is months times the monthly price, and minutes by direction times theirs, rounded to cents. A month counts when
the period touches it while the number was ours. Each call's minutes are rounded up. Prices are the provider's own;
where it does not tell them, the cost is not known.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from msgspec import structs

from trunkline.control.calls.calls import Calls
from trunkline.control.configuration.state import State
from trunkline.control.errors import Refusal
from trunkline.control.providers.market import Market
from trunkline.model.number import Number
from trunkline.providers.values import Rates

_CENT = Decimal("0.01")


class Period(NamedTuple):
    """Whole days in UTC, both included."""

    first: date
    last: date

    @property
    def start(self) -> float:
        return datetime.combine(self.first, time.min, UTC).timestamp()

    @property
    def end(self) -> float:
        """The first moment after it."""
        return datetime.combine(self.last, time.min, UTC).timestamp() + timedelta(days=1).total_seconds()


class Usage(NamedTuple):
    inbound_calls: int
    outbound_calls: int
    minutes: int
    cost: float | None
    """US dollars; None when a price that it takes is not known."""


class UsageOf:
    __slots__ = ("_calls", "_market", "_state")

    def __init__(self, state: State, calls: Calls, market: Market) -> None:
        self._state = state
        self._calls = calls
        self._market = market

    async def of(self, number: Number, period: Period) -> Usage:
        """Raises `Unavailable`."""
        stats = await self._calls.stats(number, start=period.start, end=period.end)
        got = datetime.fromtimestamp(number.provisioned_at or number.created_at, UTC).date()
        today = datetime.fromtimestamp(self._state.wall(), UTC).date()
        months = months_touched(Period(max(period.first, got), min(period.last, today)))
        rates = await self._rates(number)
        return Usage(
            stats.inbound,
            stats.outbound,
            stats.inbound_minutes + stats.outbound_minutes,
            cost(rates, months, stats.inbound_minutes, stats.outbound_minutes),
        )

    async def _rates(self, number: Number) -> Rates:
        """What the number and its minutes cost, as far as its provider tells now."""
        supply = number.supply
        if supply is None or supply.provider is None:
            return Rates()
        known = Rates()
        if supply.country is not None:
            # A provider that cannot be asked leaves what it said when the number was bought.
            with contextlib.suppress(Refusal):
                _, pricing = await self._market.prices(number.organization_id, supply.country, supply.provider)
                known = pricing.toll_free if supply.toll_free else pricing.local
        return known if supply.monthly_cost is None else structs.replace(known, monthly=supply.monthly_cost)


def months_touched(period: Period) -> int:
    """How many calendar months the period has a day of; 0 when it ends before it begins."""
    first, last = period
    return 0 if last < first else 12 * (last.year - first.year) + last.month - first.month + 1


def cost(rates: Rates, months: int, inbound: int, outbound: int) -> float | None:
    """In US dollars, rounded to cents. None when a price is not known of which there was any."""
    total = Decimal(0)
    for count, price in ((months, rates.monthly), (inbound, rates.inbound_minute), (outbound, rates.outbound_minute)):
        if not count:
            continue
        if price is None:
            return None
        total += count * Decimal(str(price))
    return float(total.quantize(_CENT, ROUND_HALF_UP))
