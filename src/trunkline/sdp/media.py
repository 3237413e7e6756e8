"""One media section: an m= line and the lines under it (RFC 8866 §5.14)."""

from __future__ import annotations

import re
from typing import Final, Literal

from trunkline.sdp.errors import SdpError

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DIRECTIONS: Final[dict[str, Direction]] = {
    "a=sendrecv": "sendrecv",
    "a=sendonly": "sendonly",
    "a=recvonly": "recvonly",
    "a=inactive": "inactive",
}

MAX_FORMATS: Final = 256
"""Formats of one m= line. There are 128 payload types."""

_MEDIA_LINE: Final = re.compile(r"m=([!-~]++) ++([0-9]{1,5})(?:/[0-9]{1,5})? ++([!-~]++)((?: ++[!-~]++)+) *+\r?")


class Media:
    """A section as it was written, never changed in place. Its m= line is read at once, the rest when asked for."""

    __slots__ = ("formats", "kind", "lines", "port", "protocol")

    def __init__(self, lines: list[str]) -> None:
        """`lines[0]` is the m= line. Raises SdpError when it is not well formed."""
        match = _MEDIA_LINE.fullmatch(lines[0])
        if match is None:
            raise SdpError(f"m= line is malformed: {lines[0][:60]!r}")
        kind, port, protocol, formats = match.groups()
        self.lines = lines
        self.kind: str = kind.lower()
        """`audio`, `video`, `image`, `text`, `application`, `message`."""
        self.port = int(port)
        """0: the section is rejected or switched off (RFC 3264 §6, §8.2)."""
        self.protocol: str = protocol.upper()
        self.formats: list[str] = formats.split()
        if self.port > 65535:
            raise SdpError(f"m= line names port {port}")
        if len(self.formats) > MAX_FORMATS:
            raise SdpError(f"m= line lists more than {MAX_FORMATS} formats")

    @property
    def rtp(self) -> bool:
        return "RTP/" in self.protocol

    @property
    def secure(self) -> bool:
        """Whether the profile is one of SRTP (RFC 3711, RFC 5124, RFC 5764)."""
        return "/SAVP" in self.protocol

    def attributes(self, name: str) -> list[str]:
        """Every value of `a=<name>:`, in order, without surrounding space."""
        prefix = f"a={name}:"
        return [line[len(prefix) :].strip() for line in self.lines if line.startswith(prefix)]

    def attribute(self, name: str) -> str | None:
        """The first value of `a=<name>:`, None when there is none."""
        prefix = f"a={name}:"
        for line in self.lines:
            if line.startswith(prefix):
                return line[len(prefix) :].strip()
        return None

    def encodings(self) -> dict[str, str]:
        """Payload type to the value of its a=rtpmap; the first stands where one is mapped twice."""
        found: dict[str, str] = {}
        for line in self.lines:
            if line.startswith("a=rtpmap:"):
                payload_type, _, encoding = line[9:].strip().partition(" ")
                if payload_type not in found:
                    found[payload_type] = encoding.strip()
        return found

    def parameters(self, payload_type: str) -> str | None:
        """The value of the format's a=fmtp, without the payload type."""
        for value in self.attributes("fmtp"):
            number, _, parameters = value.partition(" ")
            if number == payload_type:
                return parameters.strip()
        return None

    @property
    def ptime(self) -> int | None:
        """Milliseconds of audio in a packet, as asked for; None when not said or senseless."""
        value = self.attribute("ptime")
        if value is None or not value.isascii() or not value.isdigit() or len(value) > 4:
            return None
        return int(value) or None

    @property
    def direction(self) -> Direction | None:
        """As this section says it; None when the session's word holds (RFC 8866 §6.7)."""
        for line in self.lines:
            if line.rstrip() in DIRECTIONS:
                return DIRECTIONS[line.rstrip()]
        return None

    @property
    def connection(self) -> str | None:
        """The value of this section's c= line."""
        for line in self.lines:
            if line.startswith("c="):
                return line[2:].strip()
        return None

    @property
    def crypto(self) -> list[str]:
        """Values of a=crypto (RFC 4568)."""
        return self.attributes("crypto")

    @property
    def candidates(self) -> list[str]:
        """Values of a=candidate (RFC 8839)."""
        return self.attributes("candidate")

    def line(self, *, port: int | None = None, formats: list[str] | None = None) -> str:
        """Its m= line with another port or other formats."""
        head = self.lines[0].split(None, 3)
        number = head[1] if port is None else str(port)
        end = "\r" if self.lines[0].endswith("\r") else ""
        return f"{head[0]} {number} {head[2]} {' '.join(formats or self.formats)}{end}"
