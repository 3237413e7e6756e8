"""Who is in no trunk's network: how far it comes, what it learns, and when it is no longer heard."""

from __future__ import annotations

from math import inf

import msgspec
import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, NUMBER_RECORD, TRUNK, Edge, id_of, records
from tests.simulation.peer import Message, Peer, answers, polite
from tests.simulation.world import World
from trunkline.call.door import AMPLIFICATION
from trunkline.call.inputs import AddBan, LiftBan
from trunkline.guard.bans import Terms
from trunkline.guard.rate import Rate
from trunkline.model.change import Put
from trunkline.model.secret import Secret
from trunkline.sip.digest import answer
from trunkline.sip.flow import Transport
from trunkline.sip.message import Response

SCANNER = "198.51.100.7"
PBX = "203.0.113.9"
CALLS = msgspec.structs.replace(TRUNK, id=id_of(20), name="pbx", networks=(), username="pbx", password=Secret("secret"))
TERMS = Terms(offences=10.0, forgiven=600.0, first=300.0, answers=Rate(5.0, 5.0))


@pytest.fixture
def edge(world: World) -> Edge:
    return Edge(world, records(CALLS, msgspec.structs.replace(NUMBER_RECORD, trunk_id=None)), terms=TERMS)


def ask(peer: Peer, method: str = "OPTIONS", user: str = "100", extra: str = "", number: int = 0) -> None:
    peer.cseq += 1
    transport = peer.flow.transport.upper()
    peer.say(
        f"""{method} sip:{user}@{EDGE} SIP/2.0
        Via: SIP/2.0/{transport} {peer.address[0]}:5060;branch=z9hG4bKs{peer.cseq};rport
        Max-Forwards: 70
        From: <sip:{user}@{EDGE}>;tag=s{number}
        To: <sip:{user}@{EDGE}>
        Call-ID: scan-{peer.address[0]}-{peer.cseq}
        CSeq: {peer.cseq} {method}
        Contact: <sip:{user}@{peer.address[0]}:5060>{extra}"""
    )


def credentials(challenged: Response, uri: str, user: str, password: str, nc: int = 1) -> str:
    value = answer(challenged.headers("WWW-Authenticate"), "INVITE", uri, user, password, "c", nc)
    assert value is not None
    return f"\n        Authorization: {value}"


def flood(world: World, peer: Peer, times: int, gap: float = 0.0, method: str = "INVITE") -> None:
    for number in range(times):
        ask(peer, method, f"{1000 + number}")
        world.run(gap or 0.01)


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "BYE", "SUBSCRIBE", "FOO"])
def test_a_stranger_is_answered_so_often_and_then_no_more(world: World, method: str) -> None:
    edge = Edge(world, records(CALLS), terms=TERMS._replace(offences=30.0))
    scanner = Peer(world, SCANNER)
    for number in range(9):
        ask(scanner, method, str(number))
    world.run(0.1)
    assert len(scanner.heard) == 5
    world.run(1.0)
    ask(scanner, method)
    world.run(0.1)
    assert len(scanner.heard) == 6
    assert edge.refused == {}


def test_a_scanner_by_udp_is_banned_for_a_while_each_time_the_same(world: World, edge: Edge) -> None:
    scanner = Peer(world, SCANNER)
    for _ in range(3):
        flood(world, scanner, 20)
        assert edge.refused == {SCANNER: False}
        (ban,) = edge.core.door.bans.list()
        assert round(ban.until - ban.since, 3) == 300.0
        heard = len(scanner.heard)
        flood(world, scanner, 5)
        assert len(scanner.heard) == heard
        world.run(300.0)
        assert edge.refused == {}
    kinds = [(seen.kind, seen.reason) for seen in edge.observed if "ban" in seen.kind]
    assert kinds[:2] == [("banned", "credentials"), ("ban-ended", "over")]
    assert edge.clean() == {}


def test_a_scanner_by_tcp_is_banned_everywhere_and_longer_each_time(world: World, edge: Edge) -> None:
    scanner = Peer(world, SCANNER, transport="tcp", connection="in:1")
    for seconds in (300.0, 600.0, 1200.0):
        flood(world, scanner, 20)
        assert edge.refused == {SCANNER: True}
        (ban,) = edge.core.door.bans.list()
        assert round(ban.until - ban.since, 3) == seconds
        world.run(seconds)


def test_guessing_passwords_is_proof_of_the_address(world: World, edge: Edge) -> None:
    scanner = Peer(world, SCANNER)
    for number in range(6):
        ask(scanner, "INVITE", NUMBER)
        world.run(1.0)
        if edge.refused:
            break
        challenged = scanner.response(401)
        uri = f"sip:{NUMBER}@{EDGE}"
        ask(scanner, "INVITE", NUMBER, credentials(challenged, uri, "pbx", f"guess{number}"))
        world.run(1.0)
    assert edge.refused == {SCANNER: True}
    assert scanner.statuses("INVITE") == [401, 403] * 4


def test_a_guess_at_a_user_is_answered_as_a_guess_at_a_password(world: World, edge: Edge) -> None:
    answers = []
    for host, user in ((SCANNER, "pbx"), ("198.51.100.8", "nobody")):
        scanner = Peer(world, host)
        ask(scanner, "INVITE", NUMBER)
        world.run(0.1)
        challenged = scanner.response(401)
        ask(scanner, "INVITE", NUMBER, credentials(challenged, f"sip:{NUMBER}@{EDGE}", user, "wrong"))
        world.run(0.1)
        refused = scanner.response(403)
        answers.append([(name, value.replace(host, "…").partition(";tag=")[0]) for name, value in refused.lines()])
    assert answers[0] == answers[1]


def test_who_proved_a_password_is_no_stranger(world: World, edge: Edge) -> None:
    Peer(world, AGENT, answers)
    pbx = Peer(world, PBX)

    def call(nc: int) -> None:
        ask(pbx, "INVITE", NUMBER, number=nc)
        world.run(0.5)
        uri = f"sip:{NUMBER}@{EDGE}"
        extra = credentials(pbx.response(401), uri, "pbx", "secret")
        ask(pbx, "INVITE", NUMBER, extra, number=nc)
        world.run(0.5)

    call(1)
    assert 200 in pbx.statuses("INVITE")
    flood(world, pbx, 100)
    assert edge.refused == {}
    assert pbx.statuses("INVITE").count(401) == 101


@pytest.mark.parametrize("victim", [CARRIER, AGENT])
def test_who_forges_a_known_address_closes_no_ear_to_it(world: World, edge: Edge, victim: str) -> None:
    """The datagrams say that they come from the carrier, or from the agent that was just called."""
    peers = {CARRIER: Peer(world, CARRIER, polite), AGENT: Peer(world, AGENT, answers)}
    peers[CARRIER].invite()
    world.run(0.1)
    assert 200 in peers[CARRIER].statuses("INVITE")
    flood(world, peers[victim], 200, method="SUBSCRIBE")
    assert edge.refused == {}
    peers[CARRIER].invite(call_id="c2")
    world.run(0.1)
    assert peers[CARRIER].statuses("INVITE").count(200) == 2


def test_a_ban_ends_when_a_trunk_gets_the_network(world: World, edge: Edge) -> None:
    scanner = Peer(world, SCANNER)
    flood(world, scanner, 20)
    assert edge.refused
    edge.core.apply([Put(msgspec.structs.replace(TRUNK, networks=(f"{CARRIER}/32", "198.51.100.0/24")))], world.now)
    world.run(0.1)
    assert edge.refused == {}


def test_a_block_that_holds_a_trunk_is_known(world: World) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, networks=("2001:db8::1/128",))), terms=TERMS)
    assert edge.core.door.knows("2001:db8::ffff", world.now)
    assert not edge.core.door.knows("2001:db8:0:1::1", world.now)


def test_what_a_disabled_trunk_has_is_a_strangers(world: World) -> None:
    edge = Edge(world, records(msgspec.structs.replace(TRUNK, enabled=False)), terms=TERMS)
    assert not edge.core.door.knows(CARRIER, world.now)


def test_operators_ban_and_lift(world: World, edge: Edge) -> None:
    edge.give(AddBan(SCANNER, "asked to", 3600.0))
    assert edge.refused == {SCANNER: True}
    (ban,) = edge.core.door.bans.list()
    assert (ban.by_operator, ban.until - ban.since) == (True, 3600.0)
    edge.give(LiftBan("nothing"))
    assert edge.refused == {SCANNER: True}
    edge.give(LiftBan(ban.id))
    assert edge.refused == {}
    assert edge.core.door.deadline() == inf


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_connections_of_known_peers_are_trusted(world: World, edge: Edge, transport: Transport) -> None:
    carrier = Peer(world, CARRIER, polite, transport, "in:1")
    ask(carrier)
    world.run(0.1)
    ask(Peer(world, SCANNER, None, "tcp", "in:2"))
    world.run(0.1)
    assert edge.trusted == ({"in:1"} if transport == "tcp" else set())


def test_no_answer_by_udp_is_much_longer_than_its_question(world: World, edge: Edge) -> None:
    """Each datagram that could bear another's address, as short as it can be and as the scanners write it."""
    asked: list[bytes] = []
    for method in ("OPTIONS", "INVITE", "BYE", "CANCEL", "SUBSCRIBE", "FOO", "UPDATE"):
        for tag in ("", ";tag=x"):
            for extra in ("", "Require: a,b,c\r\n", "Content-Length: x\r\n", "Max-Forwards: 0\r\n"):
                asked.append(
                    f"{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP x;branch=z9hG4bK{len(asked)}\r\nf:<sip:a>;tag=1\r\n"
                    f"t:<sip:a>{tag}\r\ni:{len(asked)}\r\nCSeq:1 {method}\r\n{extra}\r\n".encode()
                )
    worst = 0.0
    for number, data in enumerate(asked):
        peer = Peer(world, f"198.51.100.{number + 1}")
        world.carry(peer.flow, data) if b"Content-Length: x" not in data else edge.receive(
            data, peer.flow._replace(local=(EDGE, 5060), remote=peer.address), world.now
        )
        before = len(edge.sent)
        world.run(70.0)
        answers = [sent for flow, sent in edge.sent[before:] if flow.remote == peer.address]
        answers += [sent for flow, sent in edge.sent[:before] if flow.remote == peer.address]
        assert len(answers) <= 1, "a stateless answer is not repeated"
        worst = max(worst, sum(map(len, answers)) / len(data))
    assert 1.0 < worst <= AMPLIFICATION


def test_strays_are_met_as_strangers_too(world: World, edge: Edge) -> None:
    heard: list[Message] = []
    scanner = Peer(world, SCANNER, lambda peer, message: heard.append(message))
    for number in range(50):
        scanner.inside("BYE", cseq=number + 1, to_tag="nobody")
    world.run(0.1)
    assert len(heard) == 5
    assert edge.refused == {SCANNER: False}
