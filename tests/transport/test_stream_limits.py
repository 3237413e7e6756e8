"""What connections may not do: be slow, idle, many, large, or banned; and who makes room for whom."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.transport.conftest import OpenLayer, Visit
from tests.transport.wire import message, soon, tcp, told, until
from trunkline.sip.framing import FramingLimits
from trunkline.transport.limits import Limits


async def test_a_single_line_end_keeps_a_connection_alive(opened: OpenLayer, visit: Visit, host: str) -> None:
    layer, heard = await opened(tcp(host), limits=Limits(message_time=0.2))
    alive, silent = await visit(layer.bound[0].address), await visit(layer.bound[0].address)
    await alive.send(b"\r\n")
    assert (await soon(heard.closures)).remote == silent.address
    await alive.send(message())
    await soon(heard.messages)
    assert layer.counts()["streams_overdue"] == 1


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
