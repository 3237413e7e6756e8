"""Requests inside of calls, whichever party sends them: what crosses, what is answered here, what ends the call."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ORGANIZATION, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import connect, hang_up
from tests.simulation.world import World
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("MESSAGE", 405), ("INVENTED", 501)])
def test_what_does_not_cross(world: World, edge: Edge, carrier: Peer, agent: Peer, method: str, status: int) -> None:
    connect(world, carrier)
    carrier.inside(method)
    world.run(0.1)
    assert carrier.statuses(method) == [status]
    assert "UPDATE" in (carrier.response(status, method).header("Allow") or "")
    assert method not in agent.methods
    hang_up(world, edge)


def test_a_required_extension_inside_a_call_is_420(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("INVITE", MOVED, extra="Require: precondition")
    world.run(0.1)
    assert carrier.response(420).header("Unsupported") == "precondition"
    hang_up(world, edge)


def test_an_update_for_a_peer_without_update_crosses_as_a_reinvite(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    connect(world, carrier)
    carrier.inside("UPDATE", OFFER.replace(b"4000", b"4010"))
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [500, 200] or carrier.statuses("UPDATE") == [200, 500]
    assert agent.methods.count("INVITE") == 2
    before = len(agent.heard)
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE")[-1] == 200
    assert len(agent.heard) == before, "nothing in it: answered here"
    hang_up(world, edge)


def test_a_change_that_the_other_trunk_forbids_is_488(world: World) -> None:
    strict = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="strict", host=AGENT, codecs=("PCMU",))
    bot = msgspec.structs.replace(SIP_AGENT, trunk_id=strict.id)
    edge = Edge(world, records(strict, bot))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier)
    carrier.inside("INVITE", MOVED.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 8").replace(b"a=rtpmap:0 PCMU/8000\r\n", b""))
    world.run(0.1)
    refused = carrier.response(488)
    assert (refused.header("Warning") or "").startswith("305 Trunkline")
    assert agent.methods.count("INVITE") == 1
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


@pytest.mark.parametrize("status", [481, 408])
def test_a_dialog_that_is_gone_over_there_ends_here(
    world: World, edge: Edge, carrier: Peer, agent: Peer, status: int
) -> None:
    """§12.2.1.2."""
    connect(world, carrier)
    agent.react = lambda peer, m: peer.reply(m, status) if isinstance(m, Request) and m.method != "ACK" else None
    carrier.inside("INVITE", MOVED)
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert edge.record.cause == "dialog-lost"
    assert edge.clean() == {}


def test_an_info_that_is_refused_ends_nothing(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    agent.react = lambda peer, m: peer.reply(m, 469) if isinstance(m, Request) and m.method == "INFO" else None
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(0.1)
    assert carrier.statuses("INFO") == [469]
    assert len(edge.core.calls) == 1
    agent.react = answers
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (415, "Accept", "application/dtmf-relay"),
        (415, "Accept-Encoding", "identity"),
        (469, "Recv-Info", "dtmf"),
        (405, "Allow", "INVITE, ACK, BYE"),
    ],
)
def test_who_refuses_says_what_it_would_have_taken(
    world: World, edge: Edge, carrier: Peer, agent: Peer, status: int, name: str, value: str
) -> None:
    """§21.4.6, §21.4.13, RFC 6086 §4.2.2: without these the statuses are not whole."""
    connect(world, carrier)
    agent.react = lambda peer, m: (
        peer.reply(m, status, extra=f"{name}: {value}\nX-Else: 1") if isinstance(m, Request) else None
    )
    for method in ("INFO", "INVITE"):
        carrier.inside(method, MOVED)
        world.run(0.1)
        assert carrier.response(status, method).headers(name) == [value]
        assert carrier.response(status, method).header("X-Else") is None
        carrier.ack()
        world.run(0.1)
    agent.react = answers
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("extra", "status", "name"),
    [("Info-Package: foo", 469, "Recv-Info"), ("Content-Encoding: gzip", 415, "Accept-Encoding")],
)
def test_an_info_that_cannot_cross_whole_does_not(
    world: World, edge: Edge, carrier: Peer, agent: Peer, extra: str, status: int, name: str
) -> None:
    """RFC 6086 §4.2.2, RFC 3261 §8.2.3."""
    connect(world, carrier)
    carrier.inside("INFO", b"x", extra=f"Content-Type: text/plain\n{extra}")
    world.run(0.1)
    assert carrier.response(status, "INFO").headers(name) == ["identity" if status == 415 else ""]
    assert "INFO" not in agent.methods
    hang_up(world, edge)


def test_a_call_that_is_refused_for_its_body_is_told_what_is_taken(world: World, edge: Edge, carrier: Peer) -> None:
    def react(peer: Peer, m: Message) -> None:
        if isinstance(m, Request) and m.method == "INVITE":
            peer.reply(m, 415, extra="Accept: application/sdp")

    Peer(world, AGENT, react)
    carrier.invite()
    world.run(0.1)
    assert carrier.response(415).headers("Accept") == ["application/sdp"]
    hang_up(world, edge)


@pytest.mark.parametrize("status", [405, 423])
def test_a_refusal_of_what_we_sent_is_not_the_callers(world: World, edge: Edge, carrier: Peer, status: int) -> None:
    """405 speaks of the agent's address, 423 of a registration: the caller could only misread them."""

    def react(peer: Peer, m: Message) -> None:
        if isinstance(m, Request) and m.method == "INVITE":
            peer.reply(m, status)

    Peer(world, AGENT, react)
    carrier.invite()
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 502]
    hang_up(world, edge)


def test_the_contact_of_a_reinvites_answer_is_the_new_target(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    connect(world, carrier)
    moved = Peer(world, "192.0.2.91", answers)

    def move(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 200, ANSWER, contact="sip:bot@192.0.2.91")

    agent.react = move
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert moved.methods == ["ACK"]
    hang_up(world, edge)
    assert moved.methods == ["ACK", "BYE"]


def test_behind_nat_the_latest_source_counts(world: World) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, nat=True, networks=("192.0.2.0/24",))))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite(contact="sip:peer@10.1.1.1")
    world.run(0.1)
    rebound = Peer(world, "192.0.2.33", polite)
    rebound.tag, rebound.remote_tag, rebound.cseq = carrier.tag, carrier.remote_tag, carrier.cseq
    rebound.inside("INVITE", MOVED, contact="sip:peer@10.1.1.1")
    world.run(0.1)
    assert agent.methods.count("INVITE") == 2
    hang_up(world, edge)
    assert rebound.methods == ["BYE"]
    assert carrier.methods == []


def test_an_ack_on_the_branch_of_its_invite_counts(world: World, edge: Edge, agent: Peer) -> None:
    """RFC 6026 §8.7."""
    carrier = Peer(world, CARRIER)
    branch = carrier.invite()
    world.run(0.1)
    carrier.inside("ACK", cseq=1, branch=branch)
    world.run(60.0)
    assert carrier.statuses("INVITE").count(200) == 1
    assert len(edge.core.calls) == 1
    hang_up(world, edge)
