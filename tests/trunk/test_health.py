from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.model.trunk import Trunk
from trunkline.trunk.health import PATIENCE, Health, Probe, Transition


def _health(now: float = 100.0, chance: float = 0.5, **fields: Any) -> Health:
    return Health(Trunk(id="t", organization_id="o", name="t", probe=True, **fields), now, chance)


def _probe(health: Health, status: int | None, after: float = 0.05, reason: str = "") -> list[tuple[str, str]]:
    """Send the next probe when it is due and answer it, or let it wait in vain: the transitions."""
    now = health.deadline
    (probe,) = health.expire(now, 0.5)
    assert isinstance(probe, Probe)
    found: Sequence[Probe | Transition]
    if status is None:
        assert not health.expire(health.deadline - 0.001, 0.5)
        found = health.expire(health.deadline, 0.5)
    else:
        found = health.receive(probe.number, status, now + after, reason)
    return [(seen.old, seen.new) for seen in found if isinstance(seen, Transition)]


def test_it_is_unknown_until_the_first_answer() -> None:
    health = _health()
    assert (health.state, health.checked_at, health.latency) == ("unknown", None, None)
    assert _probe(health, 200, 0.05) == [("unknown", "reachable")]
    assert health.latency == pytest.approx(0.05)
    assert health.detail is None


def test_one_lost_probe_is_a_lost_datagram() -> None:
    health = _health(probe_misses=3, probe_hits=2)
    _probe(health, 200)
    assert _probe(health, None) == []
    assert _probe(health, None) == []
    assert health.state == "reachable"
    assert health.detail is not None
    assert _probe(health, 200) == []
    assert _probe(health, None) == _probe(health, None) == []
    assert _probe(health, None) == [("reachable", "unreachable")]


def test_it_comes_back_by_itself_after_enough_hits_in_a_row() -> None:
    health = _health(probe_misses=1, probe_hits=3)
    assert _probe(health, 503) == [("unknown", "unreachable")]
    assert health.detail == "answered 503"
    assert _probe(health, 200) == _probe(health, 200) == []
    assert _probe(health, None) == []
    assert _probe(health, 200) == _probe(health, 200) == []
    assert _probe(health, 200) == [("unreachable", "reachable")]


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 407, 420, 481, 483, 486, 501, 603])
def test_any_answer_proves_that_somebody_is_there(status: int) -> None:
    health = _health()
    _probe(health, status)
    assert health.state == "reachable"


@pytest.mark.parametrize("status", [0, 408, 500, 502, 503, 504])
def test_an_answer_that_says_it_cannot_work_is_a_miss(status: int) -> None:
    health = _health(probe_misses=1)
    assert _probe(health, status, reason="connection refused") == [("unknown", "unreachable")]
    assert health.detail == "connection refused"


def test_a_provisional_or_late_or_foreign_answer_says_nothing() -> None:
    health = _health(probe_misses=1)
    now = health.deadline
    (probe,) = health.expire(now, 0.5)
    assert isinstance(probe, Probe)
    assert health.receive(probe.number, 100, now) == []
    assert health.receive(probe.number + 1, 200, now) == []
    health.expire(health.deadline, 0.5)
    assert health.state == "unreachable"
    assert health.receive(probe.number, 200, now + PATIENCE + 1) == []
    assert health.state == "unreachable"


def test_a_test_by_hand_counts_as_a_probe() -> None:
    health = _health(probe_hits=1, probe_misses=1)
    assert [t.new for t in health.observe(0, 0.0, 101.0, "no route")] == ["unreachable"]
    assert [t.new for t in health.observe(200, 0.02, 102.0)] == ["reachable"]
    assert (health.since, health.checked_at, health.latency) == (102.0, 102.0, 0.02)


def test_a_changed_trunk_keeps_what_is_known() -> None:
    health = _health(probe_misses=3)
    _probe(health, 200)
    health.configure(Trunk(id="t", organization_id="o", name="t", probe_misses=1, probe_interval=5.0))
    assert health.state == "reachable"
    assert _probe(health, None) == [("reachable", "unreachable")]


@given(
    st.floats(0.0, 300.0),
    st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from([None, 200, 503])), min_size=1, max_size=30),
)
def test_probes_keep_their_distance_and_the_deadline_always_moves(
    interval: float, turns: list[tuple[float, int | None]]
) -> None:
    health = _health(chance=turns[0][0], probe_interval=interval)
    sent: list[float] = []
    for chance, status in turns:
        now = health.deadline
        out = health.expire(now, chance)
        assert health.deadline > now >= 100.0
        for item in out:
            if isinstance(item, Probe):
                sent.append(now)
                if status is not None:
                    health.receive(item.number, status, now + 0.01)
    least = 0.9 * max(1.0, interval)
    assert all(later - earlier >= least - 1e-6 for earlier, later in pairwise(sent))


def test_a_stalled_edge_does_not_send_the_missed_probes_in_a_row() -> None:
    health = _health(probe_interval=10.0)
    out = health.expire(1000.0, 0.5)
    assert len(out) == 1
    assert health.expire(1000.0, 0.5) == []
    assert health.deadline > 1000.0


def test_first_probes_of_many_trunks_are_spread() -> None:
    due = {round(_health(chance=index / 100).deadline, 3) for index in range(100)}
    assert len(due) == 100
    assert all(100.0 <= at <= 105.0 for at in due)
