"""Where requests inside a dialog go: routes, targets, and connections that are lost."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, Edge, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED
from tests.simulation.scene import Agent, connect, hang_up
from tests.simulation.world import World
from trunkline.call.inputs import HangUp
from trunkline.sip.message import Request


def test_record_route_is_repeated_in_what_makes_a_dialog(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    routes = ["<sip:192.0.2.1:5060;lr>", '"p, 2" <sip:192.0.2.77;lr>;x=y']
    carrier.invite(extra=f"Record-Route: {routes[0]}\nRecord-Route: {routes[1]}")
    world.run(0.1)
    for status in (180, 200):
        assert carrier.response(status).headers("Record-Route") == routes
    assert not carrier.response(100).headers("Record-Route")
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    assert carrier.request("BYE").headers("Route") == routes
    hang_up(world, edge)


def test_a_refusal_makes_no_dialog_and_repeats_no_route(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    carrier = Peer(world, CARRIER)
    carrier.invite(extra="Record-Route: <sip:192.0.2.1:5060;lr>")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 486)
    world.run(0.1)
    assert not carrier.response(486).headers("Record-Route")
    world.run(100.0)
    assert edge.clean() == {}


def test_a_contact_of_another_transport_is_followed(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    carrier.invite(extra=f"m: <sip:peer@{CARRIER}:5060;transport=tcp>")
    world.run(0.1)
    carrier.invite(call_id="c2")
    hang_up(world, edge)


def test_the_target_follows_a_reinvite(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    elsewhere = Peer(world, "192.0.2.33", polite)
    carrier.inside("INVITE", MOVED, contact="sip:peer@192.0.2.33:5060")
    world.run(0.1)
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    assert elsewhere.methods == ["BYE"]
    hang_up(world, edge)


def tcp_edge(world: World) -> Edge:
    from tests.simulation.edge import TRUNK

    return Edge(world, records(msgspec.structs.replace(TRUNK, transport="tcp")))


def test_a_bye_over_a_lost_connection_goes_by_address(world: World) -> None:
    edge = tcp_edge(world)
    agent = Peer(world, AGENT, answers)
    carrier = Peer(world, CARRIER, polite, "tcp", "in:1")
    carrier.invite(extra="X-A: b")
    world.run(0.1)
    edge.broken.add("in:1")
    agent.inside("BYE", call_id=agent.request("INVITE").call_id)
    world.run(0.1)
    assert carrier.methods == ["BYE"], world.ladder()
    world.run(100.0)
    assert edge.clean() == {}


def test_two_requests_over_a_lost_connection_keep_their_order(world: World) -> None:
    edge = tcp_edge(world)
    agent = Peer(world, AGENT, answers)
    carrier = Peer(world, CARRIER, polite, "tcp", "in:1")
    carrier.invite()
    world.run(0.1)
    edge.broken.add("in:1")
    call_id = agent.request("INVITE").call_id
    agent.inside("INFO", b"1", call_id=call_id, extra="Content-Type: text/plain")
    agent.inside("INFO", b"2", call_id=call_id, extra="Content-Type: text/plain")
    world.run(0.1)
    assert [r.body for r in carrier.requests] == [b"1", b"2"], world.ladder()
    assert agent.statuses("INFO") == [200, 200]
    sequences = [r.cseq for r in carrier.requests]
    assert sequences == sorted(set(sequences))
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("headers", "target", "routes"),
    [
        ('Contact: sip:x@192.0.2.9;+sip.instance="<urn:gsma:imei:1-2>";audio', "sip:x@192.0.2.9", []),
        ("Contact: <tel:+12025550100>", "sip:bot@192.0.2.9:5060", []),
        ("Contact: *", "sip:bot@192.0.2.9:5060", []),
        ("Contact: <sip:x@0.0.0.0>", "sip:x@0.0.0.0", []),
        ("Record-Route: junk\nContact: <sip:x@192.0.2.9>", "sip:x@192.0.2.9", []),
        ("Record-Route: sip:192.0.2.9;lr\nContact: <sip:x@192.0.2.8>", "sip:x@192.0.2.8", ["<sip:192.0.2.9;lr>"]),
    ],
)
def test_where_an_odd_answer_leads(world: World, edge: Edge, headers: str, target: str, routes: list[str]) -> None:
    def odd(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method != "INVITE":
            answers(peer, message)
            return
        vias = "".join([f"Via: {via}\n" for via in message.headers("Via")])
        peer.say(
            f"""SIP/2.0 200 OK
            {vias}From: {message.header("From")}
            To: {message.header("To")};tag=odd
            Call-ID: {message.call_id}
            CSeq: {message.cseq} INVITE
            {headers}
            Content-Type: application/sdp""",
            ANSWER,
        )

    agent = Peer(world, AGENT, odd)
    carrier = Peer(world, CARRIER, polite)
    connect(world, carrier)
    hang_up(world, edge)
    for method in ("ACK", "BYE"):
        request = agent.request(method)
        assert (request.uri, request.headers("Route")) == (target, routes)
