"""TCP on real loopback sockets: accepted and pooled connections, their limits, and how they end."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.transport.conftest import OpenLayer
from tests.transport.wire import PATIENCE, Heard, message, soon, until
from trunkline.sip.flow import Address, Flow
from trunkline.sip.framing import FramingLimits
from trunkline.transport.layer import TransportLayer
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec


class Stranger:
    """The other end of a stream, on the plain loop."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.stream.setblocking(False)

    @property
    def address(self) -> Address:
        host, port = self.stream.getsockname()[:2]
        return host, port

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.stream, data)

    async def receive(self, size: int) -> bytes:
        """Exactly so many bytes, or those that came before the end."""
        data = b""
        async with asyncio.timeout(PATIENCE):
            while len(data) < size:
                more = await asyncio.get_running_loop().sock_recv(self.stream, size - len(data))
                if not more:
                    break
                data += more
        return data

    async def ended(self) -> bool:
        """Wait until the other side has ended the stream. Whether it did so in order, without a reset."""
        try:
            return await self.receive(1) == b""
        except ConnectionResetError:
            return False


Visit = Callable[[Address], Awaitable[Stranger]]
Door = Callable[[], Awaitable[tuple[Address, Callable[[], Awaitable[Stranger]]]]]


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """Connects to an address of ours."""
    with_ends: list[socket.socket] = []

    async def connect(to: Address) -> Stranger:
        stream = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM)
        with_ends.append(stream)
        stream.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_connect(stream, to)
        return Stranger(stream)

    yield connect
    for stream in with_ends:
        stream.close()


@pytest.fixture
async def door(host: str) -> AsyncIterator[Door]:
    """A listening socket of somebody else: its address, and how to take the next connection."""
    async with AsyncExitStack() as stack:

        async def listen() -> tuple[Address, Callable[[], Awaitable[Stranger]]]:
            listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            stack.callback(listening.close)
            listening.setblocking(False)

            async def take() -> Stranger:
                async with asyncio.timeout(PATIENCE):
                    stream, _ = await asyncio.get_running_loop().sock_accept(listening)
                stack.callback(stream.close)
                return Stranger(stream)

            bound_host, port = listening.getsockname()[:2]
            return (bound_host, port), take

        yield listen


def tcp(host: str) -> ListenerSpec:
    return ListenerSpec(transport="tcp", host=host, port=0)


def told(heard: Heard) -> list[str]:
    """The transactions whose failure was told by now."""
    return [heard.failures.get_nowait().transaction for _ in range(heard.failures.qsize())]


async def out(layer: TransportLayer, to: Address) -> Flow:
    flow = layer.flow_to("tcp", to)
    assert flow is not None
    return flow


async def test_messages_cross_an_accepted_connection_both_ways(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    local = layer.bound[0].address
    stranger = await visit(local)
    await stranger.send(message("1", b"one") + message("2") + message("3")[:30])
    await stranger.send(message("3")[30:])
    got = [await soon(heard.messages) for _ in range(3)]
    assert [data for data, _ in got] == [message("1", b"one"), message("2"), message("3")]
    flow = got[0][1]
    assert (flow.transport, flow.local, flow.remote) == ("tcp", local, stranger.address)
    assert flow.connection.startswith("in:")
    assert not flow.pooled
    assert {each for _, each in got} == {flow}
    assert layer.send(flow, message("back"), "key") is None
    assert await stranger.receive(len(message("back"))) == message("back")


async def test_each_accepted_connection_is_another_flow(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    flows = set()
    for _ in range(3):
        await (await visit(layer.bound[0].address)).send(message())
        flows.add((await soon(heard.messages))[1].connection)
    assert len(flows) == 3


async def test_a_ping_is_answered_with_a_pong(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(b"\r\n\r\n")
    assert await stranger.receive(2) == b"\r\n"
    await stranger.send(b"\r\n" + message())
    await soon(heard.messages)
    layer.send((heard.batches[-1][0][1]), b"only this")
    assert await stranger.receive(9) == b"only this"


async def test_a_lost_accepted_connection_is_told_once_and_refuses_what_comes_later(
    opened: OpenLayer, visit: Visit, host: str
) -> None:
    layer, heard = await opened(tcp(host))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    assert layer.send(flow, message("a"), "one") is None
    assert layer.send(flow, message("b"), "one") is None
    assert layer.send(flow, message("c"), "two") is None
    assert layer.send(flow, message("d")) is None
    stranger.stream.close()
    assert await soon(heard.closures) == flow
    assert layer.send(flow, message(), "late") == "the connection is closed"
    assert told(heard) == ["one", "two"]
    assert heard.closures.empty()
    assert layer.counts()["connections_accepted"] == layer.counts()["connections_handshaking"] == 0


async def test_what_the_peer_answered_does_not_fail_later(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    layer.send(flow, message("asked"), "answered")
    await stranger.send(message("answer"))
    await soon(heard.messages)
    layer.send(flow, message("asked"), "unanswered")
    stranger.stream.close()
    await soon(heard.closures)
    assert told(heard) == ["unanswered"]


async def test_a_broken_stream_may_be_answered_and_is_then_closed(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(linger_time=0.5))
    stranger = await visit(layer.bound[0].address)

    class Answering(Heard):
        def unframed(self, flow: Flow, error: object) -> None:
            assert layer.send(flow, b"SIP/2.0 400 no length\r\n\r\n") is None

    heard.unframed = Answering().unframed  # type: ignore[method-assign]
    await stranger.send(message("good") + b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\n\r\n" + message("never"))
    await stranger.send(message("never") * 2000)
    data, flow = await soon(heard.messages)
    assert data == message("good")
    assert layer.send(flow, b"and more\r\n") is None
    expected = b"SIP/2.0 400 no length\r\n\r\nand more\r\n"
    assert await stranger.receive(len(expected)) == expected
    assert await stranger.ended()
    assert layer.send(flow, b"too late") == "the connection is closed"
    stranger.stream.close()
    await soon(heard.closures)
    assert heard.messages.empty()


async def test_a_single_line_end_keeps_a_connection_alive(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(message_time=0.2))
    alive, silent = await visit(layer.bound[0].address), await visit(layer.bound[0].address)
    await alive.send(b"\r\n")
    assert (await soon(heard.closures)).remote == silent.address
    await alive.send(message())
    await soon(heard.messages)
    assert layer.counts()["streams_overdue"] == 1


async def test_a_flow_the_core_closes_sends_what_it_holds(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(linger_time=0.1))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    layer.send(flow, message("last"))
    layer.close_flow(flow)
    assert layer.send(flow, message(), "late") == "the connection is closed"
    assert await stranger.receive(len(message("last"))) == message("last")
    assert await stranger.ended()
    assert await soon(heard.closures) == flow


@pytest.mark.parametrize("first", [b"", b"OPT", message("whole") + b"INVITE sip:"])
async def test_a_half_open_connection_ends(opened: OpenLayer, visit: Visit, host: str, first: bytes) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(message_time=0.1))
    stranger = await visit(layer.bound[0].address)
    if first:
        await stranger.send(first)
    flow = await soon(heard.closures)
    assert flow.remote == stranger.address
    assert layer.counts()["streams_overdue"] == 1


async def test_a_message_that_trickles_does_not_hold_the_connection(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(message_time=0.15))
    stranger = await visit(layer.bound[0].address)
    closed = asyncio.ensure_future(soon(heard.closures))
    sent = 0
    while not closed.done():
        with suppress(OSError):
            await stranger.send(b"X")
        sent += 1
        await asyncio.wait({closed}, timeout=0.005)
    assert (await closed).remote == stranger.address
    assert 2 < sent < 200


async def test_an_idle_connection_ends_and_a_busy_one_does_not(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(idle_time=0.3))
    idle, busy = await visit(layer.bound[0].address), await visit(layer.bound[0].address)
    await idle.send(message("idle"))
    await soon(heard.messages)
    while heard.closures.empty():
        await busy.send(b"\r\n\r\n")
        assert await busy.receive(2) == b"\r\n"
    assert (await soon(heard.closures)).remote == idle.address
    assert layer.counts()["connections_accepted"] == 1


async def test_connections_are_bounded_by_source_and_in_all(opened: OpenLayer, visit: Visit) -> None:
    layer, heard = await opened(tcp("127.0.0.1"), limits=Limits(connections=3, connections_per_source=2))
    first, second, third = [await visit(layer.bound[0].address) for _ in range(3)]
    assert await third.ended() in (True, False)
    for each in (first, second):
        await each.send(message())
        await soon(heard.messages)
    assert layer.counts()["streams_crowded"] == 1
    assert layer.counts()["connections_accepted"] == 2
    first.stream.close()
    await soon(heard.closures)
    fourth = await visit(layer.bound[0].address)
    await fourth.send(message("again"))
    assert (await soon(heard.messages))[0] == message("again")


async def test_a_peer_that_does_not_read_is_cut_off(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(write_buffer=200_000))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    large, sent = message(body=b"x" * 60_000), 0
    while (refused := layer.send(flow, large, str(sent))) is None:
        sent += 1
        assert layer.counts()["buffered"] <= 200_000
        await asyncio.sleep(0)
        assert sent < 2000
    assert refused == "the peer does not read"
    assert await soon(heard.closures) == flow
    assert told(heard) == [str(number) for number in range(min(sent, 256))]


async def test_a_banned_source_is_cut_off_and_not_accepted(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    layer.refuse(host)
    assert await soon(heard.closures) == flow
    again = await visit(layer.bound[0].address)
    await again.ended()
    assert layer.counts()["streams_banned"] == 1
    layer.allow(host)
    await (await visit(layer.bound[0].address)).send(message("allowed"))
    assert (await soon(heard.messages))[0] == message("allowed")


async def test_outbound_messages_wait_for_their_connection_in_order(opened: OpenLayer, door: Door, host: str) -> None:
    layer, heard = await opened(tcp(host))
    address, take = await door()
    flow = await out(layer, address)
    assert flow.pooled
    assert flow.local == layer.bound[0].address
    for number in range(5):
        assert layer.send(flow, message(str(number)), str(number)) is None
    assert layer.counts()["connections_opening"] == 1
    stranger = await take()
    assert stranger.stream.getpeername()[0] == host
    expected = b"".join(message(str(number)) for number in range(5))
    assert await stranger.receive(len(expected)) == expected
    layer.send(flow, message("next"))
    assert await stranger.receive(len(message("next"))) == message("next")
    await stranger.send(message("answer"))
    assert await soon(heard.messages) == (message("answer"), flow)
    assert layer.counts()["connections_outbound"] == 1


async def test_a_lost_outbound_connection_opens_again(opened: OpenLayer, door: Door, host: str) -> None:
    layer, heard = await opened(tcp(host))
    address, take = await door()
    flow = await out(layer, address)
    layer.send(flow, message("1"), "first")
    stranger = await take()
    await stranger.receive(len(message("1")))
    stranger.stream.close()
    failure = await soon(heard.failures)
    assert (failure.flow, failure.transaction) == (flow, "first")
    assert layer.send(flow, message("2"), "second") is None
    again = await take()
    assert await again.receive(len(message("2"))) == message("2")
    assert await soon(heard.closures) == flow


async def test_a_refused_connection_fails_each_transaction_once(opened: OpenLayer, host: str) -> None:
    layer, heard = await opened(tcp(host))
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind((host, 0))
        flow = await out(layer, nobody.getsockname()[:2])
        for transaction in ("a", "b", "a", "c"):
            assert layer.send(flow, message(), transaction) is None
        failures = [await soon(heard.failures) for _ in range(3)]
    assert [each.transaction for each in failures] == ["a", "b", "c"]
    assert {each.flow for each in failures} == {flow}
    where = f"[{host}]:{flow.remote[1]}" if ":" in host else f"{host}:{flow.remote[1]}"
    assert failures[0].reason == f"no connection to {where}: connection refused"
    assert heard.failures.empty()
    assert layer.counts()["connections_opening"] == layer.counts()["buffered"] == 0


async def test_what_nobody_waits_for_fails_in_silence(opened: OpenLayer, host: str) -> None:
    layer, heard = await opened(tcp(host))
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind((host, 0))
        flow = await out(layer, nobody.getsockname()[:2])
        layer.send(flow, message())
        await until(lambda: layer.counts()["streams_failed_connect"] == 1)
    assert heard.failures.empty()


async def test_a_connect_that_hangs_ends_in_time(opened: OpenLayer, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(connect_time=0.1))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=0) as full:
        fillers = []
        for _ in range(4):
            filler = socket.socket(family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        flow = await out(layer, full.getsockname()[:2])
        assert layer.send(flow, message(), "key") is None
        failure = await soon(heard.failures)
        for filler in fillers:
            filler.close()
    assert failure.transaction == "key"
    assert failure.reason.endswith("within 0.1 s")


async def test_what_waits_for_a_connection_is_bounded(opened: OpenLayer, door: Door, host: str) -> None:
    layer, _ = await opened(tcp(host), limits=Limits(queued_messages=3, connections_outbound=1))
    address, take = await door()
    flow = await out(layer, address)
    assert [layer.send(flow, message(), "key") for _ in range(3)] == [None] * 3
    refused = layer.send(flow, message(), "key")
    assert refused is not None
    assert refused.startswith("too many messages wait for a connection to")
    other, _ = await door()
    assert layer.send(await out(layer, other), message(), "key") == "too many outbound connections are open"
    await take()
    await until(lambda: layer.counts()["connections_outbound"] == 1)
    assert layer.send(await out(layer, other), message(), "key") == "too many outbound connections are open"


async def test_closing_flushes_and_tells_of_every_end(host: str, visit: Visit, door: Door) -> None:
    layer, heard = TransportLayer(Limits(linger_time=0.2)), Heard()
    await layer.open([tcp(host)], heard)
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    address, take = await door()
    outbound = await out(layer, address)
    layer.send(outbound, message("out"))
    far = await take()
    await far.receive(len(message("out")))
    layer.send(flow, message("last"))
    layer.send(outbound, message("last"))
    await layer.close()
    for each in (stranger, far):
        assert await each.receive(len(message("last"))) == message("last")
        assert await each.ended()
    assert {heard.closures.get_nowait(), heard.closures.get_nowait()} == {flow, outbound}
    assert heard.closures.empty()
    assert layer.send(outbound, message()) == layer.send(flow, message()) == "the edge stops"
    assert layer.counts()["descriptors"] == 0
    await layer.close()


async def test_closing_does_not_wait_for_a_peer_that_does_not_read(visit: Visit) -> None:
    layer, heard = TransportLayer(Limits(linger_time=0.1, write_buffer=8 << 20)), Heard()
    await layer.open([tcp("127.0.0.1")], heard)
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    for _ in range(100):
        layer.send(flow, message(body=b"x" * 60_000))
    async with asyncio.timeout(PATIENCE):
        await layer.close()
    assert heard.closures.get_nowait() == flow


async def test_without_descriptors_it_rests_and_then_accepts(opened: OpenLayer) -> None:
    layer, heard = await opened(tcp("127.0.0.1"))
    fillers: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stranger:
        highest = max(int(number) for number in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            with suppress(OSError):
                while True:
                    fillers.append(os.open(os.devnull, os.O_RDONLY))
            stranger.connect(layer.bound[0].address)
            stranger.sendall(message())
            await until(lambda: layer.counts()["descriptors_exhausted"] == 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for filler in fillers:
                os.close(filler)
        assert (await soon(heard.messages))[0] == message()
        assert layer.counts()["descriptors_exhausted"] == 1


async def test_the_framing_limits_are_those_configured(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(framing=FramingLimits(message=100)))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message(body=b"x" * 100))
    flow, error = await soon(heard.errors)
    assert (flow.remote, error.status) == (stranger.address, 513)


async def test_who_never_spoke_makes_room_for_who_comes(opened: OpenLayer, visit: Visit) -> None:
    layer, heard = await opened(tcp("127.0.0.1"), limits=Limits(connections=3))
    speaker = await visit(layer.bound[0].address)
    await speaker.send(message("first"))
    layer.trust((await soon(heard.messages))[1])
    silent = [await visit(layer.bound[0].address) for _ in range(2)]
    await until(lambda: layer.counts()["connections_accepted"] == 3)
    late = await visit(layer.bound[0].address)
    assert await silent[0].ended() in (True, False), "the one that has been silent the longest"
    await late.send(message("late"))
    data, flow = await soon(heard.messages)
    assert data == message("late")
    layer.trust(flow)
    await silent[1].send(message("not silent any more"))
    layer.trust((await soon(heard.messages))[1])
    await speaker.send(message("second"))
    assert (await soon(heard.messages))[0] == message("second")
    await until(lambda: layer.counts()["connections_accepted"] == 3)
    refused = await visit(layer.bound[0].address)
    assert await refused.ended() in (True, False), "all that are there are trusted"
    assert layer.counts()["streams_crowded"] == 2
    assert layer.counts()["streams_untrusted"] == 0


async def test_a_peer_that_answered_keepalives_is_missed_when_it_answers_no_more(
    opened: OpenLayer, door: Door, host: str
) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(pong_time=0.3, linger_time=0.1))
    address, take = await door()
    flow = await out(layer, address)
    layer.ping(flow)
    assert layer.counts()["connections_opening"] == 0, "none is opened for it"
    layer.send(flow, message())
    stranger = await take()
    await stranger.receive(len(message()))
    layer.ping(flow)
    assert await stranger.receive(4) == b"\r\n\r\n"
    await stranger.send(b"\r\n")
    await asyncio.sleep(0.05)
    layer.ping(flow)
    assert await soon(heard.closures) == flow
    assert await stranger.receive(5) == b"\r\n\r\n"


async def test_a_peer_that_never_answered_keepalives_is_kept(opened: OpenLayer, door: Door, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(pong_time=0.05, linger_time=0.1))
    address, take = await door()
    flow = await out(layer, address)
    layer.send(flow, message())
    stranger = await take()
    await stranger.receive(len(message()))
    layer.ping(flow)
    await asyncio.sleep(0.3)
    assert heard.closures.empty()
    assert layer.counts()["connections_outbound"] == 1
    stranger.stream.close()
    assert await soon(heard.closures) == flow


async def test_who_spoke_and_is_not_trusted_makes_room_too(opened: OpenLayer, visit: Visit) -> None:
    layer, heard = await opened(tcp("127.0.0.1"), limits=Limits(connections=2))
    strangers = [await visit(layer.bound[0].address) for _ in range(2)]
    for stranger in strangers:
        await stranger.send(message())
        await soon(heard.messages)
    late = await visit(layer.bound[0].address)
    await strangers[0].ended()
    await late.send(message("late"))
    assert (await soon(heard.messages))[0] == message("late")
    await strangers[1].send(message("still there"))
    assert (await soon(heard.messages))[0] == message("still there")


async def test_a_stranger_may_be_idle_for_less_long(opened: OpenLayer, visit: Visit) -> None:
    layer, heard = await opened(tcp("127.0.0.1"), limits=Limits(idle_time=60.0, stranger_time=0.1))
    stranger, friend = [await visit(layer.bound[0].address) for _ in range(2)]
    await friend.send(message())
    layer.trust((await soon(heard.messages))[1])
    await stranger.send(message())
    await soon(heard.messages)
    assert await stranger.ended()
    assert layer.counts()["connections_accepted"] == 1
    await friend.send(message("still there"))
    assert (await soon(heard.messages))[0] == message("still there")


async def test_a_block_of_ipv6_is_one_source(opened: OpenLayer, visit: Visit) -> None:
    if "00000000000000000000000000000001" not in Path("/proc/net/if_inet6").read_text():
        pytest.skip("tool: IPv6 is not enabled here")
    layer, heard = await opened(tcp("::1"), limits=Limits(connections_per_source=1))
    stranger = await visit(layer.bound[0].address)
    await stranger.send(message())
    _, flow = await soon(heard.messages)
    layer.refuse("::/64")
    assert await soon(heard.closures) == flow
    await (await visit(layer.bound[0].address)).ended()
    assert layer.counts()["streams_banned"] == 1


async def test_a_ban_of_udp_leaves_connections_alone(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host))
    stranger = await visit(layer.bound[0].address)
    layer.refuse(host, everywhere=False)
    await stranger.send(message())
    assert (await soon(heard.messages))[0] == message()
    assert layer.counts()["banned_sources"] == 1
