"""A transfer to a number whose agent is a group, or a phone that registered here."""

from __future__ import annotations

import msgspec

from tests.simulation.device import Device
from tests.simulation.edge import ECHO_AGENT, EDGE, TRUNK, id_of
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import Behaviour, Phone
from tests.simulation.transfer import DESK, DESK_NUMBER, HUMAN_AGENT, Scene, at_once
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.agent import Agent
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request


def grouped(*members: Agent, within: float = 180.0, human: Behaviour = at_once) -> Scene:
    """The desk's number calls a group of these."""
    team = Agent(
        id=id_of(69), organization_id=HUMAN_AGENT.organization_id, name="team", kind="group", hunt_timeout=within,
        hunt_on=(480, 503, 408), members=tuple([member.id for member in members]),
    )  # fmt: skip
    return Scene(*members, team, msgspec.structs.replace(DESK_NUMBER, agent_id=team.id), human=human)


def refuses(peer: Peer, message: Message) -> None:
    if isinstance(message, Request) and message.method == "INVITE":
        peer.reply(message, 480)


def silent(n: int) -> Agent:
    """An agent that nobody is."""
    return Agent(
        id=id_of(70 + n), organization_id=HUMAN_AGENT.organization_id, name=f"silent {n}", kind="sip",
        uri=f"sip:desk@192.0.2.{70 + n}", ring_timeout=10.0,
    )  # fmt: skip


def test_a_group_is_tried_for_as_long_as_it_says() -> None:
    """The second rings to the end of the group's time, and the third is not called."""
    scene = grouped(silent(1), HUMAN_AGENT, silent(2), within=10.0, human=Phone.ring)
    scene.connect()
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(9.0)
    assert scene.told()[-1] == 180, "the silent one has had its four seconds"
    scene.world.run(2.0)
    assert scene.told()[-1] == 480
    assert not [seen for seen in scene.world.seen if seen.target[0] == "192.0.2.72"]
    assert len(scene.edge.core.calls) == 1
    scene.end()


def test_a_group_whose_time_is_over_has_nobody_left() -> None:
    scene = grouped(silent(1), HUMAN_AGENT, within=3.0)
    scene.connect()
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(5.0)
    assert scene.told()[-1] == 480
    assert not scene.human.events
    scene.end()


def test_who_rang_before_does_not_speak_for_who_rings_now() -> None:
    """480 of a machine that has not rung leads on, though the one before it had rung."""

    def rings_and_fails(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg)
        phone.refuse(leg, 503)

    gone = Agent(id=id_of(68), organization_id=TRUNK.organization_id, name="gone", kind="sip", uri="sip:x@192.0.2.77")
    scene = grouped(HUMAN_AGENT, gone, ECHO_AGENT, human=rings_and_fails)
    Peer(scene.world, "192.0.2.77", refuses)
    scene.connect()
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(6.0)
    assert scene.told()[-1] == 200
    scene.end()


def test_a_phone_that_registered_here_is_transferred_to() -> None:
    phones = Trunk(
        id=id_of(67), organization_id=TRUNK.organization_id, name="phones", username="anna", password=Secret("secret"),
        accepts_registration=True,
    )  # fmt: skip
    desk = msgspec.structs.replace(HUMAN_AGENT, uri=None, trunk_id=phones.id)
    scene = Scene(phones, desk)
    device = Device(scene.world, "192.0.2.41")
    scene.connect()
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(2.0)
    assert scene.answered() == [480], "nobody is there yet"
    assert device.register() == 200
    scene.agent.events.clear()
    scene.refer(f"sip:{DESK}@{EDGE}")
    scene.world.run(2.0)
    assert scene.answered() == [202], scene.world.ladder()
    assert len(device.calls) == 1
    scene.end()
