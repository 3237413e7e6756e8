"""Where an agent's name leads to, what happens while that is sought, and when it leads nowhere."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, SIP_AGENT, Edge, records
from tests.simulation.peer import Peer, answers, polite, refusing
from tests.simulation.scene import finish
from tests.simulation.world import World
from trunkline.call.inputs import Input, Resolved, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.sip.flow import Flow


class Named(Edge):
    """Its resolver gives what the test says."""

    found: Input

    def _resolve(self, question: Resolve) -> Input:
        return msgspec.structs.replace(self.found, leg=question.leg)


def to(*hosts: str) -> Resolved:
    return Resolved("", tuple([Flow("udp", ("192.0.2.5", 5060), (host, 5060)) for host in hosts]))


def test_the_next_address_of_the_same_agent_is_tried_first() -> None:
    """RFC 3263 §4.3: after a 503, a failed transmission, and silence."""
    world = World()
    edge = Named(world, records(msgspec.structs.replace(SIP_AGENT, ring_timeout=100.0)))
    edge.found = to("192.0.2.60", "192.0.2.61", "192.0.2.62", AGENT)
    edge.unreachable.add("192.0.2.60")
    carrier = Peer(world, CARRIER, polite)
    busy = Peer(world, "192.0.2.62", refusing(503))
    agent = Peer(world, AGENT, answers)
    carrier.invite()
    world.run(3.9)
    assert busy.heard == [], "192.0.2.61 is silent"
    world.run(0.2)
    assert busy.methods == ["INVITE", "ACK"]
    assert carrier.statuses("INVITE")[-1] == 200
    invites = [busy.request("INVITE"), agent.request("INVITE")]
    assert len({invite.call_id for invite in invites}) == 1
    assert [invite.cseq for invite in invites] == [3, 4]
    finish(edge, carrier)


@pytest.mark.parametrize("found", [Unresolvable("", "no such name"), Resolved("", ())])
def test_no_address_at_all(found: Input) -> None:
    world = World()
    edge = Named(world)
    edge.found = found
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(100.0)
    assert carrier.statuses("INVITE")[:2] == [100, 503]
    assert edge.clean() == {}
    # An answer that comes when nobody asks any more.
    edge.give(Resolved(f"{edge.record.id}:1", (Flow("udp", ("192.0.2.5", 5060), (AGENT, 5060)),)))
    assert edge.clean() == {}


class Slow(Edge):
    """Its resolver takes its time."""

    def _resolve(self, question: Resolve) -> Input:
        self.asked = question
        return Resolved("nobody", ())

    def answer(self, *hosts: str) -> None:
        self.give(msgspec.structs.replace(to(*hosts) if hosts else Unresolvable("", "no"), leg=self.asked.leg))


@pytest.mark.parametrize("hosts", [(), (AGENT,)])
def test_a_cancel_while_the_address_is_sought(hosts: tuple[str, ...]) -> None:
    world = World()
    edge = Slow(world)
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    branch = carrier.invite()
    world.run(0.1)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 487]
    edge.answer(*hosts)
    world.run(100.0)
    assert agent.heard == []
    assert edge.clean() == {}
    edge.whole()


@pytest.mark.parametrize("hosts", [(), (CARRIER,)])
def test_requests_wait_for_the_address_of_a_contact(hosts: tuple[str, ...]) -> None:
    """An unknown name leads where its peer was met."""
    world = World()
    edge = Slow(world)
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite(contact="sip:peer@carrier.example")
    world.run(0.1)
    edge.answer(AGENT)
    world.run(0.1)
    assert edge.asked.uri == "sip:peer@carrier.example"
    call_id = agent.request("INVITE").call_id
    agent.inside("INFO", b"x", call_id=call_id, extra="Content-Type: text/plain")
    world.run(0.1)
    assert carrier.methods == []
    edge.answer(*hosts)
    world.run(0.1)
    assert carrier.methods == ["INFO"]
    assert carrier.request("INFO").uri == "sip:peer@carrier.example"
    finish(edge, carrier)
