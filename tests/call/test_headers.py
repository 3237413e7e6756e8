"""What crosses from leg to leg, and what stays."""

from __future__ import annotations

import pytest

from trunkline.call.leg.headers import crossing, reason, warning
from trunkline.sip.message import Request, parse


def request(*lines: str) -> Request:
    message = parse(
        (
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>\r\n"
            "Call-ID: c\r\nCSeq: 1 INVITE\r\n" + "".join([f"{line}\r\n" for line in lines]) + "\r\n"
        ).encode()
    )
    assert type(message) is Request
    return message


def test_private_headers_cross_in_order() -> None:
    lines = ["X-B: 1", "Subject: stays", "x-a: 2", "X-B: 3", "User-to-User: 00;encoding=hex"]
    assert crossing(request(*lines)) == (
        ("X-B", "1"), ("x-a", "2"), ("X-B", "3"), ("User-to-User", "00;encoding=hex"),
    )  # fmt: skip
    assert crossing(request()) == ()


def test_what_this_edge_writes_is_not_taken_from_others() -> None:
    assert crossing(request("X-Trunkline-Call-Id: forged", "X-TRUNKLINE-Meta-A: b")) == ()
    assert crossing(request("X-Acme-A: b", "X-Trunkline-A: c"), "x-acme-") == (("X-Trunkline-A", "c"),)


def test_there_is_an_end_to_it() -> None:
    assert crossing(request("X-A: " + "a" * 2049, "X-B: " + "b" * 2048)) == (("X-B", "b" * 2048),)
    assert len(crossing(request(*[f"X-{n}: {n}" for n in range(100)]))) == 32


def test_reason() -> None:
    assert reason("Q.850;cause=16") == "Reason: Q.850;cause=16\r\n"
    assert reason("") == ""


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ('305 192.0.2.9:5060 "Incompatible media format"', 'Warning: 305 Trunkline "Incompatible media format"\r\n'),
        ('399  host.example  "a \\"b\\" c", 301 x "y"', 'Warning: 399 Trunkline "a \\"b\\" c"\r\n'),
        ("305 host no quotes", ""),
        ("nonsense", ""),
        ("", ""),
        ('305 host "never ends', ""),
    ],
)
def test_a_warning_does_not_say_whose_it_is(value: str, line: str) -> None:
    assert warning(value, "Trunkline") == line
