from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.toll import DAY, Tolls

EPOCH = 1_700_000_000.0
MIDNIGHT = EPOCH - EPOCH % DAY + DAY - EPOCH
"""The next one, in monotonic seconds."""


@pytest.mark.parametrize(("seconds", "minutes"), [(0.0, 1), (0.1, 1), (60.0, 1), (60.1, 2), (3600.0, 60)])
def test_a_begun_minute_is_a_minute_while_the_call_is_up_and_after(seconds: float, minutes: int) -> None:
    tolls = Tolls(EPOCH)
    tolls.begin("o", "c", 10.0)
    assert tolls.minutes("o", 10.0 + seconds) == minutes
    tolls.end("c", 10.0 + seconds)
    assert tolls.minutes("o", 5000.0) == minutes
    assert tolls.minutes("p", 5000.0) == 0
    assert len(tolls) == 0


def test_an_end_counts_once_and_only_what_began() -> None:
    tolls = Tolls(EPOCH)
    tolls.end("nobody", 1.0)
    tolls.begin("o", "c", 0.0)
    tolls.end("c", 30.0)
    tolls.end("c", 3000.0)
    assert tolls.minutes("o", 3000.0) == 1


def test_each_day_has_its_part_of_a_call_over_midnight() -> None:
    tolls = Tolls(EPOCH)
    tolls.begin("o", "c", MIDNIGHT - 600.0)
    assert tolls.minutes("o", MIDNIGHT - 1.0) == 10
    assert tolls.minutes("o", MIDNIGHT + 60.0) == 1
    tolls.end("c", MIDNIGHT + 120.0)
    assert tolls.minutes("o", MIDNIGHT + 200.0) == 2
    assert tolls.minutes("o", MIDNIGHT + DAY) == 0


def test_what_an_earlier_process_used_counts_on_until_midnight() -> None:
    tolls = Tolls(EPOCH)
    tolls.restore({"o": 90, "p": 2}, 1.0)
    assert (tolls.minutes("o", 2.0), tolls.minutes("p", 2.0)) == (90, 2)
    assert tolls.left("o", 0.5, 50.0, 2.0) == 10
    assert tolls.left("o", 0.5, 40.0, 2.0) == 0
    assert tolls.left("o", 0.5, None, 2.0) is None
    assert tolls.left("o", 0.0, 1.0, 2.0) is None
    assert tolls.left("o", 0.5, 50.0, MIDNIGHT) == 100


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.floats(0.0, 40_000.0)), max_size=30))
def test_it_is_what_a_slow_sum_says(steps: list[tuple[str, bool, float]]) -> None:
    tolls, now = Tolls(EPOCH), 0.0
    up: dict[str, float] = {}
    ended: list[tuple[float, float]] = []
    for call, begins, pause in steps:
        now += pause
        if begins and call not in up:
            up[call] = now
            tolls.begin("o", call, now)
        elif not begins:
            tolls.end(call, now)
            if call in up:
                ended.append((up.pop(call), now))
        midnight = now + EPOCH - (now + EPOCH) % DAY - EPOCH
        today = [(since, end) for since, end in ended if end >= midnight] + [(since, now) for since in up.values()]
        expected = sum(max(1, -int(-(end - max(since, midnight)) // 60)) for since, end in today)
        # Seconds of this size have microseconds of rounding.
        assert abs(tolls.minutes("o", now) - expected) <= len(today)
        assert len(tolls) == len(up)
