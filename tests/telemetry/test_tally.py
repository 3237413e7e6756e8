"""Counts under bounded labels, and histograms that Prometheus can read."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.telemetry.tally import OTHER, Histogram, Tally


def test_counts() -> None:
    tally = Tally(2)
    tally.add(("a", "b"))
    tally.add(("a", "b"), 3)
    tally.add(("a", "c"))
    assert dict(tally) == {("a", "b"): 4, ("a", "c"): 1}
    assert (tally["a", "b"], tally["x", "y"]) == (4, 0)


@given(st.lists(st.integers(0, 30)), st.integers(1, 10))
def test_labels_are_bounded_and_nothing_is_lost(values: list[int], limit: int) -> None:
    tally = Tally(1, limit)
    for value in values:
        tally.add((str(value),))
    assert len(tally) <= limit + 1
    assert sum(count for _, count in tally) == len(values)
    assert (tally[(OTHER,)] > 0) == (len(set(values)) > limit)


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 100), min_size=1, unique=True).map(sorted))
def test_histogram(values: list[float], bounds: list[float]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.add(value)
    ordered = sorted(values)
    assert histogram.cumulative() == [
        *((str(bound), float(bisect_right(ordered, bound))) for bound in bounds),
        ("+Inf", float(len(values))),
    ]
    assert histogram.count == len(values)
    assert histogram.sum == pytest.approx(sum(values))
