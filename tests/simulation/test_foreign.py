"""What carriers, PBXs and proxies in the field do that the simple peers here do not."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, ORGANIZATION, SIP_AGENT, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.scene import hang_up
from tests.simulation.world import World
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.message import Request, parse

BY_TCP = msgspec.structs.replace(TRUNK, transport="tcp")
BY_TLS = msgspec.structs.replace(TRUNK, transport="tls")
ENGINE = Trunk(id=id_of(60), organization_id=ORGANIZATION.id, name="engine", username="edge", password=Secret("pw"))
GUARDED = msgspec.structs.replace(SIP_AGENT, trunk_id=ENGINE.id)


# ── connections that the carrier closes and opens again ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["INFO", "OPTIONS", "INVITE", "UPDATE"])
def test_a_bye_takes_the_connection_that_the_caller_came_back_on(world: World, agent: Peer, method: str) -> None:
    edge = Edge(world, records(BY_TCP))
    carrier = Peer(world, CARRIER, polite, "tcp", "in:1")
    carrier.invite()
    world.run(0.1)
    edge.broken.add("in:1")
    carrier.flow = carrier.flow._replace(connection="in:2")
    carrier.inside(method, OFFER if method in ("INVITE", "UPDATE") else b"")
    world.run(0.1)
    agent.inside("BYE", call_id=agent.request("INVITE").call_id)
    world.run(0.1)
    assert edge.sent_over("BYE") == ["in:2"]
    hang_up(world, edge)


def test_the_ack_may_come_over_another_connection(world: World, agent: Peer) -> None:
    edge = Edge(world, records(BY_TCP))
    carrier = Peer(world, CARRIER, None, "tcp", "in:1")
    carrier.invite()
    world.run(0.1)
    edge.broken.add("in:1")
    carrier.flow = carrier.flow._replace(connection="in:2")
    carrier.ack()
    carrier.react = polite
    agent.inside("BYE", call_id=agent.request("INVITE").call_id)
    world.run(0.1)
    assert edge.sent_over("BYE") == ["in:2"]
    hang_up(world, edge)


def test_an_answer_whose_connection_is_gone_goes_to_the_address_of_the_via(world: World) -> None:
    edge = Edge(world, records(BY_TCP))
    waiting = Peer(world, AGENT, lambda peer, m: None)
    carrier = Peer(world, CARRIER, None, "tcp", "in:1")
    carrier.invite()
    world.run(0.1)
    edge.broken.add("in:1")
    waiting.reply(waiting.request("INVITE"), 200, ANSWER)
    world.run(0.01)
    assert carrier.statuses("INVITE") == [100, 200]
    assert edge.sent_over("SIP/2.0 200") == ["out:"]
    carrier.react = polite
    carrier.flow = carrier.flow._replace(connection="out:")
    carrier.ack()
    waiting.react = answers
    world.run(60.0)
    assert carrier.methods == [], "the call goes on"
    hang_up(world, edge)


def test_an_answer_that_reaches_nobody_is_given_up(world: World, agent: Peer) -> None:
    edge = Edge(world, records(BY_TCP))
    carrier = Peer(world, CARRIER, None, "tcp", "in:1")
    edge.broken |= {"in:1", "out:"}
    edge.unreachable.add(CARRIER)
    carrier.invite()
    world.run(200.0)
    assert edge.record.cause == "no-ack"
    assert edge.clean() == {}


# ── a Contact that is ours ────────────────────────────────────────────────────────────────────────────────────────────


def test_who_copies_our_contact_into_its_answers_is_found_where_it_was_called(world: World) -> None:
    """As the agent of a home automation does: every request inside the call would come to ourselves."""

    def copies(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method != "ACK":
            ours = (message.header("Contact") or "").strip("<>")
            answering = ANSWER if message.method == "INVITE" else b""
            if message.to_tag is None:
                peer.remote_tag = message.from_tag or ""
                peer.reply(message, 180, contact=ours)
            peer.reply(message, 200, answering, contact=ours)

    edge = Edge(world, records())
    agent = Peer(world, AGENT, copies)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert agent.methods == ["INVITE", "ACK", "INVITE", "ACK", "BYE"], world.ladder()
    assert {request.uri for request in agent.requests} == {SIP_AGENT.uri}
    hang_up(world, edge)


def test_an_agent_that_leaves_out_its_own_tag_hangs_up(world: World, agent: Peer) -> None:
    """As the same one does: a BYE that is answered 200 ends the call."""
    edge = Edge(world, records())
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    agent.say(
        f"""BYE sip:+13035559876@{EDGE} SIP/2.0
        Via: SIP/2.0/UDP {AGENT}:5060
        From: {invite.header("To")}
        To: {invite.header("From")}
        Call-ID: {invite.call_id}
        CSeq: 51 BYE"""
    )
    world.run(0.1)
    assert agent.statuses("BYE") == [200]
    assert carrier.methods == ["BYE"], world.ladder()
    assert edge.record.hung_up_by == "agent"
    world.run(200.0)
    assert edge.clean() == {}


# ── sips ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_called_by_sips_says_so_in_its_contact(world: World, agent: Peer) -> None:
    edge = Edge(world, records(BY_TLS))
    carrier = Peer(world, CARRIER, polite, "tls", "in:1")
    carrier.invite(contact=f"sips:peer@{CARRIER}:5061")
    world.run(0.1)
    for status in (180, 200):
        contact = carrier.response(status).header("Contact") or ""
        assert re.fullmatch(r"<sips:\w+@192\.0\.2\.5:5060>", contact)
    agent.inside("INVITE", OFFER, call_id=agent.request("INVITE").call_id, cseq=1)
    world.run(0.1)
    assert (carrier.request("INVITE").header("Contact") or "").startswith("<sips:")
    hang_up(world, edge)


def test_who_is_called_by_sip_over_tls_says_that(world: World, agent: Peer) -> None:
    edge = Edge(world, records(BY_TLS))
    carrier = Peer(world, CARRIER, polite, "tls", "in:1")
    carrier.invite()
    world.run(0.1)
    assert re.fullmatch(r"<sip:\w+@192\.0\.2\.5:5060;transport=tls>", carrier.response(200).header("Contact") or "")
    hang_up(world, edge)


# ── challenges ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Challenger:
    """An agent that asks for credentials as often as it is told to: each is a status and the rest of its challenge."""

    def __init__(self, world: World, *challenges: tuple[int, str], method: str = "INVITE") -> None:
        self.left = list(challenges)
        self.method = method
        self.peer = Peer(world, AGENT, self._react)

    def _react(self, peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == self.method and self.left:
            status, rest = self.left.pop(0)
            name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
            peer.reply(message, status, extra=f"{name}: Digest {rest}")
            return
        answers(peer, message)

    def credentials(self) -> list[tuple[int, int]]:
        """How many credentials of either kind each request carried."""
        wanted = [request for request in self.peer.requests if request.method == self.method]
        return [(len(one.headers("Authorization")), len(one.headers("Proxy-Authorization"))) for one in wanted]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_stale_nonce_is_answered_again(world: World, method: str) -> None:
    edge = Edge(world, records(ENGINE, GUARDED))
    asks = ((401, 'realm="r", nonce="1"'), (401, 'realm="r", nonce="2", stale=TRUE'))
    challenger = Challenger(world, *asks, method=method)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    carrier.inside("BYE")
    world.run(0.1)
    assert challenger.credentials() == [(0, 0), (1, 0), (1, 0)]
    assert 'nonce="2"' in (challenger.peer.request(method).header("Authorization") or "")
    hang_up(world, edge)


def test_a_proxy_and_the_agent_behind_it_are_both_answered(world: World) -> None:
    edge = Edge(world, records(ENGINE, GUARDED))
    challenger = Challenger(world, (407, 'realm="proxy", nonce="1"'), (401, 'realm="agent", nonce="2"'))
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    assert challenger.credentials() == [(0, 0), (0, 1), (1, 1)]
    assert carrier.statuses("INVITE")[-1] == 200
    hang_up(world, edge)


def bears_the_same(ack: Request, invite: Request) -> bool:
    names = "Authorization", "Proxy-Authorization"
    return ack.cseq == invite.cseq and all(ack.headers(name) == invite.headers(name) != [] for name in names)


def test_an_ack_bears_the_credentials_of_its_invite(world: World) -> None:
    """RFC 3261 §13.2.2.4: an ACK cannot be challenged, and a proxy may drop one that proves nothing."""
    edge = Edge(world, records(ENGINE, GUARDED))
    challenges = (407, 'realm="proxy", nonce="1"'), (401, 'realm="agent", nonce="2"')
    challenger, carrier = Challenger(world, *challenges), Peer(world, CARRIER, polite)
    agent = challenger.peer
    carrier.invite()
    world.run(0.1)
    invite = agent.request("INVITE")
    assert bears_the_same(agent.request("ACK"), invite)
    challenger.left = list(challenges)
    carrier.inside("INVITE", MOVED)
    world.run(0.1)
    assert bears_the_same(agent.request("ACK"), agent.request("INVITE"))
    # Forks that nobody waits for, while the call is up and when it is over.
    for tag in ("fork", "late"):
        agent.reply(invite, 200, ANSWER, tag=tag)
        world.run(0.1)
        assert agent.request("ACK").to_tag == tag
        assert bears_the_same(agent.request("ACK"), invite)
        carrier.inside("BYE")
        world.run(0.1)
    hang_up(world, edge)


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_credentials_that_were_refused_are_not_shown_again(world: World, method: str) -> None:
    edge = Edge(world, records(ENGINE, GUARDED))
    asks = ((401, 'realm="r", nonce="1"'), (401, 'realm="r", nonce="2"'), (401, 'realm="r", nonce="3"'))
    challenger = Challenger(world, *asks, method=method)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    if method == "BYE":
        carrier.inside("BYE")
        world.run(0.1)
    assert challenger.credentials() == [(0, 0), (1, 0)]
    hang_up(world, edge)


def test_an_agent_that_is_never_content_is_left_in_the_end(world: World) -> None:
    edge = Edge(world, records(ENGINE, GUARDED))
    challenger = Challenger(world, *[(401, f'realm="r", nonce="{n}", stale=true') for n in range(50)])
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(0.1)
    assert 2 < len(challenger.credentials()) < 6
    assert carrier.statuses("INVITE")[-1] == 502
    world.run(200.0)
    assert edge.clean() == {}


# ── who is new, and what went wrong ───────────────────────────────────────────────────────────────────────────────────


def test_only_the_same_cseq_makes_a_merged_request(world: World, agent: Peer) -> None:
    edge = Edge(world, records())
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    carrier.invite(cseq=2)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert len(edge.core.calls) == 2
    carrier.invite(cseq=2)
    world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 482
    hang_up(world, edge)


def test_the_call_log_says_what_the_transport_said(world: World) -> None:
    edge = Edge(world, records())
    edge.unreachable.add(AGENT)
    carrier = Peer(world, CARRIER)
    carrier.invite()
    world.run(100.0)
    assert carrier.statuses("INVITE")[-1] == 503
    assert edge.record.detail == "no route"
    assert carrier.response(503).header("Reason") == 'SIP;cause=503;text="unreachable"'


@pytest.mark.parametrize(
    "via", ["\nVia: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKx", ", SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKx"]
)
def test_a_response_with_a_second_via_is_for_somebody_else(world: World, via: str) -> None:
    edge = Edge(world, records())
    waiting = Peer(world, AGENT, lambda peer, m: None)
    carrier = Peer(world, CARRIER, polite)
    carrier.invite()
    world.run(0.1)
    ours = waiting.request("INVITE").header("Via") or ""
    request = parse(waiting.request("INVITE").raw.replace(ours.encode(), (ours + via).replace("\n", "\r\n").encode()))
    assert isinstance(request, Request)
    waiting.reply(request, 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100]
    waiting.react = answers
    waiting.reply(waiting.request("INVITE"), 200, ANSWER)
    world.run(0.1)
    assert carrier.statuses("INVITE") == [100, 200]
    hang_up(world, edge)
