"""Transfers, hang-ups and changes of the session at any moment, in bad weather: whoever is left talks to somebody, and
in the end nothing stays."""

from __future__ import annotations

import random

import pytest

from tests.simulation.edge import EDGE, NUMBER
from tests.simulation.phone import ANSWER, OFFER, Phone
from tests.simulation.transfer import DESK, HUMAN_SDP, Scene, agree, allowing
from tests.simulation.world import Weather
from trunkline.call.inputs import HangUp, SendDigits, Transfer
from trunkline.call.leg.uas_leg import UasLeg


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_nothing_stays(seed: int) -> None:
    chance = random.Random(seed)

    def moody(phone: Phone, leg: UasLeg) -> None:
        mood = chance.random()
        sdp = HUMAN_SDP if phone is scene.human else ANSWER
        if mood < 0.15:
            phone.refuse(leg, chance.choice([486, 503, 603]))
            return
        if mood < 0.5:
            phone.ring(leg)
        if mood < 0.9:
            phone.world.after(chance.uniform(0, 2), lambda: phone.answer(leg, sdp))

    weather = Weather(loss=0.1, doubled=0.1, delay=(0.001, 0.1)) if seed % 2 else None
    scene = Scene(allowing(), human=moody, weather=weather, seed=seed)
    world = scene.world
    scene.carrier.asked = lambda leg, event: world.after(
        chance.uniform(0, 0.5), lambda: agree(scene.carrier, leg, event, OFFER)
    )
    scene.carrier.dial(f"sip:{NUMBER}@{EDGE}")
    world.run(6.0)

    def act() -> None:
        calls = list(scene.edge.core.calls)
        phones = [phone for phone in (scene.carrier, scene.agent, scene.human) if len(phone.legs) == 1]
        phone = chance.choice(phones) if phones else None
        deed = chance.random()
        if deed < 0.4 and phone is not None:
            (leg,) = phone.legs.values()
            if leg.session is not None and not leg.session.ended:
                scene.refer(f"<tel:{chance.choice([DESK, NUMBER])}>", phone=phone)
        elif deed < 0.55 and phone is not None:
            (leg,) = phone.legs.values()
            if leg.session is not None and not leg.session.ended and not leg.session.changing:
                phone.ask(leg, "INVITE", OFFER, "own")
        elif deed < 0.65 and phone is not None:
            phone.hang_up_all()
        elif deed < 0.8 and calls:
            scene.edge.give(Transfer(f"t{world.now}", calls[0], DESK, chance.choice(["caller", "agent"])))
        elif deed < 0.9 and calls:
            scene.edge.give(SendDigits(f"d{world.now}", calls[0], "12", chance.choice(["caller", "agent"])))
        elif deed < 0.92 and calls:
            scene.edge.give(HangUp(calls[0]))

    for _ in range(chance.randint(1, 8)):
        world.after(chance.uniform(0, 12), act)
    world.run(100.0)
    talking = sum(len(phone.legs) for phone in (scene.carrier, scene.agent, scene.human))
    assert talking == 2 * len(scene.edge.core.calls), world.ladder()
    for phone in (scene.carrier, scene.agent, scene.human):
        phone.hang_up_all()
    scene.end()
    tokens = [done.token for done in scene.edge.done]
    assert len(tokens) == len(set(tokens)), "each command is answered once"
