"""The last calls' messages: bounded in every direction, sides told apart, secrets hidden only when read."""

from __future__ import annotations

import pytest

from trunkline.sip.flow import Flow
from trunkline.telemetry.shown import Side, Way
from trunkline.telemetry.trace import TraceEntry, Traces

CARRIER = Flow("udp", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
AGENT = Flow("tcp", ("2001:db8::9", 5060), ("2001:db8::1", 5080), "out:::")


def request(method: str, call_id: str, *lines: str) -> bytes:
    head = [f"{method} sip:x@y SIP/2.0", f"Call-ID: {call_id}", *lines, "", ""]
    return "\r\n".join(head).encode()


def test_a_call_is_kept_as_it_was() -> None:
    traces = Traces()
    invite = request("INVITE", "a")
    traces.add("c1", 1.0, "in", CARRIER, invite)
    traces.add("c1", 1.5, "out", AGENT, request("INVITE", "b"))
    assert traces.of("c1") == [
        TraceEntry(1.0, "in", CARRIER, invite),
        TraceEntry(1.5, "out", AGENT, request("INVITE", "b")),
    ]
    assert traces.of("c2") is None


def test_shown() -> None:
    traces = Traces()
    traces.add("c1", 1.0, "in", CARRIER, request("INVITE", "a", "Authorization: Bearer hunter2"))
    traces.add("c1", 1.25, "out", AGENT, request("INVITE", "b"))
    traces.add("c1", 2.0, "in", AGENT, b"SIP/2.0 200 OK\r\ni:b\r\n\r\n")
    traces.own("c1", "org", "inbound")
    shown = traces.shown("c1", 1000.0)
    assert shown is not None
    assert (shown.organization_id, shown.truncated) == ("org", False)
    assert [(each.at, each.direction, each.side, each.transport) for each in shown.messages] == [
        (1001.0, "in", "caller", "udp"),
        (1001.25, "out", "agent", "tcp"),
        (1002.0, "in", "agent", "tcp"),
    ]
    assert (shown.messages[1].local, shown.messages[1].remote) == ("[2001:db8::9]:5060", "[2001:db8::1]:5080")
    assert "hunter2" not in shown.messages[0].text
    assert shown.messages[2].text == "SIP/2.0 200 OK\r\ni:b\r\n\r\n"
    assert traces.shown("c2", 0.0) is None


@pytest.mark.parametrize(
    ("opening", "sides"), [("in", ["agent", "callee", "agent"]), ("out", ["callee", "agent", "callee"])]
)
def test_a_call_out_has_no_caller(opening: Way, sides: list[Side]) -> None:
    """The agent dials, or the API does and the telephone is the first to be called."""
    traces = Traces()
    traces.add("c1", 1.0, opening, AGENT, request("INVITE", "a"))
    traces.own("c1", "org", "outbound")
    traces.add("c1", 1.1, "out", CARRIER, request("INVITE", "b"))
    traces.add("c1", 2.0, "in", AGENT, request("BYE", "a"))
    up = traces.shown("c1", 0.0)
    traces.ended("c1", "org", "outbound")
    over = traces.shown("c1", 0.0)
    assert up is not None
    assert over is not None
    assert [each.side for each in up.messages] == [each.side for each in over.messages] == sides


def test_the_oldest_call_makes_room() -> None:
    traces = Traces(calls=2)
    for call in ("c1", "c2", "c3"):
        traces.add(call, 0.0, "in", CARRIER, request("INVITE", call))
    assert (traces.of("c1"), len(traces)) == (None, 2)
    traces.add("c1", 1.0, "in", CARRIER, request("BYE", "c1"))
    late = traces.shown("c1", 0.0)
    assert late is not None
    assert late.truncated


@pytest.mark.parametrize(("messages", "size"), [(3, 10_000), (100, 3 * len(request("INVITE", "a")))])
def test_one_call_is_bounded(messages: int, size: int) -> None:
    traces = Traces(messages=messages, size=size)
    for at in range(5):
        traces.add("c1", float(at), "in", CARRIER, request("INVITE", "a"))
    shown = traces.shown("c1", 0.0)
    assert shown is not None
    assert len(shown.messages) == 3
    assert shown.truncated


def test_a_call_whose_first_message_is_too_large() -> None:
    traces = Traces(size=10)
    traces.add("c1", 0.0, "in", CARRIER, request("INVITE", "a"))
    shown = traces.shown("c1", 0.0)
    assert shown is not None
    assert (shown.messages, shown.truncated) == ((), True)


def test_nothing_is_kept_when_it_is_off() -> None:
    traces = Traces(calls=0)
    traces.add("c1", 0.0, "in", CARRIER, request("INVITE", "a"))
    traces.own("c1", "org", "inbound")
    assert (len(traces), traces.of("c1")) == (0, None)


def test_bounds_change_while_calls_go_on() -> None:
    traces = Traces(calls=4)
    for number in range(4):
        traces.add(f"call{number}", float(number), "in", CARRIER, b"INVITE sip:x SIP/2.0\r\n\r\n")
    traces.bound(2, 1, 1000)
    assert [traces.of(f"call{number}") is None for number in range(4)] == [True, True, False, False]
    traces.add("call9", 9.0, "in", CARRIER, b"INVITE sip:x SIP/2.0\r\n\r\n")
    traces.add("call9", 9.0, "in", CARRIER, b"BYE sip:x SIP/2.0\r\n\r\n")
    assert len(traces) == 2
    assert len(traces.of("call9") or []) == 1
    traces.bound(0, 1, 1000)
    assert len(traces) == 0
