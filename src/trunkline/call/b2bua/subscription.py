"""The subscription that a REFER makes (RFC 3515 §2.4.4), from both its ends.

`Notifier` is our end when the peer sent the REFER: it is told of the outcome, one NOTIFY after the other, because two
at once may change places on their way. `Subscriber` is our end when we sent it: it waits for the outcome.

Both only say what is to be sent; neither knows a dialog. The outcome of a REFER is one of three: done, refused, or not
told, which is neither.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.sip.refer import SIPFRAG, Subscription, sipfrag

LIFETIME: Final = 300
"""Seconds a subscription lasts that nobody renews: longer than any attempt may ring."""


class Notice(NamedTuple):
    """A NOTIFY to be sent."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


class Notifier:
    """We have a REFER of the peer's and tell it what comes of it."""

    __slots__ = ("_ended", "_event", "_expires", "_flying", "_last", "_next", "event_id", "over")

    def __init__(self, event_id: str, now: float) -> None:
        """`event_id`: the CSeq number of the REFER where another one of the same dialog came before it (RFC 3515
        §2.4.6), else empty."""
        self.over = False
        """The last NOTIFY has its answer, or the peer does not listen any more: nothing more is sent."""
        self.event_id = event_id
        self._event = f"refer;id={event_id}" if event_id else "refer"
        self._expires = now + LIFETIME
        self._flying = False
        """A NOTIFY waits for its answer."""
        self._next: tuple[int, str] | None = None
        """What is to be told when it has come. Progress that was overtaken is not told."""
        self._last = (0, "")
        self._ended = False
        """The latest NOTIFY said that it is the last (RFC 6665 §4.1.3)."""

    @property
    def final(self) -> bool:
        """Whether the outcome was told, or is about to be."""
        return self._last[0] >= 200 or (self._next is not None and self._next[0] >= 200)

    def tell(self, status: int, words: str, now: float) -> Notice | None:
        """What the new party said: progress below 200, then once the outcome. The NOTIFY to send now, if any."""
        if self.over or self._ended or self.final or (status < 200 and status == self._last[0]):
            return None
        if self._flying:
            self._next = (status, words)
            return None
        return self._notice(status, words, now)

    def answered(self, status: int, now: float) -> Notice | None:
        """The answer to the NOTIFY that flies. One that was refused or got no answer ends the subscription (RFC 6665
        §4.2.2); the transfer goes on."""
        self._flying = False
        if status >= 300 or self._ended:
            self.over = True
            self._next = None
            return None
        waiting, self._next = self._next, None
        return self._notice(*waiting, now) if waiting is not None else None

    def renewed(self, seconds: int, now: float) -> Notice | None:
        """The peer's SUBSCRIBE in the subscription: for so many seconds more; 0 ends it (RFC 6665 §4.4.1)."""
        if self.over or self._ended:
            return None
        self._expires = now + min(seconds, LIFETIME)
        if self._flying:
            self._next = self._next or self._last
            return None
        return self._notice(*self._last, now)

    def _notice(self, status: int, words: str, now: float) -> Notice:
        self._last = (status, words)
        self._flying = True
        left = int(self._expires - now)
        self._ended = status >= 200 or left <= 0
        if status >= 200:
            state = "terminated;reason=noresource"
        elif left <= 0:
            state = "terminated;reason=timeout"
        else:
            state = f"active;expires={left}"
        headers = (("Event", self._event), ("Subscription-State", state))
        return Notice(headers, sipfrag(status, words))


class Outcome(NamedTuple):
    """What became of a REFER of ours."""

    status: int
    """The status that the new party answered, or by which the REFER was refused; 0 when it was not told."""
    phrase: str = ""

    @property
    def done(self) -> bool:
        return 200 <= self.status < 300

    @property
    def told(self) -> bool:
        return self.status != 0


class Subscriber:
    """We sent a REFER, and wait to be told what came of it."""

    __slots__ = ("_until", "deadline", "outcome", "progress")

    def __init__(self, now: float, timeout: float) -> None:
        """`timeout`: seconds until the outcome counts as not told."""
        self.outcome: Outcome | None = None
        """None while it is awaited."""
        self.progress = 0
        """The latest provisional status that was told."""
        self.deadline = self._until = now + timeout

    def answered(self, status: int, words: str, now: float, patience: float) -> None:
        """The answer to the REFER. `patience`: the seconds in which a first NOTIFY must come (RFC 6665 §4.1.2.4, timer
        N)."""
        if self.outcome is not None:
            return
        if status >= 300:
            self.outcome = Outcome(status, words)
        elif not self.progress:
            self.deadline = min(self._until, now + patience)

    def notified(self, state: Subscription, fragment: tuple[int, str] | None) -> None:
        """A NOTIFY of the subscription. One may come before the answer to the REFER."""
        if self.outcome is not None:
            return
        self.deadline = self._until
        if fragment is not None and fragment[0] >= 200:
            # Some peers tell the outcome and leave the subscription active.
            self.outcome = Outcome(*fragment)
        elif state.state == "terminated":
            self.outcome = Outcome(0)
        else:
            self.progress = max(self.progress, fragment[0] if fragment is not None else 100)

    def expire(self, now: float) -> None:
        """The deadline has passed: the outcome is not told any more."""
        if self.outcome is None and now >= self.deadline:
            self.outcome = Outcome(0)


__all__ = ["LIFETIME", "SIPFRAG", "Notice", "Notifier", "Outcome", "Subscriber"]
