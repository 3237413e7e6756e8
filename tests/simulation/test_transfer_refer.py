"""Who may send REFER, where it may lead, how it is answered, and what its NOTIFYs tell."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, EDGE, TRUNK, id_of
from tests.simulation.phone import Phone
from tests.simulation.transfer import DESK, HUMAN_SDP, Scene, allowing, at_once, rings_first
from trunkline.model.trunk import Trunk


def test_the_bye_comes_after_the_notify_that_says_how_it_ended() -> None:
    scene = Scene()
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(1.0)
    sent = [data.split(b" ")[0] for flow, data in scene.edge.sent if flow.remote[0] == AGENT]
    assert sent.index(b"BYE") > max(n for n, method in enumerate(sent) if method == b"NOTIFY")
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


def test_a_uri_is_of_the_trunk_that_it_leads_to() -> None:
    """`maddr` overrides the host (RFC 3261 §19.1.1): what is for a trunk alone goes to nobody else by it."""
    pbx = Trunk(id=id_of(80), organization_id=TRUNK.organization_id, name="pbx", host="10.0.0.9")
    scene = Scene(pbx)
    scene.connect()
    scene.refer("<sip:201@10.0.0.9;maddr=10.0.0.66>")
    scene.world.run(2.0)
    assert scene.answered() == [403]
    assert scene.transfers[0].status == 403
    scene.end()


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
