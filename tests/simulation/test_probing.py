"""Trunks are asked whether they are there: what is thought of a peer follows what it does, after misses and hits."""

from __future__ import annotations

from math import inf

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    EDGE,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import Phone
from tests.simulation.world import Weather, World
from trunkline.call.inputs import Input, Resolved
from trunkline.call.outputs import Resolve
from trunkline.model.agent import Agent
from trunkline.model.change import Put, Removed
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request
from trunkline.trunk.health import Health

PROBED = msgspec.structs.replace(TRUNK, host=AGENT, probe=True, probe_interval=10.0, probe_misses=3, probe_hits=2)


def probed(world: World) -> Edge:
    edge = Edge(world, records())
    edge.core.apply([Put(PROBED)], world.now)
    return edge


def health_of(edge: Edge, id: str) -> Health:
    health = edge.core.probing.health(id)
    assert health is not None
    return health


def states(edge: Edge) -> list[str]:
    return [seen.reason for seen in edge.observed if seen.kind in ("trunk-state", "agent-state")]


def test_a_peer_that_answers_is_reachable() -> None:
    world = World()
    edge = probed(world)
    Phone(world, AGENT)
    world.run(60.0)
    assert states(edge) == ["reachable"]
    health = health_of(edge, TRUNK.id)
    assert health.latency is not None
    assert abs(health.latency - 0.002) < 1e-6
    assert 4 <= sum(seen.start.startswith("OPTIONS") for seen in world.seen) <= 7


def test_who_is_reached_are_those_that_are_probed_now() -> None:
    world = World()
    edge = probed(world)
    assert edge.core.probing.reached() == ({}, {})
    Phone(world, AGENT)
    world.run(30.0)
    assert edge.core.probing.reached() == ({TRUNK.id: True}, {})
    edge.core.apply([Put(msgspec.structs.replace(PROBED, enabled=False))], world.now)
    assert edge.core.probing.reached() == ({}, {})


def test_a_peer_that_goes_is_missed_three_times_and_found_again() -> None:
    world = World()
    edge = probed(world)
    phone = Phone(world, AGENT)
    world.run(15.0)
    world.remove(phone.address)
    world.run(20.0)
    assert states(edge) == ["reachable"]
    world.run(30.0)
    assert states(edge) == ["reachable", "unreachable"]
    world.add(phone.address, phone)
    world.run(40.0)
    assert states(edge) == ["reachable", "unreachable", "reachable"]


def test_one_lost_datagram_is_nothing() -> None:
    world = World(seed=3, weather=Weather(loss=0.2))
    edge = probed(world)
    Phone(world, AGENT)
    world.run(300.0)
    assert states(edge) == ["reachable"]


def test_an_unreachable_address_is_known_at_once() -> None:
    world = World()
    edge = probed(world)
    edge.unreachable.add(AGENT)
    world.run(60.0)
    assert states(edge) == ["unreachable"]
    assert health_of(edge, TRUNK.id).detail == "no route"


def test_where_nobody_listens_that_is_what_is_said() -> None:
    """It counts as one miss like any other: who starts again between two probes was never away."""
    world = World()
    edge = probed(world)
    phone = Phone(world, AGENT)
    world.run(15.0)
    world.closed.add(phone.address)
    world.run(10.0)
    assert states(edge) == ["reachable"]
    assert health_of(edge, TRUNK.id).detail == "connection refused"
    world.run(30.0)
    assert states(edge) == ["reachable", "unreachable"]
    world.closed.clear()
    world.run(40.0)
    assert states(edge) == ["reachable", "unreachable", "reachable"]


def test_a_trunk_that_is_removed_is_asked_no_more() -> None:
    world = World()
    edge = probed(world)
    Phone(world, AGENT)
    world.run(30.0)
    edge.core.apply([Removed("trunk", TRUNK.id)], world.now)
    asked = len(world.seen)
    world.run(100.0)
    assert len(world.seen) == asked
    assert len(edge.core.probing) == 0
    assert edge.core.deadline() == inf


def test_a_probe_leaves_no_transaction() -> None:
    world = World()
    edge = probed(world)
    phone = Phone(world, AGENT)
    world.run(30.0)
    edge.core.apply([Put(msgspec.structs.replace(PROBED, probe=False))], world.now)
    world.remove(phone.address)
    world.run(60.0)
    assert edge.clean() == {}


def test_what_becomes_of_an_earlier_probe_says_nothing_of_this_one() -> None:
    """Timer F of a probe that was given up long ago runs out while a later one is on its way."""
    world = World()
    edge = probed(world)
    while not edge.core.ua.layer.clients:
        world.run(0.5)
    (earlier,) = edge.core.ua.layer.clients
    while len(edge.core.ua.layer.clients) < 2:
        world.run(0.5)
    health = health_of(edge, TRUNK.id)
    assert health.misses == 1
    assert edge.core.probing.failed(TRUNK.id, earlier, "no answer", world.now) == []
    assert health.misses == 1
    (_, later) = edge.core.ua.layer.clients
    edge.core.probing.failed(TRUNK.id, later, "refused", world.now)
    assert health.misses == 2


# ── agents ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SECOND = "192.0.2.90"
BOT = msgspec.structs.replace(SIP_AGENT, probe=True, probe_interval=10.0)
OTHER = msgspec.structs.replace(SIP_AGENT, id=id_of(30), name="other", uri=f"sip:bot@{SECOND}:5060")
GROUP = Agent(id=id_of(31), organization_id=ORGANIZATION.id, name="g", kind="group", members=(BOT.id, OTHER.id))
CALLED = msgspec.structs.replace(NUMBER_RECORD, agent_id=GROUP.id)


def watched(world: World, *changed: Trunk | Agent) -> Edge:
    edge = Edge(world, records())
    edge.core.apply(records(BOT, OTHER, GROUP, CALLED, *changed), world.now)
    return edge


def called(edge: Edge, carrier: Peer, number: int = 1) -> int:
    """Make a call and end it; the status it got."""
    carrier.tag, carrier.remote_tag = f"tag{number}", ""
    begun = len(carrier.heard)
    carrier.invite(call_id=f"call{number}")
    edge.world.run(0.1)
    statuses = [m.status for m in carrier.heard[begun:] if not isinstance(m, Request) and m.cseq_method == "INVITE"]
    if statuses[-1] == 200:
        carrier.ack(call_id=f"call{number}")
        carrier.inside("BYE", call_id=f"call{number}")
        edge.world.run(0.1)
    return statuses[-1]


def heeding(peer: Peer, message: Message) -> None:
    """A caller that leaves the ACK to the test."""
    if isinstance(message, Request):
        polite(peer, message)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_probe_says_where_it_is_from(transport: Transport) -> None:
    """Some (Microsoft Teams is one) answer no OPTIONS without a Contact that names its transport."""
    world = World()
    edge = Edge(world, records())
    edge.core.apply([Put(msgspec.structs.replace(PROBED, transport=transport))], world.now)
    peer = Peer(world, AGENT, answers, transport, "" if transport == "udp" else "out:")
    world.run(15.0)
    contact = peer.request("OPTIONS").header("Contact") or ""
    assert contact.startswith("<sip:w0@")
    assert contact.endswith(">" if transport == "udp" else f";transport={transport}>")
    assert contact.count("transport=") == (transport != "udp")
    assert states(edge) == ["reachable"]


def test_an_agent_is_probed_at_its_uri() -> None:
    world = World()
    edge = watched(world)
    bot = Peer(world, AGENT, answers)
    world.run(30.0)
    assert states(edge) == ["reachable"]
    assert [seen.agent_id for seen in edge.observed if seen.kind == "agent-state"] == [BOT.id]
    assert bot.request("OPTIONS").uri == BOT.uri


def test_a_silent_agent_is_passed_over_until_it_is_back() -> None:
    world = World()
    edge = watched(world)
    carrier, other = Peer(world, CARRIER, heeding), Peer(world, SECOND, answers)
    world.run(60.0)
    assert states(edge) == ["unreachable"]
    assert called(edge, carrier) == 200
    assert other.methods.count("INVITE") == 1
    assert {leg.agent_id for leg in edge.finished[-1].legs if leg.agent_id} == {OTHER.id}, "no time was lost on it"
    bot = Peer(world, AGENT, answers)
    world.run(30.0)
    assert states(edge) == ["unreachable", "reachable"]
    assert called(edge, carrier, 2) == 200
    assert bot.methods.count("INVITE") == 1


def test_when_all_are_silent_all_are_tried() -> None:
    world = World()
    edge = watched(world, msgspec.structs.replace(OTHER, probe=True, probe_interval=10.0))
    carrier = Peer(world, CARRIER, heeding)

    def deaf_to_probes(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method != "OPTIONS":
            answers(peer, message)

    bot = Peer(world, AGENT, deaf_to_probes)
    world.run(60.0)
    assert states(edge) == ["unreachable", "unreachable"]
    assert called(edge, carrier) == 200
    assert bot.methods.count("INVITE") == 1


def test_an_agent_is_as_its_trunks_peer() -> None:
    world = World()
    trunk = Trunk(
        id=id_of(40), organization_id=ORGANIZATION.id, name="bots", host=AGENT, probe=True, probe_interval=10.0
    )
    bot = msgspec.structs.replace(BOT, probe=False, uri=None, trunk_id=trunk.id)
    edge = watched(world, trunk, bot)
    carrier, other = Peer(world, CARRIER, heeding), Peer(world, SECOND, answers)
    world.run(60.0)
    assert states(edge) == ["unreachable"]
    assert called(edge, carrier) == 200
    assert other.methods.count("INVITE") == 1
    assert {leg.agent_id for leg in edge.finished[-1].legs if leg.agent_id} == {OTHER.id}


def test_a_changed_agent_is_asked_anew_and_a_removed_one_no_more() -> None:
    world = World()
    edge = watched(world)
    world.run(60.0)
    edge.core.apply([Put(msgspec.structs.replace(BOT, uri=OTHER.uri))], world.now)
    Peer(world, SECOND, answers)
    world.run(30.0)
    assert states(edge) == ["unreachable", "reachable"]
    edge.core.apply([Removed("agent", BOT.id)], world.now)
    asked = len(world.seen)
    world.run(1000.0)
    assert len(world.seen) == asked
    assert len(edge.core.probing) == 0
    assert edge.core.deadline() == inf
    assert edge.clean() == {}


class TwoAddresses(Edge):
    def _resolve(self, question: Resolve) -> Input:
        flows = [Flow("udp", (EDGE, 5060), (host, 5060)) for host in (AGENT, SECOND)]
        return Resolved(question.leg, tuple(flows))


def test_a_peer_is_there_when_one_of_its_addresses_is() -> None:
    for first_fails_at_once in (False, True):
        world = World()
        edge = TwoAddresses(world, records())
        if first_fails_at_once:
            edge.unreachable.add(AGENT)
        edge.core.apply([Put(BOT)], world.now)
        second = Peer(world, SECOND, answers)
        world.run(100.0)
        assert states(edge) == ["reachable"]
        assert second.methods.count("OPTIONS") >= 8
        world.remove(second.address)
        world.run(100.0)
        assert states(edge) == ["reachable", "unreachable"]
