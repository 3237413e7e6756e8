"""Counts that cost an addition: plain ints under a bounded number of labels, and histograms of fixed buckets.

Prometheus' own objects take a lock and a look-up each time; these are read when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

OTHER = "other"


class Tally:
    """Counts under label values, all of equal length. Beyond `limit` values what is new counts as `other`."""

    __slots__ = ("_counts", "_limit", "_width")

    def __init__(self, width: int, limit: int = 256) -> None:
        """`width`: labels of each value. `limit`: values that are told apart."""
        self._counts: dict[tuple[str, ...], int] = {}
        self._limit = limit
        self._width = width

    def add(self, labels: tuple[str, ...], by: int = 1) -> None:
        counts = self._counts
        if labels not in counts and len(counts) >= self._limit:
            labels = (OTHER,) * self._width
        counts[labels] = counts.get(labels, 0) + by

    def __getitem__(self, labels: tuple[str, ...]) -> int:
        return self._counts.get(labels, 0)

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], int]]:
        return iter(self._counts.items())

    def __len__(self) -> int:
        return len(self._counts)


class Histogram:
    """How often values fell at or below each bound, their number and their sum."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: rising."""
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """As Prometheus writes it: each bound and the number of values at or below it, `+Inf` last."""
        total = 0
        rows = []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self._counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows
