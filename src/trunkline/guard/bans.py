"""Bans: a source that goes on giving offence is not heard for a time.

Offences are counted by source and forgiven over time, as a bucket fills again. What was proven and what was not are
counted apart. On UDP anybody can write anybody's address into a datagram, so an offence there proves nothing about who
lives at that address: it is enough for a ban of UDP for the first length, each time the same. Over a connection, or
with a nonce that was sent to this very address, the sender is who it says: such a ban is of all transports, and doubles
with repetition up to the longest. A doubling is forgotten with each longest time that passes.

Everything is bounded. Whom to ban is for others to say: here it is only counted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.guard.rate import Rate, Rates
from trunkline.sip.timers import Alarms

MOST: Final = 10_000
"""Bans at one time, and sources whose offences or former bans are remembered."""
_UNPROVEN: Final = "?"


class Terms(NamedTuple):
    """What is borne, and what is not."""

    offences: float = 30.0
    """That bring a ban; 0: nobody is banned for offences."""
    forgiven: float = 600.0
    """Seconds in which so many are forgiven."""
    first: float = 300.0
    """Seconds of a first ban."""
    longest: float = 86_400.0
    """Seconds of the longest, and in which one step is forgotten."""
    answers: Rate | None = Rate(10.0, 20.0)
    """Answers to one unknown source; None: no limit."""
    never: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose sources are known whatever they do."""


class Ban(NamedTuple):
    """One source that is not heard. Times are monotonic seconds."""

    id: str
    source: str
    reason: str
    since: float
    until: float
    everywhere: bool
    """By all transports; else by UDP alone."""
    by_operator: bool = False


class Bans:
    """One worker's."""

    __slots__ = ("_banned", "_ends", "_past", "_scores", "_unproven", "begun", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.begun = 0
        """Bans since the start."""
        self._scores = Rates(MOST)
        self._banned: dict[str, Ban] = {}
        self._ends: Alarms[str] = Alarms()
        self._unproven = 0
        """Of the bans, those of UDP alone."""
        self._past: dict[str, tuple[int, float]] = {}
        """Of proven offenders: how often their ban doubled, and when the last one ended."""

    def __len__(self) -> int:
        return len(self._banned)

    def list(self) -> tuple[Ban, ...]:
        """Those that hold, the oldest first."""
        return tuple(self._banned.values())

    def find(self, source: str) -> Ban | None:
        return self._banned.get(source)

    def offended(self, source: str, weight: float, proven: bool, now: float) -> bool:
        """Count an offence; whether it was one too many."""
        terms = self.terms
        if terms.offences <= 0 or weight <= 0:
            return False
        known = self._banned.get(source)
        if known is not None and (known.everywhere or not proven):
            # What was read before the ban was made.
            return False
        key = source if proven else _UNPROVEN + source
        rate = Rate(terms.offences / terms.forgiven, terms.offences)
        self._scores.take(key, rate, now, weight)
        return self._scores.wait(key, rate, now) > 0.0

    def ban(self, id: str, source: str, reason: str, proven: bool, now: float) -> Ban | None:
        """Ban a source for what it did. None when there is no room."""
        terms = self.terms
        seconds = terms.first
        if proven:
            seconds = min(terms.longest, terms.first * 2.0 ** self._step(source, now))
        return self._put(Ban(id, source, reason, now, now + seconds, proven))

    def add(self, id: str, source: str, reason: str, seconds: float, now: float) -> Ban | None:
        """An operator's ban. None when there is no room."""
        return self._put(Ban(id, source, reason, now, now + seconds, True, True))

    def lift(self, source: str) -> Ban | None:
        """End a ban before its time: all is forgiven."""
        ban = self._banned.pop(source, None)
        if ban is not None:
            self._ends.clear(source)
            self._unproven -= not ban.everywhere
            self._past.pop(source, None)
            self._scores.forget(source)
            self._scores.forget(_UNPROVEN + source)
        return ban

    def cut(self, source: str, now: float) -> None:
        """Let a ban end at the next `expire`."""
        if source in self._banned:
            self._ends.set(source, now)

    def expire(self, now: float) -> tuple[Ban, ...]:
        """The bans that have ended by `now`."""
        ended = []
        for source in self._ends.expire(now):
            ban = self._banned.pop(source)
            self._unproven -= not ban.everywhere
            ended.append(ban)
            self._scores.forget(source)
            self._scores.forget(_UNPROVEN + source)
            if ban.everywhere and not ban.by_operator:
                step, _ = self._past.get(source, (0, 0.0))
                self._past.pop(source, None)
                self._past[source] = (step, now)
        self._scores.expire(now)
        return tuple(ended)

    def deadline(self) -> float:
        """When the next ban ends; infinite when there is none."""
        return self._ends.deadline()

    def _step(self, source: str, now: float) -> int:
        """How often this ban is doubled."""
        known = self._past.pop(source, None)
        step = 0
        if known is not None:
            step = max(0, known[0] + 1 - int((now - known[1]) / self.terms.longest))
        self._past[source] = (min(step, 32), now)
        if len(self._past) > MOST:
            del self._past[next(iter(self._past))]
        return min(step, 32)

    def _put(self, ban: Ban) -> Ban | None:
        known = self._banned.pop(ban.source, None)
        if known is not None:
            self._unproven -= not known.everywhere
        elif len(self._banned) >= MOST or (not ban.everywhere and self._unproven >= MOST // 2):
            # Forged addresses must not take the room of real offenders.
            return None
        self._banned[ban.source] = ban
        self._unproven += not ban.everywhere
        self._ends.set(ban.source, ban.until)
        self.begun += 1
        return ban
