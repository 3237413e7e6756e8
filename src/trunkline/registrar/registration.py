"""One registration of ours at a carrier (RFC 3261 §10.2): when a REGISTER is due, and what its answer means.

It is refreshed well before it expires, tried again after a pause that grows and is never the same twice, and taken back
when it is not wanted any more. Who refuses us for what we are is asked seldom: every failed proof counts against us
there. Four words, as for every machine here: `expire` says that an attempt is due, `receive` takes its outcome,
`deadline` is when to come back. Chance is passed in, so that a thousand trunks do not register in one turn.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

State = Literal["unregistered", "registering", "registered", "failed"]

LONGEST: Final = 86_400
"""Seconds: what a registrar may make us ask for with 423."""
SOON: Final = (4.0, 300.0)
"""The first and the longest pause after a failure that may pass by itself."""
LATE: Final = (60.0, 3600.0)
"""The same after a refusal that somebody must mend."""
LONGEST_WISH: Final = 3600.0
"""What a registrar's Retry-After may ask for."""
SPREAD: Final = 2.0
"""Seconds over which first registrations are spread."""
_CALM: Final = 30.0
"""Seconds between two registrations for the sake of a changed address."""
_TOO_BRIEF: Final = 3
"""How often in a row 423 is obeyed."""


class Attempt(msgspec.Struct, frozen=True):
    """Send a REGISTER now that asks for `expires` seconds; 0 takes the binding back."""

    expires: int


class Transition(msgspec.Struct, frozen=True):
    """The registration stands otherwise from now on."""

    old: State
    new: State
    detail: str
    """What decided it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt, all its addresses and challenges included."""

    status: int
    """The final answer; 0: none came."""
    phrase: str = ""
    """The answer's phrase, or why there was none."""
    granted: float = 0.0
    """Seconds that the registrar keeps our binding (2xx)."""
    retry_after: float = 0.0
    """Seconds; 0: none."""
    min_expires: int = 0
    """Of a 423; 0: none."""


Word = Attempt | Transition


class Registration:
    """One trunk's. `now` is monotonic seconds; `chance` is evenly spread, 0 <= chance < 1."""

    __slots__ = (
        "_asked",
        "_asking",
        "_awaited",
        "_brief",
        "_due",
        "_expires",
        "_failures",
        "_hurry",
        "_moved_at",
        "_wanted",
        "expires_at",
        "phrase",
        "since",
        "state",
        "status",
    )

    def __init__(self, expires: int, now: float, chance: float, after: float = 0.0) -> None:
        """The first attempt is due within `SPREAD` seconds, `after` so many more."""
        self.state: State = "unregistered"
        self.since = now
        """When the state began."""
        self.expires_at: float | None = None
        """Until when the registrar keeps our binding; None when it holds none that we know of."""
        self.status: int | None = None
        """The last final answer; 0 when none came, None before the first."""
        self.phrase = ""
        self._expires = expires
        self._asked = expires
        """What is asked for: `_expires`, or more where 423 demanded it."""
        self._wanted = True
        self._awaited = False
        self._asking = True
        """Whether the attempt under way asks for a binding, rather than takes it back."""
        self._hurry = False
        """Something happened during an attempt that asks for another one after it."""
        self._brief = 0
        self._failures = 0
        self._moved_at = now - _CALM
        self._due: float | None = now + after + SPREAD * chance

    @property
    def deadline(self) -> float | None:
        """When to call `expire`."""
        at = self._due if not self._awaited else None
        if self.state == "registered" and self.expires_at is not None and (at is None or self.expires_at < at):
            return self.expires_at
        return at

    @property
    def next_at(self) -> float | None:
        """When the next REGISTER is due; None when none is, or one is under way."""
        return None if self._awaited else self._due

    @property
    def busy(self) -> bool:
        """Whether an attempt is under way, or the binding is still to be taken back."""
        return self._awaited or (not self._wanted and self._due is not None)

    def configure(self, expires: int, now: float) -> None:
        """Ask for another time from now on; at once when a binding stands."""
        if expires == self._expires:
            return
        self._expires = self._asked = expires
        if self.state == "registered":
            self._soon(now)

    def leave(self, now: float) -> list[Word]:
        """The binding is not wanted any more: it is taken back, once and without a second try."""
        self._wanted = False
        self._failures = 0
        if self._awaited:
            self._hurry = True
            self._due = now
        elif self.expires_at is not None and self.expires_at > now:
            self._due = now
        else:
            self._due = None
            return self._become("unregistered", now, "not wanted any more")
        return []

    def enter(self, now: float, chance: float) -> None:
        """The binding is wanted again."""
        if not self._wanted:
            self._wanted = True
            self._due = now + SPREAD * chance

    def hurry(self, now: float) -> None:
        """The flow was lost: register again at once, unless failures have made us slow."""
        if self._wanted and self.state == "registered":
            self._soon(now)

    def moved(self, now: float) -> None:
        """We are known by another address: register again, at once unless it keeps changing."""
        if self._wanted:
            self._moved_at = max(now, self._moved_at + _CALM)
            self._soon(self._moved_at)

    def ready(self, now: float) -> None:
        """What the first attempt waited for is there."""
        if not self._awaited and self._due is not None and self._due > now:
            self._due = now

    def _soon(self, at: float) -> None:
        if self._awaited:
            self._hurry = True
        if self._due is None or at < self._due or self._awaited:
            self._due = at

    def expire(self, now: float, chance: float) -> list[Word]:
        words: list[Word] = []
        if self.state == "registered" and self.expires_at is not None and now >= self.expires_at:
            self.expires_at = None
            words += self._become("failed", now, "it expired before it was refreshed")
        if not self._awaited and self._due is not None and now >= self._due:
            self._due = None
            self._awaited = True
            if self.state == "unregistered" and self._wanted:
                words += self._become("registering", now, "")
            self._asking = self._wanted
            words.append(Attempt(self._asked if self._wanted else 0))
        return words

    def receive(self, outcome: Outcome, now: float, chance: float) -> list[Word]:
        """The attempt is over."""
        if not self._awaited:
            return []
        self._awaited = False
        hurried, self._hurry = self._hurry, False
        status = self.status = outcome.status
        self.phrase = outcome.phrase
        if not self._asking:
            self.expires_at = None
            if not self._wanted:
                self._due = None
            said = "taken back" if 200 <= status < 300 else f"taking it back failed: {_said(outcome)}"
            return self._become("unregistered", now, said)
        if 200 <= status < 300:
            return self._accepted(outcome, hurried, now, chance)
        if status == 423 and self._longer(outcome.min_expires):
            self._due = now
            return []
        first, longest = LATE if status >= 400 and not _passing(status) else SOON
        pause = min(longest, first * 2.0**self._failures) * (0.5 + 0.5 * chance)
        if outcome.retry_after:
            pause = max(pause, min(outcome.retry_after, LONGEST_WISH) * (1.0 + 0.1 * chance))
        self._failures = min(self._failures + 1, 16)
        self._brief = 0
        if not self._wanted:
            return self.leave(now)
        self._due = now + pause
        return self._become("failed", now, _said(outcome))

    def _accepted(self, outcome: Outcome, hurried: bool, now: float, chance: float) -> list[Word]:
        self._failures = self._brief = 0
        granted = outcome.granted
        if granted <= 0.0:
            self.expires_at = None
            self._due = now + LATE[0] * (0.5 + 0.5 * chance)
            return self._become("failed", now, "the registrar granted no time")
        self.expires_at = now + granted
        if not (hurried and self._due is not None):
            self._due = now + granted * (0.8 + 0.1 * chance)
        return self._become("registered", now, _said(outcome))

    def _longer(self, demanded: int) -> bool:
        self._brief += 1
        if self._brief > _TOO_BRIEF or not self._asked < demanded <= LONGEST:
            return False
        self._asked = demanded
        return True

    def _become(self, state: State, now: float, detail: str) -> list[Word]:
        if state == self.state:
            return []
        old, self.state, self.since = self.state, state, now
        return [Transition(old, state, detail)]


def _passing(status: int) -> bool:
    """Whether an answer is of a kind that may pass by itself."""
    return status in (408, 423, 480, 482, 491) or 500 <= status < 600


def _said(outcome: Outcome) -> str:
    return f"answered {outcome.status} {outcome.phrase}".rstrip() if outcome.status else outcome.phrase or "no answer"
