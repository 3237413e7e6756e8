"""Audio that is known again packet by packet: what a test call sends, and looks for in what comes back.

In G.711 it is a tone that sweeps upwards, so that who listens knows it too. A G.722 encoder would be a room of its own
for the same purpose: there it is a hiss made of the codec's smallest steps, quiet at any receiver.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2s
from math import pi, sin

FRAMES = 200
"""Packets until it begins again. No two are equal."""
SAMPLES = 160
"""Timestamp units, and bytes, of one packet: 20 ms in every codec here."""

_RATE = 8000
_LOWEST, _HIGHEST = 400.0, 1200.0
"""Hz."""
_LOUDNESS = 8000
"""Of 32767: about -12 dB."""
_QUIET = (0x7D, 0x7F, 0xFD, 0xFF)
"""G.722 bytes whose two sub-bands both step least, up or down (ITU-T G.722, tables 17 and 18)."""


@cache
def frames(codec: str) -> tuple[bytes, ...]:
    """The payloads in PCMU, PCMA or G722. Raises KeyError for another."""
    if codec == "G722":
        return tuple(_hiss(index) for index in range(FRAMES))
    encode = {"PCMU": mu_law, "PCMA": a_law}[codec]
    stream = bytes(map(encode, _sweep()))
    return tuple(stream[at : at + SAMPLES] for at in range(0, len(stream), SAMPLES))


def _sweep() -> list[int]:
    length = FRAMES * SAMPLES
    slope = (_HIGHEST - _LOWEST) * _RATE / length
    return [
        round(_LOUDNESS * sin(2 * pi * (_LOWEST * time + slope * time * time / 2)))
        for time in (index / _RATE for index in range(length))
    ]


def _hiss(index: int) -> bytes:
    chance = int.from_bytes(blake2s(index.to_bytes(2, "big")).digest() * 2, "big")
    return bytes(_QUIET[chance >> 2 * place & 3] for place in range(SAMPLES))


def mu_law(sample: int) -> int:
    """One 16-bit sample by ITU-T G.711's mu-law."""
    sign = 0x80 if sample < 0 else 0
    biased = min(abs(sample), 32635) + 132
    exponent = biased.bit_length() - 8
    return ~(sign | exponent << 4 | biased >> exponent + 3 & 0xF) & 0xFF


def a_law(sample: int) -> int:
    """One 16-bit sample by ITU-T G.711's A-law."""
    mask = 0xD5 if sample >= 0 else 0x55
    step = (sample if sample >= 0 else ~sample) >> 3
    exponent = max(step.bit_length() - 5, 0)
    return (exponent << 4 | step >> max(exponent, 1) & 0xF) ^ mask
