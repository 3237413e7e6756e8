"""Calls that the edge begins: first the telephone, then the agent, and every way in which that may end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.simulation.device import Device
from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    ECHO_SDP,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.phone import ANSWER, Behaviour, Phone
from tests.simulation.test_outbound import CARRIER_TRUNK, DIALLED, OTHER, SECOND, answering, refusing
from tests.simulation.world import Weather, World
from trunkline.call.inputs import HangUp, MediaEnded, Originate
from trunkline.call.leg.events import Asked, Disconnected
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.agent import Agent
from trunkline.model.organization import OutboundRules
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow

CALL = id_of(99)
AWAY = Flow("udp", (EDGE, 5060), (EDGE, 5060))


def edge_with(world: World, *changed: Any, rules: OutboundRules | None = None) -> Edge:
    organization = msgspec.structs.replace(ORGANIZATION, outbound=rules or OutboundRules())
    return Edge(world, records(organization, CARRIER_TRUNK, SECOND, *changed))


def originate(edge: Edge, agent: Agent = SIP_AGENT, **fields: Any) -> None:
    edge.give(
        Originate(
            **{
                "call": CALL,
                "organization": ORGANIZATION.id,
                "calling": NUMBER,
                "to": DIALLED,
                "agent": agent.id,
                "local": AWAY,
                **fields,
            }
        )
    )


def methods(phone: Phone) -> list[str]:
    return [request.method for request in phone.requests if request.method != "ACK"]


def test_an_echo_agent_and_a_telephone(world: World) -> None:
    edge = edge_with(world)
    telephone = Phone(world, CARRIER, answering())
    originate(edge, ECHO_AGENT)
    world.run(0.5)
    (call,) = edge.core.calls.values()
    assert call.ledger.ringing_at is not None
    assert call.ledger.answered_at is None
    world.run(3.0)
    assert methods(telephone) == ["INVITE"]
    invite = telephone.requests[0]
    assert invite.uri == f"sip:{DIALLED}@{CARRIER}"
    assert b"m=audio 20000" in invite.body
    assert [(wish.kind, wish.offer, bool(wish.answer)) for wish in edge.opened] == [
        ("echo", None, False),
        ("echo", None, True),
    ]
    telephone.hang_up_all()
    world.run(40.0)
    record = edge.record
    assert (record.id, record.direction, record.status, record.hung_up_by) == (CALL, "outbound", "completed", "callee")
    assert (record.caller, record.callee, record.agent_id) == (NUMBER, DIALLED, ECHO_AGENT.id)
    assert [(line.side, line.agent_id, line.trunk_id) for line in record.legs] == [
        ("agent", ECHO_AGENT.id, None),
        ("callee", None, CARRIER_TRUNK.id),
    ]
    assert edge.media == set()
    assert edge.clean() == {}


def test_the_telephone_first_and_then_the_agent(world: World) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering()), Phone(world, AGENT, answering(0.3))
    originate(edge, metadata={"campaign": "7"})
    world.run(0.9)
    # Nobody speaks to ringing.
    assert methods(agent) == []
    world.run(5.0)
    assert methods(agent) == ["INVITE"]
    invite = agent.requests[0]
    assert invite.header("From").startswith(f"<sip:{DIALLED}@{EDGE}")  # type: ignore[union-attr]
    assert invite.header("X-Trunkline-Meta-campaign") == "7"
    assert invite.header("X-Trunkline-Call-Id") == f"call_{CALL}"
    # The agent is offered what the telephone said, and may speak before the telephone knows where the agent is.
    assert b"m=audio 5000" in invite.body
    assert methods(telephone) == ["INVITE", "INVITE"]
    assert b"m=audio 20000" in telephone.requests[0].body
    told = [request for request in telephone.requests if request.method == "INVITE"][1]
    assert b"m=audio 5000" in told.body
    # One session to the telephone, with another version.
    (first, second) = ([*body.split(b"o=")[1].split(b" ")[1:3]] for body in (telephone.requests[0].body, told.body))
    assert first[0] == second[0]
    assert int(second[1]) == int(first[1]) + 1
    # Our port is closed again.
    assert edge.media == set()
    (call,) = edge.core.calls.values()
    assert call.ledger.transfers is None
    agent.hang_up_all()
    world.run(40.0)
    assert telephone.of(Disconnected)
    record = edge.record
    assert (record.status, record.cause, record.hung_up_by) == ("completed", "normal", "agent")
    assert [(line.side, line.agent_id, line.status) for line in record.legs] == [
        ("edge", None, 200),
        ("callee", None, 200),
        ("agent", SIP_AGENT.id, 200),
    ]
    assert record.transfers == ()
    assert record.duration >= 4
    assert edge.clean() == {}
    assert telephone.idle()
    assert agent.idle()


def test_requests_cross_between_them_afterwards(world: World) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering()), Phone(world, AGENT, answering(0.3))
    originate(edge)
    world.run(5.0)
    (leg,) = agent.legs.values()
    before = len(telephone.of(Asked))
    agent.ask(leg, "INFO", b"Signal=5\r\n")
    agent.ask(leg, "INVITE", ANSWER.replace(b"7 7", b"7 8").replace(b"sendrecv", b"sendonly"))
    world.run(2.0)
    asked = telephone.of(Asked)[before:]
    assert [event.method for event in asked if isinstance(event, Asked)] == ["INFO", "INVITE"]
    telephone.hang_up_all()
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


def test_the_echo_agent_speaks_no_srtp(world: World) -> None:
    carrier = msgspec.structs.replace(CARRIER_TRUNK, media_encryption="require")
    edge = edge_with(world, carrier, msgspec.structs.replace(SECOND, enabled=False))
    telephone = Phone(world, CARRIER, answering())
    originate(edge, ECHO_AGENT)
    world.run(40.0)
    assert telephone.requests == []
    record = edge.record
    assert (record.status, record.cause, record.sip_status) == ("failed", "media-encryption", 488)
    assert "SRTP is required" in (record.detail or "")
    assert edge.clean() == {}


@pytest.mark.parametrize("side", ["carrier", "agent"])
def test_where_one_side_takes_nothing_but_srtp_it_is_all_srtp(world: World, side: str) -> None:
    bots = Trunk(id=id_of(60), organization_id=ORGANIZATION.id, name="bots", host=AGENT)
    carrier = CARRIER_TRUNK
    if side == "carrier":
        carrier = msgspec.structs.replace(carrier, media_encryption="require")
    else:
        bots = msgspec.structs.replace(bots, media_encryption="require")
    edge = edge_with(world, carrier, bots, msgspec.structs.replace(SIP_AGENT, trunk_id=bots.id))
    key = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    mine, bot_key = key + b"A" * 40 + b"\r\n", key + b"B" * 40 + b"\r\n"
    secure = ANSWER.replace(b"RTP/AVP", b"RTP/SAVP")

    def answer(with_key: bytes) -> Behaviour:
        return lambda phone, leg: phone.answer(leg, secure + with_key)

    telephone, agent = Phone(world, CARRIER, answer(mine)), Phone(world, AGENT, answer(bot_key))
    telephone.asked = lambda leg, event: telephone.reply(leg, event.exchange, 200, secure + mine)
    originate(edge)
    world.run(5.0)
    first, *later = [request for request in telephone.requests if request.method == "INVITE"]
    assert b"RTP/SAVP" in first.body
    assert key in first.body
    assert mine in agent.requests[0].body
    assert bot_key in later[-1].body
    (call,) = edge.core.calls.values()
    assert call.ledger.answered_at is not None
    agent.hang_up_all()
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


@pytest.mark.parametrize(
    ("status", "cause", "by"), [(486, "busy", "callee"), (603, "declined", "callee"), (404, "refused", "callee")]
)
def test_a_telephone_that_does_not_answer_calls_no_agent(world: World, status: int, cause: str, by: str) -> None:
    edge = edge_with(world)
    Phone(world, CARRIER, refusing(status))
    agent = Phone(world, AGENT, answering())
    originate(edge)
    world.run(40.0)
    assert methods(agent) == []
    assert (edge.record.status, edge.record.cause, edge.record.hung_up_by) == ("failed", cause, by)
    assert edge.record.sip_status == status
    assert edge.media == set()
    assert edge.clean() == {}


def test_it_rings_for_as_long_as_was_asked(world: World) -> None:
    edge = edge_with(world)
    telephone = Phone(world, CARRIER, lambda phone, leg: phone.ring(leg))
    originate(edge, timeout=10.0)
    world.run(9.0)
    assert edge.core.calls
    world.run(40.0)
    assert (edge.record.status, edge.record.cause) == ("no-answer", "ring-timeout")
    assert "CANCEL" in methods(telephone)
    assert edge.clean() == {}


def test_carriers_follow_one_another(world: World) -> None:
    edge = edge_with(world)
    Phone(world, CARRIER, refusing(503))
    Phone(world, OTHER, answering())
    Phone(world, AGENT, answering(0.1))
    originate(edge)
    world.run(5.0)
    edge.give(HangUp(CALL))
    world.run(40.0)
    assert [line.trunk_id for line in edge.record.legs] == [None, CARRIER_TRUNK.id, SECOND.id, None]
    assert (edge.record.status, edge.record.hung_up_by, edge.record.cause) == ("completed", "edge", "operator")
    assert edge.clean() == {}


@pytest.mark.parametrize("status", [486, 500])
def test_a_telephone_whose_agent_cannot_be_reached_is_hung_up(world: World, status: int) -> None:
    edge = edge_with(world)
    telephone = Phone(world, CARRIER, answering())
    Phone(world, AGENT, refusing(status))
    originate(edge)
    world.run(60.0)
    assert telephone.of(Disconnected)
    assert (edge.record.status, edge.record.cause, edge.record.hung_up_by) == ("failed", "agent-not-reached", "edge")
    assert edge.record.legs[-1].status == status
    assert edge.media == set()
    assert edge.clean() == {}
    assert telephone.idle()


def test_an_agent_that_does_not_answer_is_given_up(world: World) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering()), Phone(world, AGENT, lambda phone, leg: phone.ring(leg))
    originate(edge)
    world.run(80.0)
    assert telephone.of(Disconnected)
    assert (edge.record.status, edge.record.cause) == ("failed", "agent-not-reached")
    assert "CANCEL" in methods(agent)
    assert edge.clean() == {}
    assert agent.idle()


def test_the_next_agent_of_a_group_is_tried(world: World) -> None:
    spare = Agent(
        id=id_of(31), organization_id=ORGANIZATION.id, name="spare", kind="sip", uri=f"sip:spare@{OTHER}:5060"
    )
    group = Agent(
        id=id_of(32), organization_id=ORGANIZATION.id, name="all", kind="group", members=(SIP_AGENT.id, spare.id)
    )
    edge = edge_with(world, spare, group)
    telephone, second = Phone(world, CARRIER, answering()), Phone(world, OTHER, answering(0.1))
    Phone(world, AGENT, refusing(503))
    originate(edge, group)
    world.run(5.0)
    assert methods(second) == ["INVITE"]
    telephone.hang_up_all()
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


def test_who_hangs_up_while_waiting_leaves_nothing_behind(world: World) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering(0.5)), Phone(world, AGENT, lambda phone, leg: phone.ring(leg))
    originate(edge)
    world.run(2.0)
    telephone.hang_up_all()
    world.run(60.0)
    assert (edge.record.status, edge.record.cause, edge.record.hung_up_by) == ("failed", "left-waiting", "callee")
    assert "CANCEL" in methods(agent)
    assert edge.media == set()
    assert edge.clean() == {}


@pytest.mark.parametrize("after", [0.0005, 0.5, 1.1, 1.4, 3.0])
def test_an_operator_may_end_it_at_any_time(world: World, after: float) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering()), Phone(world, AGENT, answering(0.3))
    originate(edge)
    world.run(after)
    edge.give(HangUp(CALL))
    world.run(80.0)
    assert edge.record.hung_up_by == "edge"
    assert edge.media == set()
    assert edge.clean() == {}
    assert telephone.idle()
    assert agent.idle()
    edge.whole()


def test_it_ends_in_time_and_counts_for_the_organization(world: World) -> None:
    edge = edge_with(world, rules=OutboundRules(max_duration=30))
    Phone(world, CARRIER, answering())
    Phone(world, AGENT, answering(0.3))
    originate(edge)
    world.run(20.0)
    assert edge.core.counts()["tolled_calls"] == 1
    world.run(80.0)
    assert (edge.record.cause, edge.record.duration) == ("max-duration", 30)
    assert edge.core.arrival.admission.tolls.minutes(ORGANIZATION.id, world.now) == 1
    assert edge.clean() == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"calling": "+14155550100"},
        {"to": "+442071234567"},
        {"organization": "nobody"},
    ],
)
def test_what_may_not_begin_does_not(world: World, fields: dict[str, Any]) -> None:
    edge = edge_with(world)
    originate(edge, **fields)
    originate(edge, msgspec.structs.replace(SIP_AGENT, id=id_of(77)))
    assert edge.core.calls == {}
    assert edge.finished == []
    assert edge.clean() == {}


def test_without_a_port_there_is_no_call(world: World) -> None:
    edge = edge_with(world)
    edge.full = True
    originate(edge)
    world.run(1.0)
    assert (edge.record.status, edge.record.cause, edge.record.hung_up_by) == ("failed", "media", "edge")
    assert edge.clean() == {}


def test_media_is_what_our_port_said(world: World) -> None:
    edge = edge_with(world, msgspec.structs.replace(CARRIER_TRUNK, codecs=("PCMU",)))
    telephone = Phone(world, CARRIER, answering())
    originate(edge, ECHO_AGENT)
    world.run(2.0)
    assert telephone.requests[0].body.split(b"m=audio")[1] == ECHO_SDP.split(b"m=audio")[1]
    assert NUMBER_RECORD.agent_id == SIP_AGENT.id
    assert TRUNK.id == CARRIER_TRUNK.id
    telephone.hang_up_all()
    world.run(40.0)
    assert edge.clean() == {}


def test_an_agent_that_answers_when_the_telephone_has_gone(world: World) -> None:
    edge = edge_with(world)

    def both(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg)
        phone.world.after(0.5, lambda: phone.answer(leg))
        phone.world.after(0.4995, telephone.hang_up_all)

    telephone = Phone(world, CARRIER, answering(0.5))
    agent = Phone(world, AGENT, both)
    originate(edge)
    world.run(80.0)
    assert edge.record.cause == "left-waiting"
    assert edge.clean() == {}
    assert agent.idle()


def test_the_telephone_stops_ringing_when_the_media_here_fails(world: World) -> None:
    edge = edge_with(world)
    telephone = Phone(world, CARRIER, lambda phone, leg: phone.ring(leg))
    originate(edge)
    world.run(1.0)
    (silence,) = edge.media
    edge.give(MediaEnded(silence, "gone"))
    world.run(1.0)
    assert methods(telephone) == ["INVITE", "CANCEL"]
    assert (edge.record.status, edge.record.cause) == ("failed", "media")
    world.run(80.0)
    assert edge.clean() == {}
    assert telephone.idle()


def test_the_silence_that_fails_while_the_agent_rings_is_closed(world: World) -> None:
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering(0.5)), Phone(world, AGENT, answering(2.0))
    originate(edge)
    world.run(1.0)
    (silence,) = edge.media
    edge.give(MediaEnded(silence, "silent"))
    world.run(4.0)
    assert edge.media == set()
    assert len(telephone.legs) == len(agent.legs) == 1
    telephone.hang_up_all()
    world.run(80.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


def test_an_agent_that_registered_is_called_over_its_flow(world: World) -> None:
    desk = Trunk(
        id=id_of(41),
        organization_id=ORGANIZATION.id,
        name="desk",
        role="agent",
        username="anna",
        password=Secret("secret"),
        accepts_registration=True,
    )
    anna = Agent(id=id_of(42), organization_id=ORGANIZATION.id, name="anna", kind="sip", trunk_id=desk.id)
    edge = edge_with(world, desk, anna)
    telephone = Phone(world, CARRIER, answering(0.5))
    device = Device(world, port=41234)
    device.named = ("10.0.0.7", 5060)
    assert device.register() == 200
    originate(edge, anna)
    world.run(3.0)
    (invite,) = device.calls
    assert invite.uri == "sip:anna@10.0.0.7:5060"
    assert methods(telephone) == ["INVITE", "INVITE"]
    edge.give(HangUp(CALL))
    world.run(40.0)
    assert edge.record.status == "completed"
    assert edge.clean() == {}


@pytest.mark.parametrize("seed", range(40))
def test_in_bad_weather_a_call_ends_once_and_leaves_nothing(seed: int) -> None:
    world = World(seed, Weather(loss=0.15, doubled=0.1, delay=(0.001, 0.4)))
    edge = edge_with(world)
    telephone, agent = Phone(world, CARRIER, answering(0.5)), Phone(world, AGENT, answering(0.3))
    originate(edge)
    who = world.chance.choice(["telephone", "agent", "operator", "nobody"])
    after = world.chance.uniform(0.2, 8.0)
    if who == "operator":
        world.after(after, lambda: edge.give(HangUp(CALL)))
    elif who != "nobody":
        world.after(after, (telephone if who == "telephone" else agent).hang_up_all)
    world.run(60.0)
    edge.give(HangUp(CALL))
    world.run(200.0)
    edge.whole()
    assert len(edge.finished) == 1, world.ladder()
    assert edge.clean() == {}, world.ladder()
    assert edge.media == set()
    assert telephone.idle(), world.ladder()
    assert agent.idle(), world.ladder()
