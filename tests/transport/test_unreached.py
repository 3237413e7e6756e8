"""What the network says of datagrams that did not arrive (RFC 3261 §18.4), on real loopback sockets."""

from __future__ import annotations

import asyncio
import select
import socket

import pytest

from tests.transport.conftest import OpenLayer
from tests.transport.wire import Failure, Heard, message, soon, until
from trunkline.sip.flow import Address, Flow
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec
from trunkline.transport.udp import UdpSocket
from trunkline.transport.unreached import ask_for_errors, take_errors


def invite(branch: str, uri: str = "sip:bot@example.com") -> bytes:
    return (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch={branch};rport\r\n"
        f"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def closed(host: str) -> Address:
    """The port of discard, at which nobody listens any more."""
    return host, 9


def udp(host: str) -> ListenerSpec:
    return ListenerSpec(transport="udp", host=host, port=0)


async def test_a_closed_port_is_told_with_the_transaction(opened: OpenLayer, host: str) -> None:
    layer, heard = await opened(udp(host))
    flow = Flow("udp", layer.bound[0].address, closed(host))
    assert layer.send(flow, invite("z9hG4bK1"), "z9hG4bK1 INVITE") is None
    assert await soon(heard.unreachable) == Failure(flow, "z9hG4bK1 INVITE", "connection refused")
    assert layer.counts()["udp_unreached"] == 1


async def test_who_is_there_is_sent_to_and_heard_all_the_while(
    opened: OpenLayer, host: str, peer: socket.socket
) -> None:
    layer, heard = await opened(udp(host))
    local, nobody = layer.bound[0].address, closed(host)
    for number in range(40):
        layer.send(Flow("udp", local, nobody), invite(f"z9hG4bK{number}"), f"z9hG4bK{number} INVITE")
        # The error of the datagram before comes out of this call.
        assert layer.send(Flow("udp", local, peer.getsockname()[:2]), message(str(number))) is None
        assert peer.recvfrom(2000)[0] == message(str(number))
        peer.sendto(message(str(number)), local)
        assert (await soon(heard.messages))[0] == message(str(number))
    told = {(await soon(heard.unreachable)).transaction for _ in range(40)}
    assert told == {f"z9hG4bK{number} INVITE" for number in range(40)}
    assert layer.counts()["udp_refused"] == 0
    assert layer.counts()["udp_sent"] == 80


async def test_many_errors_at_once_are_all_told(opened: OpenLayer) -> None:
    layer, heard = await opened(udp("127.0.0.1"), limits=Limits(batch=8))
    for number in range(100):
        flow = Flow("udp", layer.bound[0].address, closed("127.0.0.1"))
        assert layer.send(flow, invite(f"z9hG4bK{number}"), "") is None
    assert len({(await soon(heard.unreachable)).transaction for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "data",
    [
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bK1\r\n\r\n",
        b"\r\n\r\n",
        invite("z9hG4bK1", "sip:" + "a" * 2000 + "@example.com"),
    ],
    ids=["response", "keep-alive", "branch not quoted"],
)
async def test_what_cannot_be_matched_is_nobodys(
    opened: OpenLayer, data: bytes, peer: socket.socket, host: str
) -> None:
    layer, heard = await opened(udp(host))
    local, nobody = layer.bound[0].address, closed(host)
    layer.send(Flow("udp", local, nobody), data)
    layer.send(Flow("udp", local, nobody), invite("z9hG4bKlast"))
    assert (await soon(heard.unreachable)).transaction == "z9hG4bKlast INVITE"
    peer.sendto(message(), local)
    assert (await soon(heard.messages))[0] == message()


async def test_an_error_of_our_own_leaves_the_socket_at_rest(host: str) -> None:
    """A datagram that is too long for IP but not for UDP leaves an error that no call on the socket fails with: unread,
    the socket would be ready for ever."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((host, 0))
        bound.setblocking(False)
        heard, poll = Heard(), select.poll()
        poll.register(bound, 0)
        opened = UdpSocket(asyncio.get_running_loop(), bound, heard, set(), Limits())
        with pytest.raises(OSError, match="too long"):
            bound.sendto(bytes(65_530), (host, 9))
        assert poll.poll(0)
        await until(lambda: not poll.poll(0))
        assert heard.unreachable.empty()
        opened.close()


def test_errors_come_of_the_network_alone() -> None:
    """Nobody who sends us a datagram makes an error of it, and an empty queue is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        assert ask_for_errors(bound)
        assert take_errors(bound) == (0, [])
        bound.sendto(invite("z9hG4bK1"), bound.getsockname())
        assert take_errors(bound) == (0, [])
