"""Server nonces that need no memory (RFC 7616 §5.4): the moment they were minted, and a seal over it that only we can
make.

The seal covers the realm and the source, so that a nonce taken from one peer is forged when another shows it. What is
sealed cannot be used for longer than its lifetime, and `guard.replay` remembers which of its counts were used.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Literal, final

from trunkline.guard.replay import Replays

Freshness = Literal["valid", "stale", "forged"]

_STAMP = 8
_SEAL = 16
_LENGTH = (_STAMP + _SEAL) * 4 // 3


@final
class Nonces:
    """Mints and checks the nonces of one secret. The workers of one machine may share it: they have one clock."""

    __slots__ = ("_last", "_lifetime", "_secret", "replays")

    def __init__(self, secret: bytes, lifetime: float = 60.0, room: int = 10_000) -> None:
        """`secret`: 32 bytes of chance. `lifetime`: seconds a nonce may be answered with. `room`: nonces whose use is
        remembered."""
        self._secret = secret
        self._lifetime = lifetime
        self._last = -1
        self.replays = Replays(lifetime, room)

    def mint(self, now: float, realm: str = "", source: str = "") -> str:
        """A nonce of 32 characters for one realm and one source, which may be empty to bind to neither. `now` is
        monotonic seconds, from 0. No two are alike, though many are minted in one turn: each has counts of its own."""
        self._last = max(round(now * 1_000_000), self._last + 1)
        return self._sealed(self._last, realm, source)

    def check(self, nonce: str, now: float, realm: str = "", source: str = "") -> Freshness:
        """Whether `nonce` was minted here for this realm and source, and not longer ago than its lifetime."""
        if len(nonce) != _LENGTH or not nonce.isascii():
            return "forged"
        try:
            stamp = _stamp(nonce)
        except Base64Error:
            return "forged"
        if not hmac.compare_digest(self._sealed(stamp, realm, source), nonce):
            return "forged"
        age = now - stamp / 1_000_000
        return "valid" if age <= self._lifetime else "stale"

    def spend(self, nonce: str, count: int, now: float) -> bool:
        """Use a nonce count, 0 for credentials without one, of a nonce that `check` calls valid and whose response was
        right. False when it was used before."""
        return self.replays.spend(nonce, _stamp(nonce) / 1_000_000, count, now)

    def _sealed(self, micros: int, realm: str, source: str) -> str:
        stamp = micros.to_bytes(_STAMP, "big")
        text = f"{len(realm)}:{realm}{source}".encode("utf-8", "surrogateescape")
        seal = hmac.digest(self._secret, stamp + text, "sha256")[:_SEAL]
        return urlsafe_b64encode(stamp + seal).decode("ascii")


def _stamp(nonce: str) -> int:
    """Microseconds at which it says it was minted. Raises `binascii.Error`."""
    return int.from_bytes(a2b_base64(nonce.replace("-", "+").replace("_", "/"))[:_STAMP], "big")
