"""A trunk tried once: whether its peer is there, and whether it takes the credentials, within a bounded time."""

from __future__ import annotations

from math import inf

import msgspec

from tests.simulation.edge import TRUNK, Edge, records
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import World
from trunkline.call.beside.trial import PATIENCE
from trunkline.call.inputs import Try
from trunkline.call.outputs import Tried
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, parse

NAME = "carrier.example"
PEER = msgspec.structs.replace(TRUNK, networks=(), host=NAME, username="alice", password=Secret("secret"))
_SECOND = "192.0.2.21"


class Peer(Registrar):
    """A registrar that answers OPTIONS too."""

    options = 200

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = parse(data)
        if isinstance(message, Request) and message.method == "OPTIONS" and not self.silent:
            self.heard.append((now, message))
            text = (
                f"SIP/2.0 {self.options} Whatever\r\nVia: {message.via}\r\nFrom: {message.header('From')}\r\n"
                f"To: {message.header('To')};tag=o\r\nCall-ID: {message.call_id}\r\n"
                f"CSeq: {message.cseq} OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            self.world.carry(flow, text.encode())
            return
        super().receive(data, flow, now)


def tried(world: World, edge: Edge, trunk: Trunk = PEER) -> Tried:
    edge.give(Try("t1", trunk))
    world.run(PATIENCE + 1)
    (found,) = edge.tried
    world.run(60.0)
    assert edge.core.counts()["trials"] == 0
    assert edge.core.deadline() == inf
    return found


def edge_to(world: World, *hosts: str) -> Edge:
    edge = Edge(world, records())
    edge.names[NAME] = list(hosts or (REGISTRAR,))
    return edge


def test_s1_26_options_and_a_register_that_changes_no_binding() -> None:
    world = World()
    peer = Peer(world)
    found = tried(world, edge_to(world))
    assert (found.status, found.registration, found.detail) == ("reachable", "verified", None)
    assert found.latency is not None
    assert abs(found.latency - 0.002) < 1e-6
    methods = [request.method for _, request in peer.heard]
    assert methods == ["OPTIONS", "REGISTER", "REGISTER"]
    register = peer.registers[-1]
    assert register.headers("Contact") == []
    assert register.get("expires") is None
    assert register.header("To") == f"<sip:alice@{NAME}>"
    assert peer.bindings == {}


def test_s1_26_credentials_that_are_not_taken() -> None:
    world = World()
    Peer(world)
    found = tried(world, edge_to(world), msgspec.structs.replace(PEER, password=Secret("other")))
    assert (found.status, found.registration) == ("auth_failed", "failed")
    assert found.detail is not None
    assert "403" in found.detail


def test_s1_26_a_challenge_again_is_a_refusal() -> None:
    world = World()
    peer = Peer(world)
    peer.refusal = (401, 'WWW-Authenticate: Digest realm="carrier", nonce="n", qop="auth"\r\n')
    assert tried(world, edge_to(world)).status == "auth_failed"
    assert len(peer.registers) == 2


def test_r28_a_peer_that_is_no_registrar_is_reachable() -> None:
    for status in (403, 405, 501):
        world = World()
        peer = Peer(world)
        peer.refusal = (status, "")
        found = tried(world, edge_to(world))
        assert (found.status, found.registration) == ("reachable", "unsupported")


def test_r28_without_credentials_nothing_is_registered() -> None:
    world = World()
    peer = Peer(world)
    found = tried(world, edge_to(world), msgspec.structs.replace(PEER, username=None, password=None))
    assert (found.status, found.registration) == ("reachable", "skipped")
    assert peer.registers == []


def test_any_answer_says_that_it_is_there_but_those_that_say_it_cannot_work() -> None:
    for status, expected in ((404, "reachable"), (405, "reachable"), (503, "unreachable"), (500, "unreachable")):
        world = World()
        Peer(world).options = status
        assert tried(world, edge_to(world)).status == expected, status


def test_a_silent_peer_costs_a_bounded_time() -> None:
    world = World()
    Peer(world).silent = True
    edge = edge_to(world)
    edge.give(Try("t1", PEER))
    world.run(PATIENCE - 0.1)
    assert edge.tried == []
    world.run(0.2)
    (found,) = edge.tried
    assert (found.status, found.latency) == ("unreachable", None)
    assert found.detail == "no answer within 8 s"


def test_where_nobody_listens_it_is_over_at_once() -> None:
    world = World()
    edge = edge_to(world)
    world.closed.add((REGISTRAR, 5060))
    edge.give(Try("t1", PEER))
    world.run(0.5)
    (found,) = edge.tried
    assert (found.status, found.detail) == ("unreachable", "connection refused")


def test_the_next_address_is_tried() -> None:
    world = World()
    Peer(world, _SECOND)
    edge = edge_to(world, REGISTRAR, _SECOND)
    edge.unreachable.add(REGISTRAR)
    assert tried(world, edge).status == "reachable"


def test_a_name_that_leads_nowhere_and_a_trunk_that_has_none() -> None:
    world = World()
    edge = edge_to(world)
    edge.names[NAME] = []
    assert tried(world, edge).status == "unreachable"
    edge.tried.clear()
    assert tried(world, edge, TRUNK).detail == "it has no server to send to"
