"""Deadlines beside the plainest model of them: a list that is searched."""

from __future__ import annotations

import math
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.sip.timers import Alarms, Timers, Timing

DURATIONS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 32.0]) | st.floats(0, 100)


class TimersModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timers: Timers[int] = Timers()
        self.now = 0.0
        self.due: list[tuple[float, int]] = []
        self.count = 0

    @rule(duration=DURATIONS)
    def arm(self, duration: float) -> None:
        self.count += 1
        self.timers.arm(self.now, duration, self.count)
        self.due.append((self.now + duration, self.count))

    @rule(pause=DURATIONS)
    def expire(self, pause: float) -> None:
        self.now += pause
        expected = sorted(entry for entry in self.due if entry[0] <= self.now)
        self.due = [entry for entry in self.due if entry[0] > self.now]
        found = self.timers.expire(self.now)
        assert sorted(found) == sorted(entry for _, entry in expected)
        times = {entry: at for at, entry in expected}
        assert [times[entry] for entry in found] == [at for at, _ in expected]

    @invariant()
    def same(self) -> None:
        assert len(self.timers) == len(self.due)
        assert self.timers.deadline() == min((at for at, _ in self.due), default=inf)


class AlarmsModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.alarms: Alarms[int] = Alarms()
        self.now = 0.0
        self.due: dict[int, float] = {}

    @rule(key=st.integers(0, 5), wait=DURATIONS)
    def set(self, key: int, wait: float) -> None:
        self.alarms.set(key, self.now + wait)
        self.due[key] = self.now + wait

    @rule(key=st.integers(0, 5))
    def clear(self, key: int) -> None:
        self.alarms.clear(key)
        self.due.pop(key, None)

    @rule(pause=DURATIONS)
    def expire(self, pause: float) -> None:
        self.now += pause
        expected = sorted(at for at in self.due.values() if at <= self.now)
        found = self.alarms.expire(self.now)
        assert [self.due[key] for key in found] == expected
        for key in found:
            del self.due[key]

    @invariant()
    def same(self) -> None:
        assert len(self.alarms) == len(self.due)
        assert self.alarms.deadline() == min(self.due.values(), default=inf)


TimersModel.TestCase.settings = settings(max_examples=100, stateful_step_count=60)
AlarmsModel.TestCase.settings = settings(max_examples=100, stateful_step_count=60)
TestTimers = TimersModel.TestCase
TestAlarms = AlarmsModel.TestCase


def test_many_durations_share_one_heap() -> None:
    timers: Timers[int] = Timers()
    for n in range(200):
        timers.arm(0.0, 100.0 - n / 10, n)
    assert timers.deadline() == 100.0 - 19.9
    assert timers.expire(100.0) == list(range(199, -1, -1))
    assert timers.deadline() == inf
    assert len(timers) == 0


def test_alarms_that_are_cleared_leave_nothing_behind() -> None:
    """Calls that end before their ring timeout must not pile up until it."""
    alarms: Alarms[int] = Alarms()
    for n in range(10_000):
        alarms.set(n, 1000.0 + n)
        alarms.clear(n)
    assert len(alarms) == 0
    assert len(alarms._heap) < 200
    assert alarms.deadline() == inf


def test_an_alarm_that_is_moved_without_end_leaves_nothing_behind() -> None:
    """A peer that refreshes its session again and again, while another call's alarm is sooner."""
    alarms: Alarms[str] = Alarms()
    alarms.set("other", 1.0)
    for n in range(10_000):
        alarms.set("session", 1000.0 + n // 2)
    assert len(alarms._heap) < 200
    assert alarms.expire(1.0) == ["other"]
    assert alarms.deadline() == 5999.0
    assert alarms.expire(inf) == ["session"]


def test_an_alarm_that_is_moved_rings_once() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.set("a", 5.0)
    alarms.set("a", 5.0)
    alarms.set("a", 9.0)
    assert alarms.expire(5.0) == []
    assert alarms.expire(9.0) == ["a"]
    assert alarms.expire(math.inf) == []
    alarms.clear("a")


@given(st.floats(0.01, 10))
def test_patience_is_64_round_trips(t1: float) -> None:
    assert Timing(t1).patience == 64 * t1
    assert Timing() == (0.5, 4.0, 5.0)
