"""Sortable ids: 48 bits of milliseconds, 80 bits of chance, 26 characters (the ULID layout, lower case).

The core has one bare id for a resource; each HTTP surface shows it with the prefix of its document and reads any prefix
of the same resource.
"""

from __future__ import annotations

import re
from typing import Final

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHAPE = re.compile(r"(?:[a-z]{2,12}_)?([0-7][0-9a-hjkmnp-tv-z]{25})")


def mint(wall: float, chance: bytes) -> str:
    """An id for the moment `wall` (Unix seconds), from 10 bytes of chance."""
    # Ten bits at a time, of numbers that stay small: the moment has 48 bits, each half of the chance 40.
    moment = int(wall * 1000) & 0xFFFF_FFFF_FFFF
    pairs = [_PAIRS[moment >> shift & 1023] for shift in (40, 30, 20, 10, 0)]
    for half in (int.from_bytes(chance[:5], "big"), int.from_bytes(chance[5:10], "big")):
        pairs += [_PAIRS[half >> shift & 1023] for shift in (30, 20, 10, 0)]
    return "".join(pairs)


def bare(text: str) -> str | None:
    """The id without its prefix, or None when `text` has not the shape of an id."""
    match = _SHAPE.fullmatch(text)
    return match[1] if match else None
