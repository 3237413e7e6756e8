"""How often: token buckets by key, bounded in number.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371). A bucket
that is full is the same as one that was never there, so forgetting it changes nothing; the table is kept in order of
use and forgets from its old end.

Looking and taking are two steps, so that a call can ask several limits and take from all of them or from none.
"""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    """So many a second on average, and so many at once."""

    per_second: float
    """Above 0."""
    burst: float = 1.0
    """At least 1."""

    @classmethod
    def of(cls, per_second: float) -> Rate:
        """The rate whose burst is what one second brings: a peer that sends its second's calls together is in order."""
        return cls(per_second, max(1.0, per_second))


class Rates:
    """Buckets by key. `now` is monotonic seconds and may stand still, never run backwards."""

    __slots__ = ("_full_at", "limit")

    def __init__(self, limit: int = 10_000) -> None:
        """`limit`: keys that are remembered. Beyond it the one that was used longest ago is forgotten."""
        self.limit = limit
        self._full_at: dict[str, float] = {}

    def wait(self, key: str, rate: Rate, now: float) -> float:
        """Seconds until a token is there: 0.0 when one is there now. Takes nothing."""
        full_at = self._full_at.get(key)
        if full_at is None:
            return 0.0
        short = full_at - now - (rate.burst - 1.0) / rate.per_second
        # Less than a nanosecond is rounding, not a limit.
        return short if short > 1e-9 else 0.0

    def take(self, key: str, rate: Rate, now: float, tokens: float = 1.0) -> None:
        """Take a token, or more or less than one, whether or not it is there."""
        table = self._full_at
        full_at = table.pop(key, now)
        table[key] = max(now, full_at) + tokens / rate.per_second
        if len(table) > self.limit:
            del table[next(iter(table))]

    def forget(self, key: str) -> None:
        """Fill this bucket."""
        self._full_at.pop(key, None)

    def expire(self, now: float) -> None:
        """Forget the buckets at the old end that are full again."""
        table = self._full_at
        while table:
            key = next(iter(table))
            if table[key] > now:
                return
            del table[key]

    def __len__(self) -> int:
        return len(self._full_at)
