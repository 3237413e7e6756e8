"""Trunks are asked whether they are there: what is thought of a peer follows what it does, after misses and hits."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import AGENT, TRUNK, Edge, records
from tests.simulation.phone import Phone
from tests.simulation.world import Weather, World
from trunkline.model.change import Put, Removed

PROBED = msgspec.structs.replace(TRUNK, host=AGENT, probe=True, probe_interval=10.0, probe_misses=3, probe_hits=2)


def probed(world: World) -> Edge:
    edge = Edge(world, records())
    edge.core.apply([Put(PROBED)], world.now)
    return edge


def states(edge: Edge) -> list[str]:
    return [seen.reason for seen in edge.observed if seen.kind == "trunk-state"]


def test_a_peer_that_answers_is_reachable() -> None:
    world = World()
    edge = probed(world)
    Phone(world, AGENT)
    world.run(60.0)
    assert states(edge) == ["reachable"]
    health = edge.core.probing.healths[TRUNK.id]
    assert health.latency is not None
    assert abs(health.latency - 0.002) < 1e-6
    assert 4 <= sum(seen.start.startswith("OPTIONS") for seen in world.seen) <= 7


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
    assert edge.core.probing.healths[TRUNK.id].detail == "no route"


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
    assert edge.core.deadline() is None


def test_a_probe_leaves_no_transaction() -> None:
    world = World()
    edge = probed(world)
    phone = Phone(world, AGENT)
    world.run(30.0)
    edge.core.apply([Put(msgspec.structs.replace(PROBED, probe=False))], world.now)
    world.remove(phone.address)
    world.run(60.0)
    assert edge.clean() == {}
