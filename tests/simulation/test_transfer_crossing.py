"""What somebody does while a transfer goes on: hangs up, changes its session, or refuses the new one."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT
from tests.simulation.peer import Peer
from tests.simulation.phone import ANSWER, OFFER, Phone
from tests.simulation.transfer import DESK, HUMAN, HUMAN_SDP, Scene, agree, rings_first, version
from trunkline.call.inputs import HangUp
from trunkline.call.leg.events import Asked, Disconnected, Replied
from trunkline.call.leg.uas_leg import UasLeg


def ringing() -> Scene:
    """The agent has sent its call to the desk, which rings."""
    scene = Scene(human=rings_first)
    scene.connect()
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(0.5)
    return scene


def test_who_transfers_may_hang_up_at_once() -> None:
    scene = ringing()
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
    scene = ringing()
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


def test_an_operator_hangs_up_in_the_middle() -> None:
    scene = ringing()
    scene.edge.give(HangUp(scene.call))
    scene.world.run(5.0)
    assert not scene.agent.legs
    assert not scene.carrier.legs
    assert scene.told()[-1] == 487
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
    assert desk.statuses("UPDATE") == [504]
    desk.reply(invite, 486)
    scene.world.run(1.0)
    scene.carrier.hang_up_all()
    scene.world.run(200.0)
    assert scene.edge.clean() == {}


def test_an_info_that_is_never_answered_ends_no_call_of_others() -> None:
    """Who asked it has been replaced when its time is over."""
    scene = Scene()
    scene.carrier.asked = lambda leg, event: agree(scene.carrier, leg, event, OFFER) if event.method != "INFO" else None
    scene.connect()
    (leg,) = scene.agent.legs.values()
    scene.agent._carry(leg.ask("flash", "INFO", b"x", "text/plain", (), scene.world.now))
    scene.world.run(0.5)
    scene.refer(f"<tel:{DESK}>")
    scene.world.run(60.0)
    assert scene.transfers[0].result == "completed"
    assert len(scene.human.legs) == len(scene.carrier.legs) == 1, scene.world.ladder()
    scene.end()
    assert scene.edge.record.hung_up_by == "caller"
