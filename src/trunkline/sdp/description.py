"""A session description, read without losing a byte (RFC 8866).

What is not touched is encoded to the bytes it came as: line ends, order, unknown lines and all. Only the m= lines are
read at once; the rest is found when somebody asks for it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from string import ascii_letters
from typing import Final, NamedTuple

from trunkline.sdp.errors import SdpError
from trunkline.sdp.media import DIRECTIONS, Direction, Media

MAX_BYTES: Final = 32 * 1024
MAX_LINES: Final = 1000
MAX_MEDIA: Final = 32
"""Media sections."""

# A line is a letter, "=", and anything but NUL, CR and LF (byte-string of RFC 8866 §9). Empty lines at the end are
# common and harmless.
_BEGINNINGS: Final = frozenset({f"{letter}=" for letter in ascii_letters})
_LINES: Final = re.compile(r"v=0[ \t]*+(?:\r?\n[A-Za-z]=[^\r\n\0]*+)*(?:\r?\n)*")


class Origin(NamedTuple):
    """The o= line (RFC 8866 §5.2)."""

    username: str
    session: str
    version: str
    address_type: str
    address: str


class Connection(NamedTuple):
    """The c= line (RFC 8866 §5.7)."""

    address_type: str
    """`IP4` or `IP6`."""
    address: str
    """A literal or a name; without TTL and count."""


class Description:
    """A parsed description. `parse` makes it; its lines are never changed in place."""

    __slots__ = ("end", "media", "origin_at", "session")

    def __init__(self, session: list[str], media: list[Media], end: str, origin_at: int) -> None:
        self.session = session
        """Lines before the first m= line."""
        self.media = media
        self.end = end
        """What separates lines. With mixed line ends it is LF, and some lines keep a CR."""
        self.origin_at = origin_at
        """Index of the o= line in `session`."""

    def encode(self) -> bytes:
        lines = self.session if not self.media else self.session.copy()
        for section in self.media:
            lines += section.lines
        text = self.end.join(lines)
        if text[-1:] == "\r":
            # With mixed line ends the line that came last may have gone, and this one lost its LF with it.
            text += "\n"
        return text.encode("utf-8", "surrogateescape")

    @property
    def origin(self) -> Origin:
        """Raises SdpError when the o= line has not its six fields."""
        parts = self.session[self.origin_at][2:].split()
        if len(parts) != 6:
            raise SdpError("o= line has not six fields")
        return Origin(parts[0], parts[1], parts[2], parts[4], parts[5])

    @property
    def connection(self) -> str | None:
        """The value of the session's c= line."""
        return self._value("c=")

    @property
    def name(self) -> str | None:
        """The value of the s= line."""
        return self._value("s=")

    @property
    def timing(self) -> list[str]:
        """Values of the t= lines."""
        return [line[2:].strip() for line in self.session if line.startswith("t=")]

    def direction(self, section: Media) -> Direction:
        """What holds for a section of this description: its own word, else the session's, else both ways."""
        own = section.direction
        if own is not None:
            return own
        for line in self.session:
            if line.rstrip() in DIRECTIONS:
                return DIRECTIONS[line.rstrip()]
        return "sendrecv"

    def connection_of(self, section: Media) -> Connection:
        """Where a section's media is expected. Raises SdpError when neither it nor the session says so."""
        value = section.connection or self.connection
        parts = value.split() if value else []
        if len(parts) != 3 or parts[0].upper() != "IN":
            raise SdpError("no well-formed c= line for the media")
        return Connection(parts[1].upper(), parts[2].partition("/")[0])

    def _value(self, prefix: str) -> str | None:
        for line in self.session:
            if line.startswith(prefix):
                return line[2:].strip()
        return None


def parse(data: bytes) -> Description:
    """Read a description. Raises SdpError for what is not one, and for one beyond the limits above."""
    if len(data) > MAX_BYTES:
        raise SdpError(f"SDP is larger than {MAX_BYTES} bytes", 413)
    text = data.decode("utf-8", "surrogateescape")
    end = "\r\n"
    lines = text.split(end)
    if not _usual(lines):
        end = _line_end(text)
        lines = text.split(end)
    if len(lines) > MAX_LINES:
        raise SdpError(f"SDP has more than {MAX_LINES} lines", 413)
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    session = lines[: starts[0]] if starts else lines
    origins = [index for index, line in enumerate(session) if line.startswith("o=")]
    if len(origins) != 1:
        raise SdpError("SDP has no o= line" if not origins else "SDP has more than one o= line")
    if len(starts) > MAX_MEDIA:
        raise SdpError(f"SDP has more than {MAX_MEDIA} media sections", 413)
    starts.append(len(lines))
    media = [Media(lines[start:stop]) for start, stop in pairwise(starts)]
    return Description(session, media, end, origins[0])


def _usual(lines: list[str]) -> bool:
    """Whether a description that was split at each CRLF is written as nearly all are, so that it needs no other look:
    each line ends so, the last too."""
    if lines[0] != "v=0" or lines[-1]:
        return False
    bare = "".join(lines)
    if "\n" in bare or "\r" in bare or "\0" in bare:
        return False
    return all(line[:2] in _BEGINNINGS for line in lines[1:-1])


def _line_end(text: str) -> str:
    """What separates the lines of a description. Raises SdpError where it has lines that are none."""
    match = _LINES.match(text)
    if match is None:
        raise SdpError("SDP does not begin with v=0")
    if match.end() != len(text):
        whole = match[0].rstrip("\r\n")
        number = whole.count("\n") + (1 if len(whole) == match.end() else 2)
        raise SdpError(f"SDP line {number} is malformed")
    crlf = text.count("\r\n")
    return "\r\n" if crlf and crlf == text.count("\n") else "\n"
