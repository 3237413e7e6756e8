"""Answers and their ACKs (RFC 3261 §13.2.2.4, §13.3.1.4), where they come late, twice, or not at all."""

from __future__ import annotations

from tests.simulation.edge import CARRIER, Edge
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import Agent, connect, hang_up, pending, works_still
from tests.simulation.world import World
from trunkline.call.inputs import HangUp
from trunkline.sip.message import Request


def test_a_bye_crosses_an_operators_hang_up_before_the_ack(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [200]
    world.run(200.0)
    assert edge.clean() == {}
    assert carrier.methods == []


def test_what_waits_for_an_answer_is_answered_when_the_ack_never_comes(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    waiting.peer.react = None
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(20.0)
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(200.0)
    assert carrier.statuses("INFO")
    assert edge.clean() == {}


def test_the_ack_of_a_reinvite_counts_although_another_request_came_between(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    carrier.inside("INVITE", MOVED, cseq=2)
    world.run(0.1)
    carrier.cseq = 2
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(60.0)
    assert carrier.methods == [], "the call goes on"
    assert carrier.statuses("INVITE").count(200) == 2
    hang_up(world, edge)


def test_an_ack_for_another_request_is_none(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    carrier.ack(7)
    world.run(3.0)
    assert carrier.statuses("INVITE").count(200) > 2
    carrier.ack(1)
    world.run(60.0)
    assert carrier.methods == []
    hang_up(world, edge)


def test_an_answer_without_an_ack_ends_both_legs(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None)
    connect(world, carrier)
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert "BYE" in agent.methods
    # At T1, doubling up to T2, until 64·T1 (§13.3.1.4).
    assert carrier.statuses("INVITE").count(200) == 11
    assert edge.record.cause == "no-ack"
    assert edge.clean() == {}


def test_the_ack_of_the_agents_200_is_sent_for_each_copy(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    for _ in range(3):
        waiting.peer.reply(waiting.invite, 200, ANSWER)
        world.run(1.0)
    acks = [request for request in waiting.peer.requests if request.method == "ACK"]
    assert len(acks) == 3
    assert len({ack.raw for ack in acks}) == 1
    assert carrier.statuses("INVITE").count(200) == 1
    hang_up(world, edge)


def test_the_first_answer_is_acknowledged_even_after_the_second(world: World, edge: Edge, carrier: Peer) -> None:
    """The ACK of the call's first 200 was lost, and a change of the session came before it was sent again."""
    waiting = pending(world, carrier)
    first = waiting.invite
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    waiting.peer.reply(first, 200, ANSWER)
    world.run(0.1)
    assert [r.cseq for r in waiting.peer.requests if r.method == "ACK"] == [1, 2, 1]
    works_still(world, edge, carrier, waiting)


def test_the_answer_to_a_reinvite_of_a_call_that_is_over_is_acknowledged_alone(
    world: World, edge: Edge, agent: Peer
) -> None:
    carrier = Peer(world, CARRIER, polite)
    connect(world, carrier)
    agent.react = None
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    agent.reply(agent.request("BYE"), 200)
    world.run(1.0)
    agent.reply(agent.request("INVITE"), 200, ANSWER)
    world.run(0.1)
    assert agent.methods[-1] == "ACK"
    assert agent.methods.count("BYE") == 1
    world.run(200.0)
    assert edge.clean() == {}


def test_an_offer_that_crosses_our_bye_is_acknowledged(world: World, edge: Edge, agent: Peer) -> None:
    """§13.2.2.4: each 2xx is, or its sender repeats it for 64·T1."""
    carrier = Peer(world, CARRIER, polite)
    connect(world, carrier)
    agent.react = None
    carrier.inside("INVITE")
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    agent.reply(agent.request("INVITE"), 200, OFFER)
    world.run(0.1)
    assert agent.methods[-3:] == ["INVITE", "BYE", "ACK"]
    assert agent.request("ACK").cseq == agent.request("INVITE").cseq
    agent.reply(agent.request("BYE"), 200)
    world.run(200.0)
    assert edge.clean() == {}
