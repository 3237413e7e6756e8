"""The echo agent's ear and mouth: an RTP packet in, the same audio out as a stream of our own (RFC 3550).

It locks to the first source that sends a valid packet (symmetric RTP, RFC 4961) and is deaf to all others until the
peer changes the session: who guesses a port must not be able to steal the stream. Payload, payload type and marker are
kept; SSRC, sequence and timestamp are ours, at a fixed distance from the peer's, so that gaps and order, and with them
a recording, equal what was sent.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from trunkline.rtp.packet import parse
from trunkline.sdp.offer_answer import Agreed

_HEADER = Struct("!BBHII")
_FIELDS = Struct("!HII")


class Echo:
    """One peer's echo. `hear` is all it does with packets; it owns no socket and no clock."""

    __slots__ = (
        "_high", "_high_timestamp", "_numbers", "_peer_ssrc", "_relearn", "_sends", "_sequence_shift", "_source",
        "_ssrc", "_step", "_timestamp_shift", "heard", "strangers",
    )  # fmt: skip

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """Our SSRC and the numbers our stream begins with, drawn by chance (RFC 3550 §5.1)."""
        self._ssrc = ssrc
        self._high = sequence - 1 & 0xFFFF
        """The highest sequence number sent, and its timestamp."""
        self._high_timestamp = timestamp
        self._step = 0
        """Timestamp units between the last two packets in order: where the next stream of the peer is put."""
        self._sequence_shift = 0
        self._timestamp_shift = 0
        self._peer_ssrc = -1
        self._source: Any = None
        self._relearn = False
        self._numbers: frozenset[int] = frozenset()
        self._sends = False
        self.heard = 0
        """Valid packets from the peer."""
        self.strangers = 0
        """Datagrams from others than the source we are locked to."""

    def agree(self, agreed: Agreed, *, relearn: bool) -> None:
        """What the last offer and answer settled. `relearn`: the next valid packet may come from a new source."""
        self._numbers = agreed.payload_types
        self._sends = agreed.direction in ("sendrecv", "sendonly")
        self._relearn = relearn

    @property
    def source(self) -> Any:
        """The socket address we are locked to; None before the first packet."""
        return self._source

    def hear(self, data: bytes, source: Any) -> bytes | None:
        """The packet to send back to `source`; None when there is none."""
        known = source == self._source
        if not known and self._source is not None and not self._relearn:
            self.strangers += 1
            return None
        if len(data) < 12 or data[1] & 0x7F not in self._numbers:
            return None
        if data[0] == 0x80:
            payload = data[12:]
        else:
            packet = parse(data)
            if packet is None:
                return None
            payload = packet.payload
        sequence, timestamp, ssrc = _FIELDS.unpack_from(data, 2)
        if not known or self._relearn:
            self._source = source
            self._relearn = False
        self.heard += 1
        if ssrc != self._peer_ssrc:
            self._begin(ssrc, sequence, timestamp)
        sequence = sequence + self._sequence_shift & 0xFFFF
        timestamp = timestamp + self._timestamp_shift & 0xFFFFFFFF
        if sequence - self._high & 0xFFFF < 0x8000:
            self._step = timestamp - self._high_timestamp & 0xFFFFFFFF
            self._high = sequence
            self._high_timestamp = timestamp
        if not self._sends:
            return None
        return _HEADER.pack(0x80, data[1], sequence, timestamp, self._ssrc) + payload

    def _begin(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """The peer begins a stream: it goes on from where ours stands."""
        self._peer_ssrc = ssrc
        self._sequence_shift = self._high + 1 - sequence
        self._timestamp_shift = self._high_timestamp + self._step - timestamp
