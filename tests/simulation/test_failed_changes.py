"""Changes of a session that come to nothing leave room for the next."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, Edge
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import Agent, pending, works_still
from tests.simulation.world import World
from trunkline.sip.message import Request
from trunkline.sip.timers import Timing


@pytest.mark.parametrize("answer", [b"", b"v=0\r\nnonsense\r\n", b"garbage"])
def test_a_reinvite_answered_without_an_answer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer, answer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, answer)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 502, "no 2xx to an offer lacks the answer (RFC 3264 §5)"
    works_still(world, edge, carrier, waiting)


@pytest.mark.parametrize("offer", [b"garbage", b"v=0\r\nnonsense\r\n"])
def test_a_reinvite_answered_with_a_bad_offer_is_acknowledged(
    world: World, edge: Edge, carrier: Peer, offer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE")
    world.run(0.1)
    acks = waiting.peer.methods.count("ACK")
    waiting.peer.reply(waiting.invite, 200, offer)
    world.run(0.1)
    assert waiting.peer.methods.count("ACK") == acks + 1
    assert carrier.statuses("INVITE")[-1] >= 400
    works_still(world, edge, carrier, waiting)


@pytest.mark.parametrize("answer", [b"", b"garbage"])
def test_an_ack_that_lacks_the_answer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer, answer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.react = None
    carrier.inside("INVITE")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    carrier.ack(body=answer)
    world.run(0.1)
    assert waiting.peer.methods.count("ACK") == 2
    carrier.react = polite
    works_still(world, edge, carrier, waiting)


def test_an_answer_to_a_withdrawn_reinvite_is_acknowledged(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    branch = carrier.inside("INVITE", cseq=2)
    world.run(0.1)
    carrier.inside("CANCEL", cseq=2, branch=branch)
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    assert 487 in carrier.statuses("INVITE")
    assert waiting.peer.methods.count("ACK") == 2, world.ladder()
    carrier.cseq = 2
    works_still(world, edge, carrier, waiting)


def test_a_withdrawn_reinvite_is_cancelled_once_the_other_side_responded(
    world: World, edge: Edge, carrier: Peer
) -> None:
    waiting = pending(world, carrier)
    branch = carrier.inside("INVITE", MOVED, cseq=2)
    world.run(0.1)
    carrier.inside("CANCEL", cseq=2, branch=branch)
    world.run(0.1)
    # §9.1: not before a provisional response.
    assert "CANCEL" not in waiting.peer.methods
    waiting.peer.reply(waiting.invite, 100)
    world.run(0.1)
    assert waiting.peer.methods[-1] == "CANCEL"
    waiting.peer.reply(waiting.invite, 487)
    world.run(0.1)
    carrier.cseq = 2
    works_still(world, edge, carrier, waiting)


def test_an_update_that_crosses_as_a_reinvite_is_answered_in_its_time(world: World, edge: Edge, carrier: Peer) -> None:
    """Its sender waits 64·T1 and then gives up the dialog; somebody may think about a re-INVITE for longer."""
    waiting = pending(world, carrier)
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 180)
    world.run(31.0)
    assert carrier.statuses("UPDATE") == [504]
    assert waiting.peer.methods[-1] == "CANCEL"
    waiting.peer.reply(waiting.invite, 487)
    world.run(0.1)
    works_still(world, edge, carrier, waiting)


def test_an_update_has_time_for_an_answer_however_short_t1_is(world: World, edge: Edge, carrier: Peer) -> None:
    """Of T2 it is only known that it is not shorter: it may be more than 64·T1."""
    edge.core.ua.layer.timing = Timing(0.05, 4.0, 5.0)
    waiting = pending(world, carrier)
    carrier.inside("UPDATE", MOVED)
    world.run(1.0)
    assert not carrier.statuses("UPDATE")
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [200]
    works_still(world, edge, carrier, waiting)


def test_a_reinvite_that_is_never_answered_dies_with_the_call(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 100)
    world.run(0.1)
    world.remove((AGENT, 5060))
    carrier.inside("BYE")
    world.run(200.0)
    assert edge.clean() == {}


def test_a_body_without_sdp_is_a_reinvite_without_offer(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    mixed = b"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b--\r\n"
    carrier.inside("INVITE", mixed, extra="Content-Type: multipart/mixed;boundary=b")
    world.run(0.1)
    assert not waiting.invite.is_sdp
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    world.run(0.1)
    works_still(world, edge, carrier, waiting)


def test_an_update_answered_with_an_unasked_offer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer
) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER, extra="Allow: INVITE, UPDATE")
    world.run(0.1)
    waiting.peer.react = lambda peer, m: peer.reply(m, 200, OFFER) if isinstance(m, Request) else None
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [200]
    waiting.peer.react = waiting._react
    works_still(world, edge, carrier, waiting)


@pytest.mark.parametrize(
    ("status", "told"), [(401, 502), (407, 502), (420, 502), (482, 502), (302, 480), (488, 488), (491, 491), (603, 603)]
)
def test_a_refused_change_is_told_as_a_refused_call_is(
    world: World, edge: Edge, carrier: Peer, status: int, told: int
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    why = '"no codec in common"'
    waiting.peer.reply(waiting.invite, status, extra=f"Contact: <sip:other@192.0.2.9>\nWarning: 305 192.0.2.9 {why}")
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == told
    warning = carrier.response(told).header("Warning")
    assert warning == (f"305 Trunkline {why}" if status == 488 else None)
    works_still(world, edge, carrier, waiting)
