"""The payload of telephone-event: a pressed key while it is down (RFC 4733 §2.3)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

KEYS = "0123456789*#ABCD"
"""Event codes 0 to 15 as people write them."""

_PAYLOAD = Struct("!BBH")


class TelephoneEvent(NamedTuple):
    code: int
    """0 to 255; the keys are 0 to 15."""
    end: bool
    """Whether the key was released. The last packet is sent three times."""
    volume: int
    """Decibels below 0 dBm0, 0 to 63."""
    duration: int
    """Timestamp units since the event began, 16 bits."""

    @property
    def key(self) -> str | None:
        """The key, None for an event that is none."""
        return KEYS[self.code] if self.code < len(KEYS) else None


def parse_event(payload: bytes) -> TelephoneEvent | None:
    """The event, None when the payload is too short to be one. Bytes after it are ignored."""
    if len(payload) < _PAYLOAD.size:
        return None
    code, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(code, flags >= 0x80, flags & 0x3F, duration)


def build_event(event: TelephoneEvent) -> bytes:
    """The four bytes of its payload. Raises struct.error for a field out of its range."""
    return _PAYLOAD.pack(event.code, (0x80 if event.end else 0) | event.volume, event.duration)
