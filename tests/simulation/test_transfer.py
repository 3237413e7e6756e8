"""Blind transfer: a REFER from a leg of a call that is up, and what comes of it."""

from __future__ import annotations

import gc

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ECHO_AGENT, EDGE, NUMBER, SIP_AGENT, TRUNK, id_of
from tests.simulation.phone import OFFER, ignore
from tests.simulation.transfer import DESK, DESK_NUMBER, HUMAN, HUMAN_AGENT, Scene, at_once, rings_first, version
from tests.simulation.world import Weather
from trunkline.model.agent import Agent
from trunkline.model.journal import Rejoined
from trunkline.model.trunk import Trunk


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
