"""Offers before the answer: in a reliable provisional response, in its PRACK, in an UPDATE (RFC 3262 §5, RFC 3311)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.simulation.edge import NUMBER_RECORD, SIP_AGENT, Edge, id_of, records
from tests.simulation.peer import Peer, answers
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.provisional import REQUIRES, SUPPORTS, Agent, Caller, begin
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.call.inputs import HangUp
from trunkline.sip.message import Request

# ── the offer in them ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_of_the_agents_gets_its_answer_by_prack(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, b"", answer=OFFER.replace(b"0 8 101", b"0"))
    assert "100rel" in (agent.invited.header("Supported") or "")
    agent.ring(183, ANSWER, 40)
    world.run(0.1)
    assert carrier.rang == [(183, True, True)]
    assert agent.racks == ["40 1 INVITE"]
    assert b"m=audio 4000 RTP/AVP 0\r\n" in agent.request("PRACK").body
    agent.answers(b"")
    world.run(0.1)
    assert carrier.response(200).body == b""
    assert agent.request("ACK").body == b""
    hang_up(world, edge)


def test_without_an_answer_to_it_there_is_no_call(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, b"")
    agent.ring(183, ANSWER, 40)
    world.run(0.1)
    assert carrier.statuses("PRACK") == [200]
    assert carrier.statuses("INVITE")[-1] >= 400
    assert edge.record.cause == "no-answer-sdp"
    hang_up(world, edge)


def test_a_caller_without_them_must_not_get_an_offer_early(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, "", b"")
    assert "100rel" not in (agent.invited.header("Supported") or "")
    agent.ring(183, ANSWER)
    world.run(0.1)
    assert carrier.rang == [(183, False, False)]
    hang_up(world, edge)


def test_the_prack_that_answers_an_early_offer_is_patient(world: World, edge: Edge) -> None:
    """§4: it is a request like others, and waits T1 before it is sent again."""
    carrier, agent = begin(world, SUPPORTS, b"")
    carrier.answer = ANSWER
    agent.react = None
    agent.ring(183, OFFER, 7)
    world.run(0.4)
    assert agent.methods == ["INVITE", "PRACK"]
    agent.reply(agent.request("PRACK"), 200)
    world.run(1.0)
    assert agent.methods == ["INVITE", "PRACK"]
    agent.react = agent._hears
    agent.answers(b"")
    world.run(0.1)
    assert 200 in carrier.statuses("INVITE")
    hang_up(world, edge)


def test_what_would_have_to_offer_and_cannot_is_not_sent(world: World, edge: Edge) -> None:
    """§5: the first reliable one to an INVITE without an offer brings it."""
    carrier, agent = begin(world, REQUIRES, b"")
    agent.ring(180)
    world.run(0.1)
    assert carrier.rang == []
    agent.answers(OFFER)
    world.run(0.1)
    assert carrier.response(200).body
    hang_up(world, edge)


# ── changes before the answer ─────────────────────────────────────────────────────────────────────────────────────────


def settle(world: World) -> tuple[Caller, Agent]:
    carrier, agent = begin(world, f"{SUPPORTS}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE")
    agent.ring(183, ANSWER, 7)
    world.run(0.1)
    return carrier, agent


def test_an_update_before_the_answer_crosses_where_both_have_agreed(world: World, edge: Edge) -> None:
    carrier, agent = settle(world)
    agent.react = lambda p, m: (
        p.reply(m, 200, ANSWER.replace(b"5000", b"5040")) if isinstance(m, Request) and m.method == "UPDATE" else None
    )
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert b"4010" in agent.request("UPDATE").body
    assert b"5040" in carrier.response(200, "UPDATE").body
    agent.react = agent._hears
    agent.answers(b"")
    world.run(0.1)
    assert carrier.response(200).body == b"", "what was agreed last holds"
    hang_up(world, edge)


def test_an_update_of_the_agents_too(world: World, edge: Edge) -> None:
    carrier, agent = settle(world)
    carrier.react = lambda p, m: p.reply(m, 200, MOVED) if isinstance(m, Request) and m.method == "UPDATE" else None
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("UPDATE", ANSWER.replace(b"5000", b"5040"), call_id=agent.invited.call_id)
    world.run(0.1)
    assert b"5040" in carrier.request("UPDATE").body
    assert b"4010" in agent.response(200, "UPDATE").body
    carrier.react = carrier._hears
    hang_up(world, edge)


def test_an_offer_in_a_prack_crosses_as_an_update(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, f"{REQUIRES}\nAllow: INVITE, PRACK, UPDATE", pracks=False)
    agent.ring(183, ANSWER, 7)
    world.run(0.1)
    progress = carrier.response(183)
    agent.react = lambda p, m: (
        p.reply(m, 200, ANSWER.replace(b"5000", b"5040")) if isinstance(m, Request) and m.method == "UPDATE" else None
    )
    carrier.prack(int(progress.header("RSeq") or 0), progress.to_tag or "", MOVED)
    world.run(0.1)
    assert b"4010" in agent.request("UPDATE").body
    assert b"5040" in carrier.response(200, "PRACK").body
    agent.react = agent._hears
    hang_up(world, edge)


def test_an_update_that_cannot_cross_yet_is_504(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, f"{SUPPORTS}\nAllow: UPDATE")
    agent.ring(183, ANSWER)
    world.run(0.1)
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [504]
    assert "UPDATE" not in agent.methods
    hang_up(world, edge)


def test_an_update_in_one_of_several_has_an_answer(world: World, edge: Edge) -> None:
    """Which of the other side's it is about cannot be said; the two early dialogs go on."""
    carrier, agent = begin(world, f"{SUPPORTS}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE")
    agent.ring(183, ANSWER, 5, tag="a")
    agent.ring(183, ANSWER.replace(b"5000", b"5100"), 90, tag="b")
    world.run(1.0)
    assert len([request for request in agent.requests if request.method == "PRACK"]) == 2
    agent.remote_tag, agent.tag = agent.invited.from_tag or "", "a"
    carrier.inside("UPDATE", MOVED)
    carrier.inside("UPDATE")
    agent.inside("UPDATE", MOVED, call_id=agent.invited.call_id)
    agent.inside("UPDATE", call_id=agent.invited.call_id)
    world.run(0.1)
    assert carrier.statuses("UPDATE") == agent.statuses("UPDATE") == [504, 200]
    agent.answers(b"", tag="b")
    world.run(0.1)
    assert carrier.response(200).status == 200
    hang_up(world, edge)


def test_an_update_without_an_offer_is_agreed_to_where_one_could_cross(world: World, edge: Edge) -> None:
    carrier, agent = settle(world)
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [200]
    assert "UPDATE" not in agent.methods
    hang_up(world, edge)


@pytest.mark.parametrize("status", [503, 486])
def test_an_update_whose_agent_goes_has_an_answer(world: World, edge: Edge, status: int) -> None:
    carrier, agent = settle(world)
    agent.react = None
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert "UPDATE" in agent.methods
    agent.reply(agent.invited, status)
    world.run(0.1)
    assert carrier.statuses("UPDATE")[0] >= 400
    assert carrier.statuses("INVITE")[-1] == status
    hang_up(world, edge)


def test_an_update_that_crosses_our_cancel_has_an_answer(world: World, edge: Edge) -> None:
    _, agent = settle(world)
    agent.react = None
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("UPDATE", MOVED, call_id=agent.invited.call_id)
    world.run(0.1)
    assert agent.methods[-1] == "CANCEL"
    assert agent.statuses("UPDATE") == [504]
    agent.reply(agent.request("CANCEL"), 200)
    agent.reply(agent.invited, 487)
    hang_up(world, edge)


def test_an_invite_in_an_early_dialog_is_glare_to_its_callee(world: World, edge: Edge) -> None:
    """§14.2: 500 to who has an INVITE open, 491 to who was sent one."""
    carrier, agent = settle(world)
    carrier.inside("INVITE", MOVED)
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("INVITE", OFFER, call_id=agent.invited.call_id)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 500
    assert agent.statuses("INVITE") == [491]
    hang_up(world, edge)


def test_an_update_of_an_agent_that_answers_what_was_cancelled_has_an_answer(world: World, edge: Edge) -> None:
    """Its 200 crosses our CANCEL while its UPDATE waits for the caller."""
    carrier, agent = settle(world)
    carrier.react = None
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("UPDATE", ANSWER.replace(b"5000", b"5040"), call_id=agent.invited.call_id)
    world.run(0.1)
    assert "UPDATE" in carrier.methods
    agent.react = lambda p, m: p.reply(m, 200) if isinstance(m, Request) and m.method in ("CANCEL", "BYE") else None
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    agent.answers(b"")
    world.run(0.1)
    assert agent.methods[-3:] == ["CANCEL", "ACK", "BYE"]
    assert agent.statuses("UPDATE") == [487]
    hang_up(world, edge)


def test_an_update_whose_agent_never_answers_does_not_outlive_it(world: World) -> None:
    """The next agent's session can be changed: nothing of the first one's is open."""
    second = replace(SIP_AGENT, id=id_of(70), uri="sip:two@192.0.2.30:5060")
    group = replace(SIP_AGENT, id=id_of(71), kind="group", uri=None, members=(SIP_AGENT.id, second.id))
    edge = Edge(world, records(second, group, replace(NUMBER_RECORD, agent_id=group.id)))
    carrier, agent = settle(world)
    Peer(world, "192.0.2.30", answers)
    agent.react = lambda p, m: p.reply(m, 200) if isinstance(m, Request) and m.method == "CANCEL" else None
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert "UPDATE" in agent.methods
    world.run(25.0)
    assert carrier.statuses("UPDATE") == [500]
    assert carrier.statuses("INVITE")[-1] == 200
    carrier.inside("INVITE", MOVED.replace(b"4010", b"4020"))
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


@pytest.mark.parametrize(("method", "status"), [("UPDATE", 504), ("PRACK", 488)])
def test_an_agent_without_update_gets_no_invite_in_its_early_dialog(
    world: World, edge: Edge, method: str, status: int
) -> None:
    """RFC 3261 §14.1: the first one has no final answer yet."""
    extra = f"{REQUIRES}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"
    carrier, agent = begin(world, extra, pracks=method == "UPDATE")
    agent.reply(agent.invited, 183, ANSWER, f"{REQUIRES}\nRSeq: 7\nAllow: INVITE, ACK, BYE, CANCEL, PRACK")
    world.run(0.1)
    progress = carrier.response(183)
    if method == "UPDATE":
        carrier.inside("UPDATE", MOVED)
    else:
        carrier.prack(int(progress.header("RSeq") or 0), progress.to_tag or "", MOVED)
    world.run(0.1)
    assert carrier.statuses(method)[-1] == status
    agent.answers(b"")
    world.run(0.1)
    assert agent.methods == ["INVITE", "PRACK", "ACK"]
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert b"4010" in agent.request("INVITE").body, "now it crosses so"
    hang_up(world, edge)


def test_an_offer_in_a_prack_is_answered_in_its_time(world: World, edge: Edge) -> None:
    """It crosses as a re-INVITE to an agent that has answered, and somebody there thinks about it for long."""
    extra = f"{REQUIRES}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"
    carrier, agent = begin(world, extra, pracks=False)
    agent.reply(agent.invited, 183, ANSWER, f"{REQUIRES}\nRSeq: 7\nAllow: INVITE, ACK, BYE, CANCEL, PRACK")
    agent.answers(b"")
    world.run(0.1)
    progress = carrier.response(183)
    carrier.prack(int(progress.header("RSeq") or 0), progress.to_tag or "", MOVED)
    world.run(0.1)
    again = agent.request("INVITE")
    assert again.to_tag is not None
    assert "100rel" not in (again.header("Supported") or ""), "nobody would PRACK its progress"
    agent.reply(again, 180)
    world.run(31.0)
    assert carrier.statuses("PRACK") == [504]
    assert agent.methods[-1] == "CANCEL"
    agent.reply(again, 487)
    hang_up(world, edge)


def test_an_update_in_an_early_dialog_is_answered_in_its_time(world: World) -> None:
    edge = Edge(world, records(replace(SIP_AGENT, ring_timeout=60.0)))
    carrier, agent = settle(world)
    agent.react = None
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    agent.reply(agent.request("UPDATE"), 100)
    world.run(29.0)
    assert carrier.statuses("UPDATE") == [504]
    agent.react = agent._hears
    hang_up(world, edge)
