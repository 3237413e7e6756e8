"""Joining two parties that each have a dialog with us already (RFC 3725, RFC 7092 §3.2): who stays in a call, and who
comes in the place of another.

The newcomer has answered what the other one said last. Its answer is offered to the one who stays (a re-INVITE), and
where the answer to that differs in address, port, key or codec from what the newcomer was told, the newcomer gets it by
one more re-INVITE. When the newcomer was in another call before, what the other one said last is offered to it first.

A refusal before the last step leaves everything as it was, but for a newcomer that was asked first. A peer that is
changing the session itself (491, RFC 3261 §14.1) is asked again a little later, a few times.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from trunkline.call.b2bua.exchange import Party
from trunkline.call.b2bua.media_plan import End, MediaPlan
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Replied
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.sdp.refusal import Refusal

PREFIX: Final = "join "
"""What the names of its exchanges begin with."""
_MOST_GLARES: Final = 5
_MOST_BUSY: Final = 160
_BUSY: Final = 0.2
"""Seconds until a dialog that is busy with a change of the session is looked at again: for 64·T1 at most."""


class Joined(NamedTuple):
    """How it ended."""

    status: int
    """200, or what was in the way."""
    phrase: str


class Joining:
    """One of them."""

    __slots__ = (
        "_asked",
        "_busy",
        "_glares",
        "_name",
        "_parties",
        "_step",
        "_waiting",
        "answer",
        "asked",
        "joined",
        "newcomer",
        "plan",
        "wait",
    )

    def __init__(self, name: str, plan: MediaPlan, newcomer: End, parties: dict[End, Party]) -> None:
        """`plan`: the one that holds when they are joined. `newcomer`: whose place is new in it."""
        self.plan = plan
        self.newcomer: End = newcomer
        self.joined: Joined | None = None
        """None while it goes on."""
        self.wait: float | None = None
        """Seconds until `again` is to be called; None: when an answer comes."""
        self._name = name
        self._parties = parties
        self._step: Literal["newcomer", "other", "last", "pickup"] = "other"
        self._asked: End = newcomer
        self._waiting: tuple[End, bytes] | None = None
        self._glares = _MOST_GLARES
        self._busy = _MOST_BUSY
        self.asked: set[End] = set()
        """Who was asked to send its media elsewhere, and has not refused."""
        self.answer = b""
        """What answers the newcomer's own offer."""

    @property
    def exchange(self) -> str:
        """The name of what is asked now."""
        return f"{PREFIX}{self._name}"

    @property
    def other(self) -> End:
        """Who stays."""
        return "agent" if self.newcomer == "caller" else "caller"

    def party(self, end: End) -> Party:
        return self._parties[end]

    def invite(self, now: float) -> Outs:
        """The newcomer is in a dialog already: it is asked first, with what the other one said last."""
        self._step = "newcomer"
        body = self.plan.agreed(self.other)
        crossed = self.plan.offer(self.other, body) if body else None
        if crossed is None or isinstance(crossed, Refusal):
            return self._end(488, "Not Acceptable Here")
        return self._ask(self.newcomer, crossed, now)

    def answered(self, body: bytes, kind: str, now: float) -> Outs:
        """The newcomer's answer to what the other one said last."""
        crossed = self.plan.answer(self.newcomer, body, kind or None)
        if isinstance(crossed, Refusal):
            return self._end(crossed.status, crossed.phrase)
        self.plan.propose(self.newcomer, crossed)
        self._step = "other"
        return self._ask(self.other, crossed, now)

    def restore(self, now: float) -> Outs:
        """Who stays is asked back to the one it had, with what that one said last."""
        self.plan.renew(self.newcomer)
        body = self.plan.agreed(self.newcomer)
        return self.offered(body, "application/sdp", now) if body else self._end(488, "Not Acceptable Here")

    def offered(self, body: bytes, kind: str, now: float) -> Outs:
        """The newcomer's own offer goes to the other one; `reply` has the answer for it then."""
        crossed = self.plan.offer(self.newcomer, body, kind or None)
        if isinstance(crossed, Refusal):
            return self._end(crossed.status, crossed.phrase)
        self._step = "last"
        return self._ask(self.other, crossed, now)

    def picked_up(self, body: bytes, kind: str | None, now: float) -> Outs:
        """The newcomer, whose own offer was answered with silence, is offered what the caller offers; what it answers
        to that answers the caller."""
        crossed = self.plan.offer(self.other, body, kind)
        if isinstance(crossed, Refusal):
            return self._end(crossed.status, crossed.phrase)
        self._step = "pickup"
        return self._ask(self.newcomer, crossed, now)

    def again(self, now: float) -> Outs:
        """The wait is over."""
        self.wait = None
        waiting, self._waiting = self._waiting, None
        return self._ask(*waiting, now) if waiting is not None else []

    def replied(self, event: Replied, chance: float, now: float) -> Outs:
        """The answer to what was asked. `chance`: in [0, 1), spreads the next try where both sides asked at once."""
        if self.joined is not None:
            self._told(event)
            return []
        if event.status == 491 and self._glares > 0 and self._waiting is not None:
            self._glares -= 1
            self.asked.discard(self._asked)
            owner = isinstance(self._parties[self._asked], UacLeg)
            self.wait = 2.1 + 1.9 * chance if owner else 2.0 * chance
            return []
        self._waiting = None
        if event.status >= 300:
            self.asked.discard(self._asked)
            return self._end(event.status, event.phrase)
        if not event.body:
            return self._end(502, "Bad Gateway")
        if self._step == "newcomer":
            return self.answered(event.body, event.content_type, now)
        if self._step == "pickup":
            crossed = self.plan.answer(self.newcomer, event.body, event.content_type or None)
            if isinstance(crossed, Refusal):
                return self._end(crossed.status, crossed.phrase)
            self.answer, self.joined = crossed, Joined(200, "OK")
            return []
        return self._agreed(event, now)

    def _agreed(self, event: Replied, now: float) -> Outs:
        """The one who stays has answered."""
        crossed = self.plan.answer(self.other, event.body, event.content_type or None)
        if isinstance(crossed, Refusal):
            return self._end(crossed.status, crossed.phrase)
        self.joined = Joined(200, "OK")
        if self._step == "last" or self.plan.settled(self.other):
            self.answer = crossed
            return []
        body = self.plan.agreed(self.other)
        told = self.plan.offer(self.other, body)
        if isinstance(told, Refusal):
            return []
        return self._parties[self.newcomer].ask(self.exchange, "INVITE", told, "", (), now)

    def _told(self, event: Replied) -> None:
        """The newcomer's answer to the last re-INVITE: nobody waits for it, and nothing is undone for a refusal."""
        if event.status < 300 and event.body:
            self.plan.answer(self.newcomer, event.body, event.content_type or None)
        if self.plan.offerer == self.other:
            self.plan.withdraw(self.other)

    def _ask(self, end: End, body: bytes, now: float) -> Outs:
        party = self._parties[end]
        self._waiting = (end, body)
        self._asked = end
        session = party.session
        if session is not None and session.changing:
            if self._busy == 0:
                return self._end(491, "Request Pending")
            self._busy -= 1
            self.wait = _BUSY
            return []
        self.asked.add(end)
        return party.ask(self.exchange, "INVITE", body, "", (), now)

    def _end(self, status: int, phrase: str) -> Outs:
        self.joined = Joined(status, phrase)
        return []
