"""What has fallen due and is not dealt with yet. A bug in one deadline costs that one: those that fell due with it, and
what came of those before it, wait here for the next turn."""

from __future__ import annotations

from collections import deque

from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Output
from trunkline.sip.transaction.events import Told

Due = tuple[str, str, str]
"""Whose it is, a leg's or a call's; what; of which transaction, if of any."""


class Overdue:
    """That of one worker."""

    __slots__ = ("entries", "fired", "outs", "told")

    def __init__(self) -> None:
        self.fired: deque[tuple[str, str]] = deque()
        """Timers of transactions: key and letter."""
        self.told: deque[Told] = deque()
        """By transactions."""
        self.entries: deque[Due] = deque()
        self.outs: list[Output] = []
        """What came of those that are dealt with."""

    def __bool__(self) -> bool:
        return bool(self.fired or self.told or self.entries or self.outs)

    def gather(self, ua: UserAgent, now: float) -> None:
        layer, fired = ua.layer, self.fired
        fired += layer.timers.expire(now)
        self.entries += ua.timers.expire(now)
        for owner, what in ua.alarms.expire(now):
            self.entries.append((owner, what, ""))
        while fired:
            key, letter = fired.popleft()
            self.told += layer.fire(key, letter, now)

    def taken(self, others: list[Output]) -> list[Output]:
        """All that came of them, now that they are dealt with; and what came of others."""
        outs, self.outs = self.outs, []
        return outs + others
