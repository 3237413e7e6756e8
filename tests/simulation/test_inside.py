"""Requests inside and outside of dialogs, one of each kind, and the ends that no call sees."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    EDGE,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    open_dialogs,
    records,
)
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.call.inputs import Drain, HangUp, Interrupted, MediaReady, TransportFailed, Unreached
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request


def connect(world: World, carrier: Peer) -> None:
    carrier.invite()
    world.run(0.1)
    assert 200 in carrier.statuses("INVITE")


# ── inside a call ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("MESSAGE", 405), ("INVENTED", 501)])
def test_what_does_not_cross(world: World, edge: Edge, carrier: Peer, agent: Peer, method: str, status: int) -> None:
    connect(world, carrier)
    carrier.inside(method)
    world.run(0.1)
    assert carrier.statuses(method) == [status]
    assert "UPDATE" in (carrier.response(status, method).header("Allow") or "")
    assert method not in agent.methods
    hang_up(world, edge)


def test_a_required_extension_inside_a_call_is_420(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    carrier.inside("INVITE", MOVED, extra="Require: precondition")
    world.run(0.1)
    assert carrier.response(420).header("Unsupported") == "precondition"
    hang_up(world, edge)


def test_an_update_for_a_peer_without_update_crosses_as_a_reinvite(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    connect(world, carrier)
    carrier.inside("UPDATE", OFFER.replace(b"4000", b"4010"))
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE") == [500, 200] or carrier.statuses("UPDATE") == [200, 500]
    assert agent.methods.count("INVITE") == 2
    before = len(agent.heard)
    carrier.inside("UPDATE")
    world.run(0.1)
    assert carrier.statuses("UPDATE")[-1] == 200
    assert len(agent.heard) == before, "nothing in it: answered here"
    hang_up(world, edge)


def test_a_change_that_the_other_trunk_forbids_is_488(world: World) -> None:
    strict = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="strict", host=AGENT, codecs=("PCMU",))
    bot = msgspec.structs.replace(SIP_AGENT, trunk_id=strict.id)
    edge = Edge(world, records(strict, bot))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier)
    carrier.inside("INVITE", MOVED.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 8").replace(b"a=rtpmap:0 PCMU/8000\r\n", b""))
    world.run(0.1)
    refused = carrier.response(488)
    assert (refused.header("Warning") or "").startswith("305 Trunkline")
    assert agent.methods.count("INVITE") == 1
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


@pytest.mark.parametrize("status", [481, 408])
def test_a_dialog_that_is_gone_over_there_ends_here(
    world: World, edge: Edge, carrier: Peer, agent: Peer, status: int
) -> None:
    """§12.2.1.2."""
    connect(world, carrier)
    agent.react = lambda peer, m: peer.reply(m, status) if isinstance(m, Request) and m.method != "ACK" else None
    carrier.inside("INVITE", MOVED)
    world.run(100.0)
    assert carrier.methods == ["BYE"]
    assert edge.record.cause == "dialog-lost"
    assert edge.clean() == {}


def test_an_info_that_is_refused_ends_nothing(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    agent.react = lambda peer, m: peer.reply(m, 469) if isinstance(m, Request) and m.method == "INFO" else None
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    world.run(0.1)
    assert carrier.statuses("INFO") == [469]
    assert len(edge.core.calls) == 1
    agent.react = answers
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (415, "Accept", "application/dtmf-relay"),
        (415, "Accept-Encoding", "identity"),
        (469, "Recv-Info", "dtmf"),
        (405, "Allow", "INVITE, ACK, BYE"),
    ],
)
def test_who_refuses_says_what_it_would_have_taken(
    world: World, edge: Edge, carrier: Peer, agent: Peer, status: int, name: str, value: str
) -> None:
    """§21.4.6, §21.4.13, RFC 6086 §4.2.2: without these the statuses are not whole."""
    connect(world, carrier)
    agent.react = lambda peer, m: (
        peer.reply(m, status, extra=f"{name}: {value}\nX-Else: 1") if isinstance(m, Request) else None
    )
    for method in ("INFO", "INVITE"):
        carrier.inside(method, MOVED)
        world.run(0.1)
        assert carrier.response(status, method).headers(name) == [value]
        assert carrier.response(status, method).header("X-Else") is None
        carrier.ack()
        world.run(0.1)
    agent.react = answers
    hang_up(world, edge)


@pytest.mark.parametrize(
    ("extra", "status", "name"),
    [("Info-Package: foo", 469, "Recv-Info"), ("Content-Encoding: gzip", 415, "Accept-Encoding")],
)
def test_an_info_that_cannot_cross_whole_does_not(
    world: World, edge: Edge, carrier: Peer, agent: Peer, extra: str, status: int, name: str
) -> None:
    """RFC 6086 §4.2.2, RFC 3261 §8.2.3."""
    connect(world, carrier)
    carrier.inside("INFO", b"x", extra=f"Content-Type: text/plain\n{extra}")
    world.run(0.1)
    assert carrier.response(status, "INFO").headers(name) == ["identity" if status == 415 else ""]
    assert "INFO" not in agent.methods
    hang_up(world, edge)


def test_a_call_that_is_refused_for_its_body_is_told_what_is_taken(world: World, edge: Edge, carrier: Peer) -> None:
    def react(peer: Peer, m: Message) -> None:
        if isinstance(m, Request) and m.method == "INVITE":
            peer.reply(m, 415, extra="Accept: application/sdp")

    Peer(world, AGENT, react)
    carrier.invite()
    world.run(0.1)
    assert carrier.response(415).headers("Accept") == ["application/sdp"]
    hang_up(world, edge)


@pytest.mark.parametrize("status", [405, 423])
def test_a_refusal_of_what_we_sent_is_not_the_callers(world: World, edge: Edge, carrier: Peer, status: int) -> None:
    """405 speaks of the agent's address, 423 of a registration: the caller could only misread them."""

    def react(peer: Peer, m: Message) -> None:
        if isinstance(m, Request) and m.method == "INVITE":
            peer.reply(m, status)

    Peer(world, AGENT, react)
    carrier.invite()
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 502]
    hang_up(world, edge)


def test_the_contact_of_a_reinvites_answer_is_the_new_target(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    connect(world, carrier)
    moved = Peer(world, "192.0.2.91", answers)

    def move(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 200, ANSWER, contact="sip:bot@192.0.2.91")

    agent.react = move
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert moved.methods == ["ACK"]
    hang_up(world, edge)
    assert moved.methods == ["ACK", "BYE"]


def test_behind_nat_the_latest_source_counts(world: World) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, nat=True, networks=("192.0.2.0/24",))))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite(contact="sip:peer@10.1.1.1")
    world.run(0.1)
    rebound = Peer(world, "192.0.2.33", polite)
    rebound.tag, rebound.remote_tag, rebound.cseq = carrier.tag, carrier.remote_tag, carrier.cseq
    rebound.inside("INVITE", MOVED, contact="sip:peer@10.1.1.1")
    world.run(0.1)
    assert agent.methods.count("INVITE") == 2
    hang_up(world, edge)
    assert rebound.methods == ["BYE"]
    assert carrier.methods == []


def test_an_ack_on_the_branch_of_its_invite_counts(world: World, edge: Edge, agent: Peer) -> None:
    """RFC 6026 §8.7."""
    carrier = Peer(world, CARRIER)
    branch = carrier.invite()
    world.run(0.1)
    carrier.inside("ACK", cseq=1, branch=branch)
    world.run(60.0)
    assert carrier.statuses("INVITE").count(200) == 1
    assert len(edge.core.calls) == 1
    hang_up(world, edge)


# ── before the answer ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bye_ends_an_early_dialog(world: World, edge: Edge, carrier: Peer) -> None:
    """§15: a caller may."""
    agent = Peer(world, AGENT, lambda peer, m: peer.reply(m, 180) if m.cseq_method == "INVITE" else None)  # type: ignore[arg-type]
    carrier.invite()
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("BYE") == [200]
    assert 487 in carrier.statuses("INVITE")
    assert agent.methods == ["INVITE", "CANCEL"]
    world.run(200.0)
    assert edge.clean() == {}
    assert edge.record.cause == "cancelled"


def test_an_agent_may_not_but_is_answered(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.reply(invite, 180)
    agent.remote_tag = invite.from_tag or ""
    world.run(0.1)
    agent.inside("ACK", call_id=invite.call_id)
    agent.inside("BYE", call_id=invite.call_id)
    agent.inside("OPTIONS", call_id=invite.call_id)
    carrier.inside("ACK", cseq=1)
    carrier.inside("OPTIONS")
    world.run(0.1)
    assert (agent.statuses("BYE"), agent.statuses("OPTIONS"), carrier.statuses("OPTIONS")) == ([200], [200], [200])
    hang_up(world, edge)


def test_an_offer_that_cannot_be_is_refused_before_any_agent(
    world: World, edge: Edge, carrier: Peer, agent: Peer
) -> None:
    carrier.invite(b"v=0\r\nnonsense\r\n")
    world.run(100.0)
    assert carrier.statuses("INVITE")[0] == 400
    assert agent.heard == []
    assert edge.clean() == {}
    edge.whole()


def test_an_agents_trunk_that_takes_nothing_of_the_offer_is_488(world: World) -> None:
    strict = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="strict", host=AGENT, codecs=("G722",))
    edge = Edge(world, records(strict, msgspec.structs.replace(SIP_AGENT, trunk_id=strict.id)))
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    carrier.invite()
    world.run(100.0)
    assert carrier.statuses("INVITE")[:2] == [100, 488]
    assert agent.heard == []
    assert edge.clean() == {}


def test_a_full_agents_trunk_without_another_is_503(world: World) -> None:
    full = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="full", host=AGENT, max_concurrent_calls=1)
    edge = Edge(world, records(full, msgspec.structs.replace(SIP_AGENT, trunk_id=full.id)))
    carrier = Peer(world, CARRIER, polite)
    Peer(world, AGENT, answers)
    connect(world, carrier)
    second = Peer(world, CARRIER)
    second.tag = "second"
    second.invite(call_id="c2", branch="z9hG4bKsecond")
    world.run(0.1)
    assert second.statuses("INVITE")[:2] == [100, 503]
    assert "agent-trunk-full" in (second.response(503).header("Reason") or "")
    hang_up(world, edge)


def test_early_sdp_that_does_not_fit_is_left_out(world: World, edge: Edge, carrier: Peer) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    agent.reply(agent.request("INVITE"), 183, b"v=0\r\nnonsense\r\n")
    world.run(0.1)
    assert carrier.response(183).body == b""
    agent.reply(agent.request("INVITE"), 200, ANSWER)
    world.run(0.1)
    assert carrier.response(200).body
    hang_up(world, edge)


# ── outside of calls ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE"])
def test_a_request_of_no_dialog_is_481(world: World, edge: Edge, carrier: Peer, method: str) -> None:
    carrier.inside(method, to_tag="")
    carrier.inside("ACK", to_tag="")
    world.run(0.1)
    assert carrier.statuses() == [481]
    assert edge.clean() == {}


def test_options(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.inside("OPTIONS", to_tag="")
    world.run(0.1)
    answer = carrier.response(200, "OPTIONS")
    assert answer.header("Contact") == f"<sip:w0@{EDGE}:5060>"
    assert {"Allow", "Accept", "Supported"} <= {name for name, _ in answer.lines()}
    edge.give(Drain(True))
    carrier.inside("OPTIONS", to_tag="")
    carrier.invite()
    world.run(0.1)
    assert edge.core.draining
    assert [carrier.response(503, method).header("Retry-After") for method in ("OPTIONS", "INVITE")] == ["30", "30"]
    assert edge.clean() == {}


def test_a_caller_without_the_password_is_challenged(world: World) -> None:
    guarded = msgspec.structs.replace(TRUNK, networks=(), username="carrier", password=Secret("pw"))
    edge = Edge(world, records(guarded))
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(0.1)
    assert (carrier.response(401).header("WWW-Authenticate") or "").startswith("Digest ")
    assert [o.kind for o in edge.observed] == ["challenged"]
    assert edge.clean() == {}
    assert edge.journal == []


def test_a_stranger_is_refused_without_a_record(world: World, edge: Edge) -> None:
    stranger = Peer(world, "198.51.100.1")
    stranger.invite()
    world.run(0.1)
    assert stranger.statuses() == [403]
    assert edge.journal == []
    assert edge.clean() == {}


def test_a_known_trunks_refusal_has_its_record(world: World, edge: Edge, carrier: Peer) -> None:
    carrier.say(
        f"""INVITE sip:+19999999999@{EDGE} SIP/2.0
        Via: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bKunknown
        From: <sip:+13035559876@{CARRIER}>;tag=1
        To: <sip:+19999999999@{EDGE}>
        Call-ID: unknown
        CSeq: 1 INVITE
        Contact: <sip:a@{CARRIER}>"""
    )
    world.run(100.0)
    assert set(carrier.statuses()) == {404}
    assert edge.record.cause == "unknown-number"
    assert edge.clean() == {}


def test_words_for_nobody_change_nothing(world: World, edge: Edge) -> None:
    flow = Flow("udp", (EDGE, 5060), (CARRIER, 5060))
    for given in (
        HangUp("nobody"),
        MediaReady("nobody", b""),
        TransportFailed(flow, "", "x"),
        TransportFailed(flow, "y", "x"),
        Unreached(flow, "y", "x"),
    ):
        edge.give(given)
    assert world.seen == []
    assert edge.clean() == {}


def test_what_no_stream_can_frame_is_answered(world: World, edge: Edge, carrier: Peer) -> None:
    head = (
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKf\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:a@b>\r\nCall-ID: f\r\nCSeq: 1 OPTIONS\r\nContent-Length: x\r\n\r\n"
    )
    flow = Flow("tcp", (EDGE, 5060), (CARRIER, 5060), "in:1")
    edge.perform(edge.core.unframed(head, 400, "Content-Length is not a number", flow, world.now))
    world.run(0.1)
    assert edge.observed[0].reason == "Content-Length is not a number"
    assert carrier.statuses() == [400]
    assert edge.core.unframed(b"garbage", 400, "x", carrier.flow, world.now)[1:] == []


# ── after a crash ─────────────────────────────────────────────────────────────────────────────────────────────────────


def crash(world: World, edge: Edge) -> Edge:
    after = Edge(world, seed=b"after")
    for dialog in open_dialogs(edge):
        after.give(Interrupted(dialog))
    return after


def test_what_was_open_gets_its_bye_on_both_legs(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    agent.inside("INFO", b"x", call_id=agent.request("INVITE").call_id, extra="Content-Type: text/plain")
    world.run(0.1)
    sequence = carrier.request("INFO").cseq
    after = crash(world, edge)
    assert after.core.counts()["legs"] == 2
    world.run(0.1)
    for peer in (carrier, agent):
        bye = peer.request("BYE")
        assert "interrupted" in (bye.header("Reason") or "")
    assert carrier.request("BYE").cseq > sequence
    assert carrier.request("BYE").to_tag == carrier.tag
    assert carrier.request("BYE").from_tag == carrier.remote_tag
    world.run(200.0)
    assert after.clean() == {}
    assert after.journal == []


def test_what_is_still_said_in_it_is_answered(world: World, edge: Edge, agent: Peer) -> None:
    carrier = Peer(world, CARRIER)
    connect(world, carrier)
    carrier.ack()
    world.run(0.1)
    after = crash(world, edge)
    branch = carrier.inside("INVITE", MOVED)
    carrier.inside("CANCEL", cseq=carrier.cseq, branch=branch)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 481
    assert carrier.statuses("BYE") == carrier.statuses("CANCEL") == [200]
    world.run(200.0)
    assert after.clean() == {}


@pytest.mark.parametrize("named", [False, True])
def test_over_a_connection_that_died_with_the_process_it_goes_by_address(world: World, named: bool) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, transport="tcp")))
    carrier, agent = Peer(world, CARRIER, polite, "tcp", "in:1"), Peer(world, AGENT, answers)
    carrier.invite(contact=f"sip:peer@{'carrier.example' if named else CARRIER}")
    world.run(0.1)
    after = Edge(world, seed=b"after")
    after.broken.add("in:1")
    for dialog in open_dialogs(edge):
        after.give(Interrupted(dialog))
    world.run(200.0)
    # A name that has no address any more is tried over what there was, and then given up.
    assert carrier.methods == ([] if named else ["BYE"])
    assert agent.methods[-1] == "BYE"
    assert after.clean() == {}


def test_a_peer_that_is_gone_too_is_given_up(world: World, edge: Edge, carrier: Peer, agent: Peer) -> None:
    connect(world, carrier)
    world.remove((CARRIER, 5060))
    after = crash(world, edge)
    world.run(200.0)
    assert after.clean() == {}


# ── late answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_late_answer_that_is_repeated_is_acknowledged_again_and_ended_once(
    world: World, edge: Edge, carrier: Peer
) -> None:
    agent = Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.reply(invite, 200, ANSWER, tag="one")
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    agent.reply(agent.request("BYE"), 200)
    world.run(0.1)
    for _ in range(3):
        agent.reply(invite, 200, ANSWER, tag="two", contact="sip:other@192.0.2.9")
        agent.reply(invite, 180, tag="three")
        world.run(0.1)
    late = [request for request in agent.requests if request.to_tag == "two"]
    assert [request.method for request in late].count("ACK") == 3
    assert [request.method for request in late].count("BYE") == 1
    assert {request.uri for request in late} == {"sip:other@192.0.2.9"}
    assert [request.cseq for request in late if request.method == "BYE"] == [invite.cseq + 1]
    world.run(200.0)
    assert edge.clean() == {}


@pytest.mark.parametrize("ended", ["one", "two"])
def test_an_answer_that_comes_again_when_the_call_is_over_is_acknowledged_alone(
    world: World, edge: Edge, carrier: Peer, ended: str
) -> None:
    """Its dialog has had its BYE: a second one would have no number that is higher (§12.2.1.1)."""
    agent = Peer(world, AGENT, ends_when_told)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    for tag in ("one", "two"):
        agent.reply(invite, 200, ANSWER, tag=tag)
        world.run(0.1)
    carrier.inside("BYE")
    world.run(6.0)
    agent.reply(invite, 200, ANSWER, tag=ended)
    world.run(1.0)
    again = [request.method for request in agent.requests if request.to_tag == ended]
    assert again == ["ACK", "BYE", "ACK"]
    world.run(200.0)
    assert edge.clean() == {}


def ends_when_told(peer: Peer, message: Message) -> None:
    if isinstance(message, Request) and message.method == "BYE":
        peer.reply(message, 200)
