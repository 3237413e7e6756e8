"""Attended transfer: two calls of ours become one; and INVITEs that ask for a place in a call."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.simulation.device import Device
from tests.simulation.edge import AGENT, EDGE, NUMBER, SIP_AGENT, TRUNK, id_of
from tests.simulation.peer import Peer, polite
from tests.simulation.phone import ANSWER, OFFER, Phone
from tests.simulation.transfer import DESK, HUMAN, HUMAN_SDP, Scene, agree, at_once
from trunkline.call.inputs import HangUp
from trunkline.call.leg.credentials import Credentials
from trunkline.call.leg.target import Target
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk

BOTS = Trunk(id=id_of(90), organization_id=TRUNK.organization_id, name="bots", networks=(f"{AGENT}/32",))


def replaces(leg: UacLeg | UasLeg, early: str = "") -> str:
    """What names a phone's dialog to its other end."""
    assert leg.session is not None
    dialog = leg.session.dialog
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}{early}"


class Attended(Scene):
    """The agent talks to the caller, and in a second call to the desk."""

    def __init__(self) -> None:
        # The desk is a caller too: its network is the carrier's.
        wide = msgspec.structs.replace(TRUNK, networks=("192.0.2.1/32", f"{HUMAN}/32"))
        super().__init__(wide, BOTS, msgspec.structs.replace(SIP_AGENT, trunk_id=BOTS.id, uri=f"sip:bot@{AGENT}:5060"))
        self.connect()
        (self.first,) = self.agent.legs.values()
        # The desk calls the agent: whoever began the second call, its far end is the desk.
        self.second_from_desk()

    def second_from_desk(self) -> None:
        self.human_leg = self.human.dial(f"sip:{NUMBER}@{EDGE}", HUMAN_SDP)
        self.world.run(1.0)
        assert len(self.agent.legs) == 2, self.world.ladder()
        (self.second,) = [leg for leg in self.agent.legs.values() if leg is not self.first]

    def attend(self, value: str) -> None:
        escaped = "".join([c if c.isalnum() else f"%{ord(c):02X}" for c in value])
        sent = (("Refer-To", f"<sip:desk@{EDGE}?Replaces={escaped}>"),)
        self.agent._carry(self.first.ask("refer", "REFER", b"", "", sent, self.world.now))


@pytest.fixture
def scene() -> Attended:
    return Attended()


def test_two_calls_become_one(scene: Attended) -> None:
    first, second = scene.edge.core.calls
    scene.attend(replaces(scene.second))
    scene.world.run(3.0)
    assert scene.answered() == [202]
    assert scene.told() == [100, 200], scene.world.ladder()
    assert not scene.agent.legs, "both of the agent's dialogs are over"
    assert len(scene.carrier.legs) == len(scene.human.legs) == 1
    assert b"m=audio 6000" in scene.heard(scene.carrier, "INVITE")[-1]
    assert b"m=audio 4000" in scene.heard(scene.human, "INVITE")[-1]
    (ended,) = scene.edge.finished
    assert (ended.id, ended.status, ended.cause) == (second, "completed", "transferred")
    scene.carrier.ask(scene.dialled, "INVITE", OFFER.replace(b"4000", b"4040"), "later")
    scene.world.run(1.0)
    assert b"m=audio 4040" in scene.heard(scene.human, "INVITE")[-1]
    scene.end()
    record = scene.edge.finished[-1]
    assert record.id == first
    (transfer,) = record.transfers
    assert (transfer.mode, transfer.result) == ("attended", "completed")
    assert record.legs[-1].sip_call_id == scene.human_leg.sip_call_id


VIDEO = b"m=video 6002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


class Pictured(Attended):
    """The desk offered a picture too, which the agent did not want."""

    def second_from_desk(self) -> None:
        self.human_leg = self.human.dial(f"sip:{NUMBER}@{EDGE}", HUMAN_SDP + VIDEO)
        self.world.run(1.0)
        (self.second,) = [leg for leg in self.agent.legs.values() if leg is not self.first]


def test_no_session_loses_a_section_to_whom_it_is_joined_with() -> None:
    """RFC 3264 §8: what the caller says goes to the desk with the desk's own further section, switched off."""
    scene = Pictured()
    scene.attend(replaces(scene.second))
    scene.world.run(3.0)
    assert scene.told() == [100, 200], scene.world.ladder()
    lines = re.compile(rb"^m=(\w+ \d+)", re.MULTILINE)
    assert lines.findall(scene.heard(scene.human, "INVITE")[-1]) == [b"audio 4000", b"video 0"]
    assert lines.findall(scene.heard(scene.carrier, "INVITE")[-1]) == [b"audio 6000"]
    assert len(scene.heard(scene.human, "INVITE")) == 1, "what was said once holds"
    scene.end()


def test_the_desk_refuses_to_change(scene: Attended) -> None:
    scene.human.asked = lambda leg, event: scene.human.reply(leg, event.exchange, 488)
    scene.attend(replaces(scene.second))
    scene.world.run(3.0)
    assert scene.told() == [100, 488]
    assert len(scene.agent.legs) == 2
    assert len(scene.edge.core.calls) == 2
    scene.human.hang_up_all()
    scene.end()


def test_the_caller_refuses_and_the_desk_comes_back(scene: Attended) -> None:
    scene.carrier.asked = lambda leg, event: scene.carrier.reply(leg, event.exchange, 488)
    scene.attend(replaces(scene.second))
    scene.world.run(3.0)
    assert scene.told() == [100, 488]
    assert len(scene.agent.legs) == 2
    assert b"m=audio 5000" in scene.heard(scene.human, "INVITE")[-1], "it talks to the agent again"
    scene.human.hang_up_all()
    scene.end()


def test_who_transfers_hangs_up_both_at_once(scene: Attended) -> None:
    scene.human.asked = lambda leg, event: scene.world.after(1.0, lambda: agree(scene.human, leg, event, HUMAN_SDP))
    scene.attend(replaces(scene.second))
    scene.world.run(0.1)
    scene.agent.hang_up_all()
    scene.world.run(5.0)
    assert len(scene.carrier.legs) == len(scene.human.legs) == 1, scene.world.ladder()
    scene.end()


def test_the_desk_hangs_up_in_the_middle(scene: Attended) -> None:
    scene.human.asked = lambda leg, event: None
    scene.attend(replaces(scene.second))
    scene.world.run(0.1)
    scene.human.hang_up_all()
    scene.world.run(5.0)
    assert scene.told() == [100, 487]
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    scene.end()


def test_the_caller_hangs_up_in_the_middle(scene: Attended) -> None:
    scene.human.asked = lambda leg, event: scene.world.after(1.0, lambda: agree(scene.human, leg, event, HUMAN_SDP))
    scene.attend(replaces(scene.second))
    scene.world.run(0.1)
    scene.carrier.hang_up_all()
    scene.world.run(10.0)
    assert len(scene.agent.legs) == len(scene.human.legs) == 1, scene.world.ladder()
    scene.human.hang_up_all()
    scene.end()


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("nobody;to-tag=a;from-tag=b", 403),
        ("self", 403),
        ("early", 486),
    ],
)
def test_what_names_no_other_call(scene: Attended, value: str, status: int) -> None:
    if value == "self":
        value = replaces(scene.first)
    elif value == "early":
        value = replaces(scene.second, ";early-only")
    scene.attend(value)
    scene.world.run(1.0)
    assert scene.answered() == [404 if value.startswith("nobody") else status]
    assert len(scene.agent.legs) == 2
    scene.human.hang_up_all()
    scene.end()


def test_an_operator_ends_the_call_whose_far_end_is_to_be_joined(scene: Attended) -> None:
    first, second = scene.edge.core.calls
    scene.carrier.asked = lambda leg, event: scene.world.after(1.0, lambda: agree(scene.carrier, leg, event, OFFER))
    scene.attend(replaces(scene.second))
    scene.world.run(0.1)
    scene.edge.give(HangUp(second))
    scene.world.run(5.0)
    assert list(scene.edge.core.calls) == [first]
    assert scene.told()[-1] == 487
    scene.end()


# ── INVITE with Replaces ──────────────────────────────────────────────────────────────────────────────────────────────

TAKER_SDP = ANSWER.replace(b"5000", b"7000")


def taking() -> tuple[Scene, UacLeg | UasLeg]:
    """A call whose agent another phone of the agent's machine wants to take over."""
    bots = msgspec.structs.replace(BOTS, role="agent", networks=(f"{AGENT}/32", "192.0.2.30/32"))
    scene = Scene(bots, msgspec.structs.replace(SIP_AGENT, trunk_id=bots.id))
    scene.connect()
    (leg,) = scene.agent.legs.values()
    return scene, leg


def test_an_invite_takes_the_agents_place() -> None:
    scene, leg = taking()
    other = Phone(scene.world, "192.0.2.30", at_once)
    other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {replaces(leg)}\r\nRequire: replaces\r\n")
    scene.world.run(2.0)
    assert other.connected, scene.world.ladder()
    assert not scene.agent.legs
    assert b"m=audio 7000" in scene.heard(scene.carrier, "INVITE")[-1]
    scene.end()
    assert other.idle()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.mode, transfer.result) == ("replaces", "completed")


def test_an_invite_that_the_caller_does_not_agree_to() -> None:
    scene, leg = taking()
    scene.carrier.asked = lambda its, event: scene.carrier.reply(its, event.exchange, 488)
    other = Phone(scene.world, "192.0.2.30", at_once)
    other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {replaces(leg)}\r\n")
    scene.world.run(2.0)
    assert not other.connected
    assert len(scene.agent.legs) == 1
    scene.end()
    assert other.idle()


def test_an_invite_that_is_cancelled_in_the_middle() -> None:
    scene, leg = taking()
    scene.carrier.asked = lambda its, event: scene.world.after(1.0, lambda: agree(scene.carrier, its, event, OFFER))
    other = Phone(scene.world, "192.0.2.30", at_once)
    dialled = other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {replaces(leg)}\r\n")
    scene.world.run(0.1)
    other.hang_up(dialled)
    scene.world.run(6.0)
    assert not other.connected
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    assert b"m=audio 5000" in scene.heard(scene.carrier, "INVITE")[-1], "back to the agent"
    scene.end()
    assert other.idle()


def test_an_invite_whose_call_ends_in_the_middle() -> None:
    scene, leg = taking()
    scene.carrier.asked = lambda its, event: None
    other = Phone(scene.world, "192.0.2.30", at_once)
    other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {replaces(leg)}\r\n")
    scene.world.run(0.1)
    scene.end()
    assert not other.connected
    assert other.idle()


@pytest.mark.parametrize(
    ("value", "host", "status"),
    [
        ("nobody;to-tag=a;from-tag=b", "192.0.2.30", 481),
        ("to-tag=a", "192.0.2.30", 400),
        ("{};early-only", "192.0.2.30", 486),
        ("{}", "192.0.2.99", 403),
        ("{}", "192.0.2.1", 403),
    ],
)
def test_an_invite_that_takes_no_place(value: str, host: str, status: int) -> None:
    scene, leg = taking()
    other = Phone(scene.world, host, at_once) if host != "192.0.2.1" else scene.carrier
    other.dial(f"sip:x@{EDGE}", TAKER_SDP, f"Replaces: {value.format(replaces(leg))}\r\n")
    scene.world.run(2.0)
    answers = [data for flow, data in scene.edge.sent if flow.remote[0] == host]
    assert any(data.startswith(f"SIP/2.0 {status}".encode()) for data in answers), scene.world.ladder()
    assert len(scene.agent.legs) == 1
    scene.end()


PBX = Trunk(
    id=id_of(45), organization_id=TRUNK.organization_id, name="pbx", networks=("192.0.2.31/32",),
    username="pbx", password=Secret("word"), challenge=True, allow_refer=True,
)  # fmt: skip


def dials_with(scene: Scene, other: Phone, value: str, password: str, username: str = "pbx") -> None:
    """It asks for a place, and proves who it is when it is asked to."""
    headers = f"Replaces: {value}\r\nRequire: replaces\r\n"
    uri = f"sip:x@{EDGE}"
    target = Target(
        uri, "<sip:x@{host}>", f"<{uri}>", headers, credentials=Credentials(username, Secret(password), None)
    )
    leg = UacLeg(other.ua, other.ua.tokens.token(), "", target, TAKER_SDP)
    other.legs[leg.id] = leg
    other._carry(leg.begin())
    scene.world.run(2.0)


def statuses(scene: Scene, host: str) -> list[bytes]:
    """The final answers that somebody there got to its INVITEs."""
    said = [data for flow, data in scene.edge.sent if flow.remote[0] == host and b" INVITE\r\n" in data]
    return list(dict.fromkeys([data[8:11] for data in said if data[8:9] > b"1"]))


@pytest.mark.parametrize("host", ["192.0.2.31", "192.0.2.32"], ids=["from its network", "from anywhere"])
@pytest.mark.parametrize(
    ("username", "password", "answers"),
    [("pbx", "word", [b"401", b"200"]), ("pbx", "guess", [b"401", b"403"]), ("nobody", "word", [b"401", b"403"])],
)
def test_who_must_prove_itself_takes_a_place_when_it_has(
    host: str, username: str, password: str, answers: list[bytes]
) -> None:
    networks = PBX.networks if host == "192.0.2.31" else ()
    scene = Scene(msgspec.structs.replace(PBX, networks=networks))
    scene.connect()
    (leg,) = scene.agent.legs.values()
    other = Phone(scene.world, host, at_once)
    dials_with(scene, other, replaces(leg), password, username)
    assert statuses(scene, host) == answers, scene.world.ladder()
    assert other.connected is (password == "word" and username == "pbx")
    if answers[-1] == b"403":
        assert [seen.reason for seen in scene.edge.observed if seen.status == 403] == ["wrong-credentials"]
        assert len(scene.agent.legs) == 1
    scene.end()


def test_nobody_is_asked_to_prove_itself_for_a_dialog_that_is_not() -> None:
    scene = Scene(PBX)
    scene.connect()
    dials_with(scene, Phone(scene.world, "192.0.2.31", at_once), "x;to-tag=a;from-tag=b", "word")
    assert statuses(scene, "192.0.2.31") == [b"481"]
    scene.end()


def test_a_trunk_that_may_not_transfer_proves_itself_in_vain() -> None:
    scene = Scene(msgspec.structs.replace(PBX, allow_refer=False))
    scene.connect()
    (leg,) = scene.agent.legs.values()
    dials_with(scene, Phone(scene.world, "192.0.2.31", at_once), replaces(leg), "word")
    assert statuses(scene, "192.0.2.31") == [b"403"]
    scene.end()


def test_a_phone_that_registered_here_takes_a_place() -> None:
    """It has proven who it is when it registered."""
    phones = msgspec.structs.replace(PBX, networks=(), challenge=False, accepts_registration=True)
    scene = Scene(phones)
    scene.connect()
    (leg,) = scene.agent.legs.values()
    device = Device(scene.world, "192.0.2.33", user="pbx", password="word")
    assert device.register() == 200
    taker = Peer(scene.world, "192.0.2.33", polite)
    taker.invite(TAKER_SDP, extra=f"Replaces: {replaces(leg)}")
    scene.world.run(1.0)
    assert taker.statuses("INVITE")[-1] == 200, scene.world.ladder()
    scene.end()


def test_a_refer_with_replaces_of_a_dialog_elsewhere_is_passed_on() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    scene.world.run(1.0)
    assert scene.answered() == [400], "a tel URI has no headers"
    pbx = Phone(scene.world, "8.8.8.8", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.refer("<sip:h@8.8.8.8?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    scene.world.run(1.0)
    assert pbx.requests[0].header("Replaces") == "abc;to-tag=1;from-tag=2"
    assert pbx.requests[0].header("Require") == "replaces"
    scene.end()
