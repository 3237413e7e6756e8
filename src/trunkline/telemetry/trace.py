"""The raw messages of the last calls, both legs, in memory. Secrets are hidden when they are read.

To keep a message is an append of what exists already; nothing is parsed or decoded before somebody asks.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from trunkline.model.call import Direction
from trunkline.sip.flow import Flow, host_port
from trunkline.telemetry.hide import of_message

Way = Literal["in", "out"]
Side = Literal["caller", "agent", "callee"]

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class TraceEntry(NamedTuple):
    at: float
    """Monotonic seconds."""
    direction: Way
    flow: Flow
    data: bytes


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


class _Kept:
    """One call's messages. Those of a call that has ended are laid together in one piece: thousands of small pieces
    that live for different times would leave memory full of holes."""

    __slots__ = ("_marks", "_packed", "direction", "entries", "left_out", "organization_id", "room")

    def __init__(self, room: int) -> None:
        self.entries: list[tuple[float, Way, Flow, bytes]] = []
        self.room = room
        self.left_out = 0
        self.organization_id = ""
        self.direction: Direction = "inbound"
        self._packed = b""
        self._marks: tuple[tuple[float, Way, Flow, int], ...] = ()
        """When, which way, over what, and where in the piece the message ends."""

    def __len__(self) -> int:
        return len(self._marks) + len(self.entries)

    def pack(self) -> None:
        entries = self.all()
        ends = accumulate([len(entry.data) for entry in entries])
        self._packed = b"".join([entry.data for entry in entries])
        self._marks = tuple([(*entry[:3], end) for entry, end in zip(entries, ends, strict=True)])
        self.entries = []

    def all(self) -> list[TraceEntry]:
        found = []
        start = 0
        for at, direction, flow, end in self._marks:
            found.append(TraceEntry(at, direction, flow, self._packed[start:end]))
            start = end
        return found + [TraceEntry._make(entry) for entry in self.entries]


class Traces:
    """The last `calls` calls, the first messages of each."""

    __slots__ = ("_bytes", "_calls", "_kept", "_messages")

    def __init__(self, calls: int = 1000, messages: int = 200, size: int = 131_072) -> None:
        """`messages` and `size` (bytes) bound one call. `calls` of 0 keeps nothing."""
        self._calls = calls
        self._messages = messages
        self._bytes = size
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def bound(self, calls: int, messages: int, size: int) -> None:
        """Take other bounds: of calls at once, of messages and bytes for those that begin from now on."""
        self._calls, self._messages, self._bytes = calls, messages, size
        while len(self._kept) > calls:
            self._kept.popitem(last=False)

    def add(self, call: str, now: float, direction: Way, flow: Flow, data: bytes) -> None:
        kept = self._kept.get(call)
        if kept is None:
            if not self._calls:
                return
            if len(self._kept) >= self._calls:
                self._kept.popitem(last=False)
            kept = self._kept[call] = _Kept(self._bytes)
        kept.room -= len(data)
        if kept.room >= 0 and len(kept) < self._messages:
            kept.entries.append((now, direction, flow, data))
        else:
            kept.left_out += 1

    def own(self, call: str, organization_id: str, direction: Direction) -> None:
        """Who may see it, and which way it goes."""
        kept = self._kept.get(call)
        if kept is not None:
            kept.organization_id, kept.direction = organization_id, direction

    def ended(self, call: str, organization_id: str, direction: Direction) -> None:
        """The call is over; little more will come of it."""
        kept = self._kept.get(call)
        if kept is not None:
            kept.organization_id, kept.direction = organization_id, direction
            kept.pack()

    def of(self, call: str) -> list[TraceEntry] | None:
        """The messages as they were, secrets and all; None when they are gone or never were."""
        kept = self._kept.get(call)
        return kept.all() if kept is not None else None

    def shown(self, call: str, epoch: float) -> CallTrace | None:
        """The messages as people see them. `epoch`: Unix seconds at which the monotonic clock stood at zero."""
        kept = self._kept.get(call)
        if kept is None:
            return None
        entries = kept.all()
        opening = entries[0].data if entries else b""
        first = _call_id(opening)
        speaker, other = _sides(kept.direction, entries[0].direction if entries else "in")
        return CallTrace(
            call_id=call,
            organization_id=kept.organization_id,
            messages=tuple(
                TraceMessage(
                    at=at + epoch,
                    direction=direction,
                    side=speaker if _call_id(data) == first else other,
                    transport=flow.transport,
                    local=host_port(flow.local),
                    remote=host_port(flow.remote),
                    text=of_message(data),
                )
                for at, direction, flow, data in entries
            ),
            truncated=kept.left_out > 0 or not opening.startswith(b"INVITE "),
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
