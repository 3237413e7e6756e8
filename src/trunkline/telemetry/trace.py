"""The raw messages of the last calls, both legs, in memory. Secrets are hidden when they are read.

To keep a message is an append of what exists already; nothing is parsed or decoded before somebody asks.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from trunkline.model.call import Direction
from trunkline.sip.flow import Flow
from trunkline.telemetry.shown import CallTrace, Way, messages_of


class TraceEntry(NamedTuple):
    at: float
    """Monotonic seconds."""
    direction: Way
    flow: Flow
    data: bytes


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
        pieces, marks, end = [self._packed], list(self._marks), len(self._packed)
        for at, direction, flow, data in self.entries:
            end += len(data)
            pieces.append(data)
            marks.append((at, direction, flow, end))
        self._packed = b"".join(pieces)
        self._marks = tuple(marks)
        self.entries = []

    def all(self) -> list[TraceEntry]:
        found = []
        start = 0
        for at, direction, flow, end in self._marks:
            found.append(TraceEntry(at, direction, flow, self._packed[start:end]))
            start = end
        return found + [TraceEntry(*entry) for entry in self.entries]


class Traces:
    """The last `calls` calls, the first messages of each."""

    __slots__ = ("_bytes", "_calls", "_kept", "_messages", "_order")

    def __init__(self, calls: int = 1000, messages: int = 200, size: int = 131_072) -> None:
        """`messages` and `size` (bytes) bound one call. `calls` of 0 keeps nothing."""
        self._calls = calls
        self._messages = messages
        self._bytes = size
        self._kept: dict[str, _Kept] = {}
        self._order: deque[str] = deque()
        """The same calls, oldest first."""

    def __len__(self) -> int:
        return len(self._kept)

    def bound(self, calls: int, messages: int, size: int) -> None:
        """Take other bounds: of calls at once, of messages and bytes for those that begin from now on."""
        self._calls, self._messages, self._bytes = calls, messages, size
        while len(self._order) > calls:
            del self._kept[self._order.popleft()]

    def add(self, call: str, now: float, direction: Way, flow: Flow, data: bytes) -> None:
        kept = self._kept.get(call)
        if kept is None:
            if not self._calls:
                return
            if len(self._order) >= self._calls:
                del self._kept[self._order.popleft()]
            self._order.append(call)
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
        return CallTrace(
            call_id=call,
            organization_id=kept.organization_id,
            messages=messages_of(entries, kept.direction, epoch),
            truncated=kept.left_out > 0 or not entries or not entries[0].data.startswith(b"INVITE "),
        )
