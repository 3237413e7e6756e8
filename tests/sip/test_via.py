from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.via import Via, ViaError, first_via, parse_via, reply_address, salvage_via, stamp

PIECES = st.lists(
    st.sampled_from(["SIP/2.0/UDP ", "sip / 2.0 / tcp ", "h", "[::1]", ":5060", ";branch=b", ";rport", *';," =']),
    max_size=8,
).map("".join)


@pytest.mark.parametrize(
    ("text", "via"),
    [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
            Via("UDP", "192.0.2.1", 5060, (("branch", "z9hG4bKa"), ("rport", None))),
        ),
        ("SIP  /   2.0 /UDP    192.0.2.2;branch=390skdjuw", Via("UDP", "192.0.2.2", None, (("branch", "390skdjuw"),))),
        (
            "SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8",
            Via("TCP", "spindle.example.com", None, (("branch", "z9hG4bK9ikj8"),)),
        ),
        ("SIP/2.0/UDP first.example.com: 4000", Via("UDP", "first.example.com", 4000)),
        ("sip/2.0/tls [2001:db8::9:1]:5061", Via("TLS", "2001:db8::9:1", 5061)),
        ("SIP/2.0/UNKNOWN t4", Via("UNKNOWN", "t4", None)),
        ("SIP/2.0/TCP h;branch=z9hG4bK-.!%66*_+`'~", Via("TCP", "h", None, (("branch", "z9hG4bK-.!%66*_+`'~"),))),
    ],
)
def test_vias(text: str, via: Via) -> None:
    assert parse_via(text) == via
    assert parse_via(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/7.0/UDP h", "SIP/2.0 h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP [::g]", "SIP/2.0/UDP h x", "SIP/2.0/UDP h:", "SIP/2.0/UDP h;a=b c",
    ],
)  # fmt: skip
def test_no_vias(text: str) -> None:
    with pytest.raises(ViaError):
        parse_via(text)


@given(PIECES | st.text(max_size=40))
def test_only_a_via_error_is_raised_and_what_parses_survives_writing(text: str) -> None:
    salvaged = salvage_via(text)
    try:
        via, rest = first_via(text)
    except ViaError:
        return
    assert parse_via(str(via)) == via
    assert text.endswith(rest)
    assert salvaged is not None
    assert (salvaged.transport, salvaged.host, salvaged.port) == (via.transport, via.host, via.port)


def test_the_first_of_a_line() -> None:
    via, rest = first_via('SIP/2.0/TCP a;x="1,2" , SIP/2.0/UDP b,SIP/2.0/UDP c')
    assert via.host == "a"
    assert rest == "SIP/2.0/UDP b,SIP/2.0/UDP c"
    assert first_via("SIP/2.0/TCP a") == (Via("TCP", "a", None), "")


def test_what_it_says() -> None:
    via = parse_via("SIP/2.0/UDP H:5060;branch=b;received=[2001:db8::9:255];rport=5070;ttl=16")
    assert via.branch == "b"
    assert via.received == "2001:db8::9:255"
    assert via.rport == 5070
    assert via.param("ttl") == "16"
    assert via.sent_by == "h:5060"
    bare = parse_via("SIP/2.0/UDP [2001:DB8::1]")
    assert bare.branch is None
    assert bare.received is None
    assert bare.rport is None
    assert bare.sent_by == "[2001:db8::1]"
    assert parse_via("SIP/2.0/UDP h;rport").rport == ""
    assert parse_via("SIP/2.0/UDP h;rport=").rport == ""
    assert parse_via("SIP/2.0/UDP h;rport=x").rport == ""
    assert parse_via("SIP/2.0/UDP h;rport=٣").rport == ""
    assert parse_via("SIP/2.0/UDP h;branch=").branch is None


@pytest.mark.parametrize(
    ("text", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5062;branch=b", "SIP/2.0/UDP 192.0.2.9:5062;branch=b"),
        ("SIP/2.0/UDP 10.0.0.1;branch=b", "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.9"),
        ("SIP/2.0/UDP host;x", "SIP/2.0/UDP host;x;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;rport;branch=b", "SIP/2.0/UDP 192.0.2.9;rport=4000;branch=b;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;rport=1;received=1.1.1.1", "SIP/2.0/UDP 192.0.2.9;rport=4000;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;received=1.1.1.1", "SIP/2.0/UDP 192.0.2.9"),
    ],
)
def test_stamping(text: str, stamped: str) -> None:
    assert stamp(parse_via(text), ("192.0.2.9", 4000)) == stamped


def test_stamping_knows_an_ipv6_address_in_any_spelling() -> None:
    assert (
        stamp(parse_via("SIP/2.0/UDP [2001:0db8::1]:5060"), ("2001:db8::1", 5060)) == "SIP/2.0/UDP [2001:0db8::1]:5060"
    )


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("SIP/2.0/UDP host", 5060),
        ("SIP/2.0/UDP host:5050", 5050),
        ("SIP/2.0/TLS host", 5061),
        ("SIP/2.0/UDP host:5050;rport", 4000),
        ("SIP/2.0/UDP host;maddr=198.51.100.1;received=198.51.100.1", 5060),
        ("SIP/2.0/UDP host:0", 5060),
    ],
)
def test_replies_go_to_the_source(text: str, port: int) -> None:
    assert reply_address(parse_via(text), ("192.0.2.9", 4000)) == ("192.0.2.9", port)


def test_what_is_saved_of_a_broken_via() -> None:
    assert salvage_via("SIP/2.0/UDP 192.0.2.15;;,;,,") == Via("UDP", "192.0.2.15", None)
    assert salvage_via("SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw;rport") == Via(
        "UDP", "c.example.com", None, (("branch", "z9hG4bKkdjuw"), ("rport", None))
    )
    assert salvage_via("SIP/2.0/UDP h:99999;x") == Via("UDP", "h", None)
    assert salvage_via("SIP/2.0/UDP [::g]") is None
    assert salvage_via("nonsense") is None
