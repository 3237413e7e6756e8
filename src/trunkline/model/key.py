"""An API key: who asks, for which organization, and what they may do.

The key itself is shown once, when it is made; only its SHA-256 is kept. A plain hash is right here, and a slow password
hash would be wrong: the key holds 256 bits of chance, so no dictionary reaches it however fast the hash is, and it is
checked on every request of the API.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

Role = Literal["operator", "admin", "agent_manager", "viewer"]
"""`operator` stands above the organizations; the others act within the one that their key belongs to."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 43
"""62^43 is the first power above 2^256."""
_SHOWN = 6


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    id: str
    organization_id: str | None
    """None for an operator's key."""
    name: str
    prefix: str
    """The part that may be shown to tell keys apart, as `trunkline_live_4fQz1x`."""
    digest: bytes
    """SHA-256 of the whole key."""
    role: Role = "admin"
    scopes: tuple[str, ...] = ()
    """What it may do, when that is less than its role allows; empty: all that the role allows."""
    live: bool = True
    """A test key (False) has a namespace of its own and reaches only the sandbox."""
    networks: tuple[str, ...] = ()
    """CIDR blocks that it is accepted from; empty: any."""
    expires_at: float | None = None
    requests_per_hour: int | None = None
    """Requests that the API takes from it in an hour; None: as many as the settings say."""
    last_used_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0

    def expired(self, wall: float) -> bool:
        """Whether the key is over at `wall` (Unix seconds)."""
        return self.expires_at is not None and wall >= self.expires_at


def key_text(brand: str, live: bool, chance: bytes) -> str:
    """A new key, as `trunkline_live_…`, from 32 bytes of chance."""
    if len(chance) < 32:
        raise ValueError("a key takes 32 bytes of chance")
    value = int.from_bytes(chance[:32], "big")
    digits = []
    for _ in range(_LENGTH):
        value, digit = divmod(value, 62)
        digits.append(_ALPHABET[digit])
    return f"{brand}_{'live' if live else 'test'}_{''.join(digits)}"


def key_prefix(text: str) -> str:
    """The part of a key that may be shown: 36 of its 256 bits."""
    head, _, tail = text.rpartition("_")
    return f"{head}_{tail[:_SHOWN]}"


def key_digest(text: str) -> bytes:
    """What is kept of a key, and looked up when one is presented."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
