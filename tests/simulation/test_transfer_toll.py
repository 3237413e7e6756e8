"""A telephone that a call out has reached, and that goes on in another call: it costs what it costs all the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, ORGANIZATION, SIP_AGENT, TRUNK, Edge, id_of
from tests.simulation.phone import ANSWER, OFFER, Phone
from tests.simulation.test_outbound import CARRIER_TRUNK, DIALLED, OTHER, PBX, dial, edge_with
from tests.simulation.test_transfer_attended import replaces
from tests.simulation.transfer import Scene, agree, at_once
from tests.simulation.world import World
from trunkline.call.inputs import HangUp
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.trunk import Trunk

FAR_SDP = ANSWER.replace(b"192.0.2.9", b"192.0.2.2")


class Joined:
    """An agent has joined its caller to a telephone that it dialled itself, and is gone."""

    def __init__(self, world: World, rules: OutboundRules) -> None:
        self.world = world
        self.edge: Edge = edge_with(
            world,
            replace(CARRIER_TRUNK, outbound=False),
            replace(SIP_AGENT, trunk_id=PBX.id, uri=f"sip:bot@{AGENT}:5060"),
            rules=rules,
        )
        self.carrier, self.agent = Phone(world, CARRIER), Phone(world, AGENT, at_once)
        self.telephone = Phone(world, OTHER, lambda phone, leg: phone.answer(leg, FAR_SDP))
        self.carrier.asked = lambda leg, event: agree(self.carrier, leg, event, OFFER)
        self.telephone.asked = lambda leg, event: agree(self.telephone, leg, event, FAR_SDP)
        self.carrier.dial(f"sip:{NUMBER}@{EDGE}")
        world.run(1.0)
        (first,) = self.agent.legs.values()
        second = dial(self.agent)
        world.run(1.0)
        assert self.edge.core.counts()["tolled_calls"] == 1
        escaped = "".join([c if c.isalnum() else f"%{ord(c):02X}" for c in replaces(second)])
        sent = (("Refer-To", f"<sip:{DIALLED}@{EDGE}?Replaces={escaped}>"),)
        self.agent._carry(first.ask("refer", "REFER", b"", "", sent, world.now))
        world.run(3.0)
        assert not self.agent.legs
        assert len(self.edge.core.calls) == len(self.telephone.legs) == 1, world.ladder()

    @property
    def minutes(self) -> int:
        return self.edge.core.arrival.admission.tolls.minutes(ORGANIZATION.id, self.world.now)

    def end(self) -> None:
        for call in list(self.edge.core.calls):
            self.edge.give(HangUp(call))
        self.world.run(200.0)
        assert self.edge.clean() == {}, self.world.ladder()
        self.edge.whole()


def test_it_counts_while_it_is_up(world: World) -> None:
    scene = Joined(world, OutboundRules(concurrent_calls=1))
    world.run(300.0)
    counts = scene.edge.core.counts()
    assert (counts["calls"], counts["tolled_calls"]) == (1, 1)
    assert scene.minutes >= 6
    leg = dial(scene.agent)
    world.run(1.0)
    assert scene.edge.finished[-1].cause == "outbound-full"
    assert leg.gone
    scene.end()


@pytest.mark.parametrize(
    ("rules", "least", "most"),
    [
        (OutboundRules(max_duration=100), 90.0, 101.0),
        # Each call begins a minute of its own, so that four are fewer than 240 s.
        (OutboundRules(minute_price=1.0, daily_limit=4.0), 90.0, 240.0),
    ],
)
def test_it_ends_where_a_call_out_would(world: World, rules: OutboundRules, least: float, most: float) -> None:
    scene = Joined(world, rules)
    world.run(least)
    assert scene.edge.core.counts()["calls"] == 1
    world.run(most - least)
    record = scene.edge.finished[-1]
    assert (record.cause, record.trunk_id) == ("max-duration", TRUNK.id)
    scene.end()


@pytest.mark.parametrize(
    "host", ["198.41.0.5", "led.example", "sbc.example", "SBC.example.", "198.41.0.6;maddr=sbc.example"]
)
def test_no_refer_leads_to_a_carrier_of_somebody_else(host: str) -> None:
    """It may know its customers by their address, and would take the call for theirs."""
    theirs = Organization(id=id_of(80), name="Somebody else")
    carrier = Trunk(
        id=id_of(81), organization_id=theirs.id, name="another", host="sbc.example", networks=("198.41.0.5/32",)
    )
    scene = Scene(theirs, carrier)
    scene.edge.names = {"led.example": ["198.41.0.5"], "sbc.example": ["198.41.0.4"]}
    there = [Phone(scene.world, address, at_once) for address in ("198.41.0.5", "198.41.0.4")]
    scene.connect()
    scene.refer(f"<sip:+19005550100@{host}>")
    scene.world.run(3.0)
    assert [phone.requests for phone in there] == [[], []]
    assert scene.told() == [100, 503]
    assert len(scene.agent.legs) == 1, "the call goes on as it was"
    scene.end()
