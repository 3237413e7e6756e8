"""An INVITE too large for a datagram goes by TCP, where there is a way (RFC 3261 §18.1.1)."""

from __future__ import annotations

from tests.simulation.edge import AGENT, CARRIER, EDGE, records
from tests.simulation.named import FIRST, SECOND, Named, call, calling, end, named, sent_to
from tests.simulation.peer import Message, Peer, answers
from tests.simulation.phone import MOVED
from tests.simulation.world import World
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

LARGE = "X-Large: " + "x" * 1200


def test_a_large_invite_goes_by_tcp_to_the_same_address() -> None:
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    first.flow = Flow("tcp", first.address, (EDGE, 5060), "out:")
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    invite = first.request("INVITE")
    assert sent_to(edge, FIRST) == ["tcp"]
    assert invite.via.transport == "TCP"
    assert ";transport=tcp" in (invite.header("contact") or "")
    assert invite.cseq == 1
    assert sent_to(edge, FIRST, b"ACK") == ["tcp"], "the dialog stays where it is"
    end(edge)


def test_inside_a_dialog_a_large_request_stays_where_it_is() -> None:
    """A peer that took the call by UDP may have nothing else, and IP can cut what is too long."""
    edge = named()
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    large = MOVED + b"".join([b"a=x-line:%s\r\n" % (b"x" * 100)] * 20)
    carrier.remote_tag = carrier.response(200).to_tag or ""
    carrier.inside("INVITE", large, call_id="call1")
    edge.world.run(0.1)
    assert len(first.request("INVITE").body) > 2000
    assert sent_to(edge, FIRST) == ["udp", "udp"]
    assert carrier.statuses("INVITE").count(200) == 2
    end(edge)


def test_a_small_invite_goes_by_udp() -> None:
    edge = named()
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_a_trunk_may_forbid_it() -> None:
    edge = named(tcp_fallback=False)
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_where_nobody_listens_by_tcp_the_datagram_goes_and_later_calls_know() -> None:
    edge = named()
    edge.broken.add("out:")
    carrier, first = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, FIRST) == ["udp"]
    assert (first.request("INVITE").via.transport, first.request("INVITE").cseq) == ("UDP", 2)
    edge.broken.clear()
    edge.world.run(500.0)
    call(carrier, 2, LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, FIRST) == ["udp", "udp"]
    end(edge, 1500.0)


def test_without_a_way_by_tcp_the_datagram_goes() -> None:
    edge = named()
    edge.tcp = False
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, FIRST, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, FIRST) == ["udp"]
    end(edge)


def test_a_connection_that_never_opens_is_given_up_for_the_datagram() -> None:
    """Somebody throws the SYNs away: the transport says nothing for a while."""
    edge = named()
    carrier = Peer(edge.world, CARRIER, calling)
    first = Peer(edge.world, FIRST)

    def by_udp(peer: Peer, message: Message) -> None:
        if isinstance(message, Request) and message.via.transport == "UDP":
            answers(peer, message)

    first.react = by_udp
    call(carrier, extra=LARGE)
    edge.world.run(3.9)
    assert sent_to(edge, FIRST) == ["tcp"]
    edge.world.run(0.2)
    assert sent_to(edge, FIRST) == ["tcp", "udp"]
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge, 1500.0)


def test_an_address_that_does_neither_is_followed_by_the_next() -> None:
    edge = named()
    edge.unreachable.add(FIRST)
    carrier, _ = Peer(edge.world, CARRIER, calling), Peer(edge.world, SECOND, answers)
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert carrier.statuses("INVITE")[-1] == 200
    assert sent_to(edge, SECOND) == ["tcp"]
    end(edge, 1500.0)


def test_an_agent_by_its_address_alone_takes_the_same_detour() -> None:
    edge = Named(World(), records())
    carrier, agent = Peer(edge.world, CARRIER, calling), Peer(edge.world, AGENT, answers)
    agent.flow = Flow("tcp", agent.address, (EDGE, 5060), "out:")
    call(carrier, extra=LARGE)
    edge.world.run(0.1)
    assert sent_to(edge, AGENT) == ["tcp"]
    assert carrier.statuses("INVITE")[-1] == 200
    end(edge)
