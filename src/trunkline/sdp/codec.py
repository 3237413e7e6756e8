"""The codecs we know by name, and how a format of an RTP m= line is told (RFC 3551 §6, RFC 8866 §6.6).

A format is a payload type. Its meaning comes from a=rtpmap, or, below 96, from RFC 3551's table. Where the two
contradict each other the format means nothing: whichever we believed, one end would hear noise.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Codec(NamedTuple):
    name: str
    """As IANA writes it; compared without regard to case."""
    clock: int
    """RTP timestamp units a second."""
    static: int | None
    """Its payload type in RFC 3551, when it has one."""

    @property
    def encoding(self) -> str:
        """The value of its a=rtpmap, without the payload type."""
        return f"{self.name}/{self.clock}"


PCMU: Final = Codec("PCMU", 8000, 0)
PCMA: Final = Codec("PCMA", 8000, 8)
G722: Final = Codec("G722", 8000, 9)
"""It samples at 16 kHz; its RTP clock is 8000 by an error that RFC 3551 §4.5.2 keeps."""
COMFORT_NOISE: Final = Codec("CN", 8000, 13)
TELEPHONE_EVENT: Final = Codec("telephone-event", 8000, None)
"""These two ride with a voice codec and are no voice by themselves. All our voices have the clock 8000, so a
telephone-event of another clock belongs to a codec that is none of ours (RFC 4733 §2.1)."""

VOICE: Final[dict[str, Codec]] = {"PCMU": PCMU, "PCMA": PCMA, "G722": G722}
"""What a trunk's list of codecs may name, in our own order of preference."""

_BY_ENCODING: Final[dict[str, Codec]] = {
    codec.encoding.lower(): codec for codec in (PCMU, PCMA, G722, COMFORT_NOISE, TELEPHONE_EVENT)
}
_STATIC: Final[dict[str, Codec]] = {
    str(codec.static): codec for codec in _BY_ENCODING.values() if codec.static is not None
}
_STATIC_NAMES: Final[dict[str, str]] = {
    "0": "PCMU", "3": "GSM", "4": "G723", "5": "DVI4", "6": "DVI4", "7": "LPC", "8": "PCMA", "9": "G722",
    "10": "L16", "11": "L16", "12": "QCELP", "13": "CN", "14": "MPA", "15": "G728", "16": "DVI4", "17": "DVI4",
    "18": "G729", "25": "CelB", "26": "JPEG", "28": "nv", "31": "H261", "32": "MPV", "33": "MP2T", "34": "H263",
}  # fmt: skip


def identify(payload_type: str, encoding: str | None) -> Codec | None:
    """The codec that a format stands for, or None when it is not one of ours or contradicts RFC 3551.

    `encoding` is the value of its a=rtpmap (`PCMU/8000`), None when it has none.
    """
    if encoding is None:
        return _STATIC.get(payload_type)
    encoding = encoding.lower()
    codec = _BY_ENCODING.get(encoding)
    if codec is None:
        if encoding.endswith("/1"):
            codec = _BY_ENCODING.get(encoding[:-2])
        elif encoding == "g722/16000" and payload_type == "9":
            # Widespread, and harmless where the payload type itself says what is meant.
            codec = G722
        if codec is None:
            return None
    if payload_type in _STATIC_NAMES and _STATIC.get(payload_type) is not codec:
        return None
    return codec


def spoken_name(payload_type: str, encoding: str | None) -> str:
    """What to call a format when telling people of it: its encoding name, or its number when it has none."""
    if encoding:
        return encoding.partition("/")[0]
    return _STATIC_NAMES.get(payload_type) or f"payload type {payload_type}"
