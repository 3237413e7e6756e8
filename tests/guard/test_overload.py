from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.overload import Overload


def _run(overload: Overload, wait: float, seconds: float, start: float, turn: float = 0.01) -> float:
    """Turns of `turn` seconds whose oldest message waited `wait`; the time after them."""
    now = start
    while now < start + seconds:
        now += turn
        overload.receive(wait, now)
    return now


def test_a_quick_edge_refuses_nothing() -> None:
    overload = Overload()
    _run(overload, 0.005, 10.0, 0.0)
    assert overload.state == "normal"
    assert not overload.refuses(0.0)
    assert overload.deadline == inf


def test_a_burst_that_is_worked_off_is_no_overload() -> None:
    overload = Overload(target=0.02, interval=0.1)
    now = 0.0
    for _ in range(50):
        for wait in (0.08, 0.06, 0.04, 0.02, 0.0):
            now += 0.01
            overload.receive(wait, now)
    assert overload.state == "normal"


def test_a_standing_queue_is_answered_by_a_growing_share() -> None:
    overload = Overload(target=0.02, interval=0.1)
    now = _run(overload, 0.05, 0.25, 0.0)
    first = overload.share
    assert 0 < first < 1
    _run(overload, 0.05, 1.0, now)
    assert first < overload.share < 1


def test_it_recovers_at_once_when_the_queue_is_gone() -> None:
    overload = Overload(target=0.02, interval=0.1)
    now = _run(overload, 0.1, 3.0, 0.0)
    assert overload.share > 0.8
    _run(overload, 0.0, 0.25, now)
    assert overload.state == "normal"


def test_silence_is_recovery() -> None:
    overload = Overload(interval=0.1)
    now = _run(overload, 0.1, 1.0, 0.0)
    assert overload.deadline < inf
    overload.expire(overload.deadline)
    overload.expire(now + 0.3)
    assert overload.state == "normal"
    now = _run(overload, 0.1, 1.0, 10.0)
    overload.receive(0.05, now + 5.0)
    assert overload.state == "normal"


def test_one_slow_turn_after_silence_is_no_overload() -> None:
    overload = Overload(target=0.02, interval=0.1)
    overload.receive(0.001, 0.0)
    overload.receive(0.03, 60.0)
    assert overload.state == "normal"


def test_a_wait_that_outlives_the_senders_patience_refuses_everything_at_once() -> None:
    overload = Overload(limit=0.5)
    overload.receive(0.6, 1.0)
    assert overload.refuses(0.999)


def test_the_share_is_what_is_refused() -> None:
    overload = Overload()
    _run(overload, 0.05, 0.25, 0.0)
    refused = sum(overload.refuses(index / 1000) for index in range(1000))
    assert refused == overload.refused
    assert abs(refused / 1000 - overload.share) < 0.002


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.0001, 2)), max_size=80), st.floats(0, 0.999))
def test_whatever_happens_the_share_is_a_share_and_quiet_ends_it(
    turns: list[tuple[float, float]], chance: float
) -> None:
    overload, now = Overload(), 0.0
    for wait, pause in turns:
        now += pause
        overload.receive(wait, now)
        assert 0.0 <= overload.share <= 1.0
        assert 1 <= overload.retry_after(chance) <= 6
        assert (overload.deadline < inf) == (overload.state == "shedding")
    _run(overload, 0.0, 2.5 * overload.interval, now)
    assert overload.state == "normal"
