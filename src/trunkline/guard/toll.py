"""What organizations' outbound calls cost today, as far as an edge can know: begun minutes, from the answer to the end.

A call is counted while it goes on, so that a limit is met by the calls that break it and not by those of tomorrow.
Days begin at midnight UTC; of a call that goes on over it, each day has its part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DAY: Final = 86_400.0


class Tolls:
    """Minutes by organization. `now` is monotonic seconds; `epoch` is what makes Unix seconds of them."""

    __slots__ = ("_calls", "_day", "_live", "_settled", "epoch")

    def __init__(self, epoch: float = 0.0) -> None:
        self.epoch = epoch
        self._day = 0.0
        """Unix seconds of the last midnight."""
        self._settled: dict[str, int] = {}
        """Minutes of the calls that ended today, by organization."""
        self._live: dict[str, dict[str, float]] = {}
        """Unix seconds since which each call that is up counts, by organization."""
        self._calls: dict[str, str] = {}
        """The organization of each of them."""

    def restore(self, minutes: Mapping[str, int], now: float) -> None:
        """What the calls of an earlier process used today."""
        self._turn(now)
        for organization, used in minutes.items():
            self._settled[organization] = self._settled.get(organization, 0) + used

    def begin(self, organization: str, call: str, now: float) -> None:
        """The call was answered."""
        self._live.setdefault(organization, {})[call] = now + self.epoch
        self._calls[call] = organization

    def end(self, call: str, now: float) -> None:
        """The call has ended. One that did not begin here changes nothing."""
        organization = self._calls.pop(call, None)
        if organization is None:
            return
        self._turn(now)
        live = self._live[organization]
        used = self._minutes(live.pop(call), now + self.epoch)
        if not live:
            del self._live[organization]
        self._settled[organization] = self._settled.get(organization, 0) + used

    def counts(self, call: str) -> bool:
        """Whether the call is up, and counts."""
        return call in self._calls

    def minutes(self, organization: str, now: float) -> int:
        """Those begun today, of calls that ended and of calls that are up."""
        self._turn(now)
        wall = now + self.epoch
        live = self._live.get(organization, {})
        return self._settled.get(organization, 0) + sum([self._minutes(since, wall) for since in live.values()])

    def left(self, organization: str, price: float, limit: float | None, now: float) -> int | None:
        """Whole minutes that the day's limit still pays for, at `price` each; None when there is no limit."""
        if limit is None or price <= 0:
            return None
        return max(0, int(limit / price + 1e-9) - self.minutes(organization, now))

    def __len__(self) -> int:
        """Calls that are counted."""
        return len(self._calls)

    def _minutes(self, since: float, wall: float) -> int:
        seconds = wall - max(since, self._day)
        return max(1, int(-(-seconds // 60.0)))

    def _turn(self, now: float) -> None:
        """A new day begins with nothing used."""
        wall = now + self.epoch
        day = wall - wall % DAY
        if day > self._day:
            self._day = day
            self._settled.clear()
