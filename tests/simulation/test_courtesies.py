"""What an INVITE asks for beside the call: how long it waits, what it measures by, what may be left unread."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, EDGE, Edge
from tests.simulation.peer import Peer
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import connect, hang_up, pending
from tests.simulation.world import World
from trunkline.sip.message import Response


def test_an_invitation_expires(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT, lambda peer, message: None)
    carrier.invite(extra="Expires: 5")
    world.run(0.1)
    agent.reply(agent.request("INVITE"), 180)
    world.run(4.8)
    assert carrier.statuses() == [100, 180]
    world.run(0.2)
    assert carrier.statuses() == [100, 180, 487]
    assert agent.methods[-1] == "CANCEL"
    agent.reply(agent.request("CANCEL"), 200)
    agent.reply(agent.request("INVITE"), 487)
    carrier.ack(1)
    world.run(200.0)
    assert (edge.record.status, edge.record.cause, edge.record.sip_status) == ("no-answer", "expired", 487)
    assert edge.clean() == {}


@pytest.mark.parametrize("value", ["5", "0", "soon", "99999999999"])
def test_an_answered_call_does_not_expire(world: World, edge: Edge, carrier: Peer, agent: Peer, value: str) -> None:
    carrier.invite(extra=f"Expires: {value}")
    world.run(0.1)
    carrier.ack(1)
    world.run(60.0)
    assert len(edge.core.calls) == 1
    hang_up(world, edge)


def test_a_timestamp_comes_back_with_the_100(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    assert carrier.response(100).header("Timestamp") is None
    carrier.invite(extra="Timestamp: 54.21", call_id="c2", cseq=1)
    world.run(0.1)
    assert carrier.response(100).header("Timestamp") == "54.21"
    assert carrier.response(200).header("Timestamp") is None
    hang_up(world, edge)


def test_a_body_that_may_be_left_unread_is(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    carrier.invite(
        b"\x01\x00", "Content-Type: application/ISUP;version=itu-t92+\nContent-Disposition: signal;handling=required"
    )
    world.run(0.1)
    assert carrier.statuses() == [415]
    kind = "Content-Type: application/ISUP;version=itu-t92+\nContent-Disposition: signal ; Handling=optional"
    carrier.invite(b"\x01\x00", kind, call_id="c2")
    world.run(0.1)
    assert agent.request("INVITE").body == b""
    assert carrier.response(200).is_sdp, "the agent makes the offer"
    hang_up(world, edge)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_that_cannot_be_read_is_refused(
    world: World, edge: Edge, carrier: Peer, agent: Peer, method: str
) -> None:
    connect(world, carrier)
    before = list(agent.methods)
    carrier.inside(method, b"hello", extra="Content-Type: text/plain")
    carrier.inside(method, OFFER, extra="Content-Encoding: gzip")
    world.run(0.1)
    assert [m.header("Accept") for m in carrier.heard if isinstance(m, Response) and m.status == 415] == [
        "application/sdp",
        None,
    ]
    assert carrier.response(415, method).header("Accept-Encoding") == "identity"
    assert agent.methods == before
    hang_up(world, edge)


def test_control_characters_do_not_cross(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    for n, bad in enumerate("\x00\x07\x1b\x7f"):
        carrier.invite(extra=f"X-Good: a\tb\nX-Bad: a{bad}b\nUser-to-User: {bad}", call_id=f"c{n}")
        world.run(0.1)
        invite = agent.request("INVITE")
        assert [pair for pair in invite.private() if pair[0] in ("X-Good", "X-Bad")] == [("X-Good", "a\tb")]
        assert invite.header("User-to-User") is None
    hang_up(world, edge)


def test_parties_are_named_without_ports(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    invite = agent.request("INVITE")
    assert invite.header("To") == f"<sip:bot@{AGENT}>"
    assert (invite.header("From") or "").startswith(f"<sip:+13035559876@{EDGE}>;tag=")
    hang_up(world, edge)


def test_what_is_wrong_with_replaces_is_said(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.invite(OFFER, "Replaces: junk")
    world.run(0.1)
    assert carrier.response(400).header("Warning") == '399 Trunkline "malformed-replaces"'
    carrier.invite(OFFER, "Replaces: c;to-tag=a;from-tag=b", call_id="c2")
    world.run(0.1)
    assert carrier.response(481).header("Warning") is None
    assert edge.clean() == {}


def test_a_change_that_waits_is_told_that_it_came(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    before = len(carrier.heard)
    carrier.inside("INVITE", MOVED)
    world.run(0.19)
    assert carrier.heard[before:] == []
    world.run(0.1)
    assert carrier.statuses("INVITE")[-2:] == [200, 100]
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    carrier.inside("INVITE", OFFER)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(1.0)
    assert carrier.statuses("INVITE")[-4:] == [200, 100, 200, 200]
    hang_up(world, edge)


def test_a_prack_without_a_rack_is_told_so_where_nothing_is_reliable_too(
    world: World, edge: Edge, carrier: Peer
) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    agent.reply(agent.request("INVITE"), 180)
    world.run(0.1)
    carrier.inside("PRACK")
    world.run(0.1)
    assert carrier.response(400, "PRACK").header("Warning") == '399 Trunkline "a PRACK needs a RAck"'
    agent.reply(agent.request("INVITE"), 486)
    world.run(200.0)
    assert edge.clean() == {}
