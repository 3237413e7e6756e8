"""Reliable provisional responses (RFC 3262) and what they make possible before the answer, each leg on its own."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, CARRIER, Edge, open_dialogs
from tests.simulation.peer import Message, Peer
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp, Interrupted
from trunkline.sip.message import Request, Response

SUPPORTS = "Supported: 100rel"
REQUIRES = "Require: 100rel"


class Caller(Peer):
    """It acknowledges what it is sent, PRACKs in time or not at all, and keeps both apart."""

    def __init__(self, world: World, pracks: bool = True, answer: bytes = b"") -> None:
        super().__init__(world, CARRIER, self._hears)
        self.pracks = pracks
        self.answer = answer
        """What its PRACK brings."""
        self.acked: set[int] = set()

    def _hears(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request):
            if message.method != "ACK":
                self.reply(message, 200)
        elif message.cseq_method == "INVITE" and 200 <= message.status < 300:
            self.ack(message.cseq)
        elif message.header("RSeq") is not None and self.pracks:
            rseq = int(message.header("RSeq") or 0)
            if rseq not in self.acked:
                self.acked.add(rseq)
                self.prack(rseq, message.to_tag or "", self.answer)

    def prack(self, rseq: int, tag: str = "", body: bytes = b"") -> None:
        self.inside("PRACK", body, extra=f"RAck: {rseq} 1 INVITE", to_tag=tag or None)

    @property
    def rang(self) -> list[tuple[int, bool, bool]]:
        """Each provisional response but 100: its status, whether it is reliable, whether it has a body."""
        return [
            (m.status, m.header("RSeq") is not None, bool(m.body))
            for m in self.heard
            if isinstance(m, Response) and m.cseq_method == "INVITE" and 100 < m.status < 200
        ]


class Agent(Peer):
    """It says what a test makes it say."""

    def __init__(self, world: World) -> None:
        super().__init__(world, AGENT, self._hears)

    def _hears(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method not in ("INVITE", "ACK"):
            self.reply(message, 487 if message.method == "CANCEL" else 200)

    @property
    def invited(self) -> Request:
        return next(request for request in self.requests if request.method == "INVITE")

    def ring(self, status: int, body: bytes = b"", rseq: int = 0, tag: str | None = None) -> None:
        extra = f"{REQUIRES}\nRSeq: {rseq}\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE" if rseq else ""
        self.reply(self.invited, status, body, extra, tag=tag)

    def answers(self, body: bytes = ANSWER, tag: str | None = None) -> None:
        self.reply(self.invited, 200, body, tag=tag)

    @property
    def racks(self) -> list[str | None]:
        return [request.header("RAck") for request in self.requests if request.method == "PRACK"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def edge(world: World) -> Edge:
    return Edge(world)


def begin(world: World, extra: str = "", body: bytes = OFFER, **caller: object) -> tuple[Caller, Agent]:
    carrier, agent = Caller(world, **caller), Agent(world)  # type: ignore[arg-type]
    carrier.invite(body, extra)
    world.run(0.1)
    return carrier, agent


def end(world: World, edge: Edge) -> None:
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    world.run(200.0)
    assert edge.clean() == {}, world.ladder()
    edge.whole()


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
    end(world, edge)


@pytest.mark.parametrize("reliable", [False, True])
def test_a_setting_keeps_early_media_as_it_was(world: World, reliable: bool) -> None:
    edge = Edge(world)
    edge.core.ua.extensions = edge.core.ua.extensions._replace(reliable_early_media=reliable)
    carrier, agent = begin(world, SUPPORTS)
    agent.ring(183, ANSWER)
    world.run(0.1)
    assert carrier.rang == [(183, reliable, True)]
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


@pytest.mark.parametrize("rseq", ["0x", "", "99999999999", "-1"])
def test_a_number_that_is_none_is_passed_over(world: World, edge: Edge, rseq: str) -> None:
    carrier, agent = begin(world)
    agent.reply(agent.invited, 180, extra=f"{REQUIRES}\nRSeq: {rseq}")
    world.run(0.1)
    assert agent.racks == []
    agent.answers()
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    end(world, edge)


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
    end(world, edge)


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
    end(world, edge)


def test_without_an_answer_to_it_there_is_no_call(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, SUPPORTS, b"")
    agent.ring(183, ANSWER, 40)
    world.run(0.1)
    assert carrier.statuses("PRACK") == [200]
    assert carrier.statuses("INVITE")[-1] >= 400
    assert edge.record.cause == "no-answer-sdp"
    end(world, edge)


def test_a_caller_without_them_must_not_get_an_offer_early(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, "", b"")
    assert "100rel" not in (agent.invited.header("Supported") or "")
    agent.ring(183, ANSWER)
    world.run(0.1)
    assert carrier.rang == [(183, False, False)]
    end(world, edge)


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
    end(world, edge)


def test_what_would_have_to_offer_and_cannot_is_not_sent(world: World, edge: Edge) -> None:
    """§5: the first reliable one to an INVITE without an offer brings it."""
    carrier, agent = begin(world, REQUIRES, b"")
    agent.ring(180)
    world.run(0.1)
    assert carrier.rang == []
    agent.answers(OFFER)
    world.run(0.1)
    assert carrier.response(200).body
    end(world, edge)


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
    end(world, edge)


def test_an_update_of_the_agents_too(world: World, edge: Edge) -> None:
    carrier, agent = settle(world)
    carrier.react = lambda p, m: p.reply(m, 200, MOVED) if isinstance(m, Request) and m.method == "UPDATE" else None
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("UPDATE", ANSWER.replace(b"5000", b"5040"), call_id=agent.invited.call_id)
    world.run(0.1)
    assert b"5040" in carrier.request("UPDATE").body
    assert b"4010" in agent.response(200, "UPDATE").body
    carrier.react = carrier._hears
    end(world, edge)


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
    end(world, edge)


def test_an_update_that_cannot_cross_yet_is_500(world: World, edge: Edge) -> None:
    carrier, agent = begin(world, f"{SUPPORTS}\nAllow: UPDATE")
    agent.ring(183, ANSWER)
    world.run(0.1)
    carrier.inside("UPDATE", MOVED)
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [500]
    assert carrier.response(500, "UPDATE").header("Retry-After")
    assert "UPDATE" not in agent.methods
    end(world, edge)


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
    assert carrier.statuses("UPDATE") == agent.statuses("UPDATE") == [500, 200]
    agent.answers(b"", tag="b")
    world.run(0.1)
    assert carrier.response(200).status == 200
    end(world, edge)


def test_an_update_without_an_offer_is_agreed_to_where_one_could_cross(world: World, edge: Edge) -> None:
    carrier, agent = settle(world)
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [200]
    assert "UPDATE" not in agent.methods
    end(world, edge)


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
    end(world, edge)


def test_an_update_that_crosses_our_cancel_has_an_answer(world: World, edge: Edge) -> None:
    _, agent = settle(world)
    agent.react = None
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("UPDATE", MOVED, call_id=agent.invited.call_id)
    world.run(0.1)
    assert agent.methods[-1] == "CANCEL"
    assert agent.statuses("UPDATE") == [500]
    agent.reply(agent.request("CANCEL"), 200)
    agent.reply(agent.invited, 487)
    end(world, edge)


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


def test_an_invite_in_an_early_dialog_is_glare_to_its_callee(world: World, edge: Edge) -> None:
    """§14.2: 500 to who has an INVITE open, 491 to who was sent one."""
    carrier, agent = settle(world)
    carrier.inside("INVITE", MOVED)
    agent.remote_tag = agent.invited.from_tag or ""
    agent.inside("INVITE", OFFER, call_id=agent.invited.call_id)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 500
    assert agent.statuses("INVITE") == [491]
    end(world, edge)
