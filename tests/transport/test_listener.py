"""What a configured listener becomes."""

from __future__ import annotations

import socket

import pytest

from trunkline.sip.flow import Transport
from trunkline.transport.errors import ListenError
from trunkline.transport.interfaces import SourceAddresses, addresses
from trunkline.transport.listener import Listener, ListenerSpec, bind, expand, families, listener_of, outbound_only


@pytest.mark.parametrize(("transport", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061)])
def test_the_port_is_the_transports_own(transport: Transport, port: int) -> None:
    assert expand(ListenerSpec(transport=transport, host="192.0.2.1")) == (("192.0.2.1", port),)
    assert expand(ListenerSpec(transport=transport, host="2001:DB8::1", port=5080)) == (("2001:db8::1", 5080),)


def test_a_wildcard_is_every_address_of_the_host() -> None:
    four = expand(ListenerSpec(transport="udp", host="0.0.0.0", port=5060))
    assert ("127.0.0.1", 5060) in four
    assert ("0.0.0.0", 5060) not in four
    assert [host for host, _ in four] == list(addresses(socket.AF_INET))
    if addresses(socket.AF_INET6):
        six = expand(ListenerSpec(transport="udp", host="::", port=5060))
        assert [host for host, _ in six] == list(addresses(socket.AF_INET6))
        assert not any(host.startswith("fe80") for host, _ in six)


def test_every_address_found_can_be_bound() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        for host in addresses(family):
            with bind(ListenerSpec(transport="udp"), host, 0) as bound:
                assert bound.getsockname()[0] == host


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("example.com", 5060, "'example.com' is not a literal IPv4 or IPv6 address to listen on"),
        ("", 5060, "'' is not a literal IPv4 or IPv6 address to listen on"),
        ("127.0.0.1", 70_000, "70000 is not a port to listen on"),
        ("127.0.0.1", -1, "-1 is not a port to listen on"),
    ],
)
def test_what_cannot_be_listened_on_says_why(host: str, port: int, reason: str) -> None:
    with pytest.raises(ListenError) as caught:
        expand(ListenerSpec(transport="udp", host=host, port=port))
    assert str(caught.value) == reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_in_use_says_so(transport: Transport) -> None:
    spec = ListenerSpec(transport=transport)
    with bind(spec, "127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            bind(spec, "127.0.0.1", port)
    assert str(caught.value) == f"cannot listen on {transport} 127.0.0.1 port {port}: address already in use"


def test_the_external_address_is_what_others_are_told() -> None:
    address = ("192.0.2.1", 5060)
    plain = ListenerSpec(transport="udp")
    named = ListenerSpec(transport="udp", external_address=("sip.example.com", 0))
    mapped = ListenerSpec(transport="udp", external_address=("[2001:db8::1]", 5080))
    assert listener_of(plain, address).advertised == address
    assert listener_of(named, address).advertised == ("sip.example.com", 5060)
    assert listener_of(mapped, address).advertised == ("2001:db8::1", 5080)


def test_streams_nobody_listens_on_still_have_an_address() -> None:
    udp = Listener("udp", ("192.0.2.1", 5070), ("edge.example.com", 5070))
    again = Listener("udp", ("192.0.2.1", 5071), ("edge.example.com", 5071))
    six = Listener("udp", ("2001:db8::1", 5060), ("2001:db8::1", 5060))
    tcp = Listener("tcp", ("192.0.2.1", 5060), ("192.0.2.1", 5060))
    assert outbound_only((udp, again, six, tcp)) == (
        Listener("tls", ("192.0.2.1", 5061), ("edge.example.com", 5061), False),
        Listener("tls", ("2001:db8::1", 5061), ("2001:db8::1", 5061), False),
    )
    assert {each.transport for each in outbound_only((udp,))} == {"tcp", "tls"}
    assert families((six,)) == (6,)
    assert families((six, udp)) == (4, 6)
    assert families(()) == ()


def test_the_source_address_is_the_kernels_choice() -> None:
    sources = SourceAddresses()
    assert sources.towards("127.0.0.53") == "127.0.0.1"
    assert sources.towards("127.0.0.53") == "127.0.0.1"
    if addresses(socket.AF_INET6):
        assert sources.towards("::1") == "::1"
    assert sources.towards("not an address") is None
