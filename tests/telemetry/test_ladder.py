"""The ladder: what a person reads of a call."""

from __future__ import annotations

import pytest

from trunkline.telemetry.ladder import label, ladder
from trunkline.telemetry.shown import Side, TraceMessage, Way

A, B = "192.0.2.1:5060", "198.51.100.7:5060"
SDP = "Content-Type: application/sdp\r\n\r\nv=0\r\n"


def message(at: float, direction: Way, side: Side, text: str, remote: str = "") -> TraceMessage:
    return TraceMessage(
        at=at, direction=direction, side=side, transport="udp" if side == "caller" else "tcp", local="192.0.2.9:5060",
        remote=remote or (A if side == "caller" else B), text=text,
    )  # fmt: skip


CALL = [
    message(100.0, "in", "caller", "INVITE sip:x SIP/2.0\r\nCSeq: 1 INVITE\r\n" + SDP),
    message(100.001, "out", "caller", "SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n"),
    message(100.002, "out", "agent", "INVITE sip:y SIP/2.0\r\nCSeq: 7 INVITE\r\n" + SDP),
    message(100.5, "in", "agent", "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\n" + SDP),
    message(100.502, "out", "caller", "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n" + SDP),
    message(101.002, "out", "caller", "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n" + SDP),
    message(112.0, "in", "caller", "BYE sip:x SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n"),
    message(112.001, "out", "caller", "SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n"),
]


def test_a_call() -> None:
    drawn = ladder(CALL)
    assert drawn == (
        "                udp 192.0.2.1:5060                 trunkline               tcp 198.51.100.7:5060\n"
        "                         │                             │                             │\n"
        "    0.000                │──────── INVITE sdp ────────▶│                             │\n"
        "    0.001                │◀──────── 100 Trying ────────│                             │\n"
        "    0.002                │                             │──────── INVITE sdp ────────▶│\n"
        "    0.500                │                             │◀──────── 200 OK sdp ────────│\n"
        "    0.502                │◀──────── 200 OK sdp ────────│                             │\n"
        "    1.002                │◀─────── 200 OK sdp ↻ ───────│                             │\n"
        "   12.000                │─────────── BYE ────────────▶│                             │\n"
        "   12.001                │◀──────── 200 OK BYE ────────│                             │\n"
    )


def test_a_second_agent_has_its_own_column() -> None:
    drawn = ladder([*CALL[:3], message(101.0, "out", "agent", "INVITE sip:z SIP/2.0\r\n\r\n", "203.0.113.5:5062")])
    head, _, *rows = drawn.splitlines()
    assert head.index("trunkline") < head.index("198.51.100.7") < head.index("203.0.113.5:5062")
    assert rows[-1].count("│") == 3
    assert rows[-1].endswith("▶│")


def test_nothing_to_draw() -> None:
    assert ladder([]).split() == ["trunkline", "│"]


@pytest.mark.parametrize("peer", ["[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:5060", "[::1]:5060"])
def test_columns_stay_in_line(peer: str) -> None:
    long = "SIP/2.0 480 " + "Temporarily Unavailable For A Very Long Reason Indeed\r\n\r\n"
    rows = ladder(
        [message(0.0, "in", "caller", CALL[0].text, peer), message(1.0, "out", "caller", long, peer)]
    ).splitlines()
    assert len({len(row) for row in rows[1:]}) == 1
    assert "…" in rows[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("INVITE sip:x SIP/2.0\r\n\r\n", "INVITE"),
        ("SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n", "180 Ringing"),
        ("SIP/2.0 200 OK\r\ncseq : 3  UPDATE\r\n" + SDP, "200 OK UPDATE sdp"),
        ("INFO sip:x SIP/2.0\r\n\r\nSignal=1", "INFO"),
        ("", ""),
    ],
)
def test_labels(text: str, words: str) -> None:
    assert label(text) == words


@pytest.mark.parametrize(("first", "second"), [("agent", "callee"), ("callee", "agent")])
def test_a_call_out_begins_on_the_left(first: Side, second: Side) -> None:
    drawn = ladder(
        [
            message(1.0, "in", first, "INVITE sip:x SIP/2.0\r\n\r\n", A),
            message(1.1, "out", second, "INVITE sip:y SIP/2.0\r\n\r\n", B),
        ]
    ).splitlines()
    assert drawn[0].index(A) < drawn[0].index("trunkline") < drawn[0].index(B)
    assert [line.count("INVITE ─") for line in drawn[2:]] == [1, 1]
