"""The schedule of one registration: it never lapses while the registrar answers, never hurries one that refuses."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trunkline.registrar.registration import (
    LATE,
    LONGEST_WISH,
    SOON,
    Attempt,
    Outcome,
    Registration,
    Transition,
    Word,
)

CHANCES = st.floats(0.0, 0.999)


def attempted(words: list[Word]) -> list[int]:
    return [word.expires for word in words if isinstance(word, Attempt)]


def due(registration: Registration, chance: float = 0.5) -> float:
    """The next attempt has begun; when."""
    at = registration.deadline
    assert at is not None
    assert attempted(registration.expire(at, chance))
    return at


@given(st.floats(1.0, 86_400.0), CHANCES)
def test_it_is_refreshed_at_80_to_90_percent(granted: float, chance: float) -> None:
    registration = Registration(3600, 0.0, 0.0)
    at = due(registration)
    registration.receive(Outcome(status=200, granted=granted), at, chance)
    assert registration.next_at is not None
    assert 0.8 * granted <= registration.next_at - at <= 0.9 * granted + 1e-6


@given(st.sampled_from([0, 408, 480, 500, 503, 504, 302]), CHANCES)
def test_pauses_grow_up_to_a_bound(status: int, chance: float) -> None:
    registration = Registration(3600, 0.0, 0.0)
    times = []
    for _ in range(12):
        times.append(due(registration))
        registration.receive(Outcome(status=status), times[-1], chance)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(earlier <= later + 1e-6 for earlier, later in pairwise(gaps))
    assert SOON[0] / 2 <= gaps[0] <= SOON[0]
    assert SOON[1] / 2 <= gaps[-1] <= SOON[1] + 1e-6


def test_who_refuses_us_is_asked_seldom() -> None:
    for status in (401, 403, 404, 600):
        registration = Registration(3600, 0.0, 0.0)
        at = due(registration)
        registration.receive(Outcome(status=status), at, 0.0)
        assert registration.next_at == at + LATE[0] / 2


def test_a_granted_time_of_nothing_is_a_failure() -> None:
    registration = Registration(3600, 0.0, 0.0)
    words = registration.receive(Outcome(status=200, granted=0.0), due(registration), 0.5)
    assert [word.new for word in words if isinstance(word, Transition)] == ["failed"]


def test_what_expires_unrefreshed_is_said_to_have_failed() -> None:
    registration = Registration(3600, 0.0, 0.0)
    at = due(registration)
    registration.receive(Outcome(status=200, granted=100.0), at, 0.0)
    due(registration)
    assert registration.deadline == at + 100.0
    (word,) = registration.expire(at + 100.0, 0.0)
    assert isinstance(word, Transition)
    assert (word.old, word.new) == ("registered", "failed")


def test_one_that_is_not_wanted_while_it_is_asked_for_is_taken_back() -> None:
    registration = Registration(3600, 0.0, 0.0)
    at = due(registration)
    assert registration.leave(at) == []
    assert registration.busy
    registration.receive(Outcome(status=200, granted=100.0), at + 1, 0.5)
    assert attempted(registration.expire(at + 1, 0.5)) == [0]
    registration.receive(Outcome(status=200), at + 2, 0.5)
    assert (registration.state, registration.deadline, registration.expires_at) == ("unregistered", None, None)


def test_one_that_is_wanted_again_while_it_is_taken_back_comes_again() -> None:
    registration = Registration(3600, 0.0, 0.0)
    at = due(registration)
    registration.receive(Outcome(status=200, granted=100.0), at, 0.5)
    registration.leave(at)
    assert attempted(registration.expire(at, 0.5)) == [0]
    registration.enter(at, 0.5)
    registration.receive(Outcome(status=200), at, 0.5)
    due(registration)
    words = registration.receive(Outcome(status=200, granted=100.0), at + 3, 0.5)
    assert [word.new for word in words if isinstance(word, Transition)] == ["registered"]


class RegistrationRuns(RuleBasedStateMachine):
    """Whatever happens, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.registration = Registration(3600, 0.0, 0.5)
        self.wanted = True
        self.underway = False

    def heed(self, words: list[Word]) -> None:
        for word in words:
            if isinstance(word, Attempt):
                assert not self.underway
                assert self.wanted or word.expires == 0
                self.underway = True
            else:
                assert word.old != word.new

    @rule(chance=CHANCES)
    def wait(self, chance: float) -> None:
        at = self.registration.deadline
        if at is not None:
            assert at <= self.now + 0.91 * 86_400 + LONGEST_WISH * 1.2
            self.now = max(self.now, at)
            self.heed(self.registration.expire(self.now, chance))

    @rule(seconds=st.floats(0.0, 5000.0), chance=CHANCES)
    def pass_time(self, seconds: float, chance: float) -> None:
        self.now += seconds
        self.heed(self.registration.expire(self.now, chance))

    @precondition(lambda self: self.underway)
    @rule(
        status=st.sampled_from([0, 200, 200, 200, 302, 401, 403, 408, 423, 500, 503, 603]),
        granted=st.sampled_from([0.0, 1.0, 60.0, 3600.0]),
        retry=st.sampled_from([0.0, 10.0, 1e9]),
        least=st.sampled_from([0, 60, 7200, 10**8]),
        chance=CHANCES,
    )
    def answer(self, status: int, granted: float, retry: float, least: int, chance: float) -> None:
        self.underway = False
        outcome = Outcome(status=status, granted=granted, retry_after=retry, min_expires=least)
        self.heed(self.registration.receive(outcome, self.now, chance))

    @rule()
    def leave(self) -> None:
        self.wanted = False
        self.heed(self.registration.leave(self.now))

    @rule(chance=CHANCES)
    def enter(self, chance: float) -> None:
        self.wanted = True
        self.registration.enter(self.now, chance)

    @rule()
    def moved(self) -> None:
        self.registration.moved(self.now)

    @rule()
    def hurry(self) -> None:
        self.registration.hurry(self.now)

    @invariant()
    def it_goes_on(self) -> None:
        """While it is wanted, there is always a next time."""
        if self.wanted and not self.underway:
            assert self.registration.deadline is not None
        if not self.wanted and not self.underway and not self.registration.busy:
            assert self.registration.next_at is None


TestRegistrationRuns = RegistrationRuns.TestCase
