"""Reliable provisional responses (RFC 3262): ours until they are acknowledged, theirs in their order."""

from __future__ import annotations

import pytest

from tests.simulation.edge import CARRIER, Edge, open_dialogs
from tests.simulation.phone import ANSWER, MOVED
from tests.simulation.provisional import REQUIRES, SUPPORTS, begin
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.call.inputs import Interrupted
from trunkline.sip.message import Request, Response

# ── with and without, on either side ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("extra", ["", SUPPORTS, REQUIRES])
@pytest.mark.parametrize("reliable", [False, True])
def test_early_media_and_the_answer_reach_every_caller_from_every_agent(
    world: World, edge: Edge, extra: str, reliable: bool
) -> None:
    carrier, agent = begin(world, extra)
    assert "100rel" in (agent.invited.header("Supported") or "")
    agent.ring(183, ANSWER, 7 if reliable else 0)
    world.run(0.1)
    agent.ring(180, b"", 8 if reliable else 0)
    world.run(0.1)
    assert carrier.rang == [(183, bool(extra), True), (180, extra == REQUIRES, False)]
    assert agent.racks == (["7 1 INVITE", "8 1 INVITE"] if reliable else [])
    assert carrier.statuses("PRACK") == [200] * (0 if not extra else 1 if extra == SUPPORTS else 2)
    agent.answers(b"" if reliable else ANSWER)
    world.run(0.1)
    assert bool(carrier.response(200).body) == (not extra), "who has it for certain is not told again"
    assert agent.methods[-1] == "ACK"
    hang_up(world, edge)


@pytest.mark.parametrize("reliable", [False, True])
def test_a_setting_keeps_early_media_as_it_was(world: World, reliable: bool) -> None:
    edge = Edge(world)
    edge.core.ua.extensions = edge.core.ua.extensions._replace(reliable_early_media=reliable)
    carrier, agent = begin(world, SUPPORTS)
    agent.ring(183, ANSWER)
    world.run(0.1)
    assert carrier.rang == [(183, reliable, True)]
    hang_up(world, edge)


# ── ours, until they are acknowledged ─────────────────────────────────────────────────────────────────────────────────


def test_ours_is_sent_again_with_doubled_gaps_until_its_prack(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(180)
    world.run(16.0)
    assert len(carrier.rang) == 6, "0, 0.5, 1.5, 3.5, 7.5 and 15.5 s"
    (rseq,) = {m.header("RSeq") for m in carrier.heard if isinstance(m, Response) and m.status == 180}
    carrier.prack(int(rseq or 0))
    world.run(3.0)
    assert len(carrier.rang) == 6
    assert not edge.finished
    hang_up(world, edge)


def test_without_early_media_the_answer_waits_for_nothing(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(180)
    world.run(1.0)
    agent.answers()
    world.run(30.0)
    assert carrier.statuses("INVITE") == [100, 180, 180, 200], "and it ends the repetition"
    carrier.prack(int(carrier.response(180).header("RSeq") or 0))
    world.run(0.1)
    assert carrier.statuses("PRACK") == [481]
    hang_up(world, edge)


def test_early_media_that_is_never_acknowledged_ends_the_call_with_504(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, pracks=False)
    agent.ring(183, ANSWER)
    world.run(1.0)
    agent.answers()
    world.run(0.1)
    assert agent.methods[-1] == "ACK"
    assert carrier.statuses("INVITE") == [100, 183, 183], "the answer waits (§3)"
    world.run(32.0)
    assert carrier.statuses("INVITE")[-1] == 504
    assert agent.methods[-1] == "BYE"
    assert (edge.record.cause, edge.record.sip_status, edge.record.status) == ("no-prack", 504, "failed")
    hang_up(world, edge)


def test_the_answer_is_held_until_early_media_is_acknowledged(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, pracks=False)
    agent.ring(183, ANSWER)
    agent.answers()
    world.run(1.0)
    assert 200 not in carrier.statuses("INVITE")
    progress = carrier.response(183)
    carrier.prack(int(progress.header("RSeq") or 0), progress.to_tag or "")
    world.run(0.1)
    assert carrier.statuses("PRACK") == [200]
    assert carrier.statuses("INVITE")[-1] == 200
    assert carrier.response(200).to_tag == progress.to_tag
    assert edge.core.counts()["calls"] == 1
    hang_up(world, edge)


def test_the_prack_of_a_ringing_is_not_that_of_the_media_behind_it(world: World, edge: Edge) -> None:
    """The 183 waits for its turn, and then for its own PRACK; the answer waits for both."""
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(180)
    agent.ring(183, ANSWER)
    world.run(0.1)
    agent.answers()
    world.run(0.1)
    for status in (180, 183):
        assert 200 not in carrier.statuses("INVITE")
        progress = carrier.response(status)
        carrier.prack(int(progress.header("RSeq") or 0), progress.to_tag or "")
        world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 180, 183, 200]
    assert carrier.response(200).body == b""
    hang_up(world, edge)


def test_early_media_that_finds_no_room_in_the_queue_holds_nothing(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, REQUIRES, pracks=False)
    for n in range(12):
        agent.ring(180 + n % 2)
    agent.ring(183, ANSWER)
    world.run(0.1)
    carrier.pracks = True
    agent.answers()
    world.run(3.0)
    assert 183 not in carrier.statuses("INVITE")
    assert carrier.response(200).body
    hang_up(world, edge)


def test_an_offer_in_the_prack_of_a_ringing_is_refused(world: World, edge: Edge) -> None:
    """That of its INVITE has no answer yet (§5, RFC 3261 §14.2)."""
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(180)
    world.run(0.1)
    first = carrier.response(180)
    carrier.prack(int(first.header("RSeq") or 0), first.to_tag or "", MOVED)
    world.run(1.0)
    assert carrier.statuses("PRACK") == [500]
    assert carrier.response(500, "PRACK").header("Retry-After")
    assert carrier.statuses("INVITE") == [100, 180], "it is acknowledged all the same"
    agent.answers()
    world.run(0.1)
    assert carrier.response(200).body
    hang_up(world, edge)


def test_a_caller_that_gives_up_while_the_answer_is_held(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, pracks=False)
    agent.ring(183, ANSWER)
    agent.answers()
    world.run(1.0)
    invite = next(seen.data for seen in world.seen if seen.source[0] == CARRIER)
    branch = invite.split(b"branch=")[1].split(b";")[0].decode()
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    world.run(1.0)
    assert carrier.statuses("INVITE")[-1] == 487
    assert agent.methods[-1] == "BYE"
    assert edge.record.status == "no-answer"
    hang_up(world, edge)


def test_they_go_one_after_the_other(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, REQUIRES, pracks=False)
    for status in (180, 182, 181):
        agent.ring(status)
        world.run(0.05)
    assert [status for status, _, _ in carrier.rang] == [180]
    carrier.pracks = True
    world.run(2.0)
    assert [status for status, _, _ in carrier.rang if status != 180] == [182, 181]
    first, second, third = sorted(carrier.acked)
    assert (second, third) == (first + 1, first + 2)
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("rack", "status"),
    [("1 1 INVITE", 481), ("{rseq} 2 INVITE", 481), ("{rseq} 1 UPDATE", 481), ("{rseq}", 400), ("x", 400), ("", 400)],
)
def test_a_prack_of_nothing_is_refused(world: World, edge: Edge, rack: str, status: int) -> None:
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(180)
    world.run(0.1)
    rseq = carrier.response(180).header("RSeq")
    carrier.inside("PRACK", extra=f"RAck: {rack.format(rseq=rseq)}" if rack else "")
    world.run(0.1)
    assert carrier.statuses("PRACK") == [status]
    carrier.prack(int(rseq or 0))
    carrier.prack(int(rseq or 0))
    world.run(0.1)
    assert carrier.statuses("PRACK") == [status, 200, 481]
    hang_up(world, edge)


def test_a_prack_after_the_answer_is_agreed_to_or_481(world: World, edge: Edge) -> None:
    carrier, agent = begin(world)
    agent.answers()
    world.run(0.1)
    carrier.inside("PRACK", extra="RAck: 1 1 INVITE")
    world.run(0.1)
    assert carrier.statuses("PRACK") == [481]
    carrier.inside("BYE")
    world.run(1.0)
    assert edge.record.cause == "normal", "it ended nothing"
    hang_up(world, edge)


# ── theirs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_theirs_are_taken_in_their_order_and_once(world: World, edge: Edge) -> None:
    carrier, agent = begin(world)
    agent.ring(180, b"", 10)
    agent.ring(180, b"", 10)
    agent.ring(182, b"", 12)
    agent.ring(181, b"", 9)
    world.run(0.1)
    assert agent.racks == ["10 1 INVITE"]
    agent.ring(183, ANSWER, 11)
    agent.ring(182, b"", 12)
    world.run(0.1)
    assert agent.racks == ["10 1 INVITE", "11 1 INVITE", "12 1 INVITE"]
    assert [status for status, _, _ in carrier.rang] == [180, 183, 182]
    hang_up(world, edge)


def test_each_early_dialog_counts_on_its_own(world: World, edge: Edge) -> None:
    carrier, agent = begin(world)
    agent.ring(183, ANSWER, 5, tag="a")
    agent.ring(183, ANSWER.replace(b"5000", b"5100"), 90, tag="b")
    agent.ring(180, b"", 6, tag="a")
    world.run(0.1)
    assert agent.racks == ["5 1 INVITE", "90 1 INVITE", "6 1 INVITE"]
    pracks = [request for request in agent.requests if request.method == "PRACK"]
    assert [request.to_tag for request in pracks] == ["a", "b", "a"]
    assert pracks[2].cseq > pracks[0].cseq > agent.invited.cseq
    agent.answers(b"", tag="b")
    world.run(0.1)
    assert b"5100" in carrier.response(200).body
    ack = agent.request("ACK")
    assert (ack.to_tag, ack.cseq) == ("b", agent.invited.cseq)
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(0.1)
    assert agent.request("INFO").cseq > pracks[1].cseq
    hang_up(world, edge)


@pytest.mark.parametrize("rseq", ["0x", "", "99999999999", "-1"])
def test_a_number_that_is_none_is_passed_over(world: World, edge: Edge, rseq: str) -> None:
    carrier, agent = begin(world)
    agent.reply(agent.invited, 180, extra=f"{REQUIRES}\nRSeq: {rseq}")
    world.run(0.1)
    assert agent.racks == []
    agent.answers()
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


@pytest.mark.parametrize("status", [481, 500, None])
def test_a_prack_that_is_refused_or_lost_ends_nothing(world: World, edge: Edge, status: int | None) -> None:
    carrier, agent = begin(world)
    agent.react = lambda p, m: p.reply(m, status) if status and isinstance(m, Request) and m.method == "PRACK" else None
    agent.ring(180, b"", 3)
    world.run(1.0)
    agent.react = agent._hears
    agent.answers()
    world.run(35.0)
    assert carrier.statuses("INVITE")[-1] == 200
    assert not edge.finished
    hang_up(world, edge)


# ── after a crash ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_agent_whose_answer_waits_for_a_prack_gets_its_bye_after_a_crash(world: World, edge: Edge) -> None:
    """It has its ACK, and talks to nobody: the journal knows it before the caller does."""
    carrier, agent = begin(world, REQUIRES, pracks=False)
    agent.ring(183, ANSWER)
    world.run(0.1)
    agent.answers()
    world.run(0.1)
    assert agent.methods == ["INVITE", "ACK"]
    assert 200 not in carrier.statuses("INVITE")
    after = Edge(world, seed=b"after")
    for dialog in open_dialogs(edge):
        after.give(Interrupted(dialog))
    world.run(0.1)
    assert agent.methods == ["INVITE", "ACK", "BYE"]
    world.run(200.0)
    assert after.clean() == {}
