"""The layer as a whole: what it opens, what it chooses, what it counts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.transport.conftest import OpenLayer
from tests.transport.wire import Authority, Heard, message, soon
from trunkline.sip.flow import Flow, Transport
from trunkline.transport.errors import CertificateError, ListenError
from trunkline.transport.interfaces import addresses
from trunkline.transport.layer import TransportLayer
from trunkline.transport.listener import ListenerSpec


def spec(transport: Transport, host: str = "127.0.0.1", port: int = 0) -> ListenerSpec:
    return ListenerSpec(transport=transport, host=host, port=port)


async def test_a_wildcard_answers_from_the_address_that_was_asked(opened: OpenLayer) -> None:
    layer, heard = await opened(spec("udp", "0.0.0.0"))
    udp = [each for each in layer.bound if each.transport == "udp"]
    assert [each.address[0] for each in udp] == list(addresses(socket.AF_INET))
    assert len({each.address[1] for each in udp}) == 1
    for listener in udp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.settimeout(5)
            other.sendto(message(), listener.address)
            _, flow = await soon(heard.messages)
            assert flow.local == listener.address
            layer.send(flow, message("back"))
            assert other.recvfrom(2000) == (message("back"), listener.address)


async def test_all_listeners_open_or_none(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((host, 0))
        layer = TransportLayer()
        with pytest.raises(ListenError, match="address already in use"):
            await layer.open([spec("tcp", host), spec("udp", host, taken.getsockname()[1])], Heard())
    assert layer.bound == ()
    assert layer.counts()["listeners"] == 0
    await layer.open([spec("udp", host)], Heard())
    await layer.close()


async def test_a_broken_certificate_opens_nothing(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("sip.example.com")
    layer = TransportLayer()
    broken = ListenerSpec(transport="tls", host="127.0.0.1", port=0, certificate=str(tmp_path / "none.pem"))
    with pytest.raises(CertificateError, match=r"none\.pem: no such file or directory"):
        await layer.open([spec("udp"), broken], Heard())
    assert layer.counts()["descriptors"] == 0
    good = ListenerSpec(
        transport="tls", host="127.0.0.1", port=0, certificate=pair.chain_file, private_key=pair.key_file
    )
    await layer.open([good], Heard())
    assert [each.transport for each in layer.bound if each.accepts] == ["tls"]
    await layer.close()


async def test_the_flow_leaves_from_the_listener_the_kernel_would_use(opened: OpenLayer) -> None:
    layer, _ = await opened(
        spec("udp", "127.0.0.2"), spec("udp", "127.0.0.1"), spec("udp", "127.0.0.1"), spec("udp", "::1"), spec("tcp")
    )
    first, second, _, six, tcp = [each.address for each in layer.bound if each.accepts]
    assert first[0] == "127.0.0.2"
    assert layer.flow_to("udp", ("127.0.0.77", 5060)) == Flow("udp", second, ("127.0.0.77", 5060))
    assert layer.flow_to("udp", ("::1", 5060)) == Flow("udp", six, ("::1", 5060))
    assert layer.flow_to("tcp", ("127.0.0.77", 5060)) == Flow("tcp", tcp, ("127.0.0.77", 5060), "out:")
    assert layer.flow_to("tcp", ("::1", 5060)) is None
    assert layer.flow_to("udp", ("8.8.8.8", 5060)) is None
    tls = layer.flow_to("tls", ("127.0.0.77", 5061), "Sip.Example.Com")
    assert tls is not None
    assert tls.local == ("127.0.0.1", 5061)
    assert tls.connection.startswith("out:sip.example.com:")
    six_tls = layer.flow_to("tls", ("::1", 5061))
    assert six_tls is not None
    assert six_tls.connection.startswith("out:::1:")


async def test_a_listener_on_another_loopback_address_still_reaches_loopback(opened: OpenLayer) -> None:
    layer, _ = await opened(spec("udp", "127.0.0.2"))
    assert layer.flow_to("udp", ("127.0.0.77", 5060)) == Flow("udp", layer.bound[0].address, ("127.0.0.77", 5060))


async def test_nothing_is_open_before_and_after() -> None:
    layer = TransportLayer()
    flow = Flow("tcp", ("127.0.0.1", 1), ("127.0.0.1", 2), "out:")
    assert layer.send(flow, message()) == "the edge stops"
    layer.close_flow(flow)
    layer.refuse("192.0.2.1")
    assert layer.counts()["banned_sources"] == 1
    layer.allow("192.0.2.1")
    assert layer.counts()["banned_sources"] == 0
    await layer.close()


async def test_counts_say_what_stands_open(opened: OpenLayer) -> None:
    layer, heard = await opened(spec("udp"), spec("tcp"))
    tcp = layer.bound[1].address
    with socket.create_connection(tcp) as stranger:
        stranger.sendall(message() + b"OPT")
        await soon(heard.messages)
        counts = layer.counts()
        assert counts["listeners"] == 2
        assert counts["connections_accepted"] == 1
        assert counts["connections_handshaking"] == 0
        # A UDP socket that keeps the network's errors takes two.
        assert counts["descriptors"] == 4
        assert counts["buffered"] == 3
    await soon(heard.closures)
    assert layer.counts()["descriptors"] == 3
    assert layer.counts()["buffered"] == 0
