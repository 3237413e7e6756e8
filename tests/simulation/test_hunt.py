"""Several agents for one number, several addresses for one agent, and agents that ask for a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp, Input, Resolved, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.model.agent import Agent, Step
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.digest import answer as digest_answer
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

Reaction = Callable[[Peer, Message], None]
SECOND = "192.0.2.90"
FIRST_AGENT = msgspec.structs.replace(SIP_AGENT, ring_timeout=5.0)
SECOND_AGENT = Agent(
    id=id_of(30), organization_id=ORGANIZATION.id, name="second", kind="sip", uri=f"sip:bot@{SECOND}", ring_timeout=5.0
)


def group(*members: Agent) -> Edge:
    """An edge whose number rings these one after the other."""
    world = World()
    both = Agent(
        id=id_of(31),
        organization_id=ORGANIZATION.id,
        name="group",
        kind="group",
        members=tuple([member.id for member in members]),
    )
    called = msgspec.structs.replace(NUMBER_RECORD, agent_id=both.id)
    return Edge(world, records(*members, both, called))


def statuses(edge: Edge) -> list[int | None]:
    """Of the agent legs of the only record, in order."""
    return [leg.status for leg in edge.record.legs if leg.side == "agent"]


def test_an_agent_at_whose_port_nobody_listens_costs_no_time() -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    edge.world.closed.add((AGENT, 5060))
    carrier, second = Peer(edge.world, CARRIER, polite), Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert second.methods == ["INVITE", "ACK"]
    finish(edge, carrier)
    assert statuses(edge) == [503, 200]


def finish(edge: Edge, carrier: Peer) -> None:
    carrier.inside("BYE")
    edge.world.run(200.0)
    assert edge.clean() == {}, edge.world.ladder()
    edge.whole()


def refusing(status: int, *, ring: bool = False) -> Reaction:
    def react(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            if ring:
                peer.reply(message, 180)
            peer.reply(message, status)

    return react


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("ring", [False, True])
def test_a_machine_that_fails_is_followed_by_the_next(status: int, ring: bool) -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    first = Peer(edge.world, AGENT, refusing(status, ring=ring))
    second = Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(1.0)
    assert carrier.statuses("INVITE")[-1] == 200
    assert first.methods == ["INVITE", "ACK"]
    assert second.request("INVITE").call_id != first.request("INVITE").call_id
    finish(edge, carrier)
    assert statuses(edge) == [status, 200]
    assert edge.record.agent_id == SECOND_AGENT.id


@pytest.mark.parametrize("status", [404, 480, 486, 488, 600, 603])
def test_a_no_is_a_no(status: int) -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    Peer(edge.world, AGENT, refusing(status))
    second = Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(200.0)
    assert carrier.statuses("INVITE")[-1] == status
    assert second.heard == []
    assert edge.clean() == {}


def test_no_route_is_followed_by_the_next_at_once() -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    Peer(edge.world, SECOND, answers)
    edge.unreachable.add(AGENT)
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 180, 200]
    finish(edge, carrier)
    assert statuses(edge) == [503, 200]


def test_a_name_without_address_is_followed_by_the_next() -> None:
    edge = group(msgspec.structs.replace(FIRST_AGENT, uri="sip:bot@nowhere.example"), SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    finish(edge, carrier)


def test_silence_is_followed_by_the_next_long_before_the_ring_timeout() -> None:
    edge = group(msgspec.structs.replace(FIRST_AGENT, ring_timeout=30.0), SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    second = Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(3.9)
    assert second.heard == []
    edge.world.run(0.2)
    assert carrier.statuses("INVITE")[-1] == 200
    finish(edge, carrier)
    assert statuses(edge) == [408, 200]


def test_who_rang_in_vain_is_cancelled_and_the_next_has_an_early_dialog_of_its_own() -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT, ECHO_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)

    def ring(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 183, ANSWER)
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.reply(message, 200)
            peer.reply(peer.request("INVITE"), 487)

    agents = [Peer(edge.world, host, ring) for host in (AGENT, SECOND)]
    carrier.invite()
    edge.world.run(12.0)
    for agent in agents:
        assert agent.methods == ["INVITE", "CANCEL", "ACK"]
    tags = [m.to_tag for m in carrier.heard if m.cseq_method == "INVITE" and m.to_tag]
    assert len(tags) == len(set(tags)) == 3
    finish(edge, carrier)
    assert statuses(edge) == [408, 408, 200]
    assert edge.record.legs[-1].codec == "PCMU"


def grouped(**fields: Any) -> Edge:
    """Two agents in a group of these qualities."""
    both = Agent(
        id=id_of(31),
        organization_id=ORGANIZATION.id,
        name="g",
        kind="group",
        members=(FIRST_AGENT.id, SECOND_AGENT.id),
        **fields,
    )
    called = msgspec.structs.replace(NUMBER_RECORD, agent_id=both.id)
    return Edge(World(), records(FIRST_AGENT, SECOND_AGENT, both, called))


@pytest.mark.parametrize(("status", "hunts"), [(404, True), (480, True), (500, False), (503, False)])
def test_a_group_says_after_which_answers_it_goes_on(status: int, hunts: bool) -> None:
    edge = grouped(hunt_on=(404, 480))
    carrier = Peer(edge.world, CARRIER, polite)
    Peer(edge.world, AGENT, refusing(status))
    second = Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == (200 if hunts else status)
    assert bool(second.heard) is hunts
    if hunts:
        finish(edge, carrier)


def test_who_rang_and_is_not_available_is_nobodys_failure() -> None:
    edge = grouped(hunt_on=(480,))
    carrier = Peer(edge.world, CARRIER, polite)

    def declines(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 180)
            peer.reply(message, 480)

    Peer(edge.world, AGENT, declines)
    second = Peer(edge.world, SECOND, answers)
    carrier.invite()
    edge.world.run(200.0)
    assert carrier.statuses("INVITE")[-1] == 480
    assert second.heard == []
    assert edge.clean() == {}


def test_each_step_has_its_own_ring_time_and_the_search_its_end() -> None:
    """Ringing agents: the first for 2 s, the second for its own time, cut short by the group's whole 5 s."""
    edge = grouped(steps={FIRST_AGENT.id: Step(ring_timeout=2.0)}, hunt_timeout=5.0)
    carrier = Peer(edge.world, CARRIER, polite)

    def ring(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 180)
        if isinstance(message, Request) and message.method == "CANCEL":
            peer.reply(message, 200)
            peer.reply(peer.request("INVITE"), 487)

    first, second = [Peer(edge.world, host, ring) for host in (AGENT, SECOND)]
    carrier.invite()
    edge.world.run(1.9)
    assert (first.methods, second.methods) == (["INVITE"], [])
    edge.world.run(0.2)
    assert (first.methods, second.methods) == (["INVITE", "CANCEL", "ACK"], ["INVITE"])
    edge.world.run(3.0)
    assert second.methods == ["INVITE", "CANCEL", "ACK"]
    assert carrier.statuses("INVITE")[-1] == 480
    edge.world.run(200.0)
    assert edge.record.cause == "ring-timeout"
    assert edge.clean() == {}


def test_a_weighted_group_shares_its_calls() -> None:
    edge = grouped(strategy="weighted", steps={FIRST_AGENT.id: Step(weight=9), SECOND_AGENT.id: Step(weight=1)})
    carrier = Peer(edge.world, CARRIER, polite)
    first, second = [Peer(edge.world, host, answers) for host in (AGENT, SECOND)]
    for number in range(60):
        carrier.tag = f"tag{number}"
        carrier.invite(call_id=f"call{number}")
        edge.world.run(0.1)
    shares = first.methods.count("INVITE"), second.methods.count("INVITE")
    assert sum(shares) == 60
    assert 45 <= shares[0] <= 59
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    edge.world.run(200.0)
    assert edge.clean() == {}


def test_when_nobody_is_left_the_last_failure_is_told() -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    Peer(edge.world, AGENT, refusing(503))
    Peer(edge.world, SECOND, refusing(500))
    carrier.invite()
    edge.world.run(200.0)
    assert carrier.statuses("INVITE")[-1] == 500
    assert statuses(edge) == [503, 500]
    assert edge.clean() == {}


def test_a_caller_who_gives_up_stops_the_hunt() -> None:
    edge = group(FIRST_AGENT, SECOND_AGENT)
    carrier = Peer(edge.world, CARRIER, polite)
    second = Peer(edge.world, SECOND, answers)
    branch = carrier.invite()
    edge.world.run(1.0)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    edge.world.run(200.0)
    assert second.heard == []
    assert edge.record.cause == "cancelled"
    assert edge.clean() == {}


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── passwords ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CHALLENGE = 'Digest realm="agents", nonce="n", qop="auth", algorithm=MD5'
AGENT_TRUNK = Trunk(
    id=id_of(40), organization_id=ORGANIZATION.id, name="agents", host=AGENT, username="edge", password=Secret("pw")
)


def guarded(password: str = "pw", status: int = 401) -> Reaction:
    """An agent that takes no request but an ACK without the right answer."""

    def react(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method in ("ACK", "CANCEL"):
            return
        given = message.header("Authorization" if status == 401 else "Proxy-Authorization")
        if given is not None:
            values = dict(part.strip().split("=", 1) for part in given.removeprefix("Digest ").split(","))
            cnonce = values["cnonce"].strip('"')
            right = digest_answer([CHALLENGE], message.method, values["uri"].strip('"'), "edge", password, cnonce)
            if right == given:
                answers(peer, message)
                return
        asks = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        peer.reply(message, status, extra=f"{asks}: {CHALLENGE}")

    return react


def password_edge() -> Edge:
    agent = msgspec.structs.replace(SIP_AGENT, trunk_id=AGENT_TRUNK.id)
    return Edge(World(), records(AGENT_TRUNK, agent))


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_in_every_request(status: int) -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, guarded(status=status))
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert agent.methods[:4] == ["INVITE", "ACK", "INVITE", "ACK"]
    carrier.inside("INVITE", ANSWER)
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert carrier.statuses("INFO") == [200]
    carrier.inside("BYE")
    edge.world.run(0.1)
    assert agent.methods[-2:] == ["BYE", "BYE"]
    edge.world.run(200.0)
    assert edge.clean() == {}
    assert edge.record.status == "completed"


def test_a_wrong_password_is_tried_once() -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, guarded("other"))
    carrier.invite()
    edge.world.run(100.0)
    assert agent.methods == ["INVITE", "ACK", "INVITE", "ACK"]
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}
    assert statuses(edge) == [401]


def test_a_challenge_that_cannot_be_answered_is_a_refusal() -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    extra = 'WWW-Authenticate: Digest realm="x", nonce="n", algorithm=UNKNOWN'

    def ask(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 401, extra=extra)

    agent = Peer(edge.world, AGENT, ask)
    carrier.invite()
    edge.world.run(100.0)
    assert agent.methods[0] == "INVITE"
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}


def test_a_bye_whose_password_is_refused_is_the_end_all_the_same() -> None:
    edge = Edge(World())
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, answers)
    carrier.invite()
    edge.world.run(0.1)
    agent.react = guarded()
    finish(edge, carrier)
    assert agent.methods.count("BYE") == 1


# ── limits of an agent's trunk ────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_trunk_is_passed_over() -> None:
    full = msgspec.structs.replace(AGENT_TRUNK, max_concurrent_calls=1, username=None, password=None)
    first = msgspec.structs.replace(FIRST_AGENT, trunk_id=full.id)
    both = Agent(
        id=id_of(31), organization_id=ORGANIZATION.id, name="g", kind="group", members=(first.id, SECOND_AGENT.id)
    )
    called = msgspec.structs.replace(NUMBER_RECORD, agent_id=both.id)
    edge = Edge(World(), records(full, first, SECOND_AGENT, both, called, TRUNK))
    carrier = Peer(edge.world, CARRIER, polite)
    agents = [Peer(edge.world, host, answers) for host in (AGENT, SECOND)]
    carrier.invite(call_id="c1")
    edge.world.run(0.1)
    carrier.react = lambda peer, m: None
    carrier.tag = "another"
    carrier.invite(call_id="c2")
    edge.world.run(0.1)
    assert [agent.methods.count("INVITE") for agent in agents] == [1, 1]
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    edge.world.run(200.0)
    assert edge.clean() == {}
