"""TCP on real loopback sockets: accepted connections, and how they end."""

from __future__ import annotations

import asyncio

from tests.transport.conftest import Door, OpenLayer, Visit
from tests.transport.wire import PATIENCE, Heard, message, out, soon, tcp, told
from trunkline.sip.flow import Flow
from trunkline.transport.layer import TransportLayer
from trunkline.transport.limits import Limits


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
