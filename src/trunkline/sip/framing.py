"""Cutting a stream into SIP messages (RFC 3261 §18.3), and the keep-alives between them (RFC 5626 §4.4.1).

Pure: bytes in, frames out, the same frames however the bytes were chunked. Each byte is looked at a bounded number of
times, so a peer that sends one byte at a time costs no more than one that sends whole messages. A stream whose next
message cannot be found is broken for good: what to answer is told once, and nothing after it is read.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r]++|\r(?!\n)|\r\n(?=[ \t]))*)", re.IGNORECASE)
"""Content-Length in any case, or `l`, with the folds of its value."""
_FIRST: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""What a token may begin with, and so a start line (RFC 3261 §25.1)."""


_CR: Final = 13


class FramingLimits(msgspec.Struct, frozen=True, kw_only=True):
    message: int = 65_535
    """Bytes of a whole message."""
    head: int = 32_768
    """Bytes of its start line and headers."""
    lines: int = 257
    """Start line and headers."""


class FramingError(NamedTuple):
    """Why a stream is broken, and the answer its last message deserves, if it can be answered at all."""

    status: int
    reason: str
    head: bytes
    """The start line and headers as far as they came, an empty line at the end; empty when there is no start line."""


class Frames(NamedTuple):
    """What one feed completed."""

    messages: list[bytes]
    """Whole messages, the line ends before them removed."""
    pings: int
    """Double CRLFs between messages: each asks for a single CRLF in return."""
    error: FramingError | None


class Framer:
    """The framing of one connection."""

    __slots__ = ("_buffer", "_limits", "_line_ends", "_need", "_scanned", "broken")

    def __init__(self, limits: FramingLimits | None = None) -> None:
        self._limits = limits or FramingLimits()
        self._buffer = bytearray()
        self._need = 0
        """Bytes of the message at the buffer's start; 0 while its head is not whole."""
        self._scanned = 0
        """Bytes of the buffer that hold no end of a head."""
        self._line_ends = 0
        """Single CRLFs seen since the last message or ping."""
        self.broken = False

    @property
    def buffered(self) -> int:
        """Bytes of a message that is not whole yet. 0 between messages."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Frames:
        """Take what was read, in any chunks. After an error, and for good, the frames are empty."""
        messages: list[bytes] = []
        pings = 0
        if self.broken:
            return Frames(messages, 0, None)
        buffer = self._buffer
        if buffer:
            buffer += data
            stream: bytes | bytearray = buffer
            if len(buffer) < self._need:
                return Frames(messages, 0, None)
        else:
            stream = data
        start, end = 0, len(stream)
        error: FramingError | None = None
        while start < end:
            if not self._need:
                if not self._scanned:
                    start, asked = self._between(stream, start)
                    pings += asked
                    if start == end or (start + 1 == end and stream[start] == _CR):
                        break
                found = self._measure(stream, start, end)
                if isinstance(found, FramingError):
                    error = found
                    break
                self._need = found
            stop = start + self._need
            if not self._need or stop > end:
                break
            messages.append(bytes(stream[start:stop]))
            start = stop
            self._need = self._scanned = 0
        if error is not None:
            self.broken = True
            self._buffer = bytearray()
        elif stream is buffer:
            del buffer[:start]
        elif start < end:
            buffer += data[start:]
        return Frames(messages, pings, error)

    def _between(self, stream: bytes | bytearray, start: int) -> tuple[int, int]:
        """Skip the CRLFs before a message: where it starts, and the pings among them."""
        pings = 0
        while stream.startswith(b"\r\n", start):
            start += 2
            self._line_ends += 1
            if self._line_ends == 2:
                self._line_ends = 0
                pings += 1
        return start, pings

    def _measure(self, stream: bytes | bytearray, start: int, end: int) -> int | FramingError:
        """Bytes of the message that starts here; 0 while its head is not whole."""
        if stream[start] not in _FIRST:
            return FramingError(400, "this is not SIP", b"")
        blank = stream.find(b"\r\n\r\n", start + max(0, self._scanned - 3))
        if blank < 0:
            self._scanned = end - start
            if self._scanned > self._limits.head:
                return FramingError(513, "the headers are too large", _cut(bytes(stream[start:])))
            return 0
        self._line_ends = 0
        return self._size(bytes(stream[start : blank + 4]))

    def _size(self, head: bytes) -> int | FramingError:
        """Bytes of the message with this head."""
        limits = self._limits
        if len(head) > limits.head:
            return FramingError(513, "the headers are too large", _cut(head))
        if head.count(b"\r\n") - 1 > limits.lines:
            return FramingError(400, "too many header lines", head)
        lengths = _LENGTH.findall(head)
        if not lengths:
            return FramingError(400, "there is no Content-Length", head)
        if len(lengths) > 1:
            return FramingError(400, "Content-Length stands more than once", head)
        text = lengths[0].strip(b" \t\r\n")
        if not text.isdigit() or len(text) > 10:
            return FramingError(400, "Content-Length is not a number", head)
        size = len(head) + int(text)
        if size > limits.message:
            return FramingError(513, "the message is too large", head)
        return size


def _cut(head: bytes) -> bytes:
    """The whole lines of a head that does not end, with an end."""
    head = head[:8192]
    end = head.rfind(b"\r\n")
    return head[:end] + b"\r\n\r\n" if end > 0 else b""
