"""What was met not long ago, in bounded memory: two generations of keys, the older of which is forgotten whole.

A key is remembered for at least the time given and at most twice that, unless more come than there is room for: then
the older generation goes early.
"""

from __future__ import annotations


class Recent:
    """A set of keys that forgets. `now` is monotonic seconds."""

    __slots__ = ("_new", "_old", "_room", "_since", "_span")

    def __init__(self, span: float, room: int = 65_536) -> None:
        """`span`: seconds a key is remembered at least. `room`: keys of one generation."""
        self._span = span
        self._room = room
        self._new: set[str] = set()
        self._old: set[str] = set()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def add(self, key: str, now: float) -> None:
        self._age(now)
        if len(self._new) >= self._room:
            self._old, self._new = self._new, set()
            self._since = now
        self._new.add(key)

    def holds(self, key: str, now: float) -> bool:
        if not self._new and not self._old:
            return False
        self._age(now)
        return key in self._new or key in self._old

    def _age(self, now: float) -> None:
        passed = now - self._since
        if passed < self._span:
            return
        if passed < 2 * self._span:
            self._old = self._new
            self._since += self._span
        else:
            self._old = set()
            self._since = now
        self._new = set()
