"""Several agents for one number: which is called when, and which answers end the search."""

from __future__ import annotations

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
from tests.simulation.peer import Message, Peer, answers, polite, refusing, rings
from tests.simulation.phone import ANSWER
from tests.simulation.scene import finish, hang_up, statuses
from tests.simulation.world import World
from trunkline.model.agent import Agent, Step
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request

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

    first, second = [Peer(edge.world, host, rings) for host in (AGENT, SECOND)]
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
    hang_up(edge.world, edge)


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


def test_a_full_trunk_is_passed_over() -> None:
    full = Trunk(id=id_of(40), organization_id=ORGANIZATION.id, name="agents", host=AGENT, max_concurrent_calls=1)
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
    hang_up(edge.world, edge)
