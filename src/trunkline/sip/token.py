"""The identifiers we mint: tags, branches, Call-IDs, Contact users.

Each begins with the two characters of the worker that minted it, so that a message inside a dialog can be steered to
the worker that holds it. What follows comes from a keyed hash of a counter: unpredictable to who lacks the seed (RFC
3261 §19.3 asks for 32 bits of chance in a tag; these have 80), and the same again for the same seed.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Final

MAGIC_COOKIE: Final = "z9hG4bK"
"""What a branch of RFC 3261 begins with (§8.1.1.7)."""

_WIDTH: Final = 20
"""Hexadecimal digits of chance in one identifier."""


class Tokens:
    """An endless supply of identifiers from one seed."""

    __slots__ = ("_counter", "_seed", "_spare", "worker")

    def __init__(self, worker: str, seed: bytes) -> None:
        if len(worker) != 2 or not worker.isalnum() or not worker.isascii():
            raise ValueError("a worker id is two letters or digits")
        self.worker = worker
        self._seed = seed
        self._counter = 0
        self._spare: list[str] = []

    def token(self) -> str:
        """The worker id and 80 bits of chance, in 22 characters fit for any token, tag or user part."""
        if not self._spare:
            self._counter += 1
            digits = blake2s(self._counter.to_bytes(8, "big"), key=self._seed[:32]).hexdigest()
            self._spare = [digits[0:_WIDTH], digits[_WIDTH : 2 * _WIDTH], digits[2 * _WIDTH : 3 * _WIDTH]]
        return self.worker + self._spare.pop()

    def branch(self) -> str:
        return MAGIC_COOKIE + self.token()

    def chance(self) -> float:
        """A number in [0, 1), for jitter and weights."""
        return int(self.token()[2:15], 16) / 16**13
