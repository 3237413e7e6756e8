"""What single values look like in the bodies of every surface. What they may be is for `control.fields` to say."""

from __future__ import annotations

from typing import Annotated

import msgspec

E164 = r"^\+[1-9][0-9]{6,14}$"
"""The pattern of a telephone number."""


SHAPES = {
    E164: "a telephone number in E.164 format, as +12125551234",
    "^[+ ][1-9][0-9]{6,14}$": "a telephone number in E.164 format, as +12125551234",
    "^[A-Za-z]{2}$": "a country in two letters, as US",
    r"^([A-Za-z]{2}|\+[1-9][0-9]{0,14})$": "a country in two letters, as US, or the beginning of numbers, as +4420",
    r"^\+[1-9][0-9]{0,14}$": "the beginning of E.164 numbers, as +4420",
    r"^\+([1-9][0-9]{0,14})?$": "the beginning of E.164 numbers, as +4420, or + for all",
    "^[0-9*#A-D]{1,64}$": "1 to 64 of the digits 0 to 9, *, # and A to D",
    r"^\d{4}-\d{2}-\d{2}$": "a day, as 2025-06-01",
    r"^\d{4}-\d{2}-\d{2}([T ].{2,40})?$": "a day, as 2025-06-01, or a moment, as 2025-06-01T12:00:00Z",
    "^[A-Za-z0-9._-]{1,128}$": "1 to 128 letters, digits, dots, hyphens and underscores",
    "^[A-Z_]+$": "capital letters and underscores",
    "^[0-9]{3}$": "three digits",
    "^[0-9]{1,10}$": "1 to 10 digits",
    "^[0-9]{1,15}$": "1 to 15 digits",
    r"^(voice|sms|mms)(,(voice|sms|mms)){0,2}$": "voice, sms and mms, with commas between",
    r"^[^\x00-\x1f\x7f]*$": "a line of text",
}
"""What the patterns of texts mean, in words for whoever wrote another."""


def any_case(*words: str) -> str:
    """A pattern for these words in any case, as JSON Schema has no flag for it."""
    spelt = ("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words)
    return f"^({'|'.join(spelt)})$"


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
TransportWord = Annotated[str, msgspec.Meta(pattern=any_case("udp", "tcp", "tls"))]
CodecWord = Annotated[str, msgspec.Meta(pattern=any_case("PCMU", "PCMA", "G722"))]
EncryptionWord = Annotated[
    str,
    msgspec.Meta(pattern=any_case("disable", "disabled", "allow", "allowed", "require", "required")),
]
CallCount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
CallRate = Annotated[float, msgspec.Meta(ge=0.01, le=100_000)]
ProbeCount = Annotated[int, msgspec.Meta(ge=1, le=20)]
