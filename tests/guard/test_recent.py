"""A set of keys that forgets: held against one that remembers when each came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.recent import Recent

STEPS = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 15)), max_size=60)


@given(STEPS)
def test_a_key_is_held_for_its_span_and_no_longer_than_two(steps: list[tuple[str, float]]) -> None:
    recent, now = Recent(10.0), 100.0
    came: dict[str, float] = {}
    for key, wait in steps:
        now += wait
        for known, at in came.items():
            if now - at < 10.0:
                assert recent.holds(known, now)
            if now - at >= 20.0:
                assert not recent.holds(known, now)
        recent.add(key, now)
        came[key] = now


def test_it_never_holds_more_than_two_generations() -> None:
    recent = Recent(10.0, room=5)
    for number in range(100):
        recent.add(str(number), 1.0)
        assert len(recent) <= 10
    assert recent.holds("99", 1.0)
    assert not recent.holds("0", 1.0)


def test_an_empty_one_holds_nothing() -> None:
    assert not Recent(10.0).holds("a", 5.0)
