from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.address import parse_address
from trunkline.sip.inspect import _USUAL, inspect
from trunkline.sip.message import Request, parse
from trunkline.sip.uri import parse_uri

USUAL = {
    "From": '"Alice" <sip:+12025550123@192.0.2.1>;tag=abcdef',
    "To": "<sip:+12025550100@10.0.0.1:5060>",
    "Contact": "<sip:+12025550123@192.0.2.1:5060;transport=udp>",
    "Max-Forwards": "70",
    "Call-ID": "abc@192.0.2.1",
}


def request(changed: dict[str, str | None], uri: str = "sip:+12025550100@10.0.0.1", method: str = "INVITE") -> Request:
    """A usual request with some headers changed, or left out (None)."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in (USUAL | changed).items() if value is not None])
    text = f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nCSeq: 1 {method}\r\n{lines}\r\n"
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"From": '"a;b,<\\"c" <sip:a@b>;tag=x', "To": "tel:+12025550100"},
        {"From": "sip:anonymous@anonymous.invalid"},
        {"Max-Forwards": None},
        {"Max-Forwards": "0"},
        {"Max-Forwards": "0068"},
        {"Contact": '"A, B" <sip:a@b>;q=0.1, <sip:c@d>'},
        {"Contact": '"A" <sips:a@b>'},
        {"Route": "<sip:p1;lr>, <sip:p2;lr>", "Record-Route": "<sip:p3;lr>"},
        {"Require": "100rel, timer", "Proxy-Require": ""},
        {"Date": "Fri, 01 Jan 2010 16:00:00 EST", "P-Charging-Vector": 'icid-value=";;",;,'},
    ],
)
def test_what_passes(changed: dict[str, str | None]) -> None:
    assert inspect(request(changed)) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"From": "<sip:a@b"}, "From: an angle bracket is not closed"),
        ({"From": "<sip:a@b:99999>"}, "From: port is over 65535"),
        ({"To": "Watson, Thomas <sip:a@b>"}, "To: a display name with such characters needs quotes"),
        ({"Contact": None}, "Contact is missing"),
        ({"Contact": ""}, "Contact is empty"),
        ({"Contact": "*"}, "Contact: only a REGISTER says *"),
        ({"Contact": "<tel:+12025550100>"}, "Contact: not a SIP or SIPS URI"),
        ({"Contact": '"Joe" <sip:joe@example.org>;;;;'}, "Contact: parameters are malformed"),
        ({"Max-Forwards": "256"}, "Max-Forwards is not a number from 0 to 255"),
        ({"Max-Forwards": "-1"}, "Max-Forwards is not a number from 0 to 255"),
        ({"Max-Forwards": "1" * 5000}, "Max-Forwards is not a number from 0 to 255"),
        ({"Max-Forwards": "٣"}, "Max-Forwards is not a number from 0 to 255"),
        ({"Contact": ",".join(["<sip:a@b>"] * 70)}, "Contact: too many values"),
        ({"Route": "<sip:a@b>,," * 40}, "Route: too many values"),
        ({"Route": "sip:p1, <sip:p2"}, "Route: an angle bracket is not closed"),
        ({"Record-Route": "<sip:p 1>"}, "Record-Route: no URI between the angle brackets"),
        ({"Require": "a b"}, "Require: an option tag is no token"),
        ({"Proxy-Require": "ok, <x>"}, "Proxy-Require: an option tag is no token"),
        ({"Call-ID": "a b"}, "Call-ID holds white space"),
        ({"Call-ID": "a\tb"}, "Call-ID holds white space"),
    ],
)
def test_what_is_refused(changed: dict[str, str | None], reason: str) -> None:
    asked = request(changed)
    refusal = inspect(asked)
    assert refusal is not None
    assert (refusal.status, refusal.reason) == (400, reason)
    assert refusal.request is asked


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:a@b?Route=%3Csip:c%3E", "the Request-URI holds headers"),
        ("sip:a@2001:db8::1", "Request-URI: sip URI is malformed"),
    ],
)
def test_which_request_uris_are_refused(uri: str, reason: str) -> None:
    refusal = inspect(request({}, uri))
    assert refusal is not None
    assert (refusal.status, refusal.reason) == (400, reason)


def test_a_second_contact_that_nobody_will_use_need_not_be_a_sip_uri() -> None:
    assert inspect(request({"Contact": "<sip:a@b>, <mailto:a@b>"})) is None


def test_an_unknown_scheme_is_no_matter_of_syntax() -> None:
    assert inspect(request({}, "nobodyKnowsThisScheme:totallyopaquecontent", "OPTIONS")) is None


def test_only_what_makes_a_dialog_needs_a_contact() -> None:
    assert inspect(request({"Contact": None}, method="OPTIONS")) is None
    assert inspect(request({"Contact": "*"}, method="REGISTER")) is None
    assert inspect(request({"Contact": None}, method="SUBSCRIBE")) is not None


@given(
    st.lists(
        st.sampled_from(['"', "A", " ", "<", ">", "sip:", "a@", "b", ":1", ";x=1", ";tag=", "é", "+1", "*", ".", "%"])
    )
)
def test_the_usual_shape_is_one_that_the_parsers_take(pieces: list[str]) -> None:
    value = "".join(pieces)
    if _USUAL(value):
        parse_uri(parse_address(value).uri)


@given(
    st.text('"\\<>;:@sip=,*%[] ', max_size=40).filter(str.strip),
    st.sampled_from(["From", "To", "Contact", "Route", "Require"]),
)
def test_any_value_is_judged(value: str, name: str) -> None:
    refusal = inspect(request({name: value}))
    assert refusal is None or refusal.status == 400


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ("multipart/mixed;boundary=b1", True),
        ('Multipart/Related; type="application/sdp" ; Boundary="b1"', True),
        ("multipart/mixed", False),
        ("multipart/mixed;boundary=", False),
        ("multipart/mixed;boundary=b2", False),
        ("application/isup;boundary=b2", True),
    ],
)
def test_parts_can_be_told_apart(kind: str, fits: bool) -> None:
    odd = request({"Content-Type": kind})
    odd.body = b"--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n"
    fault = inspect(odd)
    assert (fault is None) == fits
    assert fault is None or fault.reason.startswith("Content-Type: ")
