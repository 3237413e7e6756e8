"""Peers that break the rules, or keep to those that few know: the call goes on or ends, and nothing of it stays."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ECHO_AGENT, EDGE, NUMBER_RECORD, Edge, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.world import World
from trunkline.call.inputs import HangUp, Interrupted, MediaFailed
from trunkline.call.outputs import Heard
from trunkline.model.journal import Answered
from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, parse


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def edge(world: World) -> Edge:
    return Edge(world)


@pytest.fixture
def carrier(world: World) -> Peer:
    return Peer(world, CARRIER, polite)


@pytest.fixture
def agent(world: World) -> Peer:
    return Peer(world, AGENT, answers)


def connect(world: World, carrier: Peer, body: bytes = OFFER) -> None:
    carrier.invite(body)
    world.run(0.1)
    assert 200 in carrier.statuses("INVITE")


def hang_up(world: World, edge: Edge) -> None:
    """The operator ends whatever is there; then nothing is left."""
    for call in list(edge.core.calls):
        edge.give(HangUp(call))
    world.run(200.0)
    assert edge.clean() == {}, world.ladder()
    edge.whole()


class Agent:
    """An agent whose INVITEs wait for the test to answer."""

    def __init__(self, world: World) -> None:
        self.peer = Peer(world, AGENT, self._react)

    def _react(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method not in ("INVITE", "ACK"):
            peer.reply(message, 200)

    @property
    def invite(self) -> Request:
        return self.peer.request("INVITE")


# ── the answer and its ACK ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bye_crosses_an_operators_hang_up_before_the_ack(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [200]
    world.run(200.0)
    assert edge.clean() == {}
    assert carrier.methods == []


def test_what_waits_for_an_answer_is_answered_when_the_ack_never_comes(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    waiting.peer.react = None
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(20.0)
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(200.0)
    assert carrier.statuses("INFO")
    assert edge.clean() == {}


def test_the_ack_of_a_reinvite_counts_although_another_request_came_between(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    carrier.inside("INVITE", MOVED, cseq=2)
    world.run(0.1)
    carrier.cseq = 2
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(60.0)
    assert carrier.methods == [], "the call goes on"
    assert carrier.statuses("INVITE").count(200) == 2
    hang_up(world, edge)


def test_an_ack_for_another_request_is_none(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    carrier.ack(7)
    world.run(3.0)
    assert carrier.statuses("INVITE").count(200) > 2
    carrier.ack(1)
    world.run(60.0)
    assert carrier.methods == []
    hang_up(world, edge)


def test_an_answer_without_an_ack_ends_both_legs(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None)
    connect(world, carrier)
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert "BYE" in agent.methods
    # At T1, doubling up to T2, until 64·T1 (§13.3.1.4).
    assert carrier.statuses("INVITE").count(200) == 11
    assert edge.record.cause == "no-ack"
    assert edge.clean() == {}


def test_the_ack_of_the_agents_200_is_sent_for_each_copy(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    for _ in range(3):
        waiting.peer.reply(waiting.invite, 200, ANSWER)
        world.run(1.0)
    acks = [request for request in waiting.peer.requests if request.method == "ACK"]
    assert len(acks) == 3
    assert len({ack.raw for ack in acks}) == 1
    assert carrier.statuses("INVITE").count(200) == 1
    hang_up(world, edge)


# ── routes and targets ────────────────────────────────────────────────────────────────────────────────────────────────


def test_record_route_is_repeated_in_what_makes_a_dialog(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    routes = ["<sip:192.0.2.1:5060;lr>", '"p, 2" <sip:192.0.2.77;lr>;x=y']
    carrier.invite(extra=f"Record-Route: {routes[0]}\nRecord-Route: {routes[1]}")
    world.run(0.1)
    for status in (180, 200):
        assert carrier.response(status).headers("Record-Route") == routes
    assert not carrier.response(100).headers("Record-Route")
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    assert carrier.request("BYE").headers("Route") == routes
    hang_up(world, edge)


def test_a_refusal_makes_no_dialog_and_repeats_no_route(world: World, edge: Edge) -> None:
    waiting = Agent(world)
    carrier = Peer(world, CARRIER)
    carrier.invite(extra="Record-Route: <sip:192.0.2.1:5060;lr>")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 486)
    world.run(0.1)
    assert not carrier.response(486).headers("Record-Route")
    world.run(100.0)
    assert edge.clean() == {}


def test_a_contact_of_another_transport_is_followed(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    carrier.invite(extra=f"m: <sip:peer@{CARRIER}:5060;transport=tcp>")
    world.run(0.1)
    carrier.invite(call_id="c2")
    hang_up(world, edge)


def test_the_target_follows_a_reinvite(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    elsewhere = Peer(world, "192.0.2.33", polite)
    carrier.inside("INVITE", MOVED, contact="sip:peer@192.0.2.33:5060")
    world.run(0.1)
    (call,) = edge.core.calls
    edge.give(HangUp(call))
    world.run(0.1)
    assert elsewhere.methods == ["BYE"]
    hang_up(world, edge)


# ── changes of the session that go wrong ──────────────────────────────────────────────────────────────────────────────


def pending(world: World, carrier: Peer) -> Agent:
    """A call that is up, whose agent answers no further INVITE by itself."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    return waiting


def works_still(world: World, edge: Edge, carrier: Peer, waiting: Agent) -> None:
    """Another change crosses and is answered."""
    before = carrier.statuses("INVITE").count(200)
    carrier.inside("INVITE", MOVED.replace(b"4000", b"4002"))
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("INVITE").count(200) == before + 1, world.ladder()
    hang_up(world, edge)


@pytest.mark.parametrize("answer", [b"", b"v=0\r\nnonsense\r\n", b"garbage"])
def test_a_reinvite_answered_without_an_answer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer, answer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, answer)
    world.run(0.1)
    works_still(world, edge, carrier, waiting)


@pytest.mark.parametrize("offer", [b"garbage", b"v=0\r\nnonsense\r\n"])
def test_a_reinvite_answered_with_a_bad_offer_is_acknowledged(
    world: World, edge: Edge, carrier: Peer, offer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE")
    world.run(0.1)
    acks = waiting.peer.methods.count("ACK")
    waiting.peer.reply(waiting.invite, 200, offer)
    world.run(0.1)
    assert waiting.peer.methods.count("ACK") == acks + 1
    assert carrier.statuses("INVITE")[-1] >= 400
    works_still(world, edge, carrier, waiting)


@pytest.mark.parametrize("answer", [b"", b"garbage"])
def test_an_ack_that_lacks_the_answer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer, answer: bytes
) -> None:
    waiting = pending(world, carrier)
    carrier.react = None
    carrier.inside("INVITE")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    carrier.ack(body=answer)
    world.run(0.1)
    assert waiting.peer.methods.count("ACK") == 2
    carrier.react = polite
    works_still(world, edge, carrier, waiting)


def test_an_answer_to_a_withdrawn_reinvite_is_acknowledged(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    branch = carrier.inside("INVITE", cseq=2)
    world.run(0.1)
    carrier.inside("CANCEL", cseq=2, branch=branch)
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    assert 487 in carrier.statuses("INVITE")
    assert waiting.peer.methods.count("ACK") == 2, world.ladder()
    carrier.cseq = 2
    works_still(world, edge, carrier, waiting)


def test_a_withdrawn_reinvite_is_cancelled_once_the_other_side_responded(
    world: World, edge: Edge, carrier: Peer
) -> None:
    waiting = pending(world, carrier)
    branch = carrier.inside("INVITE", MOVED, cseq=2)
    world.run(0.1)
    carrier.inside("CANCEL", cseq=2, branch=branch)
    world.run(0.1)
    # §9.1: not before a provisional response.
    assert "CANCEL" not in waiting.peer.methods
    waiting.peer.reply(waiting.invite, 100)
    world.run(0.1)
    assert waiting.peer.methods[-1] == "CANCEL"
    waiting.peer.reply(waiting.invite, 487)
    world.run(0.1)
    carrier.cseq = 2
    works_still(world, edge, carrier, waiting)


def test_a_reinvite_that_is_never_answered_dies_with_the_call(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 100)
    world.run(0.1)
    world.remove((AGENT, 5060))
    carrier.inside("BYE")
    world.run(200.0)
    assert edge.clean() == {}


def test_a_body_without_sdp_is_a_reinvite_without_offer(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    mixed = b"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b--\r\n"
    carrier.inside("INVITE", mixed, extra="Content-Type: multipart/mixed;boundary=b")
    world.run(0.1)
    assert not waiting.invite.is_sdp
    waiting.peer.reply(waiting.invite, 200, OFFER)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    world.run(0.1)
    works_still(world, edge, carrier, waiting)


def test_an_update_answered_with_an_unasked_offer_leaves_room_for_the_next(
    world: World, edge: Edge, carrier: Peer
) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER, extra="Allow: INVITE, UPDATE")
    world.run(0.1)
    waiting.peer.react = lambda peer, m: peer.reply(m, 200, OFFER) if isinstance(m, Request) else None
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [200]
    waiting.peer.react = waiting._react
    works_still(world, edge, carrier, waiting)


# ── early dialogs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_of_the_183_stands_when_the_200_brings_none(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 183, ANSWER)
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200)
    world.run(0.1)
    assert carrier.response(183).body == carrier.response(200).body != b""
    assert not carrier.response(180).body
    hang_up(world, edge)
    assert edge.record.status == "completed"


def test_a_200_without_any_answer_ends_the_call(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200)
    world.run(100.0)
    assert waiting.peer.methods == ["INVITE", "ACK", "BYE"]
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}


def test_a_dialog_that_was_never_early_has_its_own_tag(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 183, ANSWER, tag="one")
    waiting.peer.reply(waiting.invite, 200, ANSWER.replace(b"5000", b"5002"), tag="two")
    world.run(0.1)
    assert carrier.response(183).to_tag != carrier.response(200).to_tag
    hang_up(world, edge)


def test_our_own_ringing_is_in_the_dialog_of_the_agents(world: World, carrier: Peer) -> None:
    from tests.simulation.edge import TRUNK

    edge = Edge(world, records(msgspec.structs.replace(TRUNK, ring_after=1.0)))
    waiting = Agent(world)
    carrier.invite()
    world.run(2.0)
    assert carrier.statuses("INVITE") == [100, 180]
    first = carrier.remote_tag
    waiting.peer.reply(waiting.invite, 183, ANSWER)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    assert {carrier.response(status).to_tag for status in (183, 200)} == {first}
    hang_up(world, edge)


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "UPDATE", "INVITE"])
def test_a_request_in_an_early_dialog_does_not_end_it(world: World, edge: Edge, carrier: Peer, method: str) -> None:
    """481 would: §12.2.1.2."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    carrier.inside(method)
    waiting.peer.remote_tag = waiting.invite.from_tag or ""
    waiting.peer.inside(method, call_id=waiting.invite.call_id)
    world.run(0.1)
    for peer in (carrier, waiting.peer):
        status = peer.statuses(method)[-1]
        assert 400 <= status < 600
        assert status not in (408, 481)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    hang_up(world, edge)


def test_many_forks_are_not_all_remembered(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    for n in range(300):
        waiting.peer.reply(waiting.invite, 183, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["dialogs"] < 100
    for n in range(300):
        waiting.peer.reply(waiting.invite, 200, ANSWER, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["client_transactions"] < 100
    hang_up(world, edge)


def test_a_second_fork_that_answers_late_is_ended(world: World, edge: Edge, carrier: Peer) -> None:
    """Its 200 comes when the call is over and its leg is gone."""
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="one")
    world.run(0.1)
    carrier.inside("BYE")
    world.run(1.0)
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="two")
    world.run(1.0)
    assert [r.method for r in waiting.peer.requests if r.to_tag == "two"] == ["ACK", "BYE"]
    world.run(200.0)
    assert edge.clean() == {}


def test_an_answer_without_a_tag_is_a_dialog(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 100, tag="x")
    waiting.peer.reply(waiting.invite, 200, ANSWER, tag="")
    world.run(0.1)
    assert waiting.peer.request("ACK").to_tag is None
    carrier.inside("BYE")
    world.run(0.1)
    assert waiting.peer.request("BYE").to_tag is None
    hang_up(world, edge)


# ── offers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_invite_with_isup_alone_is_one_without_offer(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    mixed = b"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b--\r\n"
    carrier.invite(mixed, extra="Content-Type: multipart/mixed;boundary=b")
    world.run(0.1)
    assert carrier.response(200).is_sdp
    carrier.ack(body=ANSWER)
    world.run(0.1)
    assert agent.request("ACK").is_sdp
    hang_up(world, edge)
    assert edge.record.status == "completed"


@pytest.mark.parametrize("answer", [b"", b"garbage"])
def test_a_late_offer_whose_ack_lacks_the_answer(world: World, edge: Edge, agent: Peer, answer: bytes) -> None:
    carrier = Peer(world, CARRIER, lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None)
    carrier.invite(b"")
    world.run(0.1)
    carrier.ack(body=answer)
    world.run(100.0)
    assert agent.methods == ["INVITE", "ACK", "BYE"]
    assert carrier.methods == ["BYE"]
    assert edge.clean() == {}
    edge.whole()


def test_an_agents_bad_offer_is_not_the_callers_fault(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite(b"")
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, b"v=0\r\nnonsense\r\n")
    world.run(100.0)
    assert carrier.statuses("INVITE")[-1] >= 500
    assert edge.clean() == {}


# ── echo ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_media_that_fails_on_the_callers_answer_ends_the_call(world: World, carrier: Peer) -> None:
    edge = Edge(world, records(msgspec.structs.replace(NUMBER_RECORD, agent_id=ECHO_AGENT.id)))
    carrier.react = lambda peer, m: peer.reply(m, 200) if isinstance(m, Request) else None
    carrier.invite(b"")
    world.run(0.1)
    carrier.ack(body=ANSWER)
    world.run(0.1)
    (leg,) = edge.media
    edge.give(MediaFailed(leg, 488, "nothing in common"))
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert edge.media == set()
    assert edge.clean() == {}
    edge.whole()


# ── over connections ──────────────────────────────────────────────────────────────────────────────────────────────────


def tcp_edge(world: World) -> Edge:
    from tests.simulation.edge import TRUNK

    return Edge(world, records(msgspec.structs.replace(TRUNK, transport="tcp")))


def test_a_bye_over_a_lost_connection_goes_by_address(world: World) -> None:
    edge = tcp_edge(world)
    agent = Peer(world, AGENT, answers)
    carrier = Peer(world, CARRIER, polite, "tcp", "in:1")
    carrier.invite(extra="X-A: b")
    world.run(0.1)
    edge.broken.add("in:1")
    agent.inside("BYE", call_id=agent.request("INVITE").call_id)
    world.run(0.1)
    assert carrier.methods == ["BYE"], world.ladder()
    world.run(100.0)
    assert edge.clean() == {}


def test_two_requests_over_a_lost_connection_keep_their_order(world: World) -> None:
    edge = tcp_edge(world)
    agent = Peer(world, AGENT, answers)
    carrier = Peer(world, CARRIER, polite, "tcp", "in:1")
    carrier.invite()
    world.run(0.1)
    edge.broken.add("in:1")
    call_id = agent.request("INVITE").call_id
    agent.inside("INFO", b"1", call_id=call_id, extra="Content-Type: text/plain")
    agent.inside("INFO", b"2", call_id=call_id, extra="Content-Type: text/plain")
    world.run(0.1)
    assert [r.body for r in carrier.requests] == [b"1", b"2"], world.ladder()
    assert agent.statuses("INFO") == [200, 200]
    sequences = [r.cseq for r in carrier.requests]
    assert sequences == sorted(set(sequences))
    hang_up(world, edge)


# ── what may not get in ───────────────────────────────────────────────────────────────────────────────────────────────


def test_wrong_tags_are_no_dialog(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("BYE", to_tag="nobody")
    world.run(0.1)
    assert carrier.statuses("BYE") == [481]
    carrier.tag = "other"
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [481, 481]
    assert len(edge.core.calls) == 1
    hang_up(world, edge)


def test_a_request_out_of_order_is_told_so(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("INFO", cseq=2**32 - 1)
    world.run(0.1)
    carrier.inside("INFO", cseq=5)
    world.run(0.1)
    assert carrier.statuses("INFO") == [200, 500]
    hang_up(world, edge)


def test_responses_of_other_methods_and_other_calls_change_nothing(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    invite = waiting.invite
    for cseq in ("1 BYE", "1 CANCEL", "99 INVITE2"):
        waiting.peer.say(
            f"""SIP/2.0 200 OK
            Via: {invite.header("Via")}
            From: {invite.header("From")}
            To: {invite.header("To")};tag=x
            Call-ID: {invite.call_id}
            CSeq: {cseq}"""
        )
    world.run(0.1)
    assert waiting.peer.methods == ["INVITE"]
    assert [o.kind for o in edge.observed] == ["stray"] * 3
    waiting.peer.reply(invite, 200, ANSWER)
    waiting.peer.reply(invite, 180)
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 200]
    hang_up(world, edge)


def test_a_487_without_a_cancel_is_a_refusal(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 487)
    world.run(100.0)
    assert carrier.statuses("INVITE")[-1] == 487
    assert edge.clean() == {}


def test_a_cancel_for_nothing_is_481(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.inside("CANCEL", cseq=1)
    world.run(0.1)
    assert carrier.statuses("CANCEL") == [481]
    assert edge.clean() == {}


def test_a_cancel_sent_again_is_answered_again(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    branch = carrier.invite()
    world.run(0.1)
    for _ in range(3):
        carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
        world.run(0.1)
    assert carrier.statuses("CANCEL") == [200, 200, 200]
    assert carrier.statuses("INVITE") == [100, 487]
    waiting.peer.reply(waiting.invite, 180)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 487)
    # A repeat after the transaction has ended is a CANCEL for nothing.
    world.run(100.0)
    carrier.inside("CANCEL", cseq=1, branch=branch, to_tag="")
    world.run(0.1)
    assert carrier.statuses("CANCEL")[-1] == 481
    assert edge.clean() == {}


def test_a_merged_request_is_482(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    carrier.invite()
    world.run(0.1)
    assert sorted(carrier.statuses("INVITE")) == [100, 482]
    assert waiting.peer.methods == ["INVITE"]
    hang_up(world, edge)


def test_our_own_call_come_back_is_482(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    own = waiting.invite.header("X-Trunkline-Call-Id")
    carrier.invite(extra=f"X-Trunkline-Call-Id: {own}", call_id="other")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 482]
    hang_up(world, edge)


def test_hops_are_counted(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    for given, _passed in ((70, 69), (10, 9), (255, 69)):
        carrier.invite(extra="X-A: b", call_id=f"c{given}")
        text = f"Max-Forwards: {given}"
        assert text
    world.run(0.1)
    hang_up(world, edge)


def test_headers_of_a_leg_stay_on_it(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER, polite)
    carrier.invite(
        extra=f"""X-Customer: 7
        User-to-User: 00ab;encoding=hex
        X-Trunkline-Call-Id: call_forged
        Supported: timer, 100rel
        Allow: INVITE, PRACK
        Record-Route: <sip:{CARRIER};lr>
        P-Asserted-Identity: <sip:+13035559876@{CARRIER}>
        User-Agent: Carrier
        Session-Expires: 1234
        Subject: secret"""
    )
    world.run(0.1)
    got = agent.request("INVITE")
    assert got.header("X-Customer") == "7"
    assert got.header("User-to-User") == "00ab;encoding=hex"
    assert got.headers("X-Trunkline-Call-Id") == [f"call_{next(iter(edge.core.calls))}"]
    for name in ("Route", "Record-Route", "P-Asserted-Identity", "Subject"):
        assert got.header(name) is None, name
    assert got.headers("Session-Expires") == ["1800"], "ours"
    assert got.header("User-Agent") == "Trunkline"
    head = got.raw.partition(b"\r\n\r\n")[0].decode()
    assert CARRIER not in head
    assert carrier.tag not in head
    answer = carrier.response(200).raw.partition(b"\r\n\r\n")[0].decode()
    assert AGENT not in answer
    assert agent.tag not in answer
    hang_up(world, edge)


def test_a_reserved_header_does_not_cross_inside_the_call(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    edge.core.ua.brand = "Acme"
    connect(world, carrier)
    carrier.inside("INFO", b"x", extra="X-Acme-Call-Id: call_forged\nX-Other: 1\nContent-Type: text/plain")
    world.run(0.1)
    got = agent.request("INFO")
    assert got.header("X-Acme-Call-Id") is None
    assert got.header("X-Other") == "1"
    hang_up(world, edge)


def test_an_agents_warning_does_not_name_it(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 488, extra=f'Warning: 305 {AGENT}:5060 "Incompatible media format"')
    world.run(0.1)
    refused = carrier.response(488)
    assert refused.header("Warning") == '305 Trunkline "Incompatible media format"'
    world.run(100.0)
    assert edge.clean() == {}


@pytest.mark.parametrize("required", ["precondition", "resource-priority", "precondition, x"])
def test_what_is_required_and_not_known_is_420(world: World, edge: Edge, carrier: Peer, required: str) -> None:
    carrier.invite(extra=f"Require: {required}")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [420]
    assert carrier.response(420).header("Unsupported") == required
    assert edge.clean() == {}


def test_requests_repeated_after_all_is_over(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("BYE")
    world.run(0.1)
    sent = [seen.data for seen in world.seen if seen.source[0] == CARRIER]
    world.run(100.0)
    assert edge.clean() == {}
    calls = len(edge.finished)
    for data in sent:
        if not data.startswith(b"INVITE"):
            world.carry(carrier.flow, data)
    world.run(100.0)
    assert edge.clean() == {}
    assert len(edge.finished) == calls
    assert carrier.statuses("BYE") == [200, 481]


def test_info_that_floods_is_bounded(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = pending(world, carrier)
    waiting.peer.react = None
    for n in range(300):
        carrier.inside("INFO", str(n).encode(), extra="Content-Type: text/plain")
    world.run(0.1)
    assert waiting.peer.methods.count("INFO") < 100
    assert carrier.statuses("INFO").count(500) > 200
    waiting.peer.react = waiting._react
    hang_up(world, edge)


def test_a_stray_response_is_only_counted(world: World, edge: Edge, carrier: Peer) -> None:
    edge.receive(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKno\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:a@b>;tag=2\r\nCall-ID: no\r\nCSeq: 1 INVITE\r\n\r\n",
        Flow("udp", edge.address, (CARRIER, 5060)),
        world.now,
    )
    assert [o.kind for o in edge.observed] == ["stray"]
    assert edge.clean() == {}


# ── what only one leg can understand ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "told"), [(401, 502), (407, 502), (420, 502), (482, 502), (302, 480), (488, 488), (491, 491), (603, 603)]
)
def test_a_refused_change_is_told_as_a_refused_call_is(
    world: World, edge: Edge, carrier: Peer, status: int, told: int
) -> None:
    waiting = pending(world, carrier)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, status, extra="Contact: <sip:other@192.0.2.9>")
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == told
    works_still(world, edge, carrier, waiting)


def test_the_first_answer_is_acknowledged_even_after_the_second(world: World, edge: Edge, carrier: Peer) -> None:
    """The ACK of the call's first 200 was lost, and a change of the session came before it was sent again."""
    waiting = pending(world, carrier)
    first = waiting.invite
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    waiting.peer.reply(waiting.invite, 200, ANSWER)
    world.run(0.1)
    waiting.peer.reply(first, 200, ANSWER)
    world.run(0.1)
    assert [r.cseq for r in waiting.peer.requests if r.method == "ACK"] == [1, 2, 1]
    works_still(world, edge, carrier, waiting)


def test_many_late_forks_are_not_all_ended(world: World, edge: Edge, carrier: Peer) -> None:
    waiting = Agent(world)
    carrier.invite()
    world.run(0.1)
    invite = waiting.invite
    waiting.peer.reply(invite, 200, ANSWER)
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    for n in range(300):
        waiting.peer.reply(invite, 200, ANSWER, tag=f"f{n}")
    world.run(0.1)
    assert edge.core.counts()["client_transactions"] < 100
    world.run(200.0)
    assert edge.clean() == {}


def test_a_farewell_is_no_calls_message(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    (answered,) = [entry for entry in edge.journal if isinstance(entry, Answered)]
    after = Edge(world, seed=b"after")
    for dialog in answered.dialogs:
        after.give(Interrupted(dialog))
    outs = after.core.receive(
        Answering(read(world.seen[-1].data), carrier.flow).response(200, "t"),
        Flow("udp", (EDGE, 5060), (AGENT, 5060)),
        world.now,
    )
    assert [out for out in outs if isinstance(out, Heard)] == []
    world.run(200.0)
    assert after.clean() == {}


def read(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message
