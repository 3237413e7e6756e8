"""Blind transfer: a REFER from a leg of a call that is up, and what comes of it."""

from __future__ import annotations

import gc

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ECHO_AGENT, EDGE, NUMBER, SIP_AGENT, TRUNK, id_of
from tests.simulation.peer import Peer
from tests.simulation.phone import ANSWER, OFFER, Phone, ignore
from tests.simulation.transfer import (
    DESK,
    DESK_NUMBER,
    HUMAN,
    HUMAN_AGENT,
    HUMAN_SDP,
    Scene,
    agree,
    allowing,
    at_once,
    rings_first,
)
from tests.simulation.world import Weather
from trunkline.call.inputs import HangUp
from trunkline.call.leg.events import Asked, Disconnected, Replied
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.agent import Agent
from trunkline.model.journal import Rejoined
from trunkline.model.trunk import Trunk
from trunkline.sdp.description import parse


def version(data: bytes) -> tuple[str, int]:
    """Session id and version of a message's o= line."""
    origin = parse(data.split(b"\r\n\r\n", 1)[1]).origin
    return origin.session, int(origin.version)


def test_an_agent_transfers_its_caller_to_a_number() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>", ("Referred-By", '<sip:bot@agent.example>;cid="1@2"'), ("X-Case", "17"))
    scene.world.run(1.0)
    assert scene.answered() == [202]
    assert scene.told() == [100, 180]
    assert len(scene.agent.legs) == 1, "the call goes on while the desk rings"
    assert scene.transfers[0].progress == 180
    scene.world.run(3.0)
    assert scene.told() == [100, 180, 200], scene.world.ladder()
    assert not scene.agent.legs, "it got its BYE"
    (invite,) = scene.heard(scene.human, "INVITE")
    assert b"Referred-By: <sip:bot@agent.example>\r\n" in invite
    assert b"X-Case: 17\r\n" in invite
    assert b"m=audio 4000" in invite, "the caller's own description"
    (again,) = scene.heard(scene.carrier, "INVITE")
    assert b"m=audio 6000" in again, "the desk's"
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.by, transfer.leaves, transfer.to, transfer.mode) == ("agent", "agent", DESK, "invite")
    assert (transfer.result, transfer.status) == ("completed", 200)
    legs = scene.edge.record.legs
    assert [leg.side for leg in legs] == ["caller", "agent", "agent"]
    assert legs[2].uri == f"sip:desk@{HUMAN}:5060"
    assert legs[1].ended_at is not None
    assert legs[2].answered_at is not None
    assert legs[1].ended_at < legs[0].ended_at  # type: ignore[operator]
    assert scene.edge.record.cause == "normal"


@pytest.mark.parametrize("how", ["nobody answers", "the caller hangs up", "the caller refuses"])
def test_a_new_party_that_does_not_come_gives_its_place_back(how: str) -> None:
    """On its own trunk, where the next call may want it."""
    desks = Trunk(id=id_of(91), organization_id=TRUNK.organization_id, name="desks", host=HUMAN, max_concurrent_calls=1)
    desk = msgspec.structs.replace(HUMAN_AGENT, trunk_id=desks.id, ring_timeout=5.0)
    scene = Scene(desks, desk, human=at_once if how == "the caller refuses" else ignore)
    scene.connect()
    if how == "the caller refuses":
        scene.carrier.asked = lambda leg, event: scene.carrier.reply(leg, event.exchange, 488)
    scene.refer(f"<tel:{DESK}>")
    if how == "the caller hangs up":
        scene.world.run(1.0)
        assert scene.edge.core.arrival.admission.capacity.used(desks.id) == 1
        scene.carrier.hang_up_all()
    scene.world.run(50.0)
    assert scene.edge.core.arrival.admission.capacity.used(desks.id) == 0
    scene.end()
    assert [transfer.result for transfer in scene.edge.record.transfers] == ["failed"]
    assert scene.edge.record.legs[2].peer == f"udp:{HUMAN}:5060"


def test_the_bye_comes_after_the_notify_that_says_how_it_ended() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    sent = [data.split(b" ")[0] for flow, data in scene.edge.sent if flow.remote[0] == AGENT]
    assert sent.index(b"BYE") > max(n for n, method in enumerate(sent) if method == b"NOTIFY")
    scene.end()


def test_versions_of_the_party_that_stays_keep_rising() -> None:
    scene = Scene()
    scene.connect()
    first = next(data for flow, data in scene.edge.sent if flow.remote[0] == CARRIER and b"m=audio" in data)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    (again,) = scene.heard(scene.carrier, "INVITE")
    session, number = version(first)
    assert version(again) == (session, number + 1)
    assert version(scene.heard(scene.human, "INVITE")[0])[0] not in (session, version(again)[0])
    scene.end()


def test_a_busy_number_leaves_the_call_whole() -> None:
    scene = Scene(human=lambda phone, leg: phone.refuse(leg, 486))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(5.0)
    assert scene.told() == [100, 486]
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    assert scene.heard(scene.carrier, "INVITE") == [], "its media was not touched"
    scene.agent.ask(next(iter(scene.agent.legs.values())), "INFO", b"", "still")
    scene.carrier.ask(scene.dialled, "INVITE", OFFER.replace(b"4000", b"4010"), "hold")
    scene.world.run(1.0)
    assert b"m=audio 4010" in scene.heard(scene.agent, "INVITE")[-1]
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.result, transfer.status, transfer.phrase) == ("failed", 486, "Busy Here")
    assert scene.edge.record.status == "completed"


def test_nobody_answers_in_time() -> None:
    scene = Scene(human=lambda phone, leg: phone.ring(leg))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(25.0)
    assert scene.told() == [100, 180, 480]
    assert scene.heard(scene.human, "CANCEL")
    assert len(scene.agent.legs) == 1
    scene.end()


def test_a_second_refer_after_a_failed_one_has_an_id_and_works() -> None:
    scene = Scene(human=lambda phone, leg: phone.refuse(leg, 480))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    scene.human.behaviour = at_once
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.answered() == [202, 202]
    assert scene.told() == [100, 480, 100, 200]
    assert b"Event: refer;id=" in scene.heard(scene.agent, "NOTIFY")[-1]
    assert b"Event: refer\r\n" in scene.heard(scene.agent, "NOTIFY")[0]
    scene.end()
    assert [each.result for each in scene.edge.record.transfers] == ["failed", "completed"]


def test_a_refer_while_one_goes_on_is_491() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(4.0)
    assert sorted(scene.answered()) == [202, 491]
    assert len(scene.heard(scene.human, "INVITE")) == 1
    scene.end()
    assert len(scene.edge.record.transfers) == 1


def test_who_transfers_may_hang_up_at_once() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.5)
    scene.agent.hang_up_all()
    scene.world.run(5.0)
    assert not scene.agent.legs
    assert len(scene.human.legs) == len(scene.carrier.legs) == 1, scene.world.ladder()
    said = [data for data in scene.heard(scene.agent, "NOTIFY") if b"SIP/2.0 200" in data]
    assert said, "it is told all the same"
    scene.end()
    assert scene.edge.record.transfers[0].result == "completed"
    assert scene.edge.record.hung_up_by == "caller"


def test_when_who_transfers_has_gone_and_it_fails_nobody_is_left() -> None:
    scene = Scene(human=lambda phone, leg: phone.world.after(2.0, lambda: phone.refuse(leg, 486)))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.5)
    scene.agent.hang_up_all()
    scene.world.run(5.0)
    assert not scene.carrier.legs
    assert scene.edge.record.cause == "transfer-failed"
    assert scene.edge.record.transfers[0].status == 486
    scene.end()


def test_the_caller_hangs_up_while_the_desk_rings() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.5)
    scene.carrier.hang_up_all()
    scene.world.run(5.0)
    assert scene.told()[-1] == 487
    assert not scene.agent.legs
    assert scene.heard(scene.human, "CANCEL")
    sent = [data.split(b" ")[0] for flow, data in scene.edge.sent if flow.remote[0] == AGENT]
    assert sent.index(b"BYE") > max(n for n, method in enumerate(sent) if method == b"NOTIFY")
    scene.end()
    assert scene.edge.record.transfers[0].result == "failed"


def test_the_bye_of_the_caller_crosses_the_answer_of_the_desk() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0015)
    scene.carrier.hang_up_all()
    scene.world.run(5.0)
    assert not scene.human.legs
    scene.end()


def test_who_transfers_hangs_up_while_the_two_are_joined() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.0035)
    scene.agent.hang_up_all()
    scene.world.run(5.0)
    assert len(scene.human.legs) == len(scene.carrier.legs) == 1, scene.world.ladder()
    scene.end()
    assert scene.edge.record.transfers[0].result == "completed"


def test_the_desk_hangs_up_before_it_is_joined() -> None:
    def hasty(phone: Phone, leg: UasLeg) -> None:
        phone.answer(leg, HUMAN_SDP)
        phone.world.after(0.0025, lambda: phone.hang_up(leg))

    scene = Scene(human=hasty)
    scene.carrier.asked = lambda leg, event: scene.world.after(1.0, lambda: agree(scene.carrier, leg, event, OFFER))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(6.0)
    assert scene.told()[-1] == 487
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1, scene.world.ladder()
    assert b"m=audio 5000" in scene.heard(scene.carrier, "INVITE")[-1], "it talks to the agent again"
    assert version(scene.heard(scene.carrier, "INVITE")[-1]) > version(scene.heard(scene.carrier, "INVITE")[0])
    scene.end()


@pytest.mark.parametrize("status", [488, 500, 603])
def test_a_caller_that_refuses_its_new_session_keeps_its_agent(status: int) -> None:
    scene = Scene()
    scene.carrier.asked = lambda leg, event: scene.carrier.reply(leg, event.exchange, status)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(5.0)
    assert scene.told() == [100, status]
    assert not scene.human.legs, "the desk got its BYE"
    assert len(scene.agent.legs) == len(scene.carrier.legs) == 1
    scene.end()
    assert scene.edge.record.transfers[0].result == "failed"


def test_a_caller_that_changes_its_session_itself_is_asked_again() -> None:
    scene = Scene()
    glares = [491, 200]
    scene.carrier.asked = lambda leg, event: scene.carrier.reply(
        leg, event.exchange, status := glares.pop(0), OFFER if status == 200 else b""
    )
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(6.0)
    assert scene.told() == [100, 200]
    scene.end()


def test_a_change_that_crosses_while_the_desk_answers_is_waited_for() -> None:
    scene = Scene(human=rings_first)
    scene.agent.asked = lambda leg, event: scene.world.after(
        3.0 if event.method == "INVITE" else 0.0, lambda: scene.agent.agree(leg, event)
    )
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    scene.carrier.ask(scene.dialled, "INVITE", OFFER.replace(b"4000", b"4020"), "own")
    scene.world.run(8.0)
    assert scene.told()[-1] == 200, scene.world.ladder()
    assert len(scene.human.legs) == 1
    # The desk was offered 4000; the caller has moved to 4020 meanwhile and says so when it is joined.
    scene.end()


def test_a_caller_that_answers_from_elsewhere_is_told_to_the_desk() -> None:
    scene = Scene()
    moved = OFFER.replace(b"4000", b"4444")
    scene.carrier.asked = lambda leg, event: agree(scene.carrier, leg, event, moved)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(3.0)
    first, second = scene.heard(scene.human, "INVITE")
    assert b"m=audio 4000" in first
    assert b"m=audio 4444" in second
    assert version(second) == (version(first)[0], version(first)[1] + 1)
    scene.carrier.ask(scene.dialled, "INVITE", moved.replace(b"4444", b"4446"), "later")
    scene.world.run(1.0)
    assert b"m=audio 4446" in scene.heard(scene.human, "INVITE")[-1], "requests cross to the new party"
    scene.end()


def test_a_held_caller_is_offered_as_one_that_talks() -> None:
    scene = Scene()
    held = OFFER.replace(b"sendrecv", b"recvonly")
    scene.carrier.asked = lambda leg, event: agree(
        scene.carrier, leg, event, held if b"sendonly" in event.body else OFFER
    )
    scene.connect()
    (leg,) = scene.agent.legs.values()
    scene.agent.ask(leg, "INVITE", ANSWER.replace(b"sendrecv", b"sendonly"), "hold")
    scene.world.run(1.0)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    (invite,) = scene.heard(scene.human, "INVITE")
    assert b"a=sendrecv" in invite
    assert b"recvonly" not in invite
    assert b"a=sendrecv" in scene.heard(scene.carrier, "INVITE")[-1]
    scene.end()


def test_a_transfer_to_the_echo_agent() -> None:
    scene = Scene(msgspec.structs.replace(DESK_NUMBER, agent_id=ECHO_AGENT.id))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200]
    assert b"m=audio 20000" in scene.heard(scene.carrier, "INVITE")[-1]
    assert scene.edge.media
    scene.end()
    assert not scene.edge.media


def test_a_group_is_tried_in_order() -> None:
    dead = Agent(id=id_of(70), organization_id=TRUNK.organization_id, name="dead", kind="sip", uri="sip:x@nowhere.test")
    group = Agent(
        id=id_of(71),
        organization_id=TRUNK.organization_id,
        name="desks",
        kind="group",
        members=(dead.id, HUMAN_AGENT.id),
    )
    scene = Scene(dead, group, msgspec.structs.replace(DESK_NUMBER, agent_id=group.id))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200]
    scene.end()
    assert [leg.uri for leg in scene.edge.record.legs][2:] == ["sip:x@nowhere.test", f"sip:desk@{HUMAN}:5060"]


def test_a_transferred_call_is_transferred_back_and_forth_but_not_for_ever() -> None:
    scene = Scene(human=at_once)
    scene.connect()
    statuses = []
    for turn in range(20):
        phone, to = (scene.agent, DESK) if turn % 2 == 0 else (scene.human, NUMBER)
        before = len(scene.answered(phone))
        scene.refer(f"<tel:{to}>", phone=phone)
        scene.world.run(2.0)
        statuses.append(scene.answered(phone)[before:][0])
        if statuses[-1] != 202:
            break
    assert statuses == [202] * 16 + [603]
    assert len(scene.carrier.legs) == 1
    scene.end()
    assert all(each.result == "completed" for each in scene.edge.record.transfers)


def test_a_caller_may_not_transfer() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>", phone=scene.carrier)
    scene.world.run(1.0)
    assert scene.answered(scene.carrier) == [603]
    (answer,) = [data for flow, data in scene.edge.sent if data.startswith(b"SIP/2.0 603")]
    assert b'Warning: 399 Trunkline "refer-not-allowed"' in answer
    scene.end()
    assert scene.edge.record.transfers == ()


def test_a_caller_whose_trunk_lets_it_transfers_its_agent() -> None:
    scene = Scene(allowing())
    scene.connect()
    scene.refer(f"<tel:{DESK}>", phone=scene.carrier)
    scene.world.run(2.0)
    assert scene.answered(scene.carrier) == [202]
    assert scene.told(scene.carrier) == [100, 200]
    assert not scene.carrier.legs
    assert b"m=audio 6000" in scene.heard(scene.agent, "INVITE")[-1]
    scene.agent.hang_up_all()
    scene.end()
    (transfer,) = scene.edge.record.transfers
    assert (transfer.by, transfer.leaves, transfer.result) == ("caller", "caller", "completed")
    assert scene.edge.record.legs[2].side == "caller"
    assert scene.edge.record.hung_up_by == "agent"


def test_a_caller_may_name_numbers_alone() -> None:
    scene = Scene(allowing())
    scene.connect()
    scene.refer("<sip:x@8.8.8.8>", phone=scene.carrier)
    scene.world.run(1.0)
    assert scene.answered(scene.carrier) == [403]
    scene.end()


def test_both_sides_transfer_at_once() -> None:
    scene = Scene(allowing(), human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>", phone=scene.carrier)
    scene.refer(f"<tel:{DESK}>", phone=scene.agent)
    scene.world.run(5.0)
    assert sorted(scene.answered(scene.carrier) + scene.answered()) == [202, 491]
    scene.agent.hang_up_all()
    scene.end()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("<sip:h@10.0.0.9>", 403),
        ("<sip:h@127.0.0.1:8080>", 403),
        ("<sip:h@[::1]>", 403),
        (f"<sip:somebody@{EDGE}>", 404),
        ("<mailto:a@b>", 416),
        ("<sip:a@8.8.8.8>, <sip:b@8.8.8.8>", 400),
        ("<sip:a@8.8.8.8;method=BYE>", 400),
        ("sip:a b", 400),
        ("<tel:911>", 403),
    ],
)
def test_where_a_refer_may_not_lead(target: str, status: int) -> None:
    scene = Scene()
    scene.connect()
    scene.refer(target)
    scene.world.run(1.0)
    assert scene.answered() == [status]
    assert scene.told() == []
    assert len(scene.agent.legs) == 1
    scene.end()


def test_a_sip_uri_that_nobody_here_knows() -> None:
    scene = Scene()
    stranger = Phone(scene.world, "8.8.8.8", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.connect()
    scene.refer("<sip:h@8.8.8.8?X-Ticket=a%20b&Route=%3Csip:evil%3E&From=x>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200]
    invite = stranger.requests[0]
    assert invite.header("X-Ticket") == "a b"
    assert invite.header("Route") is None
    assert invite.header("From") != "x"
    scene.end()
    assert stranger.idle()


def test_a_private_address_that_is_a_trunk_of_the_organization() -> None:
    pbx = Trunk(id=id_of(80), organization_id=TRUNK.organization_id, name="pbx", host="10.0.0.9")
    scene = Scene(pbx)
    desk = Phone(scene.world, "10.0.0.9", lambda phone, leg: phone.answer(leg, HUMAN_SDP))
    scene.connect()
    scene.refer("<sip:201@10.0.0.9>")
    scene.world.run(2.0)
    assert scene.told() == [100, 200]
    scene.end()
    assert desk.idle()
    assert scene.edge.record.legs[2].trunk_id == pbx.id


def test_a_refer_that_wants_no_word_gets_none() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>", ("Refer-Sub", "false"), ("Require", "norefersub"))
    scene.world.run(2.0)
    assert scene.answered() == [202]
    assert scene.told() == []
    assert not scene.agent.legs
    assert any(b"Refer-Sub: false" in data for flow, data in scene.edge.sent if data.startswith(b"SIP/2.0 202"))
    scene.end()


def test_a_notify_that_is_lost_is_sent_again_and_delays_nobody_for_ever() -> None:
    scene = Scene()
    scene.connect()
    scene.agent.asked = lambda leg, event: None
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(3.0)
    assert len(scene.human.legs) == 1
    assert len(set(scene.heard(scene.agent, "NOTIFY"))) == 1, "one at a time, and it has no answer"
    scene.world.run(5.0)
    assert not scene.agent.legs, "it has its BYE all the same"
    scene.end()


def test_who_does_not_know_the_subscription_is_told_no_more() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.agent.asked = lambda leg, event: scene.agent.reply(leg, event.exchange, 481)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(5.0)
    assert scene.told() == [100]
    assert not scene.agent.legs
    assert len(scene.human.legs) == 1
    scene.end()


def test_the_subscription_may_be_renewed_and_ended() -> None:
    scene = Scene(human=lambda phone, leg: phone.ring(leg))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    (leg,) = scene.agent.legs.values()
    for seconds in ("60", "0"):
        scene.agent._carry(
            leg.ask("sub", "SUBSCRIBE", b"", "", (("Event", "refer"), ("Expires", seconds)), scene.world.now)
        )
        scene.world.run(1.0)
    notices = scene.heard(scene.agent, "NOTIFY")
    assert b"active;expires=60" in notices[-2]
    assert b"terminated;reason=timeout" in notices[-1]
    scene.world.run(25.0)
    assert len(scene.heard(scene.agent, "NOTIFY")) == len(notices), "nothing is told after its end"
    scene.end()


@pytest.mark.parametrize(("event", "status"), [("refer", 481), ("message-summary", 489)])
def test_a_notify_that_nobody_asked_for(event: str, status: int) -> None:
    scene = Scene()
    scene.connect()
    (leg,) = scene.agent.legs.values()
    said = (("Event", event), ("Subscription-State", "active"))
    scene.agent._carry(leg.ask("refer", "NOTIFY", b"SIP/2.0 200 OK", "message/sipfrag", said, scene.world.now))
    scene.world.run(1.0)
    assert scene.answered() == [status]
    scene.end()


def test_an_operator_hangs_up_in_the_middle() -> None:
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.5)
    scene.edge.give(HangUp(scene.call))
    scene.world.run(5.0)
    assert not scene.agent.legs
    assert not scene.carrier.legs
    assert scene.told()[-1] == 487
    scene.end()


def test_the_journal_knows_whom_to_end_after_a_crash() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    first, last = [entry for entry in scene.edge.journal if isinstance(entry, Rejoined)]
    assert len(first.dialogs) == 3, "the desk has answered, and nobody has left yet"
    assert {dialog.flow.remote[0] for dialog in last.dialogs} == {CARRIER, HUMAN}
    assert last.record.transfers[0].result == "completed"
    scene.end()


def test_a_lost_peer_in_the_middle() -> None:
    scene = Scene(human=ignore)
    scene.connect()
    scene.world.remove(scene.human.address)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(60.0)
    assert scene.told() == [100, 480]
    assert len(scene.agent.legs) == 1
    scene.end()


def test_a_full_trunk_is_refused_and_gives_its_places_back() -> None:
    small = Trunk(id=id_of(81), organization_id=TRUNK.organization_id, name="small", host=HUMAN, max_concurrent_calls=0)
    scene = Scene(small, msgspec.structs.replace(HUMAN_AGENT, trunk_id=small.id))
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert scene.told() == [100, 503]
    scene.end()


def test_a_leg_that_was_replaced_gives_its_place_back() -> None:
    bots = Trunk(id=id_of(82), organization_id=TRUNK.organization_id, name="bots", host=AGENT)
    scene = Scene(bots, msgspec.structs.replace(SIP_AGENT, trunk_id=bots.id))
    scene.connect()
    capacity = scene.edge.core.arrival.admission.capacity
    assert capacity.used(bots.id) == 1
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(2.0)
    assert capacity.used(bots.id) == 0
    assert capacity.used(TRUNK.id) == 1
    scene.end()


@pytest.mark.parametrize("seed", range(12))
def test_in_bad_weather_nothing_is_left_over(seed: int) -> None:
    scene = Scene(human=rings_first, weather=Weather(loss=0.15, doubled=0.1, delay=(0.001, 0.08)), seed=seed)
    scene.carrier.dial(f"sip:{NUMBER}@{EDGE}")
    scene.world.run(8.0)
    if len(scene.agent.legs) == 1 and scene.carrier.connected:
        scene.refer(f"<tel:{DESK}>")
        scene.world.run(40.0)
        talking = [phone for phone in (scene.carrier, scene.agent, scene.human) if phone.legs]
        assert len(talking) in (0, 2), scene.world.ladder()
    scene.end()


def test_nothing_said_by_the_agent_is_asked_of_it() -> None:
    """What a leg says while it waits for its BYE is answered, and crosses to nobody."""
    scene = Scene()
    scene.connect()
    (leg,) = scene.agent.legs.values()
    held: list[tuple[object, Asked]] = []
    scene.agent.asked = lambda leg, event: held.append((leg, event))
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    scene.agent.ask(leg, "INVITE", ANSWER, "late")
    scene.agent.ask(leg, "INFO", b"", "info")
    scene.world.run(1.0)
    statuses = {event.exchange: event.status for event in scene.agent.events if isinstance(event, Replied)}
    assert (statuses["late"], statuses["info"]) == (491, 200)
    assert not scene.human.of(Disconnected)
    scene.end()


def test_transfers_leave_no_cycles() -> None:
    scene = Scene()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            scene.connect()
            scene.refer(f"<tel:{DESK}>")
            scene.world.run(1.0)
            scene.carrier.hang_up_all()
            scene.world.run(60.0)
            for phone in (scene.carrier, scene.agent, scene.human):
                phone.events.clear()
                phone.requests.clear()
        del scene.dialled
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert [record.transfers[0].result for record in scene.edge.finished] == ["completed"] * 20


def test_an_update_of_a_new_party_that_has_not_answered_has_an_answer() -> None:
    """RFC 3311 §5.2: what it would change is not there yet."""
    scene = Scene()
    scene.connect()
    scene.world.remove((HUMAN, 5060))
    desk = Peer(scene.world, HUMAN)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.1)
    invite = desk.request("INVITE")
    desk.reply(invite, 183, HUMAN_SDP, "Require: 100rel\nRSeq: 1")
    scene.world.run(0.1)
    desk.reply(desk.request("PRACK"), 200)
    desk.remote_tag = invite.from_tag or ""
    desk.inside("UPDATE", HUMAN_SDP, call_id=invite.call_id)
    scene.world.run(0.1)
    assert desk.statuses("UPDATE") == [500]
    desk.reply(invite, 486)
    scene.world.run(1.0)
    scene.carrier.hang_up_all()
    scene.world.run(200.0)
    assert scene.edge.clean() == {}
