"""What operators command on a live call: transfers, by ourselves and by REFER, and digits."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    id_of,
)
from tests.simulation.phone import Leg, Phone
from tests.simulation.transfer import DESK, HUMAN, HUMAN_AGENT, HUMAN_SDP, Scene, at_once, rings_first
from trunkline.call.inputs import SendDigits, Transfer
from trunkline.call.leg.events import Asked
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Range, Trunk

FAR = "+12025550999"


def wish(scene: Scene, to: str = DESK, **more: object) -> None:
    scene.edge.give(Transfer("token", scene.call, to, **more))  # type: ignore[arg-type]


def test_an_operator_transfers_the_caller() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    wish(scene)
    scene.world.run(1.0)
    assert scene.edge.done == []
    assert scene.transfers[0].result == "in-progress"
    scene.world.run(3.0)
    (done,) = scene.edge.done
    assert (done.token, done.done) == ("token", True)
    assert not scene.agent.legs
    assert len(scene.human.legs) == 1
    scene.end()
    assert (scene.edge.record.transfers[0].by, scene.edge.record.transfers[0].result) == ("edge", "completed")


def test_a_failed_command_leaves_the_call_whole() -> None:
    scene = Scene(human=lambda phone, leg: phone.refuse(leg, 486))
    scene.connect()
    wish(scene)
    scene.world.run(3.0)
    (done,) = scene.edge.done
    assert (done.done, done.cause, done.status) == (False, "transfer-failed", 486)
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    scene.end()


def test_a_short_patience() -> None:
    scene = Scene(human=lambda phone, leg: phone.ring(leg))
    scene.connect()
    wish(scene, timeout=5.0)
    scene.world.run(6.0)
    assert scene.edge.done[0].status == 480
    scene.end()


def test_a_command_before_anything_is_agreed_on_takes_no_place() -> None:
    desks = Trunk(id=id_of(91), organization_id=TRUNK.organization_id, name="desks", host=HUMAN)
    scene = Scene(desks, msgspec.structs.replace(HUMAN_AGENT, trunk_id=desks.id))
    scene.carrier.dial(f"sip:{NUMBER}@{EDGE}", b"")
    # The ACK, which brings the answer, is lost.
    scene.world.after(0.002, lambda: scene.world.parted.update({(CARRIER, EDGE): scene.world.now + 0.2}))
    scene.world.run(0.1)
    wish(scene)
    assert [(done.cause, done.status) for done in scene.edge.done] == [("transfer-failed", 488)]
    assert scene.edge.core.arrival.admission.capacity.used(desks.id) == 0
    scene.world.run(3.0)
    scene.end()


@pytest.mark.parametrize(
    ("to", "cause"),
    [
        ("sip:x@10.0.0.1", "transfer-target-private"),
        ("nonsense", "transfer-target"),
        (FAR, "no-carrier"),
    ],
)
def test_a_command_that_cannot_begin(to: str, cause: str) -> None:
    scene = Scene()
    scene.connect()
    wish(scene, to)
    scene.world.run(1.0)
    assert [done.cause for done in scene.edge.done] == [cause]
    scene.end()


def test_no_call_and_a_second_command() -> None:
    scene = Scene(human=rings_first)
    scene.edge.give(Transfer("a", id_of(999), DESK))
    scene.edge.give(SendDigits("b", id_of(999), "1"))
    scene.connect()
    wish(scene)
    scene.edge.give(Transfer("c", scene.call, DESK))
    assert [done.cause for done in scene.edge.done] == ["call-not-live", "call-not-live", "transfer-in-progress"]
    scene.world.run(4.0)
    scene.end()


# ── out to a telephone ────────────────────────────────────────────────────────────────────────────────────────────────


def telephone(**fields: object) -> Scene:
    carrier = msgspec.structs.replace(TRUNK, host="192.0.2.77", networks=(f"{CARRIER}/32",), **fields)
    return Scene(carrier)


def test_a_telephone_is_reached_by_the_carrier() -> None:
    scene = telephone()
    far = Phone(scene.world, "192.0.2.77", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.connect()
    scene.refer(f"<tel:{FAR}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200], scene.world.ladder()
    invite = far.requests[0]
    assert invite.uri.startswith(f"sip:{FAR}@192.0.2.77")
    assert "+12025550100" in (invite.header("From") or ""), "the organization's own number"
    assert "+12025550100" in (invite.header("Referred-By") or "")
    assert invite.header("X-Trunkline-Call-Id") is None
    assert scene.edge.core.arrival.admission.tolls.minutes(ORGANIZATION.id, scene.world.now) == 1
    scene.end()
    assert len(scene.edge.core.arrival.admission.tolls) == 0
    assert far.idle()


@pytest.mark.parametrize(("outbound", "status"), [(True, 202), (False, 403)])
def test_a_call_to_a_number_in_a_range_is_transferred_where_the_range_calls_out(outbound: bool, status: int) -> None:
    ranges = (Range(prefix="+12025558", agent_id=SIP_AGENT.id, outbound=outbound),)
    scene = telephone(ranges=ranges)
    far = Phone(scene.world, "192.0.2.77", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.dialled = scene.carrier.dial(f"sip:+12025558001@{EDGE}")
    scene.world.run(1.0)
    scene.refer(f"<tel:{FAR}>")
    scene.world.run(2.0)
    assert scene.answered() == [status]
    assert ["+12025558001" in (invite.header("From") or "") for invite in far.requests[:1]] == [True] * outbound
    scene.end()


def test_a_telephone_that_the_organization_may_not_call() -> None:
    scene = telephone()
    scene.connect()
    for number, status in (("+447700900123", 403), ("+19005550123", 403), ("911", 403)):
        before = len(scene.answered())
        scene.refer(f"<tel:{number}>")
        scene.world.run(1.0)
        assert scene.answered()[before:] == [status], number
    assert len(scene.agent.legs) == 1
    scene.end()


def test_a_transfer_counts_against_the_organizations_calls() -> None:
    rules = OutboundRules(concurrent_calls=1)
    carrier = msgspec.structs.replace(TRUNK, host="192.0.2.77", networks=(f"{CARRIER}/32",))
    scene = Scene(carrier, msgspec.structs.replace(ORGANIZATION, outbound=rules))
    far = Phone(scene.world, "192.0.2.77", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.connect()
    scene.refer(f"<tel:{FAR}>")
    scene.world.run(2.0)
    assert scene.told()[-1] == 200
    full = scene.edge.core.arrival.admission.refuses_outbound(ORGANIZATION.id, rules, scene.world.now)
    assert full is not None
    scene.end()
    assert far.idle()
    assert scene.edge.core.arrival.admission.refuses_outbound(ORGANIZATION.id, rules, scene.world.now) is None


# ── by REFER ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def noticing(scene: Scene, *told: bytes) -> None:
    """The carrier takes our REFER, and tells this of it, a second apart."""

    def note(leg: Leg, line: bytes, state: str) -> None:
        headers = (("Event", "refer"), ("Subscription-State", state))
        scene.carrier._carry(leg.ask("note", "NOTIFY", line, "message/sipfrag", headers, scene.world.now))

    def asked(leg: Leg, event: Asked) -> None:
        if event.method != "REFER":
            scene.carrier.agree(leg, event)
            return
        scene.carrier.reply(leg, event.exchange, 202)
        for n, line in enumerate(told):
            state = "terminated;reason=noresource" if n == len(told) - 1 else "active;expires=60"
            scene.world.after(float(n), partial(note, leg, line, state))

    scene.carrier.asked = asked


def test_a_transfer_by_refer() -> None:
    scene = Scene()
    scene.connect()
    noticing(scene, b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK")
    wish(scene, FAR, mode="refer")
    scene.world.run(1.5)
    (refer,) = scene.heard(scene.carrier, "REFER")
    assert f"Refer-To: <tel:{FAR}>".encode() in refer
    assert b"Referred-By: <sip:+12025550100@" in refer
    assert scene.transfers[0].progress == 180
    scene.world.run(3.0)
    assert scene.edge.done[0].done
    assert not scene.agent.legs
    assert not scene.carrier.legs
    scene.end()
    assert scene.edge.record.cause == "transferred"
    assert (scene.edge.record.transfers[0].mode, scene.edge.record.transfers[0].result) == ("refer", "completed")


def test_a_refer_that_came_to_nothing() -> None:
    scene = Scene()
    scene.connect()
    noticing(scene, b"SIP/2.0 100 Trying", b"SIP/2.0 486 Busy Here")
    wish(scene, FAR, mode="refer")
    scene.world.run(3.0)
    assert (scene.edge.done[0].cause, scene.edge.done[0].status) == ("transfer-failed", 486)
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    scene.end()


def test_a_refer_that_is_refused() -> None:
    scene = Scene()
    scene.connect()
    scene.carrier.asked = lambda leg, event: scene.carrier.reply(leg, event.exchange, 603)
    wish(scene, FAR, mode="refer")
    scene.world.run(3.0)
    assert scene.edge.done[0].status == 603
    assert len(scene.agent.legs) == 1
    scene.end()


def test_a_refer_of_which_nothing_is_told() -> None:
    scene = Scene()
    scene.connect()
    noticing(scene)
    wish(scene, FAR, mode="refer")
    scene.world.run(31.0)
    assert scene.edge.done == []
    scene.world.run(3.0)
    assert scene.edge.done[0].cause == "transfer-unknown"
    assert len(scene.agent.legs) == 1
    scene.end()
    assert scene.edge.record.transfers[0].result == "unknown"


def test_a_peer_that_hangs_up_as_soon_as_it_has_the_refer() -> None:
    scene = Scene()
    scene.connect()
    noticing(scene, b"SIP/2.0 100 Trying")
    scene.world.after(0.5, scene.carrier.hang_up_all)
    noticing(scene)
    wish(scene, FAR, mode="refer")
    scene.world.run(3.0)
    assert scene.edge.done[0].cause == "transfer-unknown"
    assert not scene.agent.legs
    scene.end()
    assert scene.edge.record.transfers[0].result == "unknown"


def test_auto_leaves_it_to_the_peer_where_the_trunk_says_so() -> None:
    scene = Scene(msgspec.structs.replace(TRUNK, send_refer=True))
    scene.connect()
    noticing(scene, b"SIP/2.0 200 OK")
    wish(scene, DESK)
    scene.world.run(3.0)
    assert scene.heard(scene.carrier, "REFER")
    assert not scene.human.requests
    scene.end()


# ── digits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_digits_one_after_the_other() -> None:
    scene = Scene()
    scene.connect()
    scene.edge.give(SendDigits("d", scene.call, "1#", "caller", 100))
    scene.world.run(3.0)
    one, two = scene.heard(scene.carrier, "INFO")
    assert b"Content-Type: application/dtmf-relay\r\n" in one
    assert one.endswith(b"\r\n\r\nSignal=1\r\nDuration=100\r\n")
    assert two.endswith(b"Signal=#\r\nDuration=100\r\n")
    at = [seen.at for seen in scene.world.seen if seen.start.startswith("INFO")]
    assert at[1] - at[0] >= 0.2
    assert [done.done for done in scene.edge.done] == [True]
    assert not scene.heard(scene.agent, "INFO")
    scene.end()


def test_digits_that_the_peer_refuses() -> None:
    scene = Scene()
    scene.connect()
    scene.agent.asked = lambda leg, event: scene.agent.reply(leg, event.exchange, 415)
    scene.edge.give(SendDigits("d", scene.call, "12", "agent"))
    scene.edge.give(SendDigits("e", scene.call, "12", "agent"))
    scene.world.run(3.0)
    assert [(done.token, done.cause) for done in scene.edge.done] == [
        ("e", "digits-in-progress"),
        ("d", "digits-refused"),
    ]
    scene.end()


def test_digits_to_who_has_no_sip() -> None:
    scene = Scene(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id))
    scene.connect()
    scene.edge.give(SendDigits("d", scene.call, "1", "agent"))
    assert [done.cause for done in scene.edge.done] == ["leg-has-no-sip"]
    scene.end()


def test_the_call_ends_in_the_middle_of_digits() -> None:
    scene = Scene()
    scene.connect()
    scene.edge.give(SendDigits("d", scene.call, "1234567890", "agent"))
    scene.world.run(0.5)
    scene.carrier.hang_up_all()
    scene.world.run(1.0)
    assert [done.cause for done in scene.edge.done] == ["call-ended"]
    scene.end()


def test_an_agent_that_dials_out_may_transfer_too() -> None:
    bots = Trunk(
        id=id_of(95),
        organization_id=TRUNK.organization_id,
        name="bots",
        networks=(f"{AGENT}/32",),
        role="agent",
        trust_identity=True,
    )
    carrier = msgspec.structs.replace(TRUNK, host="192.0.2.77", networks=(f"{CARRIER}/32",))
    scene = Scene(carrier, bots)
    far = Phone(scene.world, "192.0.2.77", at_once)
    scene.agent.dial(f"sip:{FAR}@192.0.2.5", HUMAN_SDP, "P-Asserted-Identity: <tel:+12025550100>\r\n")
    scene.world.run(1.0)
    assert scene.agent.connected, scene.world.ladder()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200], scene.world.ladder()
    assert len(far.legs) == len(scene.human.legs) == 1
    far.hang_up_all()
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.by, transfer.leaves) == ("agent", "agent")
