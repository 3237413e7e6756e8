"""Session timers (RFC 4028) on both legs: each has its own, and a refresh of one leg is nothing to the other."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, CARRIER, Edge
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.sip.message import Request, Response

KNOWS = "Supported: timer"


def knowing(status: int = 200, lines: str = "Session-Expires: 600;refresher=uac\nRequire: timer", allow: str = ""):  # type: ignore[no-untyped-def]
    """An agent that agrees to a session timer in these words, whenever it is asked."""

    def react(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        peer.remote_tag = message.from_tag or ""
        extra = "\n".join([KNOWS, lines, *([f"Allow: {allow}"] if allow else [])])
        body = ANSWER if message.method == "INVITE" else b""
        peer.reply(message, status if message.method in ("INVITE", "UPDATE") else 200, body, extra)

    return react


def steady(peer: Peer, message: Message) -> None:
    """A caller that answers a refresh with what it offered."""
    if isinstance(message, Request) and message.method == "INVITE":
        peer.reply(message, 200, OFFER)
    else:
        polite(peer, message)


def connect(world: World, carrier: Peer, extra: str = "") -> Response:
    carrier.invite(extra=extra)
    world.run(0.1)
    return carrier.response(200)


# ── agreeing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_leg_agrees_on_its_own(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, knowing())
    answer = connect(world, carrier, f"{KNOWS}\nSession-Expires: 900;refresher=uac")
    assert answer.header("Session-Expires") == "900;refresher=uac"
    assert answer.header("Require") == "timer"
    assert "timer" in (answer.header("Supported") or "")
    invite = agent.request("INVITE")
    assert invite.header("Session-Expires") == "1800"
    assert "timer" in (invite.header("Supported") or "")
    hang_up(world, edge)


def test_a_session_too_short_is_422_with_what_is_long_enough(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)
    carrier.invite(extra=f"{KNOWS}\nSession-Expires: 60")
    world.run(0.1)
    assert carrier.statuses("INVITE") == [422]
    assert carrier.response(422).header("Min-SE") == "90"
    assert [seen.reason for seen in edge.observed] == ["session-interval"]
    assert edge.clean() == {}


def test_a_change_with_a_session_too_short_is_422(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier)
    carrier.inside("UPDATE", MOVED, extra=f"{KNOWS}\nSession-Expires: 89")
    world.run(0.1)
    assert carrier.response(422, "UPDATE").header("Min-SE") == "90"
    assert agent.methods.count("INVITE") == 1
    hang_up(world, edge)


def test_an_agent_that_wants_longer_sessions_is_asked_again(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)

    def react(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE" and message.header("Session-Expires") == "1800":
            peer.reply(message, 422, extra="Min-SE: 7200")
        else:
            answers(peer, message)

    agent = Peer(world, AGENT, react)
    connect(world, carrier)
    first, second = [request for request in agent.requests if request.method == "INVITE"]
    assert (second.header("Session-Expires"), second.header("Min-SE")) == ("7200", "7200")
    assert second.call_id == first.call_id
    assert second.cseq == first.cseq + 1
    hang_up(world, edge)


def test_an_agent_that_is_never_content_is_given_up(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)
    agent = Peer(world, AGENT, lambda p, m: p.reply(m, 422, extra="Min-SE: 7200") if isinstance(m, Request) and
                 m.method == "INVITE" else None)  # fmt: skip
    carrier.invite()
    world.run(100.0)
    assert agent.methods.count("INVITE") == 2
    assert carrier.statuses("INVITE")[-1] >= 400
    assert edge.clean() == {}


# ── refreshing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_leg_without_session_timers_is_refreshed_by_us_with_what_was_said_last(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, steady), Peer(world, AGENT, answers)
    connect(world, carrier)
    first = agent.request("INVITE")
    world.run(899.0)
    assert carrier.methods == []
    assert agent.methods.count("INVITE") == 1
    world.run(2.0)
    again = agent.request("INVITE")
    assert again.to_tag is not None
    assert again.body == first.body, "the same version too"
    assert again.header("Session-Expires") == "1800;refresher=uac"
    assert carrier.request("INVITE").body == carrier.response(200).body
    assert carrier.methods == ["INVITE", "ACK"]
    world.run(4000.0)
    assert not edge.finished, "nobody went"
    assert agent.methods.count("INVITE") == 6
    hang_up(world, edge)


def test_a_peer_that_takes_update_is_refreshed_by_update(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)
    agent = Peer(world, AGENT, knowing(allow="INVITE, ACK, BYE, CANCEL, UPDATE"))
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uas")
    world.run(301.0)
    update = agent.request("UPDATE")
    assert update.body == b""
    assert update.header("Session-Expires") == "600;refresher=uac"
    assert carrier.methods == []
    hang_up(world, edge)


def test_update_that_is_not_taken_after_all_gives_way_to_a_reinvite(world: World, edge: Edge) -> None:
    carrier = Peer(world, CARRIER, polite)

    def react(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "UPDATE":
            peer.reply(message, 405)
        else:
            knowing(allow="INVITE, UPDATE")(peer, message)

    agent = Peer(world, AGENT, react)
    connect(world, carrier)
    world.run(301.0)
    assert agent.methods == ["INVITE", "ACK", "UPDATE", "INVITE", "ACK"]
    world.run(300.0)
    assert agent.methods[5:] == ["INVITE", "ACK"]
    hang_up(world, edge)


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_of_the_callers_is_answered_here(world: World, edge: Edge, method: str) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, knowing(lines=""))
    first = connect(world, carrier, f"{KNOWS}\nSession-Expires: 600;refresher=uac")
    heard = len(agent.heard)
    for _ in range(5):
        world.run(250.0)
        carrier.inside(method, OFFER if method == "INVITE" else b"", extra=f"{KNOWS}\nSession-Expires: 600")
    world.run(1.0)
    answer = carrier.response(200, method)
    assert answer.header("Session-Expires") == "600;refresher=uac"
    if method == "INVITE":
        assert answer.body == first.body
    assert len(agent.heard) == heard + 2, "its own refresh, after 900 seconds"
    hang_up(world, edge)


def test_a_refresh_that_is_worked_on_for_ever_ends_the_session(world: World, edge: Edge) -> None:
    """100 and nothing more: a re-INVITE in proceeding has no timer of its own (RFC 3261 §17.1.1.2)."""
    carrier, agent = Peer(world, CARRIER, steady), Peer(world, AGENT, answers)
    connect(world, carrier)
    agent.react = lambda p, m: p.reply(m, 100) if isinstance(m, Request) and m.method == "INVITE" else None
    world.run(1799.0)
    assert agent.methods.count("INVITE") == 2
    assert not edge.finished
    world.run(2.0 + 64 * 0.5)
    assert edge.record.cause == "session-expired"
    hang_up(world, edge)


def test_a_change_that_is_under_way_when_the_session_ends_is_waited_for(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 600;refresher=uac")
    agent.react = None
    world.run(566.0)
    carrier.inside("INVITE", MOVED, extra=f"{KNOWS}\nSession-Expires: 600;refresher=uac")
    world.run(5.0)
    assert not edge.finished, "600 s less 32 are over"
    agent.react = answers
    world.run(5.0)
    assert carrier.statuses("INVITE")[-1] == 200
    world.run(300.0)
    assert not edge.finished
    hang_up(world, edge)


def test_a_refresh_that_changes_the_session_crosses(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 600;refresher=uac")
    carrier.inside("INVITE", MOVED, extra=f"{KNOWS}\nSession-Expires: 600")
    world.run(0.1)
    assert b"4010" in agent.request("INVITE").body
    hang_up(world, edge)


def test_an_agents_refresh_is_answered_with_what_it_was_sent_last(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier)
    invite = agent.request("INVITE")
    agent.inside("INVITE", ANSWER.replace(b"agent 7 7", b"agent 7 8"), call_id=invite.call_id)
    world.run(0.1)
    assert agent.response(200).body == invite.body
    agent.inside("ACK", cseq=1, call_id=invite.call_id)
    assert carrier.methods == []
    hang_up(world, edge)


def test_an_answer_to_a_refresh_that_is_new_crosses(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")

    def moved(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method != "ACK":
            peer.reply(message, 200, ANSWER.replace(b"5000", b"5020") if message.method == "INVITE" else b"")

    agent.react = moved
    world.run(901.0)
    assert b"m=audio 5020" in carrier.request("INVITE").body
    assert carrier.methods == ["INVITE", "ACK"]
    before = len(agent.heard)
    world.run(1.0)
    assert len(agent.heard) == before, "what the caller says to that is no answer to the agent"
    hang_up(world, edge)


def test_a_change_while_a_refresh_is_open_is_491_on_both_sides(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")
    agent.react = None
    world.run(901.0)
    invite = agent.request("INVITE")
    assert invite.to_tag is not None
    carrier.inside("INVITE", MOVED)
    agent.inside("INVITE", OFFER, call_id=invite.call_id)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 491
    assert agent.statuses("INVITE")[-1] == 491
    agent.reply(invite, 200, ANSWER)
    agent.react = answers
    hang_up(world, edge)


def test_a_refresh_that_meets_a_change_is_tried_again(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")
    agent.react = lambda p, m: p.reply(m, 491) if isinstance(m, Request) and m.method != "ACK" else None
    world.run(901.0)
    assert agent.methods.count("INVITE") == 2
    agent.react = answers
    world.run(4.1)
    assert agent.methods.count("INVITE") == 3
    world.run(100.0)
    assert agent.methods.count("INVITE") == 3
    hang_up(world, edge)


# ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_caller_that_does_not_refresh_ends_the_call(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 600;refresher=uac")
    world.run(567.0)
    assert not edge.finished
    world.run(2.0)
    assert (edge.record.cause, edge.record.status, edge.record.hung_up_by) == ("session-expired", "completed", "edge")
    for peer in (carrier, agent):
        assert peer.methods[-1] == "BYE"
        assert peer.request("BYE").header("Reason") == 'SIP;cause=408;text="session expired"'
    hang_up(world, edge)


@pytest.mark.parametrize("status", [481, 408, None])
def test_a_refresh_that_finds_nobody_ends_the_call(world: World, edge: Edge, status: int | None) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")
    agent.react = None
    if status is not None:
        agent.react = lambda p, m: p.reply(m, status) if isinstance(m, Request) and m.method != "ACK" else None
    world.run(940.0)
    assert (edge.record.cause, edge.record.hung_up_by) == ("dialog-lost", "edge")
    assert carrier.methods == ["BYE"]
    hang_up(world, edge)


def test_an_agent_that_refuses_every_refresh_is_there_but_its_session_ends(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, knowing())
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")
    agent.react = knowing(status=500)
    world.run(599.0)
    assert not edge.finished
    world.run(3.0)
    assert edge.record.cause == "session-expired"
    hang_up(world, edge)


def test_who_knows_no_timers_and_refuses_a_refresh_stays(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier, f"{KNOWS}\nSession-Expires: 7200;refresher=uac")
    agent.react = lambda p, m: p.reply(m, 488 if m.method == "INVITE" else 200) if isinstance(
        m, Request) and m.method != "ACK" else None  # fmt: skip
    for _ in range(4):
        world.run(1000.0)
        carrier.inside("UPDATE", extra=f"{KNOWS}\nSession-Expires: 1800")
    assert not edge.finished
    assert agent.methods.count("INVITE") == 5
    hang_up(world, edge)


def test_an_ended_call_leaves_no_alarm(world: World, edge: Edge) -> None:
    carrier, agent = Peer(world, CARRIER, polite), Peer(world, AGENT, answers)
    connect(world, carrier)
    assert edge.core.counts()["call_timers"] == 2
    carrier.inside("BYE")
    world.run(1.0)
    assert edge.core.counts()["call_timers"] == 0
    assert agent.methods[-1] == "BYE"
    hang_up(world, edge)
