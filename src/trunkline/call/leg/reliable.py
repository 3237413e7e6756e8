"""Reliable provisional responses (RFC 3262 §3), as who sends them: one early dialog of a caller's.

One at a time is sent again and again until its PRACK; the next waits for that. Who never acknowledges one within 64·T1
gets no call.
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.early import EarlyDialog
from trunkline.call.leg.session import Session
from trunkline.call.leg.user_agent import UserAgent
from trunkline.sip.message import Request
from trunkline.sip.transmit import Transmit

_MOST_WAITING = 8
"""Those that wait for their turn; an agent that says more is not heard."""
RESEND = "provisional"
GIVE_UP = "unacknowledged-provisional"


class Ringing(NamedTuple):
    """A provisional response."""

    status: int
    words: str | None
    headers: str
    body: bytes


class Reliable(EarlyDialog):
    """Those of one early dialog."""

    __slots__ = ("_gap", "_invite", "_leg", "_queue", "_sent", "_tag", "_ua", "describes", "offered", "told")

    def __init__(self, ua: UserAgent, leg: str, invite: str, tag: str, session: Session, offered: bool) -> None:
        """`invite`: the server transaction. `offered`: whether the INVITE brought the offer."""
        super().__init__(session, 1 + int(ua.tokens.chance() * 1e6))
        self._ua = ua
        self._leg = leg
        self._invite = invite
        self._tag = tag
        self._gap = 0.0
        self._sent: list[Transmit] = []
        """The one that waits for its PRACK."""
        self._queue: list[Ringing] = []
        self.offered = offered
        self.told = False
        """Whether one of them has a session description, be it one that waits for its turn."""
        self.describes = False
        """Whether the latest that was sent has."""

    @property
    def holds(self) -> bool:
        """Whether the answer to the INVITE must wait (§3): a session description has no PRACK yet."""
        return self.told and not self.settled

    def send(self, ringing: Ringing, now: float) -> Outs:
        """Send it, when it is its turn."""
        if self._sent:
            if len(self._queue) < _MOST_WAITING:
                self.told = self.told or bool(ringing.body)
                self._queue.append(ringing)
            return []
        self.sequence += 1
        self.describes = bool(ringing.body)
        self.told = self.told or self.describes
        headers = f"{ringing.headers}Require: 100rel\r\nRSeq: {self.sequence}\r\n"
        layer = self._ua.layer
        self._sent = layer.respond(self._invite, ringing.status, now, self._tag, headers, ringing.body, ringing.words)
        self._gap = layer.timing.t1
        self._ua.timers.arm(now, self._gap, (self._leg, RESEND, self._name))
        self._ua.timers.arm(now, layer.timing.patience, (self._leg, GIVE_UP, self._name))
        return [*self._sent]

    def acknowledged(self, prack: Request) -> bool:
        """Whether a PRACK is for the one that waits."""
        words = (prack.get("rack") or "").split()
        if not self._sent or len(words) != 3 or words[2] != "INVITE":
            return False
        if words[0] != str(self.sequence) or words[1] != str(self.session.invite):
            return False
        self._sent = []
        return True

    def proceed(self, now: float) -> Outs:
        """The next one's turn has come."""
        return self.send(self._queue.pop(0), now) if self._queue and not self._sent else []

    def concerns(self, name: str) -> bool:
        return bool(self._sent) and name == self._name

    def resend(self, now: float) -> Outs:
        """Once more, and the next gap is twice as long; no T2 bounds it (§3)."""
        self._gap *= 2
        self._ua.timers.arm(now, self._gap, (self._leg, RESEND, self._name))
        return [*self._sent]

    def drop(self) -> None:
        """The INVITE has its final answer: nothing is sent again."""
        self._sent = []
        self._queue = []

    @property
    def _name(self) -> str:
        return f"{self._tag} {self.sequence}"
