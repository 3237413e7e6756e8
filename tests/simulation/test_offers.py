"""Offers that are missing, come late, or cannot be answered."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import CARRIER, ECHO_AGENT, NUMBER_RECORD, Edge, records
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import Agent, hang_up
from tests.simulation.world import World
from trunkline.call.inputs import MediaFailed
from trunkline.sip.message import Request


def test_an_invite_with_isup_alone_is_one_without_offer(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    mixed = b"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b--\r\n"
    carrier.invite(mixed, extra="Content-Type: multipart/mixed;boundary=b")
    world.run(0.1)
    assert carrier.response(200).is_sdp
    carrier.ack(body=ANSWER)
    world.run(0.1)
    assert agent.request("ACK").is_sdp
    hang_up(world, edge)
    assert edge.record.status == "completed"


ISUP = b"--b\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\x02\r\n"
MIXED = "Content-Type: multipart/mixed;boundary=b"


def mixed(sdp: bytes) -> bytes:
    """A session description beside ISUP, as gateways send it."""
    return ISUP + b"--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp + b"\r\n--b--\r\n"


def test_of_a_multipart_body_the_session_description_alone_crosses(world: World, edge: Edge) -> None:
    """The other parts may say who calls, and where from, of a caller that withholds it; and few agents read any."""
    carrier, waiting = Peer(world, CARRIER, polite), Agent(world)
    carrier.invite(mixed(OFFER), extra=MIXED)
    world.run(0.1)
    assert waiting.invite.is_sdp
    assert waiting.invite.body.startswith(b"v=0")
    assert b"isup" not in waiting.invite.raw
    waiting.peer.remote_tag = waiting.invite.from_tag or ""
    waiting.peer.reply(waiting.invite, 183, mixed(ANSWER), extra=MIXED)
    waiting.peer.reply(waiting.invite, 200, mixed(ANSWER), extra=MIXED)
    world.run(0.1)
    for status in (183, 200):
        told = carrier.response(status)
        assert told.header("Content-Type") == "application/sdp"
        assert told.body.startswith(b"v=0")
    carrier.inside("INVITE", mixed(MOVED), extra=MIXED)
    world.run(0.1)
    again = waiting.peer.request("INVITE")
    assert again.header("Content-Type") == "application/sdp"
    assert b"m=audio 4010" in again.body
    waiting.peer.reply(again, 200, ANSWER)
    world.run(0.1)
    hang_up(world, edge)


@pytest.mark.parametrize("answer", [b"", b"garbage"])
def test_a_late_offer_whose_ack_lacks_the_answer(world: World, edge: Edge, agent: Peer, answer: bytes) -> None:
    carrier = Peer(world, CARRIER, lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None)
    carrier.invite(b"")
    world.run(0.1)
    carrier.ack(body=answer)
    world.run(100.0)
    assert agent.methods == ["INVITE", "ACK", "BYE"]
    assert carrier.methods == ["BYE"]
    assert edge.clean() == {}
    edge.whole()


def test_an_agents_bad_offer_is_not_the_callers_fault(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite(b"")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, b"v=0\r\nnonsense\r\n")
    world.run(100.0)
    assert carrier.statuses("INVITE")[-1] >= 500
    assert edge.clean() == {}


def test_media_that_fails_on_the_callers_answer_ends_the_call(world: World, carrier: Peer) -> None:
    edge = Edge(world, records(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)))
    carrier.react = lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None
    carrier.invite(b"")
    world.run(0.1)
    carrier.ack(body=ANSWER)
    world.run(0.1)
    (leg,) = edge.media
    edge.give(MediaFailed(leg, 488, "nothing in common"))
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert edge.media == set()
    assert edge.clean() == {}
    edge.whole()


def test_a_caller_is_told_what_is_wrong_with_its_offer(world: World, carrier: Peer) -> None:
    edge = Edge(world, records(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)))
    edge.full, edge.unfit = True, (400, "SDP has no c= line", '399 trunkline "SDP has no c= line"')
    carrier.invite()
    world.run(0.1)
    assert carrier.response(400).header("Warning") == '399 Trunkline "SDP has no c= line"'
    edge.full = False
    carrier.invite(call_id="c2")
    world.run(0.1)
    carrier.ack(1, call_id="c2")
    world.run(0.1)
    edge.full = True
    carrier.inside("INVITE", OFFER, call_id="c2")
    world.run(0.1)
    assert carrier.response(400).header("Warning") == '399 Trunkline "SDP has no c= line"'
    assert carrier.statuses("INVITE").count(400) == 2
    hang_up(world, edge)
