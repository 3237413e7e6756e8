"""Counts of refusals by source, reason and minute: bounded, and every refusal in exactly one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.telemetry.refusals import EVERYBODY, RefusalCount, RefusalCounts


def test_counts_by_source_reason_and_minute() -> None:
    counts = RefusalCounts()
    for wall in (120.0, 179.9, 180.0):
        counts.add(wall, "udp:192.0.2.7", "unknown-source", 403)
    counts.add(120.0, "tls:2001:db8::7", "shed", 503)
    assert counts.take() == [
        RefusalCount(minute=120, source="192.0.2.7", reason="unknown-source", status=403, count=2),
        RefusalCount(minute=180, source="192.0.2.7", reason="unknown-source", status=403, count=1),
        RefusalCount(minute=120, source="2001:db8::7", reason="shed", status=503, count=1),
    ]
    assert counts.take() == []


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 20), st.sampled_from("abc"))), st.integers(1, 8))
def test_bounded_and_complete(seen: list[tuple[float, int, str]], limit: int) -> None:
    counts = RefusalCounts(limit)
    for wall, host, reason in seen:
        counts.add(wall, f"udp:192.0.2.{host}", reason, 403)
    assert len(counts) <= limit + 1
    taken = counts.take()
    assert sum(each.count for each in taken) == len(seen)
    assert {each.source for each in taken[limit:]} <= {EVERYBODY}
    assert len(counts) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abc"))), st.integers(0, 30), st.integers(1, 8))
def test_what_is_given_back_is_not_lost(seen: list[tuple[int, str]], cut: int, limit: int) -> None:
    counts = RefusalCounts(limit)
    for host, reason in seen[:cut]:
        counts.add(60.0, f"udp:192.0.2.{host}", reason, 403)
    taken = counts.take()
    for host, reason in seen[cut:]:
        counts.add(60.0, f"udp:192.0.2.{host}", reason, 403)
    counts.give_back(taken)
    assert len(counts) <= limit + 1
    assert sum(each.count for each in counts.take()) == len(seen)
