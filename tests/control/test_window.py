"""Budgets: all or nothing, the whole budget at Reset, bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.control.window import Windows


def test_a_window_opens_with_the_first_use_and_ends_on_time() -> None:
    windows = Windows(2, 60.0)
    assert windows.budget("a", 5.0) == (2, 2, 0.0)
    assert windows.take("a", 10.0)
    assert windows.budget("a", 30.0) == (2, 1, 40.0)
    assert windows.take("a", 69.0)
    assert not windows.take("a", 69.999)
    assert windows.take("b", 69.999)
    assert windows.take("a", 70.0)
    assert windows.budget("a", 70.0) == (2, 1, 60.0)


def test_reset_is_rounded_up() -> None:
    windows = Windows(1, 60.0)
    windows.take("a", 0.0)
    assert windows.budget("a", 0.5).reset_at(1000.2) == 1060
    assert windows.budget("a", 60.0).reset_at(1000.0) == 1000


def test_many_at_once_are_all_or_nothing() -> None:
    windows = Windows(10, 60.0)
    assert not windows.take("a", 0.0, 11)
    assert windows.take("a", 0.0, 10)
    windows.give_back("a", 1.0, 4)
    assert windows.budget("a", 1.0).remaining == 4
    windows.give_back("a", 1.0, 40)
    assert windows.budget("a", 1.0).remaining == 10
    windows.give_back("nobody", 1.0)


def test_windows_that_are_over_are_forgotten() -> None:
    windows = Windows(1, 1.0)
    for number in range(20_000):
        assert windows.take(str(number), number * 0.01)
    assert len(windows) <= 1200


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 4)), max_size=60))
def test_no_window_gives_more_than_its_limit(uses: list[tuple[float, int]]) -> None:
    """Beside a simple model: a list of what was taken since the window opened."""
    windows, now, opened, taken = Windows(5, 60.0), 0.0, -1000.0, 0
    for passed, count in uses:
        now += passed
        if now >= opened + 60.0:
            opened, taken = now, 0
            fresh = True
        else:
            fresh = False
        expected = taken + count <= 5
        assert windows.take("k", now, count) is expected
        if expected:
            taken += count
        elif fresh:
            opened = -1000.0
