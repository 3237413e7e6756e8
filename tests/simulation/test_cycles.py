"""Calls leave no reference cycles: what they were made of is freed when they end, not when a collector comes by."""

from __future__ import annotations

import gc

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, Edge
from tests.simulation.phone import Phone
from tests.simulation.world import World
from trunkline.call.leg.uas_leg import UasLeg

URI = f"sip:{NUMBER}@{EDGE}"


def _answer(phone: Phone, leg: UasLeg) -> None:
    phone.ring(leg)
    phone.answer(leg)


def test_the_collector_finds_nothing_after_a_thousand_calls() -> None:
    world = World()
    edge = Edge(world)
    carrier, agent = Phone(world, CARRIER), Phone(world, AGENT, _answer)
    leg = carrier.dial(URI)
    world.run(1.0)
    carrier.hang_up(leg)
    world.run(1.0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(1000):
            leg = carrier.dial(URI)
            world.run(0.1)
            carrier.hang_up(leg)
            world.run(0.1)
            world.seen.clear()
            carrier.events.clear()
            agent.events.clear()
            agent.requests.clear()
        world.run(40.0)
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert len(edge.finished) == 1001
    assert edge.clean() == {}
