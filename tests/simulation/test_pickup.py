"""An INVITE with Replaces that names an agent that still rings (RFC 3891 §3, §7.1): its sender picks the call up."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, SIP_AGENT, Edge, records
from tests.simulation.peer import Peer
from tests.simulation.phone import ANSWER, OFFER, Behaviour, Phone, ignore
from tests.simulation.provisional import REQUIRES, begin
from tests.simulation.test_transfer_attended import BOTS
from tests.simulation.transfer import at_once
from tests.simulation.world import Weather, World
from trunkline.call.leg.events import Asked, Connected
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.sip.message import Response, parse
from trunkline.store.collapse import collapse

TAKER = "192.0.2.30"
TAKER_SDP = OFFER.replace(b"192.0.2.1", b"192.0.2.30").replace(b"4000", b"7000").replace(b"carrier 1 1", b"taker 3 3")
TAKER_ANSWER = TAKER_SDP.replace(b"0 8 101", b"0 101").replace(b"a=rtpmap:8 PCMA/8000\r\n", b"").replace(b"3 3", b"3 4")
VIDEO = b"m=video 7002 RTP/AVP 31\r\n"


class Ringing:
    """A call whose agent rings, and a phone of the agent's machine that may take it."""

    def __init__(self, agent: Behaviour | None = None, weather: Weather | None = None, seed: int = 1) -> None:
        self.world = World(seed, weather)
        bots = msgspec.structs.replace(BOTS, role="agent", networks=(f"{AGENT}/32", f"{TAKER}/32"))
        self.edge = Edge(self.world, records(bots, msgspec.structs.replace(SIP_AGENT, trunk_id=bots.id)))
        self.carrier = Phone(self.world, CARRIER, at_once)
        self.agent = Phone(self.world, AGENT, agent or (lambda phone, leg: phone.ring(leg)))
        self.taker = Phone(self.world, TAKER, ignore)
        self.taker.asked = self.agree

    def agree(self, leg: UacLeg | UasLeg, event: Asked) -> None:
        self.taker.reply(leg, event.exchange, 200, TAKER_ANSWER if event.method == "INVITE" else b"")

    def dial(self, offer: bytes = OFFER) -> None:
        self.dialled = self.carrier.dial(f"sip:{NUMBER}@{EDGE}", offer)
        self.world.run(0.5)

    def take(self, more: str = ";early-only", offer: bytes = TAKER_SDP, phone: Phone | None = None) -> UacLeg:
        (rings,) = self.agent.legs.values()
        assert isinstance(rings, UasLeg)
        value = f"{rings.identity[0]};to-tag={rings.identity[1]};from-tag={rings.tag}{more}"
        return (phone or self.taker).dial(f"sip:x@{EDGE}", offer, f"Replaces: {value}\r\nRequire: replaces\r\n")

    def said(self, phone: Phone, start: str) -> list[bytes]:
        """What the edge sent there that begins so."""
        return [m for flow, m in self.edge.sent if flow.remote[0] == phone.address[0] and m.startswith(start.encode())]

    def end(self) -> None:
        self.carrier.hang_up_all()
        self.world.run(300.0)
        assert self.edge.clean() == {}, self.world.ladder()
        self.edge.whole()
        for phone in (self.carrier, self.agent, self.taker):
            assert phone.idle(), self.world.ladder()


@pytest.mark.parametrize("more", ["", ";early-only"])
def test_a_call_that_rings_is_picked_up_elsewhere(more: str) -> None:
    scene = Ringing()
    scene.dial()
    scene.take(more)
    scene.world.run(3.0)
    (first,) = scene.said(scene.taker, "SIP/2.0 200")
    assert b"a=inactive" in first, "nobody is there for it yet"
    (offered,) = scene.said(scene.taker, "INVITE")
    assert b"m=audio 4000" in offered, "what the caller offers"
    (answer,) = scene.said(scene.carrier, "SIP/2.0 200")
    assert b"m=audio 7000 RTP/AVP 0 101" in answer
    (cancel,) = scene.said(scene.agent, "CANCEL")
    assert b'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel
    assert len(scene.carrier.legs) == len(scene.taker.legs) == 1, scene.world.ladder()
    assert noted(scene) == {CARRIER, TAKER}
    assert not scene.agent.legs
    scene.end()
    record = scene.edge.record
    assert (record.status, record.cause) == ("completed", "normal")
    assert [(leg.side, leg.status) for leg in record.legs] == [("caller", 200), ("agent", 487), ("agent", 200)]
    (transfer,) = record.transfers
    assert (transfer.mode, transfer.result, transfer.leaves) == ("replaces", "completed", "agent")


def noted(scene: Ringing) -> set[str]:
    """Who would get a BYE if the process died now, as the database knows it."""
    ((_, dialogs),) = collapse(scene.edge.journal, fresh=True).opened
    return {dialog.flow.remote[0] for dialog in dialogs}


def test_what_is_said_afterwards_crosses() -> None:
    scene = Ringing()
    scene.dial()
    scene.take()
    scene.world.run(3.0)
    scene.carrier.ask(scene.dialled, "INVITE", OFFER.replace(b"4000", b"4010"))
    scene.world.run(1.0)
    assert b"m=audio 4010" in scene.said(scene.taker, "INVITE")[-1]
    scene.taker.hang_up_all()
    scene.world.run(1.0)
    assert not scene.carrier.legs
    scene.end()


def test_the_agent_answers_first() -> None:
    """While the sender is asked: the agent has the call, and the sender its BYE."""
    scene = Ringing()
    scene.taker.asked = lambda leg, event: scene.world.after(1.0, lambda: scene.agree(leg, event))
    scene.dial()
    scene.take()
    scene.world.run(0.5)
    (rings,) = scene.agent.legs.values()
    assert isinstance(rings, UasLeg)
    scene.agent.answer(rings)
    scene.world.run(3.0)
    assert len(scene.carrier.legs) == len(scene.agent.legs) == 1
    assert not scene.taker.legs, scene.world.ladder()
    assert b"m=audio 5000" in scene.said(scene.carrier, "SIP/2.0 200")[0]
    assert noted(scene) == {CARRIER, AGENT}
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.result, transfer.status) == ("failed", 487)


@pytest.mark.parametrize("how", ["refuses", "hangs up", "is silent"])
def test_a_sender_that_does_not_go_through_with_it_leaves_the_agent_ringing(how: str) -> None:
    scene = Ringing()
    leg: UacLeg | None = None
    if how == "refuses":
        scene.taker.asked = lambda its, event: scene.taker.reply(its, event.exchange, 488)
    else:
        scene.taker.asked = lambda its, event: None
    scene.dial()
    leg = scene.take()
    scene.world.run(0.5)
    if how == "hangs up":
        scene.taker.hang_up(leg)
    elif how == "is silent":
        scene.world.remove(scene.taker.address)
        scene.taker.legs.clear()
    scene.world.run(3.0)
    assert not scene.said(scene.agent, "CANCEL")
    (rings,) = scene.agent.legs.values()
    assert isinstance(rings, UasLeg)
    scene.agent.answer(rings)
    scene.world.run(1.0)
    assert scene.carrier.of(Connected), scene.world.ladder()
    assert how == "is silent" or noted(scene) == {CARRIER, AGENT}
    scene.carrier.hang_up_all()
    scene.world.run(300.0)
    assert scene.edge.clean() == {}, scene.world.ladder()
    scene.edge.whole()


def test_the_caller_gives_up_in_the_middle() -> None:
    scene = Ringing()
    scene.taker.asked = lambda leg, event: None
    scene.dial()
    scene.take()
    scene.world.run(0.5)
    assert noted(scene) == {TAKER}, "who is to be ended after a crash"
    scene.carrier.hang_up(scene.dialled)
    scene.world.run(40.0)
    assert not scene.taker.legs
    scene.end()
    assert scene.edge.record.cause == "cancelled"


def refused(scene: Ringing, phone: Phone) -> list[int]:
    return [int(data[8:11]) for data in scene.said(phone, "SIP/2.0 ") if int(data[8:11]) >= 200]


def test_what_cannot_be_picked_up() -> None:
    scene = Ringing()
    scene.dial()
    scene.take(offer=TAKER_SDP + VIDEO)
    scene.world.run(1.0)
    assert refused(scene, scene.taker) == [488], "the caller has no section for its video"
    stranger = Phone(scene.world, "192.0.2.99", ignore)
    scene.take(phone=stranger)
    scene.world.run(1.0)
    assert refused(scene, stranger) == [403]
    rang = parse(scene.said(scene.carrier, "SIP/2.0 180")[0])
    assert isinstance(rang, Response)
    value = f"{rang.call_id};to-tag={rang.to_tag};from-tag={rang.from_tag}"
    scene.taker.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {value}\r\n")
    scene.world.run(1.0)
    assert refused(scene, scene.taker) == [488, 481], "a dialog that its peer began"
    assert len(scene.agent.legs) == 1
    scene.end()


def test_an_agent_whose_answer_waits_for_a_prack_is_no_early_dialog(world: World) -> None:
    bots = msgspec.structs.replace(BOTS, role="agent", networks=(f"{AGENT}/32", f"{TAKER}/32"))
    edge = Edge(world, records(bots, msgspec.structs.replace(SIP_AGENT, trunk_id=bots.id)))
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(183, ANSWER)
    agent.answers()
    world.run(0.1)
    taker = Phone(world, TAKER, ignore)
    asked = agent.invited
    value = f"{asked.call_id};to-tag={asked.from_tag};from-tag={agent.tag};early-only"
    taker.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {value}\r\n")
    world.run(0.1)
    told = [int(data[8:11]) for flow, data in edge.sent if flow.remote[0] == TAKER and data[:4] == b"SIP/"]
    assert told == [486], "the flag asks for early dialogs alone (RFC 3891 §3)"
    carrier.prack(int(carrier.response(183).header("RSeq") or 0), carrier.response(183).to_tag or "")
    world.run(0.1)
    assert "BYE" not in agent.methods
    assert 200 in carrier.statuses("INVITE")
    carrier.inside("BYE")
    world.run(200.0)
    assert edge.clean() == {}


def test_who_tries_again_and_again_fills_no_record() -> None:
    scene = Ringing()
    scene.dial()
    for _ in range(20):
        scene.take(offer=TAKER_SDP + VIDEO)
        scene.world.run(0.1)
    assert refused(scene, scene.taker) == [488] * 16 + [603] * 4
    scene.end()
    assert len(scene.edge.record.transfers) == 16


def test_the_new_party_of_a_transfer_that_rings_is_not_picked_up_but_may_be_later() -> None:
    """Whose place it takes is not settled yet."""
    scene = Ringing(at_once)
    desk = Phone(scene.world, "8.8.8.8", lambda phone, leg: phone.ring(leg))
    scene.dial()
    (answered,) = scene.agent.legs.values()
    scene.agent._carry(answered.ask("refer", "REFER", b"", "", (("Refer-To", "<sip:h@8.8.8.8>"),), scene.world.now))
    scene.world.run(0.5)
    (rings,) = desk.legs.values()
    assert isinstance(rings, UasLeg)
    value = f"{rings.identity[0]};to-tag={rings.identity[1]};from-tag={rings.tag}"
    scene.taker.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {value}\r\n")
    scene.world.run(1.0)
    assert refused(scene, scene.taker) == [491]
    scene.end()
    assert desk.idle()


def test_a_caller_without_an_offer_cannot_be_picked_up() -> None:
    scene = Ringing()
    scene.dial(b"")
    scene.take()
    scene.world.run(1.0)
    assert refused(scene, scene.taker) == [488]
    assert len(scene.agent.legs) == 1
    scene.end()


@pytest.mark.parametrize("seed", range(20))
def test_in_bad_weather_nothing_is_left_over(seed: int) -> None:
    rings = seed % 3

    def agent(phone: Phone, leg: UasLeg) -> None:
        phone.ring(leg)
        if rings:
            phone.world.after(0.3 + seed / 9, lambda: at_once(phone, leg) if rings == 1 else phone.refuse(leg, 486))

    scene = Ringing(agent, Weather(loss=0.2, doubled=0.1, delay=(0.01, 0.4)), seed)
    scene.dial()
    if any(isinstance(leg, UasLeg) and leg.open for leg in scene.agent.legs.values()):
        scene.take()
    scene.world.run(8.0)
    if scene.carrier.legs and seed % 2:
        scene.taker.hang_up_all()
    scene.world.run(5.0)
    scene.end()


def test_a_forked_agent_is_cancelled_as_a_whole() -> None:
    """Either of its early dialogs names the call."""
    scene = Ringing()
    scene.world.remove((AGENT, 5060))
    agent = Peer(scene.world, AGENT)
    scene.dial()
    invite = agent.request("INVITE")
    for tag in ("one", "two"):
        agent.reply(invite, 183, ANSWER, tag=tag)
    scene.world.run(0.1)
    value = f"{invite.call_id};to-tag={invite.from_tag};from-tag=two"
    scene.taker.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {value}\r\n")
    scene.world.run(2.0)
    assert set(agent.methods) == {"INVITE", "CANCEL"}
    agent.reply(agent.request("CANCEL"), 200)
    agent.reply(invite, 487, tag="one")
    answer = scene.said(scene.carrier, "SIP/2.0 200")[-1]
    assert b"m=audio 7000" in answer
    told = [parse(m) for m in (answer, *scene.said(scene.carrier, "SIP/2.0 183"))]
    tags = [m.to_tag for m in told if isinstance(m, Response)]
    assert len(set(tags)) == len(tags) == 3, "a dialog of its own"
    scene.carrier.hang_up_all()
    scene.world.run(300.0)
    assert scene.edge.clean() == {}
