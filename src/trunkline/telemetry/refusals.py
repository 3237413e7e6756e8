"""Requests that were refused before they belonged to any organization, counted by source, reason and minute.

A scanner sends thousands: each is one more in a count, and beyond a bound of counts its source is no longer told apart.
What is counted is taken from time to time, and written by who keeps the records.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

EVERYBODY = "*"
"""The source, and the reason, of those that are not told apart."""


class RefusalCount(msgspec.Struct, frozen=True, kw_only=True):
    minute: int
    """Unix seconds at which the minute began."""
    source: str
    """The address, as `192.0.2.7`, or `*`."""
    reason: str
    status: int
    """The SIP answer; 0 when it was dropped."""
    count: int


class RefusalCounts:
    __slots__ = ("_counts", "_limit", "_rest", "_rest_minute")

    def __init__(self, limit: int = 4096) -> None:
        """`limit`: counts that are held until they are taken; all further ones share one."""
        self._counts: dict[tuple[int, str, str, int], int] = {}
        self._limit = limit
        self._rest = 0
        self._rest_minute = 0

    def add(self, wall: float, source: str, reason: str, status: int) -> None:
        """`wall`: Unix seconds. `source`: transport and address, as `udp:192.0.2.7`."""
        minute = int(wall) // 60 * 60
        counts = self._counts
        key = (minute, source.partition(":")[2], reason, status)
        if key in counts:
            counts[key] += 1
        elif len(counts) < self._limit:
            counts[key] = 1
        else:
            self._rest += 1
            self._rest_minute = minute

    def take(self) -> list[RefusalCount]:
        """All that were counted since the last time."""
        taken = [
            RefusalCount(minute=minute, source=source, reason=reason, status=status, count=count)
            for (minute, source, reason, status), count in self._counts.items()
        ]
        if self._rest:
            everybody = {"source": EVERYBODY, "reason": EVERYBODY}
            taken.append(RefusalCount(minute=self._rest_minute, status=0, count=self._rest, **everybody))
        self._counts = {}
        self._rest = 0
        return taken

    def give_back(self, taken: Iterable[RefusalCount]) -> None:
        """What was taken could not be written."""
        counts = self._counts
        for each in taken:
            key = (each.minute, each.source, each.reason, each.status)
            if key in counts or len(counts) < self._limit:
                counts[key] = counts.get(key, 0) + each.count
            else:
                self._rest += each.count
                self._rest_minute = max(self._rest_minute, each.minute)

    def __len__(self) -> int:
        return len(self._counts) + (self._rest > 0)
