"""Agents that ask for a password (RFC 3261 §22)."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, ORGANIZATION, SIP_AGENT, Edge, id_of, records
from tests.simulation.peer import Message, Peer, Reaction, answers, polite
from tests.simulation.phone import ANSWER
from tests.simulation.scene import finish, statuses
from tests.simulation.world import World
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.digest import answer as digest_answer
from trunkline.sip.message import Request

CHALLENGE = 'Digest realm="agents", nonce="n", qop="auth", algorithm=MD5'
AGENT_TRUNK = Trunk(
    id=id_of(40), organization_id=ORGANIZATION.id, name="agents", host=AGENT, username="edge", password=Secret("pw")
)


def guarded(password: str = "pw", status: int = 401) -> Reaction:
    """An agent that takes no request but an ACK without the right answer."""

    def react(peer: Peer, message: Message) -> None:
        if not isinstance(message, Request) or message.method in ("ACK", "CANCEL"):
            return
        given = message.header("Authorization" if status == 401 else "Proxy-Authorization")
        if given is not None:
            values = dict(part.strip().split("=", 1) for part in given.removeprefix("Digest ").split(","))
            cnonce = values["cnonce"].strip('"')
            right = digest_answer([CHALLENGE], message.method, values["uri"].strip('"'), "edge", password, cnonce)
            if right == given:
                answers(peer, message)
                return
        asks = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        peer.reply(message, status, extra=f"{asks}: {CHALLENGE}")

    return react


def password_edge() -> Edge:
    agent = msgspec.structs.replace(SIP_AGENT, trunk_id=AGENT_TRUNK.id)
    return Edge(World(), records(AGENT_TRUNK, agent))


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_in_every_request(status: int) -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, guarded(status=status))
    carrier.invite()
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert agent.methods[:4] == ["INVITE", "ACK", "INVITE", "ACK"]
    carrier.inside("INVITE", ANSWER)
    carrier.inside("INFO", b"x", extra="Content-Type: text/plain")
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert carrier.statuses("INFO") == [200]
    carrier.inside("BYE")
    edge.world.run(0.1)
    assert agent.methods[-2:] == ["BYE", "BYE"]
    edge.world.run(200.0)
    assert edge.clean() == {}
    assert edge.record.status == "completed"


def test_a_wrong_password_is_tried_once() -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, guarded("other"))
    carrier.invite()
    edge.world.run(100.0)
    assert agent.methods == ["INVITE", "ACK", "INVITE", "ACK"]
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}
    assert statuses(edge) == [401]


def test_a_challenge_that_cannot_be_answered_is_a_refusal() -> None:
    edge = password_edge()
    carrier = Peer(edge.world, CARRIER, polite)
    extra = 'WWW-Authenticate: Digest realm="x", nonce="n", algorithm=UNKNOWN'

    def ask(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            peer.reply(message, 401, extra=extra)

    agent = Peer(edge.world, AGENT, ask)
    carrier.invite()
    edge.world.run(100.0)
    assert agent.methods[0] == "INVITE"
    assert carrier.statuses("INVITE")[-1] == 502
    assert edge.clean() == {}


def test_a_bye_whose_password_is_refused_is_the_end_all_the_same() -> None:
    edge = Edge(World())
    carrier = Peer(edge.world, CARRIER, polite)
    agent = Peer(edge.world, AGENT, answers)
    carrier.invite()
    edge.world.run(0.1)
    agent.react = guarded()
    finish(edge, carrier)
    assert agent.methods.count("BYE") == 1
