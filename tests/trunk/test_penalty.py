from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trunkline.sip.flow import Flow
from trunkline.trunk.penalty import FIRST, KEPT, LONGEST, MOST_ASKED, Penalties


def to(host: str, connection: str = "") -> Flow:
    return Flow("tcp" if connection else "udp", ("192.0.2.5", 5060), (host, 5060), connection)


A, B, C = to("192.0.2.1"), to("192.0.2.2"), to("192.0.2.3")


def test_a_failed_address_comes_last_for_a_while() -> None:
    penalties = Penalties()
    penalties.failed(A, 100.0)
    assert penalties.order((A, B, C), 100.0 + FIRST - 0.01) == [B, C, A]
    assert penalties.order((A, B, C), 100.0 + FIRST) == [A, B, C]


def test_failing_again_doubles_the_rest_and_an_answer_ends_it() -> None:
    penalties, now = Penalties(), 0.0
    lengths = []
    for _ in range(8):
        penalties.failed(A, now)
        length = 0.0
        while penalties.rests(A, now + length):
            length += 1.0
        lengths.append(length)
        now += length
        penalties.expire(now)
    assert lengths == [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 320.0, 320.0] == [*lengths[:5], *[LONGEST] * 3]
    penalties.forgive(A)
    assert not penalties.rests(A, now)
    assert len(penalties) == 0
    penalties.failed(A, now)
    assert not penalties.rests(A, now + FIRST)


def test_who_asks_for_time_has_it_up_to_a_bound() -> None:
    penalties = Penalties()
    penalties.failed(A, 0.0, least=120.0)
    penalties.failed(B, 0.0, least=1e9)
    penalties.failed(A, 1.0)
    assert penalties.rests(A, 119.0)
    assert not penalties.rests(A, 120.0)
    assert penalties.rests(B, MOST_ASKED - 1)
    assert not penalties.rests(B, MOST_ASKED)


def test_the_one_that_rests_least_is_tried_first_when_all_do() -> None:
    penalties = Penalties()
    penalties.failed(A, 0.0, least=60.0)
    penalties.failed(B, 0.0)
    penalties.failed(C, 1.0)
    assert penalties.order((A, B, C), 2.0) == [B, C, A]


def test_another_certificate_or_transport_is_another_matter() -> None:
    penalties = Penalties()
    penalties.failed(to("192.0.2.1", "out:a:1"), 0.0)
    assert not penalties.rests(to("192.0.2.1", "out:b:1"), 1.0)
    assert not penalties.rests(A, 1.0)


def test_they_are_bounded_and_pass() -> None:
    penalties = Penalties()
    for number in range(KEPT + 100):
        penalties.failed(to(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 0.0)
    assert len(penalties) == KEPT
    assert not penalties.rests(to("10.0.0.0"), 1.0), "the oldest gave way"
    penalties.expire(penalties.deadline())
    assert len(penalties) == 0
    assert penalties.deadline() == inf


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.floats(0, 50), st.floats(0, 100))), st.floats(0, 200))
def test_no_address_is_lost_or_made(failures: list[tuple[Flow, float, float]], now: float) -> None:
    penalties = Penalties()
    for flow, at, least in sorted(failures, key=lambda each: each[1]):
        penalties.failed(flow, at, least)
    order = penalties.order((A, B, C), now)
    assert sorted(order) == sorted((A, B, C))
    well = [flow for flow in (A, B, C) if not penalties.rests(flow, now)]
    assert order[: len(well)] == well


class Passing(RuleBasedStateMachine):
    """Whatever happens, there is a deadline while there is something, and nothing stays for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.penalties = Penalties()
        self.now = 0.0

    @rule(flow=st.sampled_from([A, B, C]), least=st.floats(0, 1e6))
    def fail(self, flow: Flow, least: float) -> None:
        self.penalties.failed(flow, self.now, least)

    @rule(flow=st.sampled_from([A, B, C]))
    def forgive(self, flow: Flow) -> None:
        self.penalties.forgive(flow)

    @rule(seconds=st.floats(0, 5000))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.penalties.expire(self.now)

    @invariant()
    def it_passes(self) -> None:
        if len(self.penalties):
            assert self.now <= self.penalties.deadline() <= self.now + MOST_ASKED + 2 * LONGEST


TestPassing = Passing.TestCase
