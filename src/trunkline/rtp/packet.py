"""An RTP packet (RFC 3550 §5.1), read and written without loss of meaning.

What cannot be RTP is None: datagrams on a media port are anybody's.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")
HEADER_SIZE = _HEADER.size

# RTCP's packet types 192 to 223 show as these payload types with the marker set (RFC 5761 §4).
_RTCP = range(192, 224)


class Extension(NamedTuple):
    """The header extension (RFC 3550 §5.3.1)."""

    profile: int
    data: bytes
    """A multiple of four bytes."""


class Packet(NamedTuple):
    payload_type: int
    """0 to 127."""
    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits, in units of the codec's clock."""
    ssrc: int
    """32 bits."""
    payload: bytes
    """Without padding."""
    marker: bool = False
    contributors: tuple[int, ...] = ()
    """CSRCs, at most 15."""
    extension: Extension | None = None


def parse(data: bytes) -> Packet | None:
    """The packet, or None when the validity checks of RFC 3550 §A.1 fail or it is RTCP."""
    if len(data) < HEADER_SIZE:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2 or second in _RTCP:
        return None
    start, stop = HEADER_SIZE, len(data)
    contributors: tuple[int, ...] = ()
    if first & 0x0F:
        count = first & 0x0F
        start += 4 * count
        if start > stop:
            return None
        contributors = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(HEADER_SIZE, start, 4))
    extension = None
    if first & 0x10:
        if start + _EXTENSION.size > stop:
            return None
        profile, words = _EXTENSION.unpack_from(data, start)
        start += _EXTENSION.size
        if start + 4 * words > stop:
            return None
        extension = Extension(profile, data[start : start + 4 * words])
        start += 4 * words
    if first & 0x20:
        padding = data[-1]
        if padding == 0 or start + padding > stop:
            return None
        stop -= padding
    payload = data[start:stop]
    return Packet(second & 0x7F, sequence, timestamp, ssrc, payload, second >= 0x80, contributors, extension)


def build(packet: Packet) -> bytes:
    """The packet's bytes, without padding. Raises struct.error for a field out of its range."""
    first = 0x80 | len(packet.contributors) | (0x10 if packet.extension is not None else 0)
    second = packet.payload_type | (0x80 if packet.marker else 0)
    parts = [_HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)]
    parts += [contributor.to_bytes(4, "big") for contributor in packet.contributors]
    if packet.extension is not None:
        parts += [_EXTENSION.pack(packet.extension.profile, len(packet.extension.data) // 4), packet.extension.data]
    parts.append(packet.payload)
    return b"".join(parts)
