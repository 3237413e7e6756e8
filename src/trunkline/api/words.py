"""What single values look like in the bodies of every surface. What they may be is for `control.fields` to say."""

from __future__ import annotations

from typing import Annotated

import msgspec

E164 = r"^\+[1-9][0-9]{6,14}$"
"""The pattern of a telephone number."""


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
