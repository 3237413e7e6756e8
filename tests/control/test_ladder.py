"""The text ladder: what went where and when."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.control.ladder import first_line, ladder
from trunkline.control.ports import CallTrace, TraceMessage


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "INVITE"),
        ("SIP/2.0 200 OK\r\ncseq : 2 BYE\r\n\r\n", "200 OK (BYE)"),
        ("SIP/2.0 486 Busy Here\r\n\r\nCSeq: 1 INVITE\r\n", "486 Busy Here"),
        ("SIP/2.0 200 \r\nCSeq:\r\n\r\n", "200"),
        ("", ""),
    ],
)
def test_what_a_message_is(text: str, expected: str) -> None:
    assert first_line(text).strip() == expected


def message(at: float, direction: Any, side: Any, text: str) -> TraceMessage:
    remote = "[2001:db8::1]:5060" if side == "caller" else "198.51.100.7:5061"
    return TraceMessage(
        at=at, direction=direction, side=side, transport="tls", local="192.0.2.9:5061", remote=remote, text=text
    )


def test_a_ladder() -> None:
    trace = CallTrace(
        call_id="x",
        organization_id="y",
        messages=(
            message(100.0, "in", "caller", "INVITE sip:a SIP/2.0\r\n\r\n"),
            message(100.25, "out", "agent", "INVITE sip:b SIP/2.0\r\n\r\n"),
            message(101.5, "in", "agent", "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n"),
            message(101.501, "out", "caller", "SIP/2.0 200 OK\r\nCSeq: 9 INVITE\r\n\r\n"),
        ),
        truncated=True,
    )
    assert ladder(trace).splitlines()[:8] == [
        "          caller                                edge                                  agent",
        "          tls:[2001:db8::1]:5060                                                      tls:198.51.100.7:5061",
        "   0.000  INVITE ---------------------------->",
        "   0.250                                        INVITE ---------------------------->",
        "   1.500                                        <------------------- 200 OK (INVITE)",
        "   1.501  <------------------- 200 OK (INVITE)",
        "… later messages were not kept",
        "",
    ]
    assert "#1 1970-01-01T00:01:40.000Z tls 192.0.2.9:5061 <- [2001:db8::1]:5060" in ladder(trace)
    assert "  SIP/2.0 200 OK" in ladder(trace)


def test_an_empty_one() -> None:
    assert ladder(CallTrace(call_id="x", organization_id="y", messages=())) == "No messages are kept.\n"
