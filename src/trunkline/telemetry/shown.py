"""A call's messages as people see them: each side told apart, secrets hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from trunkline.model.call import Direction
from trunkline.sip.flow import Flow, host_port
from trunkline.telemetry.hide import of_message

Way = Literal["in", "out"]
Side = Literal["caller", "agent", "callee"]

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class TraceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP message of a call as it passed, secrets hidden."""

    at: float
    """Unix seconds."""
    direction: Way
    side: Side
    transport: str
    local: str
    """`host:port`."""
    remote: str
    text: str


class CallTrace(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    organization_id: str
    messages: tuple[TraceMessage, ...]
    truncated: bool
    """Whether messages are missing: beyond the bounds of one call, or of a call longer gone than the trace reaches."""


def messages_of(
    kept: Sequence[tuple[float, Way, Flow, bytes]], direction: Direction, epoch: float
) -> tuple[TraceMessage, ...]:
    """What was kept of a call: when (monotonic seconds), which way, over what, and the message. `epoch`: Unix seconds
    at which the monotonic clock stood at zero."""
    if not kept:
        return ()
    first = _call_id(kept[0][3])
    speaker, other = _sides(direction, kept[0][1])
    return tuple(
        TraceMessage(
            at=at + epoch,
            direction=way,
            side=speaker if _call_id(data) == first else other,
            transport=flow.transport,
            local=host_port(flow.local),
            remote=host_port(flow.remote),
            text=of_message(data),
        )
        for at, way, flow, data in kept
    )


def _sides(direction: Direction, opening: Way) -> tuple[Side, Side]:
    """Whose the call's first leg is, and whose the others are: each has a Call-ID of its own. A call out begins with
    the agent that dials, or, where the API begins it, with our INVITE to who is called."""
    if direction == "inbound":
        return "caller", "agent"
    return ("agent", "callee") if opening == "in" else ("callee", "agent")


def _call_id(data: bytes) -> bytes:
    match = _CALL_ID.search(data)
    return match[1].strip() if match else b""
