"""One call from INVITE to BYE, and how it may end otherwise: on a fair network, message by message."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    SIP_AGENT,
    TRUNK,
    Edge,
    records,
)
from tests.simulation.phone import MOVED, Behaviour, Phone
from tests.simulation.world import World
from trunkline.call.inputs import Drain, HangUp
from trunkline.call.leg.events import Asked, Disconnected, Failed, Rang, Replied
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.number import NumberConfig
from trunkline.model.trunk import Range

URI = f"sip:{NUMBER}@{EDGE}"


def answer_after(seconds: float) -> Behaviour:
    def behave(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg)
        phone.world.after(seconds, lambda: phone.answer(leg))

    return behave


@pytest.fixture
def carrier(world: World) -> Phone:
    return Phone(world, CARRIER)


@pytest.fixture
def agent(world: World) -> Phone:
    return Phone(world, AGENT, answer_after(1.0))


def starts(world: World, source: str, target: str) -> list[str]:
    return [s.start.replace("SIP/2.0 ", "") for s in world.seen if (s.source[0], s.target[0]) == (source, target)]


def test_the_caller_hangs_up(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    leg = carrier.dial(URI)
    world.run(3.0)
    assert carrier.connected
    carrier.hang_up(leg)
    world.run(40.0)
    assert starts(world, EDGE, CARRIER) == ["100 Trying", "180 Ringing", "200 OK", "200 OK"]
    assert [s.split(" ")[0] for s in starts(world, EDGE, AGENT)] == ["INVITE", "ACK", "BYE"]
    assert edge.record.status == "completed"
    assert edge.record.hung_up_by == "caller"
    assert edge.record.duration == 1
    assert len(edge.record.legs) == 2
    assert len({leg.sip_call_id for leg in edge.record.legs}) == 2
    assert edge.clean() == {}
    assert carrier.idle()
    assert agent.idle()


def test_the_agent_hangs_up(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    carrier.dial(URI)
    world.run(3.0)
    (leg,) = agent.legs.values()
    agent.hang_up(leg)
    world.run(40.0)
    assert carrier.of(Disconnected)
    assert edge.record.hung_up_by == "agent"
    assert edge.clean() == {}


def test_echo_answers_without_another_machine(world: World, carrier: Phone) -> None:
    edge = Edge(world, records(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)))
    leg = carrier.dial(URI)
    world.run(1.0)
    assert carrier.connected
    assert len(edge.media) == 1
    carrier.hang_up(leg)
    world.run(40.0)
    assert edge.media == set()
    assert edge.record.legs[1].codec == "PCMU"
    assert edge.clean() == {}


def test_a_number_in_a_range_is_answered_by_the_ranges_agent(world: World, carrier: Phone, agent: Phone) -> None:
    ranges = (Range(prefix="+1202", agent_id=SIP_AGENT.id),)
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, ranges=ranges)))
    leg = carrier.dial(f"sip:+12025550777@{EDGE}")
    world.run(3.0)
    assert carrier.connected
    carrier.hang_up(leg)
    world.run(40.0)
    record = edge.record
    assert (record.status, record.callee, record.number_id) == ("completed", "+12025550777", None)
    assert (record.agent_id, record.organization_id) == (SIP_AGENT.id, TRUNK.organization_id)
    assert edge.clean() == {}


def test_a_cancel_ends_the_ringing(world: World, edge: Edge, carrier: Phone) -> None:
    agent = Phone(world, AGENT, lambda phone, leg: phone.ring(leg))
    leg = carrier.dial(URI)
    world.run(1.0)
    carrier.hang_up(leg)
    world.run(40.0)
    assert starts(world, EDGE, CARRIER)[-2:] == ["200 OK", "487 Request Terminated"]
    assert "CANCEL" in starts(world, EDGE, AGENT)[-2].split(" ")[0]
    assert (edge.record.status, edge.record.cause) == ("no-answer", "cancelled")
    assert edge.clean() == {}
    assert agent.idle()


def test_a_cancel_before_any_response_of_the_agent_waits_for_one(world: World, edge: Edge, carrier: Phone) -> None:
    agent = Phone(world, AGENT, lambda phone, leg: phone.world.after(2.0, lambda: phone.ring(leg)))
    agent.says_trying = False
    leg = carrier.dial(URI)
    world.run(0.5)
    carrier.hang_up(leg)
    world.run(0.5)
    assert [s.split(" ")[0] for s in starts(world, EDGE, AGENT)][-1] == "INVITE"
    world.run(40.0)
    assert "CANCEL" in [s.split(" ")[0] for s in starts(world, EDGE, AGENT)]
    assert edge.clean() == {}
    assert agent.idle()


def test_an_answer_that_crosses_the_cancel_is_ended_with_bye(world: World, edge: Edge, carrier: Phone) -> None:
    agent = Phone(world, AGENT, answer_after(1.0))
    leg = carrier.dial(URI)
    # The CANCEL reaches the edge when the agent's 200 is on its way.
    world.run(1.0015)
    carrier.hang_up(leg)
    world.run(40.0)
    assert [s.split(" ")[0] for s in starts(world, EDGE, AGENT)][-3:] == ["CANCEL", "ACK", "BYE"]
    assert edge.record.status == "no-answer"
    assert edge.clean() == {}
    assert agent.idle()
    assert carrier.idle()


@pytest.mark.parametrize(
    ("status", "crossed"), [(486, 486), (404, 404), (603, 603), (401, 502), (302, 480), (500, 500)]
)
def test_a_refusal_crosses_with_its_status(world: World, edge: Edge, carrier: Phone, status: int, crossed: int) -> None:
    Phone(world, AGENT, lambda phone, leg: phone.refuse(leg, status))
    carrier.dial(URI)
    world.run(40.0)
    (failed,) = carrier.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.status == crossed
    assert edge.record.sip_status == crossed
    assert edge.record.legs[1].status == status
    assert edge.clean() == {}


def test_nobody_answers_in_time(world: World, edge: Edge, carrier: Phone) -> None:
    agent = Phone(world, AGENT, lambda phone, leg: phone.ring(leg))
    carrier.dial(URI)
    world.run(80.0)
    (failed,) = carrier.of(Failed)
    assert isinstance(failed, Failed)
    assert (failed.status, edge.record.cause, edge.record.status) == (480, "ring-timeout", "no-answer")
    assert edge.clean() == {}
    assert agent.idle()


def test_max_duration_ends_both_legs(world: World, carrier: Phone, agent: Phone) -> None:
    number = msgspec.structs.replace(NUMBER_RECORD, config=NumberConfig(max_duration=5))
    edge = Edge(world, records(number))
    carrier.dial(URI)
    world.run(50.0)
    assert (edge.record.cause, edge.record.duration, edge.record.hung_up_by) == ("max-duration", 5, "edge")
    assert carrier.of(Disconnected)
    assert agent.of(Disconnected)
    assert edge.clean() == {}


def test_an_operator_hangs_up(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    carrier.dial(URI)
    world.run(3.0)
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(40.0)
    assert carrier.of(Disconnected)
    assert agent.of(Disconnected)
    assert edge.record.hung_up_by == "edge"
    assert edge.clean() == {}


def test_an_offer_in_the_200_is_answered_in_the_ack(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    carrier.dial(URI, offer=b"")
    world.run(3.0)
    assert carrier.connected
    acks = [r for r in agent.requests if r.method == "ACK"]
    assert acks
    assert acks[-1].body.startswith(b"v=0")
    for leg in list(carrier.legs.values()):
        carrier.hang_up(leg)
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO"])
@pytest.mark.parametrize("who", ["carrier", "agent"])
def test_requests_cross_the_call(world: World, edge: Edge, carrier: Phone, agent: Phone, method: str, who: str) -> None:
    carrier.dial(URI)
    world.run(3.0)
    asker, other = (carrier, agent) if who == "carrier" else (agent, carrier)
    (leg,) = asker.legs.values()
    asker.ask(leg, method, MOVED if method != "INFO" else b"Signal=5\r\n")
    world.run(2.0)
    (replied,) = asker.of(Replied)
    (asked,) = other.of(Asked)
    assert isinstance(replied, Replied)
    assert isinstance(asked, Asked)
    assert replied.status == 200
    assert asked.method == method
    asker.hang_up(leg)
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


def test_a_reinvite_without_sdp_brings_the_offer_back(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    carrier.dial(URI)
    world.run(3.0)
    (leg,) = carrier.legs.values()
    carrier.ask(leg, "INVITE")
    world.run(2.0)
    (replied,) = carrier.of(Replied)
    assert isinstance(replied, Replied)
    assert replied.body
    acks = [r for r in agent.requests if r.method == "ACK"]
    assert acks[-1].body.startswith(b"v=0")
    carrier.hang_up(leg)
    world.run(40.0)
    assert edge.clean() == {}


def test_two_reinvites_at_once_are_told_491(world: World, edge: Edge, carrier: Phone, agent: Phone) -> None:
    carrier.dial(URI)
    world.run(3.0)
    (ours,), (theirs,) = carrier.legs.values(), agent.legs.values()
    carrier.ask(ours, "INVITE", MOVED)
    agent.ask(theirs, "INVITE", MOVED)
    world.run(3.0)
    statuses = sorted(e.status for p in (carrier, agent) for e in p.of(Replied) if isinstance(e, Replied))
    assert statuses == [491, 491] or statuses == [200, 491]
    carrier.hang_up(ours)
    world.run(40.0)
    assert edge.clean() == {}


def test_a_drain_refuses_new_calls_and_leaves_the_others(
    world: World, edge: Edge, carrier: Phone, agent: Phone
) -> None:
    first = carrier.dial(URI)
    world.run(3.0)
    edge.give(Drain(True))
    carrier.dial(URI)
    world.run(1.0)
    (failed,) = carrier.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.status == 503
    carrier.hang_up(first)
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


def test_two_early_dialogs_stay_apart(world: World, edge: Edge, carrier: Phone) -> None:
    def fork(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg, 183, early="a")
        phone.ring(leg, 183, early="b")
        phone.world.after(1.0, lambda: phone.answer(leg))

    Phone(world, AGENT, fork)
    leg = carrier.dial(URI)
    world.run(3.0)
    tags = [event.early for event in carrier.of(Rang) if isinstance(event, Rang)]
    assert len(set(tags)) == 2
    assert carrier.connected
    carrier.hang_up(leg)
    world.run(40.0)
    assert edge.clean() == {}
