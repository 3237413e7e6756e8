"""A sounding: a stream that is known packet by packet goes out, and what comes back is held against it.

The reckoning alone; `sounder` has the socket. A packet is known by its payload, because an echo sends it in a stream of
its own, with numbers of its own (RFC 3550 §5.1).
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.rtp.marker import FRAMES, SAMPLES, frames
from trunkline.rtp.packet import Packet, build, parse


class Report(NamedTuple):
    sent: int = 0
    returned: int = 0
    """Packets of ours that came back as they were sent."""
    doubled: int = 0
    """Of those that did, how often one came again."""
    reordered: int = 0
    """Packets that came back after a later one."""
    other: int = 0
    """RTP that is not what we sent: another audio, or ours changed on the way."""
    fastest: float = 0.0
    """Round trips, in seconds."""
    mean: float = 0.0
    slowest: float = 0.0

    @property
    def lost(self) -> int:
        return self.sent - self.returned


class Sounding:
    """One stream and its return. `now` is monotonic seconds."""

    __slots__ = (
        "_awaited", "_doubled", "_fastest", "_frames", "_highest", "_number", "_numbers", "_other", "_reordered",
        "_returned", "_sent", "_sequence", "_slowest", "_ssrc", "_timestamp", "_total", "payload_type",
    )  # fmt: skip

    def __init__(self, codec: str, payload_type: int, ssrc: int, sequence: int, timestamp: int) -> None:
        """`codec` as `marker.frames` takes it; `ssrc`, `sequence` and `timestamp`: what the stream begins with."""
        self.payload_type = payload_type
        self._frames = frames(codec)
        self._number = {payload: place for place, payload in enumerate(self._frames)}
        self._ssrc = ssrc
        self._sequence = sequence
        self._timestamp = timestamp
        self._sent = 0
        self._awaited: list[float | None] = [None] * FRAMES
        """When each of the last packets went, and None once it is back."""
        self._numbers = [-1] * FRAMES
        self._highest = -1
        self._returned = self._doubled = self._reordered = self._other = 0
        self._total = self._slowest = 0.0
        self._fastest = float("inf")

    def send(self, now: float) -> bytes:
        """The next packet, 20 ms of audio."""
        number = self._sent
        place = number % FRAMES
        self._awaited[place] = now
        self._numbers[place] = number
        self._sent += 1
        return build(
            Packet(
                self.payload_type,
                self._sequence + number & 0xFFFF,
                self._timestamp + number * SAMPLES & 0xFFFFFFFF,
                self._ssrc,
                self._frames[place],
                # The first of a talkspurt (RFC 3551 §4.1).
                number == 0,
            )
        )

    def hear(self, data: bytes, now: float) -> None:
        """A datagram that came; what is no RTP is passed over."""
        packet = parse(data)
        if packet is None:
            return
        place = self._number.get(packet.payload)
        if place is None or packet.payload_type != self.payload_type or self._numbers[place] < 0:
            self._other += 1
            return
        went = self._awaited[place]
        if went is None:
            self._doubled += 1
            return
        self._awaited[place] = None
        self._returned += 1
        number = self._numbers[place]
        if number < self._highest:
            self._reordered += 1
        else:
            self._highest = number
        trip = now - went
        self._total += trip
        self._fastest = min(self._fastest, trip)
        self._slowest = max(self._slowest, trip)

    @property
    def report(self) -> Report:
        """What is known by now."""
        back = self._returned
        if not back:
            return Report(self._sent, 0, self._doubled, 0, self._other)
        return Report(
            self._sent, back, self._doubled, self._reordered, self._other,
            self._fastest, self._total / back, self._slowest,
        )  # fmt: skip
