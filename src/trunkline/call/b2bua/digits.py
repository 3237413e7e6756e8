"""Digits that the edge itself sends on a leg, as INFO with `application/dtmf-relay`: one after the other, each when the
peer has answered the one before and the pause has passed."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MOST: Final = 64
"""Digits of one request: no menu asks for more."""
DURATION: Final = 160
"""Milliseconds of one digit."""
GAP: Final = 0.1
"""Seconds between the answer to a digit and the next one, beside the digit's own length."""
KIND: Final = "application/dtmf-relay"

_DIGITS = re.compile(rf"[0-9*#A-D]{{1,{MOST}}}")


def sendable(digits: str) -> bool:
    """Whether these can be sent."""
    return _DIGITS.fullmatch(digits) is not None


class Sent(NamedTuple):
    """How a row of digits ended."""

    digits: int
    """How many the peer has taken."""
    status: int
    """The answer to the last one: below 300 when all were taken."""
    phrase: str = ""


class Digits:
    """One row of digits on one leg."""

    __slots__ = ("_left", "_taken", "duration", "flying", "leg", "sent")

    def __init__(self, leg: str, digits: str, duration: int = DURATION) -> None:
        self.leg = leg
        self.duration = duration
        self.flying = False
        """One waits for its answer."""
        self.sent: Sent | None = None
        """The end of the row; None while it goes on."""
        self._left = digits
        self._taken = 0

    @property
    def pause(self) -> float:
        """Seconds from an answer to the next digit: the peer plays it meanwhile."""
        return self.duration / 1000 + GAP

    def next(self) -> bytes:
        """The body of the INFO to send now; empty when one flies, or none is left."""
        if self.flying or not self._left:
            return b""
        self.flying = True
        return f"Signal={self._left[0]}\r\nDuration={self.duration}\r\n".encode()

    def answered(self, status: int, phrase: str) -> None:
        """The answer to the digit that flies. The row ends with the last one, or with one that is refused."""
        self.flying = False
        if status < 300:
            self._taken += 1
            self._left = self._left[1:]
        if status >= 300 or not self._left:
            self.sent = Sent(self._taken, status, phrase)
