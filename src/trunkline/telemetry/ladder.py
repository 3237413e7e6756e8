"""A call as a ladder: a column for each peer, an arrow for each message, the edge between who began and whom it called.

         udp 192.0.2.1:5060          trunkline          tcp 198.51.100.7:5060
                  │                      │                        │
  0.000           │──── INVITE sdp ─────▶│                        │
  0.001           │◀─── 100 Trying ──────│                        │
  0.002           │                      │───── INVITE sdp ──────▶│

It draws any value that has the fields of a trace's message, so that a client can draw what it got as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

_CSEQ = re.compile(r"^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)
_LEFT = 10
"""Characters of the column of times."""
_GAP = 30
"""Characters from one line to the next."""


class Drawn(Protocol):
    """What is drawn of a message."""

    @property
    def at(self) -> float: ...
    @property
    def direction(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def remote(self) -> str: ...
    @property
    def text(self) -> str: ...


def label(text: str) -> str:
    """What stands on an arrow: `INVITE sdp`, `180 Ringing`, `200 OK BYE`."""
    start, _, rest = text.partition("\n")
    start = start.rstrip("\r")
    if start.startswith("SIP/2.0 "):
        words = start[8:]
        match = _CSEQ.search(rest)
        if match is not None and match[1] != "INVITE":
            words += f" {match[1]}"
    else:
        words = start.partition(" ")[0]
    body = re.split(r"\r?\n\r?\n", rest, maxsplit=1)[1:]
    return f"{words} sdp" if body and body[0].startswith("v=0") else words


class Ladder:
    """Draws message by message. Each line is without a line end."""

    def __init__(
        self, left: Sequence[str], right: Sequence[str], edge: str = "trunkline", side: str = "caller"
    ) -> None:
        """Who stands left of the edge, who right; each as `udp 192.0.2.1:5060`. `side`: whose messages are left."""
        self._side = side
        self._columns = {
            **{(True, name): place for place, name in enumerate(left)},
            **{(False, name): place for place, name in enumerate(right, len(left) + 1)},
        }
        self._names = [*left, edge, *right]
        self._edge = len(left)
        self._began: float | None = None
        self._seen: set[tuple[str, str, str]] = set()

    def head(self) -> list[str]:
        """The names above their lines."""
        line = ""
        for place, name in enumerate(self._names):
            short = name if len(name) < _GAP else name[: _GAP - 2] + "…"
            begin = max(_column(place) - len(short) // 2, len(line) + 1 if line else 0)
            line = line.ljust(begin) + short
        return [line.rstrip(), "".join(self._lines())]

    def row(self, message: Drawn) -> str:
        """The line of one message: seconds since the first, and its arrow. What was there before is marked `↻`."""
        if self._began is None:
            self._began = message.at
        row = self._lines()
        time = f"{message.at - self._began:9.3f}"
        row[: len(time)] = time
        place = self._columns.get((message.side == self._side, f"{message.transport} {message.remote}"))
        if place is None:
            return "".join(row)
        words = label(message.text)
        key = (message.direction, message.remote, message.text)
        if key in self._seen:
            words += " ↻"
        self._seen.add(key)
        left, right = sorted((_column(place), _column(self._edge)))
        arrow = _arrow(words, right - left - 1, (place < self._edge) == (message.direction == "in"))
        row[left + 1 : right] = arrow
        return "".join(row)

    def _lines(self) -> list[str]:
        row = [" "] * (_column(len(self._names) - 1) + 1)
        for place in range(len(self._names)):
            row[_column(place)] = "│"
        return row


def ladder(messages: Iterable[Drawn], edge: str = "trunkline") -> str:
    """The whole ladder as text, a line for each message."""
    messages = list(messages)
    sides = [message.side for message in messages]
    side = "caller" if "caller" in sides or not sides else sides[0]
    peers: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for message in messages:
        peers[message.side == side][f"{message.transport} {message.remote}"] = None
    drawing = Ladder(list(peers[True]), list(peers[False]), edge, side)
    return "\n".join([*drawing.head(), *map(drawing.row, messages)]) + "\n"


def _column(place: int) -> int:
    return _LEFT + _GAP // 2 + place * _GAP


def _arrow(words: str, width: int, right: bool) -> str:
    """Words in the middle of a line of `width` characters, its head at the end it goes to."""
    room = width - 6
    words = words if len(words) <= room else words[: room - 1] + "…"
    line = f" {words} ".center(width - 1, "─")
    return f"{line}▶" if right else f"◀{line}"
