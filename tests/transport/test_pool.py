"""Connections of our own: opened when they are needed, kept, missed, and opened again."""

from __future__ import annotations

import asyncio
import socket

from tests.transport.conftest import Door, OpenLayer
from tests.transport.wire import message, out, soon, tcp, until
from trunkline.transport.limits import Limits


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


async def test_a_connection_that_is_given_up_leaves_its_place_to_the_next(
    opened: OpenLayer, door: Door, host: str
) -> None:
    """Its stream cannot be read any more, and it lingers while the next one is opened: both are counted, both end."""
    layer, heard = await opened(tcp(host), limits=Limits(linger_time=0.2))
    address, take = await door()
    flow = await out(layer, address)
    strangers = []
    for number in range(5):
        assert layer.send(flow, message(str(number))) is None
        strangers.append(await take())
        await strangers[-1].receive(len(message(str(number))))
        await until(lambda: layer.counts()["connections_opening"] == 0)
        await strangers[-1].send(b"SIP/2.0 200 OK\r\nContent-Length: none\r\n\r\n")
        await soon(heard.errors)
    for stranger in strangers:
        assert await stranger.ended(), "what lingers is ended in time, though another has its place"
        stranger.stream.close()
    await until(lambda: layer.counts()["connections_outbound"] == 0)
    assert layer.counts()["connections_accepted"] == 0
