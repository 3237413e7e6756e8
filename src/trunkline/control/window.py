"""Budgets over a time: at most so many in each window, a window opening with the first use.

A fixed window rather than a bucket, because callers are told when it ends: at `Reset` the whole budget is back, and a
retry then succeeds. Pure: `now` is monotonic seconds. Memory is bounded: windows that are over are swept away before
the table grows beyond twice what was alive at the last sweep.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Budget(NamedTuple):
    """What is left of one budget."""

    limit: int
    remaining: int
    resets_in: float
    """Seconds until the window ends; 0 when none is open."""

    def reset_at(self, wall: float) -> int:
        """Unix seconds, rounded up, at which the whole budget is there again."""
        return math.ceil(wall + self.resets_in)


class Windows:
    """One budget of `limit` per `seconds` for each key."""

    __slots__ = ("limit", "seconds", "_open", "_sweep_at")

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._open: dict[str, tuple[float, int]] = {}
        self._sweep_at = 1024

    def take(self, key: str, now: float, count: int = 1, *, limit: int | None = None) -> bool:
        """Spend `count`, all or nothing. `limit` is the key's own, in place of everybody's."""
        ends, used = self._open.get(key, (0.0, 0))
        if now >= ends:
            ends, used = now + self.seconds, 0
            if len(self._open) >= self._sweep_at:
                self._sweep(now)
        if used + count > (self.limit if limit is None else limit):
            return False
        self._open[key] = (ends, used + count)
        return True

    def give_back(self, key: str, now: float, count: int = 1) -> None:
        """Undo a `take` whose work came to nothing, if its window is still open."""
        ends, used = self._open.get(key, (0.0, 0))
        if now < ends:
            self._open[key] = (ends, max(0, used - count))

    def budget(self, key: str, now: float, *, limit: int | None = None) -> Budget:
        most = self.limit if limit is None else limit
        ends, used = self._open.get(key, (0.0, 0))
        if now >= ends:
            return Budget(most, most, 0.0)
        return Budget(most, max(0, most - used), ends - now)

    def __len__(self) -> int:
        return len(self._open)

    def _sweep(self, now: float) -> None:
        self._open = {key: window for key, window in self._open.items() if now < window[0]}
        self._sweep_at = max(1024, 2 * len(self._open))
