"""UDP on real loopback sockets of both families."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.transport.conftest import OpenLayer
from tests.transport.wire import Heard, message, soon, until
from trunkline.sip.flow import Flow
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec
from trunkline.transport.udp import UdpSocket


def udp(host: str) -> ListenerSpec:
    return ListenerSpec(transport="udp", host=host, port=0)


async def test_a_datagram_comes_with_its_flow_and_is_answered_over_it(
    opened: OpenLayer, host: str, peer: socket.socket
) -> None:
    layer, heard = await opened(udp(host))
    local = layer.bound[0].address
    peer.sendto(message("there"), local)
    data, flow = await soon(heard.messages)
    assert data == message("there")
    assert flow == Flow("udp", local, peer.getsockname()[:2])
    assert layer.send(flow, message("back"), "key") is None
    assert peer.recvfrom(2000)[0] == message("back")
    assert peer.getsockname()[1] == flow.remote[1]


async def test_the_flow_of_a_source_is_one_object(opened: OpenLayer, peer: socket.socket, host: str) -> None:
    layer, heard = await opened(udp(host))
    for _ in range(2):
        peer.sendto(message(), layer.bound[0].address)
    (_, first), (_, second) = await soon(heard.messages), await soon(heard.messages)
    assert first is second


async def test_more_sources_than_are_remembered_are_heard_all_the_same(opened: OpenLayer) -> None:
    layer, heard = await opened(udp("127.0.0.1"), limits=Limits(known_sources=2))
    others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(7)]
    for other in others:
        other.sendto(message(), layer.bound[0].address)
    ports = {(await soon(heard.messages))[1].remote[1] for _ in others}
    assert ports == {other.getsockname()[1] for other in others}
    for other in others:
        other.close()


async def test_datagrams_come_in_batches_and_none_is_lost(opened: OpenLayer, peer: socket.socket, host: str) -> None:
    layer, heard = await opened(udp(host), limits=Limits(batch=8))
    for number in range(20):
        peer.sendto(message(str(number)), layer.bound[0].address)
    got = [(await soon(heard.messages))[0] for _ in range(20)]
    assert got == [message(str(number)) for number in range(20)]
    assert [len(batch) for batch in heard.batches] == [8, 8, 4]


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\0",
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n" * 40,
        b"\0\0\0\0" * 10,
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
        b"\x80\x00" + bytes(170),
        b"INVITE",
        b"\xff" * 100,
    ],
)
async def test_keep_alives_and_noise_end_at_the_socket(opened: OpenLayer, noise: bytes) -> None:
    layer, heard = await opened(udp("127.0.0.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(noise, layer.bound[0].address)
        other.sendto(message(), layer.bound[0].address)
        await soon(heard.messages)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(100)
    counts = layer.counts()
    assert (counts["udp_ignored"], counts["udp_received"]) == (1, 1)


async def test_a_message_behind_line_ends_is_heard(opened: OpenLayer, peer: socket.socket, host: str) -> None:
    layer, heard = await opened(udp(host))
    peer.sendto(b"\r\n\r\n" + message(), layer.bound[0].address)
    assert (await soon(heard.messages))[0] == b"\r\n\r\n" + message()


async def test_a_banned_source_is_not_heard_until_it_is_allowed(
    opened: OpenLayer, peer: socket.socket, host: str
) -> None:
    layer, heard = await opened(udp(host))
    layer.refuse(host)
    peer.sendto(message("banned"), layer.bound[0].address)
    peer.sendto(b"\r\n", layer.bound[0].address)
    await until(lambda: layer.counts()["udp_banned"] == 2)
    layer.allow(host)
    peer.sendto(message("allowed"), layer.bound[0].address)
    assert (await soon(heard.messages))[0] == message("allowed")


async def test_what_cannot_be_sent_says_why(opened: OpenLayer, host: str) -> None:
    layer, _ = await opened(udp(host))
    local = layer.bound[0].address
    assert layer.send(Flow("udp", local, (host, 9)), b"x" * 66_000) == "message too large for UDP"
    assert layer.send(Flow("udp", local, ("127.0.0.1" if ":" in host else "::1", 9)), message()) is not None
    assert layer.send(Flow("udp", (host, 1), (host, 9)), message()) == "this address is not listened on"
    assert layer.counts()["udp_refused"] == 2


async def test_the_largest_datagram_crosses(opened: OpenLayer) -> None:
    layer, heard = await opened(udp("127.0.0.1"))
    large = message(body=b"x" * 65_400)
    flow = Flow("udp", layer.bound[0].address, layer.bound[0].address)
    assert layer.send(flow, large) is None
    assert (await soon(heard.messages))[0] == large


class Full(socket.socket):
    """A socket whose kernel takes nothing until it is drained."""

    full = False

    def sendto(self, *arguments: object) -> int:
        if self.full:
            raise BlockingIOError
        return super().sendto(*arguments)  # type: ignore[call-overload, no-any-return]


async def test_a_full_kernel_delays_then_drops_in_order() -> None:
    sender, receiver = Full(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(5)
    sender.bind(("127.0.0.1", 0))
    sender.setblocking(False)
    udp_socket = UdpSocket(asyncio.get_running_loop(), sender, Heard(), set(), Limits(backlog=3))
    sender.full = True
    for number in range(5):
        assert udp_socket.send(b"%d" % number, receiver.getsockname()) is None
    assert (udp_socket.buffered, udp_socket.dropped, udp_socket.sent) == (3, 2, 0)
    sender.full = False
    await until(lambda: not udp_socket.buffered)
    assert udp_socket.send(b"5", receiver.getsockname()) is None
    assert [receiver.recv(10) for _ in range(4)] == [b"0", b"1", b"2", b"5"]
    assert udp_socket.sent == 4
    udp_socket.close()
    udp_socket.close()
    receiver.close()


async def test_a_datagram_costs_little_beside_its_system_call(opened: OpenLayer) -> None:
    """The drain's own cost: below 4 µs a datagram, the best of some rounds."""
    layer, heard = await opened(udp("127.0.0.1"))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bare,
    ):
        bare.bind(("127.0.0.1", 0))
        data = message(body=b"x" * 700)
        over = 1e9
        for _ in range(10):
            for _ in range(64):
                other.sendto(data, layer.bound[0].address)
                other.sendto(data, bare.getsockname())
            began = time.process_time()
            for _ in range(64):
                bare.recvfrom(65_535)
            calls = time.process_time() - began
            heard.batches.clear()
            began = time.process_time()
            await until(lambda: bool(heard.batches))
            over = min(over, time.process_time() - began - calls)
            assert len(heard.batches[0]) == 64
        assert over / 64 < 4e-6


async def test_a_keepalive_is_two_line_ends(opened: OpenLayer, host: str, peer: socket.socket) -> None:
    layer, heard = await opened(udp(host))
    flow = Flow("udp", layer.bound[0].address, peer.getsockname()[:2])
    layer.ping(flow)
    assert peer.recvfrom(2000)[0] == b"\r\n\r\n"
    layer.ping(flow._replace(local=(host, 1)))
    assert heard.failures.empty()
