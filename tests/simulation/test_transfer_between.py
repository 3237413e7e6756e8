"""What is open between two parties of a call, or is told to one of them, when a transfer takes it away."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, Edge, records
from tests.simulation.peer import Peer, answers, polite
from tests.simulation.phone import OFFER, Phone
from tests.simulation.scene import hang_up
from tests.simulation.transfer import DESK_NUMBER, HUMAN, HUMAN_AGENT, HUMAN_SDP, Scene, agree, rings_first
from tests.simulation.world import World
from trunkline.call.inputs import Transfer
from trunkline.call.leg.events import Asked, Replied
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.sip.message import Request


class Between:
    """A call whose agent says only what a test writes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.edge = Edge(world, records(HUMAN_AGENT, DESK_NUMBER))
        self.carrier, self.agent = Phone(world, CARRIER), Peer(world, AGENT, answers)
        self.human = Phone(world, HUMAN, rings_first)
        self.carrier.asked = lambda leg, event: agree(self.carrier, leg, event, OFFER)
        self.human.asked = lambda leg, event: agree(self.human, leg, event, HUMAN_SDP)
        self.leg = self.carrier.dial(f"sip:{NUMBER}@{EDGE}")
        world.run(1.0)
        invite = self.agent.request("INVITE")
        self.call_id, self.agent.remote_tag = invite.call_id, invite.from_tag or ""

    def refer(self) -> None:
        self.agent.inside("REFER", extra=f"Refer-To: <sip:desk@{HUMAN}:5060>", call_id=self.call_id)

    def end(self) -> None:
        self.carrier.hang_up_all()
        self.world.run(300.0)
        assert self.edge.clean() == {}, self.world.ladder()
        self.edge.whole()


@pytest.fixture
def scene(world: World) -> Between:
    return Between(world)


def test_who_hangs_up_before_it_has_answered_a_notify_is_told_the_outcome(world: World, scene: Between) -> None:
    """Progress waits for the answer to the first NOTIFY, which never comes."""
    scene.agent.react = None
    scene.refer()
    world.run(0.5)
    scene.agent.inside("BYE", call_id=scene.call_id)
    world.run(20.0)
    told = dict.fromkeys([m.body.split(b" ")[1] for m in scene.agent.requests if m.method == "NOTIFY"])
    assert list(told) == [b"100", b"180", b"200"]
    scene.end()


def test_what_was_asked_of_who_has_left_has_an_answer(world: World, scene: Between) -> None:
    """An INFO that the agent leaves unanswered would be 408 to its sender, and the end of its dialog to some."""
    scene.agent.react = lambda p, m: (
        p.reply(m, 200) if isinstance(m, Request) and m.method in ("NOTIFY", "BYE") else None
    )
    scene.carrier.ask(scene.leg, "INFO", b"x", "asked")
    world.run(0.1)
    assert "INFO" in scene.agent.methods
    scene.refer()
    world.run(5.0)
    assert "BYE" in scene.agent.methods
    assert [event.status for event in scene.carrier.events if isinstance(event, Replied)] == [500]
    scene.end()


def test_what_was_asked_of_who_hangs_up_during_its_transfer_has_an_answer(world: World, scene: Between) -> None:
    scene.agent.react = lambda p, m: p.reply(m, 200) if isinstance(m, Request) and m.method == "NOTIFY" else None
    scene.carrier.ask(scene.leg, "INFO", b"x", "asked")
    world.run(0.1)
    scene.refer()
    world.run(0.5)
    scene.agent.inside("BYE", call_id=scene.call_id)
    world.run(0.5)
    assert [event.status for event in scene.carrier.events if isinstance(event, Replied)] == [500]
    world.run(5.0)
    assert len(scene.human.legs) == 1, "and the transfer goes on"
    scene.end()


@pytest.mark.parametrize(("id", "ended"), [(0, False), (1, True), (None, True)])
def test_a_notify_is_of_the_refer_that_it_names(world: World, id: int | None, ended: bool) -> None:
    """What becomes of one that was given up says nothing of the next (RFC 3515 §2.4.6)."""
    edge, carrier = Edge(world, records()), Peer(world, CARRIER, polite)
    Peer(world, AGENT, answers)
    carrier.invite()
    world.run(0.1)
    carrier.react = lambda p, m: p.reply(m, 202) if isinstance(m, Request) and m.method == "REFER" else polite(p, m)
    for token in ("first", "second"):
        (call,) = edge.core.calls
        edge.give(Transfer(token, call, "+12025550188", mode="refer", timeout=5.0))
        world.run(6.0 if token == "first" else 1.0)
    refers = [request for request in carrier.requests if request.method == "REFER"]
    named = "" if id is None else f";id={refers[id].cseq}"
    extra = f"Event: refer{named}\nSubscription-State: terminated;reason=noresource\nContent-Type: message/sipfrag"
    carrier.inside("NOTIFY", b"SIP/2.0 200 OK\r\n", extra=extra)
    world.run(0.1)
    assert carrier.statuses("NOTIFY") == [200 if ended else 481]
    assert [done.done for done in edge.done] == [False, True] if ended else [False]
    assert bool(edge.finished) is ended
    hang_up(world, edge)


def test_the_answer_to_a_refer_that_was_given_up_says_nothing_of_the_next() -> None:
    scene = Scene()
    scene.connect()
    waiting: list[Asked] = []

    def asked(leg: UacLeg | UasLeg, event: Asked) -> None:
        if event.method != "REFER":
            agree(scene.carrier, leg, event, OFFER)
            return
        waiting.append(event)
        if len(waiting) == 2:
            scene.carrier.reply(leg, event.exchange, 202)

    scene.carrier.asked = asked
    for token in ("first", "second"):
        scene.edge.give(Transfer(token, scene.call, "+12025550188", mode="refer", timeout=10.0))
        scene.world.run(11.0 if token == "first" else 1.0)
    assert [(done.token, done.cause) for done in scene.edge.done] == [("first", "transfer-unknown")]
    (leg,) = scene.carrier.legs.values()
    scene.carrier.reply(leg, waiting[0].exchange, 603)
    scene.world.run(1.0)
    assert len(scene.edge.done) == 1, "the second goes on"
    scene.world.run(20.0)
    assert (scene.edge.done[1].token, scene.edge.done[1].cause) == ("second", "transfer-unknown")
    scene.end()
