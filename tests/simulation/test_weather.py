"""The same calls on a bad network: loss, doubling, delays that reorder. Whatever happens, both sides are released, each
call has one record, and nothing is left in any table. A failing seed replays exactly."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, Edge
from tests.simulation.phone import OFFER, Phone
from tests.simulation.world import Weather, World
from trunkline.call.leg.uas_leg import UasLeg

URI = f"sip:{NUMBER}@{EDGE}"
STORM = Weather(loss=0.15, doubled=0.1, delay=(0.005, 0.4))
RAIN = Weather(loss=0.05, doubled=0.3, delay=(0.001, 0.1))


def unpredictable(chance: random.Random) -> Callable[[Phone, UasLeg], None]:
    """An agent that rings, answers, refuses, hangs up or asks for something, at times of its own."""

    def hang_up(phone: Phone, leg: UasLeg) -> None:
        if leg.session is not None:
            phone.hang_up(leg)

    def ask(phone: Phone, leg: UasLeg) -> None:
        if leg.session is not None and not leg.session.ended:
            phone.ask(leg, chance.choice(["INVITE", "UPDATE", "INFO"]), OFFER)

    def behave(phone: Phone, leg: UasLeg) -> None:
        if chance.random() < 0.8:
            phone.world.after(chance.uniform(0, 1), lambda: phone.ring(leg, chance.choice([180, 183])))
        if chance.random() < 0.15:
            phone.world.after(chance.uniform(0, 3), lambda: phone.refuse(leg, chance.choice([486, 503, 603])))
            return
        if chance.random() < 0.9:
            phone.world.after(chance.uniform(1, 4), lambda: phone.answer(leg))
        if chance.random() < 0.5:
            phone.world.after(chance.uniform(4, 9), lambda: ask(phone, leg))
        if chance.random() < 0.5:
            phone.world.after(chance.uniform(4, 12), lambda: hang_up(phone, leg))

    return behave


@pytest.mark.parametrize("weather", [STORM, RAIN], ids=["storm", "rain"])
@pytest.mark.parametrize("seed", range(150))
def test_every_call_ends_once_and_leaves_nothing(seed: int, weather: Weather) -> None:
    world = World(seed, weather)
    edge = Edge(world)
    chance = random.Random(seed)
    carrier = Phone(world, CARRIER)
    agent = Phone(world, AGENT, unpredictable(chance))
    calls = 3
    for _ in range(calls):
        start = chance.uniform(0, 2)
        world.after(start, lambda: carrier.dial(URI))
        # Some give up early: that is where CANCEL meets everything else.
        world.after(start + chance.uniform(0.1, 14), carrier.hang_up_all)
    world.run(200.0)
    context = f"seed {seed}\n{world.ladder()}"
    assert edge.clean() == {}, context
    assert carrier.idle(), context
    assert agent.idle(), context
    edge.whole()
    arrived = {
        seen.data.split(b"Call-ID: ")[1].split(b"\r\n")[0]
        for seen in world.seen
        if not seen.lost and (seen.source[0], seen.target[0]) == (CARRIER, EDGE) and seen.data.startswith(b"INVITE")
    }
    recorded = {(record.legs[0].sip_call_id or "").encode() for record in edge.finished}
    assert recorded <= arrived
    assert len(edge.finished) == len(recorded), context


def test_a_seed_replays_exactly() -> None:
    def run() -> str:
        world = World(7, STORM)
        edge = Edge(world)
        chance = random.Random(7)
        carrier = Phone(world, CARRIER)
        Phone(world, AGENT, unpredictable(chance))
        carrier.dial(URI)
        world.run(120.0)
        edge.whole()
        return world.ladder()

    assert run() == run()
