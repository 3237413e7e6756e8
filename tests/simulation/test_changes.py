"""Changes of a session that is up, and the races around them: hold and resume, offers that come late, glare."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ORGANIZATION, SIP_AGENT, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request, Response


def mirrors(peer: Peer, message: Message) -> None:
    """An agent whose answer fits the offer's direction, as RFC 3264 §6.1 asks."""
    if not isinstance(message, Request) or message.method not in ("INVITE", "UPDATE") or not message.body:
        answers(peer, message)
        return
    peer.remote_tag = message.from_tag or ""
    body = ANSWER
    if b"a=sendonly" in message.body or b"c=IN IP4 0.0.0.0" in message.body:
        body = ANSWER.replace(b"sendrecv", b"recvonly").replace(b"agent 7 7", b"agent 7 8")
    elif b"a=inactive" in message.body:
        body = ANSWER.replace(b"sendrecv", b"inactive").replace(b"agent 7 7", b"agent 7 8")
    peer.reply(message, 200, body)


def connect(world: World, agent_does: object = mirrors) -> tuple[Peer, Peer]:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, agent_does)  # type: ignore[arg-type]
    carrier.invite()
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    return carrier, agent


# ── hold and resume ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held", "answered"),
    [
        (OFFER.replace(b"sendrecv", b"sendonly"), b"a=recvonly"),
        (OFFER.replace(b"sendrecv", b"inactive"), b"a=inactive"),
        (OFFER.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 0.0.0.0"), b"a=recvonly"),
    ],
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_the_caller_holds_and_resumes(world: World, edge: Edge, held: bytes, answered: bytes, method: str) -> None:
    carrier, agent = connect(world)
    first = agent.request("INVITE").body
    carrier.inside(method, held)
    world.run(0.1)
    asked = agent.request("INVITE").body
    assert held[held.index(b"c=") :] in asked
    assert _version(asked) == _version(first) + 1
    assert answered in carrier.response(200, method).body
    carrier.inside(method, OFFER)
    world.run(0.1)
    again = agent.request("INVITE").body
    assert b"a=sendrecv" in again
    assert _version(again) == _version(first) + 2
    assert b"a=sendrecv" in carrier.response(200, method).body
    hang_up(world, edge)


def test_the_agent_holds_and_resumes(world: World, edge: Edge) -> None:
    carrier, agent = connect(world, answers)
    call_id = agent.request("INVITE").call_id
    carrier.react = lambda p, m: (
        p.reply(m, 200, OFFER.replace(b"sendrecv", b"recvonly"))
        if isinstance(m, Request) and m.method == "INVITE" and b"sendonly" in m.body
        else polite(p, m)
    )
    agent.inside("INVITE", ANSWER.replace(b"sendrecv", b"sendonly"), call_id=call_id)
    world.run(0.1)
    agent.ack(call_id=call_id)
    assert b"a=sendonly" in carrier.request("INVITE").body
    assert b"a=recvonly" in agent.response(200).body
    carrier.react = lambda p, m: p.reply(m, 200, OFFER) if isinstance(m, Request) and m.method == "INVITE" else None
    agent.inside("INVITE", ANSWER, call_id=call_id)
    world.run(0.1)
    agent.ack(call_id=call_id)
    world.run(0.1)
    assert b"a=sendrecv" in carrier.request("INVITE").body
    assert b"a=sendrecv" in agent.response(200).body
    carrier.react = polite
    hang_up(world, edge)


def test_a_refresh_during_hold_resumes_nothing(world: World, edge: Edge) -> None:
    carrier, agent = connect(world)
    held = OFFER.replace(b"sendrecv", b"sendonly")
    carrier.inside("INVITE", held)
    world.run(0.1)
    before = len(agent.requests)
    carrier.inside("INVITE", held)
    world.run(0.1)
    assert b"a=recvonly" in carrier.response(200).body
    assert [request.method for request in agent.requests[before:]] == []
    hang_up(world, edge)


# ── late offers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_without_an_offer_gets_the_agents(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER), Peer(world, AGENT, answers)
    carrier.invite(b"")
    world.run(0.1)
    assert agent.request("INVITE").body == b""
    assert b"m=audio 4000" in carrier.response(200).body
    assert "ACK" not in agent.methods, "its ACK has the answer, which is not there yet"
    carrier.ack(body=ANSWER)
    world.run(0.1)
    assert b"m=audio 5000" in agent.request("ACK").body
    carrier.react = polite
    hang_up(world, edge)


@pytest.mark.parametrize("who", ["carrier", "agent"])
def test_a_reinvite_without_an_offer_brings_the_other_sides(world: World, edge: Edge, who: str) -> None:
    carrier, agent = connect(world, answers)
    call_id = agent.request("INVITE").call_id
    asker, other = (carrier, agent) if who == "carrier" else (agent, carrier)
    asker.react = None
    other.react = lambda p, m: (
        p.reply(m, 200, MOVED) if isinstance(m, Request) and m.method == "INVITE" else answers(p, m)
    )
    own = "c1" if who == "carrier" else call_id
    asker.inside("INVITE", call_id=own)
    world.run(0.1)
    assert other.request("INVITE").body == b""
    assert b"m=audio 4010" in asker.response(200).body
    acks = other.methods.count("ACK")
    asker.ack(body=ANSWER.replace(b"5000", b"5050"), call_id=own)
    world.run(0.1)
    assert other.methods.count("ACK") == acks + 1
    assert b"m=audio 5050" in other.request("ACK").body
    asker.react = polite if who == "carrier" else answers
    hang_up(world, edge)


def test_an_answer_without_a_type_that_begins_as_one_is_one(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)

    def untyped(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 200, ANSWER, extra="X-No: Content-Type")
        else:
            answers(peer, message)

    Peer(world, AGENT, untyped)
    carrier.invite()
    world.run(0.1)
    answer = carrier.response(200)
    assert answer.header("Content-Type") == "application/sdp"
    assert b"m=audio 5000" in answer.body
    hang_up(world, edge)


# ── races ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_that_overtakes_the_ack_is_491(world: World, edge: Edge) -> None:
    """RFC 5407 §3.1."""
    carrier, agent = Peer(world, CARRIER), Peer(world, AGENT, answers)
    carrier.invite()
    world.run(0.1)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 491
    carrier.ack(1)
    carrier.react = polite
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert b"4010" in agent.request("INVITE").body
    hang_up(world, edge)


@pytest.mark.parametrize(("method", "status"), [("INVITE", 491), ("BYE", 481), ("INFO", 481)])
def test_an_agent_heard_before_its_answer(world: World, edge: Edge, method: str, status: int) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.remote_tag = invite.from_tag or ""
    agent.inside(method, OFFER if method == "INVITE" else b"", call_id=invite.call_id)
    world.run(0.1)
    assert agent.statuses(method) == [status]
    agent.react = answers
    agent.reply(invite, 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


def test_a_cancel_that_crosses_the_200_leaves_both_with_the_old_session(world: World, edge: Edge) -> None:
    carrier, agent = connect(world, answers)
    first = agent.request("INVITE").body
    agent.react = None
    branch = carrier.inside("INVITE", MOVED)
    world.run(0.1)
    taken = agent.request("INVITE")
    assert b"4010" in taken.body
    agent.reply(taken, 180)
    world.run(0.1)
    carrier.inside("CANCEL", cseq=carrier.cseq, branch=branch)
    agent.reply(taken, 200, ANSWER)
    agent.react = answers
    world.run(1.0)
    assert 487 in carrier.statuses("INVITE")
    restored = agent.request("INVITE")
    assert b"m=audio 4000" in restored.body
    assert _version(restored.body) > _version(taken.body) > _version(first)
    carrier.inside("INVITE", MOVED)
    world.run(1.0)
    assert carrier.statuses("INVITE").count(200) == 2
    assert b"4010" in agent.request("INVITE").body
    hang_up(world, edge)


@pytest.mark.parametrize("status", [481, 491, 422, 420, 401])
def test_what_an_agent_says_of_our_own_invite_is_not_passed_on(world: World, edge: Edge, status: int) -> None:
    carrier = Peer(world, CARRIER, polite)
    Peer(world, AGENT, lambda p, m: p.reply(m, status) if isinstance(m, Request) and m.method == "INVITE" else None)
    carrier.invite()
    world.run(1.0)
    assert carrier.statuses("INVITE")[-1] == 502
    hang_up(world, edge)


# ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_that_one_agents_trunk_refuses_goes_to_the_next(world: World) -> None:
    strict = Trunk(id=id_of(50), organization_id=ORGANIZATION.id, name="strict", host=AGENT, codecs=("G722",))
    first = Agent(
        id=id_of(51), organization_id=ORGANIZATION.id, name="first", kind="sip", uri=f"sip:a@{AGENT}",
        trunk_id=strict.id,
    )  # fmt: skip
    second = msgspec.structs.replace(first, id=id_of(52), name="second", uri=f"sip:b@{AGENT}", trunk_id=None)
    group = msgspec.structs.replace(SIP_AGENT, kind="group", uri=None, members=(first.id, second.id))
    edge, carrier, agent = Edge(world, records(strict, first, second, group)), Peer(world, CARRIER, polite), None
    agent = Peer(world, AGENT, answers)
    carrier.invite()
    world.run(1.0)
    assert carrier.statuses("INVITE")[-1] == 200
    assert agent.request("INVITE").uri == f"sip:b@{AGENT}"
    hang_up(world, edge)
    assert [leg.status for leg in edge.record.legs[1:]] == [488, 200]


def test_our_origin_names_what_the_agents_leg_is_known_by(world: World) -> None:
    edge = Edge(world)
    edge.core.ua.advertised = {
        ("udp", edge.address): ("198.51.100.1", 5060),
        ("tcp", edge.address): ("203.0.113.9", 5060),
    }
    bot = msgspec.structs.replace(SIP_AGENT, uri=f"sip:bot@{AGENT}:5060;transport=tcp")
    edge.table.apply(records(bot)[2:3])
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers, "tcp", "out:")
    carrier.invite()
    world.run(0.1)
    assert b" IN IP4 203.0.113.9\r\n" in agent.request("INVITE").body
    assert b" IN IP4 198.51.100.1\r\n" in carrier.response(200).body
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    asked = agent.request("INVITE").body
    assert b" IN IP4 203.0.113.9\r\n" in asked
    assert _version(asked) == 2
    hang_up(world, edge)


@pytest.mark.pure
def test_a_bug_in_one_deadline_costs_no_other(world: World, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Peer(world, CARRIER, lambda p, m: (
        p.ack(m.cseq, call_id=m.call_id) if isinstance(m, Response) and m.status == 200 else
        p.reply(m, 200) if isinstance(m, Request) and m.method != "ACK" else None
    ))  # fmt: skip
    Peer(world, AGENT, answers)
    carrier.invite()
    carrier.invite(call_id="c2", cseq=2)
    world.run(0.1)
    assert len(edge.core.calls) == 2
    first, second = list(edge.core.calls.values())
    for call in (first, second):
        edge.core.ua.alarms.set((call.id, "limit"), 200.0)
    real = type(first).expire
    monkeypatch.setattr(
        type(first), "expire", lambda call, what, now: 1 / 0 if call is first else real(call, what, now)
    )
    with pytest.raises(ZeroDivisionError):
        edge.core.expire(250.0)
    assert edge.core.deadline() == 0.0
    edge.perform(edge.core.expire(250.0))
    assert [record.cause for record in edge.finished] == ["max-duration"]
    monkeypatch.undo()
    world.now = 250.0
    hang_up(world, edge)


def _version(body: bytes) -> int:
    return int(body.split(b"o=edge ")[1].split()[1])
