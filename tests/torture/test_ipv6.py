"""The facts of RFC 5118, the torture messages of SIP over IPv6, in messages of our own."""

from __future__ import annotations

import pytest

from trunkline.sip.address import parse_address
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Malformed, Request, Response, parse
from trunkline.sip.uri import UriError, parse_uri
from trunkline.sip.via import parse_via, reply_address, stamp


def register(
    uri: str = "sip:[2001:db8::10]",
    via: str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
    contact: str = "<sip:caller@[2001:db8::1]>",
    body: str = "",
) -> Request | Response | Malformed:
    return parse(
        (
            f"REGISTER {uri} SIP/2.0\r\nVia: {via}\r\nTo: sip:user@example.com\r\n"
            f"From: sip:user@example.com;tag=81x2\r\nCall-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\n"
            f"Contact: {contact}\r\nCSeq: 98176 REGISTER\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )


def accepted(message: Request | Response | Malformed) -> Request:
    assert isinstance(message, Request), message
    assert inspect(message) is None
    return message


def test_4_1_a_reference_in_brackets_is_valid() -> None:
    message = accepted(register())
    assert parse_uri(message.uri).host == "2001:db8::10"
    assert message.via.host == "2001:db8::9:1"
    assert parse_address(message.header("Contact") or "").parsed.host == "2001:db8::1"


def test_4_2_without_brackets_it_is_not() -> None:
    message = register("sip:2001:db8::10")
    assert isinstance(message, Request)
    refusal = inspect(message)
    assert refusal is not None
    assert refusal.status == 400


def test_4_3_what_looks_like_a_port_within_the_brackets_is_address() -> None:
    uri = parse_uri(accepted(register("sip:[2001:db8::10:5070]")).uri)
    assert (uri.host, uri.port) == ("2001:db8::10:5070", None)


def test_4_4_a_port_stands_behind_the_brackets() -> None:
    uri = parse_uri(accepted(register("sip:[2001:db8::10]:5070")).uri)
    assert (uri.host, uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("received", ["2001:db8::9:255", "[2001:db8::9:255]"])
def test_4_5_received_may_stand_with_or_without_brackets(received: str) -> None:
    message = accepted(register(via=f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111"))
    assert message.via.received == "2001:db8::9:255"
    assert message.via.branch == "z9hG4bKas3-111"


def test_4_5_we_write_received_without_brackets() -> None:
    via = parse_via("SIP/2.0/UDP [2001:db8::9:1]:5060;rport;branch=z9hG4bKa")
    remote = ("2001:db8::9:255", 5062)
    assert stamp(via, remote) == "SIP/2.0/UDP [2001:db8::9:1]:5060;rport=5062;branch=z9hG4bKa;received=2001:db8::9:255"
    assert reply_address(via, remote) == remote


def test_4_6_addresses_in_a_body_are_not_ours_to_read() -> None:
    body = "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\n"
    assert accepted(register(body=body)).body == body.encode()


def test_4_7_both_families_may_stand_in_one_message() -> None:
    message = accepted(
        register(via="SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb")
    )
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", 6050)


@pytest.mark.parametrize("address", ["::ffff:192.0.2.10", "::FFFF:192.0.2.2", "::192.0.2.1"])
def test_4_9_an_ipv4_address_within_an_ipv6_one(address: str) -> None:
    message = accepted(register(f"sip:user@[{address}]", f"SIP/2.0/UDP [{address}]:19823;branch=z9hG4bKbh19"))
    assert message.via.host == address
    assert parse_uri(message.uri).host == address


def test_4_10_three_colons_are_borne_in_a_uri() -> None:
    # RFC 3261's own grammar derives them; RFC 5954 mends it, and whoever writes them still is understood.
    borne = accepted(register("sip:user@[2001:db8:::192.0.2.1]"))
    assert parse_uri(borne.uri).host == "2001:db8::192.0.2.1"
    with pytest.raises(UriError):
        parse_uri("sip:user@[2001:db8:::1]")
    message = register(via="SIP/2.0/UDP [2001:db8:::192.0.2.1];branch=z9hG4bKa")
    assert isinstance(message, Malformed)


def test_zones_are_refused() -> None:
    message = register(contact="<sip:caller@[fe80::1%25eth0]>")
    assert isinstance(message, Request)
    assert inspect(message) is not None
