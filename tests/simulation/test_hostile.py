"""Peers that break the rules, or keep to those that few know: the call goes on or ends, and nothing of it stays."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, NUMBER_RECORD, TRUNK, Edge, records
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, Phone
from tests.simulation.scene import Agent, connect, hang_up, pending, read
from tests.simulation.world import World
from trunkline.call.inputs import Interrupted
from trunkline.call.outputs import Heard, Transmit
from trunkline.model.change import Put
from trunkline.model.journal import Answered
from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.message import Response


def test_wrong_tags_are_no_dialog(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("BYE", to_tag="nobody")
    world.run(0.1)
    assert carrier.statuses("BYE") == [481]
    carrier.tag = "other"
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [481, 481]
    assert len(edge.core.calls) == 1
    hang_up(world, edge)


def test_a_request_out_of_order_is_told_so(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("INFO", cseq=2**32 - 1)
    world.run(0.1)
    carrier.inside("INFO", cseq=5)
    world.run(0.1)
    assert carrier.statuses("INFO") == [200, 500]
    hang_up(world, edge)


def test_responses_of_other_methods_and_other_calls_change_nothing(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    invite = waiting.invite
    for cseq in ("1 BYE", "1 CANCEL", "99 INVITE2"):
        waiting.peer.say(
            f"""SIP/2.0 200 OK
            Via: {invite.header("Via")}
            From: {invite.header("From")}
            To: {invite.header("To")};tag=x
            Call-ID: {invite.call_id}
            CSeq: {cseq}"""
        )
    world.run(0.1)
    assert waiting.peer.methods == ["INVITE"]
    assert [o.kind for o in edge.observed] == ["stray"] * 3
    waiting.peer.reply(invite, 200, ANSWER)
    waiting.peer.reply(invite, 180)
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 200]
    hang_up(world, edge)


def test_a_487_without_a_cancel_is_a_refusal(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 487)
    world.run(100.0)
    assert carrier.statuses("INVITE")[-1] == 487
    assert edge.clean() == {}


def test_a_cancel_for_nothing_is_481(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.inside("CANCEL", cseq=1)
    world.run(0.1)
    assert carrier.statuses("CANCEL") == [481]
    assert edge.clean() == {}


def test_a_cancel_sent_again_is_answered_again(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    branch = carrier.invite()
    world.run(0.1)
    for _ in range(3):
        carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
        world.run(0.1)
    assert carrier.statuses("CANCEL") == [200, 200, 200]
    assert carrier.statuses("INVITE") == [100, 487]
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 487)
    # A repeat after the transaction has ended is a CANCEL for nothing.
    world.run(100.0)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    world.run(0.1)
    assert carrier.statuses("CANCEL")[-1] == 481
    assert edge.clean() == {}


def test_a_merged_request_is_482(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    carrier.invite()
    world.run(0.1)
    assert sorted(carrier.statuses("INVITE")) == [100, 482]
    assert waiting.peer.methods == ["INVITE"]
    hang_up(world, edge)


def test_our_own_call_come_back_is_482(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    own = waiting.invite.header("X-Trunkline-Call-Id")
    carrier.invite(extra=f"X-Trunkline-Call-Id: {own}", call_id="other")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 482]
    hang_up(world, edge)


def test_hops_are_counted(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    for given, _passed in ((70, 69), (10, 9), (255, 69)):
        carrier.invite(extra="X-A: b", call_id=f"c{given}")
        text = f"Max-Forwards: {given}"
        assert text
    world.run(0.1)
    hang_up(world, edge)


def test_headers_of_a_leg_stay_on_it(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    carrier.invite(
        extra=f"""X-Customer: 7
        User-to-User: 00ab;encoding=hex
        X-Trunkline-Call-Id: call_forged
        Supported: timer, 100rel
        Allow: INVITE, PRACK
        Record-Route: <sip:{CARRIER};lr>
        P-Asserted-Identity: <sip:+13035559876@{CARRIER}>
        User-Agent: Carrier
        Session-Expires: 1234
        Subject: secret"""
    )
    world.run(0.1)
    got = agent.request("INVITE")
    assert got.header("X-Customer") == "7"
    assert got.header("User-to-User") == "00ab;encoding=hex"
    assert got.headers("X-Trunkline-Call-Id") == [f"call_{next(iter(edge.core.calls))}"]
    for name in ("Route", "Record-Route", "P-Asserted-Identity", "Subject"):
        assert got.header(name) is None, name
    assert got.headers("Session-Expires") == ["1800"], "ours"
    assert got.header("User-Agent") == "Trunkline"
    head = got.raw.partition(b"\r\n\r\n")[0].decode()
    assert CARRIER not in head
    assert carrier.tag not in head
    answer = carrier.response(200).raw.partition(b"\r\n\r\n")[0].decode()
    assert AGENT not in answer
    assert agent.tag not in answer
    hang_up(world, edge)


def test_a_reserved_header_does_not_cross_inside_the_call(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    edge.core.ua.brand = "Acme"
    connect(world, carrier)
    carrier.inside("INFO", b"x", extra="X-Acme-Call-Id: call_forged\nX-Other: 1\nContent-Type: text/plain")
    world.run(0.1)
    got = agent.request("INFO")
    assert got.header("X-Acme-Call-Id") is None
    assert got.header("X-Other") == "1"
    hang_up(world, edge)


def test_an_agents_warning_does_not_name_it(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 488, extra=f'Warning: 305 {AGENT}:5060 "Incompatible media format"')
    world.run(0.1)
    refused = carrier.response(488)
    assert refused.header("Warning") == '305 Trunkline "Incompatible media format"'
    world.run(100.0)
    assert edge.clean() == {}


@pytest.mark.parametrize("required", ["precondition", "resource-priority", "precondition, x"])
def test_what_is_required_and_not_known_is_420(world: World, edge: Edge, carrier: Peer, required: str) -> None:
    carrier.invite(extra=f"Require: {required}")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [420]
    assert carrier.response(420).header("Unsupported") == required
    assert edge.clean() == {}


def test_requests_repeated_after_all_is_over(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("BYE")
    world.run(0.1)
    sent = [seen.data for seen in world.seen if seen.source[0] == CARRIER]
    world.run(100.0)
    assert edge.clean() == {}
    calls = len(edge.finished)
    for data in sent:
        if not data.startswith(b"INVITE"):
            world.carry(carrier.flow, data)
    world.run(100.0)
    assert edge.clean() == {}
    assert len(edge.finished) == calls
    assert carrier.statuses("BYE") == [200, 481]


def test_info_that_floods_is_bounded(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    waiting.peer.react = None
    for n in range(300):
        carrier.inside("INFO", str(n).encode(), extra="Content-Type: text/plain")
    world.run(0.1)
    assert waiting.peer.methods.count("INFO") < 100
    assert carrier.statuses("INFO").count(500) > 200
    waiting.peer.react = waiting._react
    hang_up(world, edge)


def test_a_stray_response_is_only_counted(world: World, edge: Edge, carrier: Peer) -> None:
    edge.receive(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKno\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:a@b>;tag=2\r\nCall-ID: no\r\nCSeq: 1 INVITE\r\n\r\n",
        Flow("udp", edge.address, (CARRIER, 5060)),
        world.now,
    )
    assert [o.kind for o in edge.observed] == ["stray"]
    assert edge.clean() == {}


def test_a_farewell_is_no_calls_message(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    (answered,) = [entry for entry in edge.journal if isinstance(entry, Answered)]
    after = Edge(world, seed=b"after")
    for dialog in answered.dialogs:
        after.give(Interrupted(dialog))
    outs = after.core.receive(
        Answering(read(world.seen[-1].data), carrier.flow).response(200, "t"),
        Flow("udp", (EDGE, 5060), (AGENT, 5060)),
        world.now,
    )
    assert [out for out in outs if isinstance(out, Heard)] == []
    world.run(200.0)
    assert after.clean() == {}


def test_a_refusal_is_heard_before_it_is_acknowledged(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    flow = Flow("udp", (EDGE, 5060), (AGENT, 5060))
    refusal = Answering(agent.request("INVITE"), flow).response(488, "t")
    outs = edge.core.receive(refusal, flow, world.now)
    first = next(out for out in outs if isinstance(out, Heard | Transmit))
    assert isinstance(first, Heard)
    edge.perform(outs)
    world.run(200.0)
    assert agent.methods == ["INVITE", "ACK"]
    assert edge.clean() == {}


@pytest.mark.parametrize("proven", [True, False])
def test_an_invite_that_was_refused_and_is_admitted_when_it_comes_again(world: World, proven: bool) -> None:
    """The table changed between an INVITE and its repeat. Who acknowledges the refusal has given up: nobody is kept
    talking to it."""
    edge, carrier = Edge(world, records(msgspec.structs.replace(TRUNK, networks=()))), Peer(world, CARRIER)
    waiting = Agent(world)
    branch = carrier.invite()
    world.run(0.1)
    (refusal,) = [m for m in carrier.heard if isinstance(m, Response)]
    assert refusal.status == 403
    edge.core.apply([Put(TRUNK)], world.now)
    carrier.invite(branch=branch)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 180)
    carrier.inside("ACK", cseq=1, branch=branch, to_tag=refusal.to_tag if proven else "forged")
    world.run(0.1)
    assert waiting.peer.methods == (["INVITE", "CANCEL"] if proven else ["INVITE"])
    if proven:
        assert edge.record.cause == "cancelled"
        assert edge.record.status == "no-answer"
    waiting.peer.reply(waiting.invite, 487)
    world.run(200.0)
    assert edge.clean() == {}
    edge.whole()


@pytest.mark.parametrize("by_us", [False, True])
def test_the_ack_of_a_refusal_is_heard_once(world: World, by_us: bool) -> None:
    number = msgspec.structs.replace(NUMBER_RECORD, state="suspended" if by_us else "active")
    edge, carrier = Edge(world, records(number)), Peer(world, CARRIER)
    Phone(world, AGENT, lambda phone, leg: phone.refuse(leg, 486))
    branch = carrier.invite()
    world.run(0.2)
    refusal = [m for m in carrier.heard if isinstance(m, Response) and m.status >= 400][-1]
    ack = (
        f"ACK sip:{NUMBER}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER}:5060;branch={branch};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: {refusal.header('From')}\r\nTo: {refusal.header('To')}\r\n"
        f"Call-ID: {refusal.call_id}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    assert edge.core.receive(ack, carrier.flow, world.now) == [Heard(edge.record.id, carrier.flow, ack)]
    assert edge.core.receive(ack, carrier.flow, world.now) == []
    world.run(200.0)
    assert edge.clean() == {}
