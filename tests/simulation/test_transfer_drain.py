"""Transfers of calls that are up while the edge takes no new ones, because it is to end."""

from __future__ import annotations

import pytest

from tests.simulation.edge import EDGE
from tests.simulation.phone import Phone
from tests.simulation.test_transfer_attended import TAKER_SDP, replaces, taking
from tests.simulation.transfer import DESK, Scene, at_once, rings_first
from trunkline.call.inputs import Drain, HangUp


@pytest.mark.parametrize("when", ["before it begins", "while the desk rings"])
def test_a_transfer_goes_on(when: str) -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    if when == "before it begins":
        scene.edge.give(Drain(True))
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(1.0)
    assert scene.told() == [100, 180]
    scene.edge.give(Drain(True))
    scene.world.run(3.0)
    assert scene.told() == [100, 180, 200]
    assert len(scene.human.legs) == len(scene.carrier.legs) == 1
    assert not scene.agent.legs
    scene.end()
    assert scene.edge.record.status == "completed"


@pytest.mark.parametrize("after", [0.0, 1.0, 2.0, 2.002, 2.003, 2.004, 2.005, 2.006, 2.01])
def test_the_end_of_a_drain_ends_everybody_in_it(after: float) -> None:
    """The calls that are up when its time is over are ended, however far a transfer of one has come."""
    scene = Scene(human=rings_first)
    scene.connect()
    scene.edge.give(Drain(True))
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(after)
    for call in list(scene.edge.core.calls):
        scene.edge.give(HangUp(call, "drain-limit", 503, 'SIP;cause=503;text="draining"'))
    scene.world.run(300.0)
    assert scene.edge.clean() == {}, scene.world.ladder()
    scene.edge.whole()
    for phone in (scene.carrier, scene.agent, scene.human):
        assert phone.idle(), scene.world.ladder()
    assert scene.edge.record.cause == "drain-limit"
    assert {transfer.result for transfer in scene.edge.record.transfers} <= {"completed", "failed"}


def test_a_place_in_a_call_is_taken() -> None:
    """An INVITE with Replaces begins no call."""
    scene, leg = taking()
    scene.edge.give(Drain(True))
    other = Phone(scene.world, "192.0.2.30", at_once)
    other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {replaces(leg)}\r\nRequire: replaces\r\n")
    scene.world.run(2.0)
    assert other.connected, scene.world.ladder()
    assert not scene.agent.legs
    scene.end()
    assert other.idle()
