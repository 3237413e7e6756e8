"""A 2xx of ours to an INVITE until its ACK (RFC 3261 §13.3.1.4): sent again on every transport, because the ACK comes
from the other end and not from the next hop; given up after 64·T1."""

from __future__ import annotations

from trunkline.call.leg.user_agent import UserAgent
from trunkline.sip.message import Request
from trunkline.sip.transmit import Transmit


class Acceptance:
    """At most one at a time in a dialog."""

    __slots__ = ("_gap", "_leg", "_sequence", "_transaction", "_ua", "exchange")

    def __init__(self, ua: UserAgent, leg: str) -> None:
        self._ua = ua
        self._leg = leg
        self._transaction = ""
        self._sequence = 0
        self._gap = 0.0
        self.exchange = ""
        """What the accepted INVITE asked; empty for the call's first."""

    @property
    def pending(self) -> bool:
        return bool(self._transaction)

    def begin(self, transaction: str, sequence: int, exchange: str, now: float) -> None:
        """A 2xx went out by this server transaction, to the INVITE with this CSeq number."""
        self._transaction, self._sequence, self.exchange = transaction, sequence, exchange
        timing = self._ua.layer.timing
        self._gap = timing.t1
        self._ua.timers.arm(now, self._gap, (self._leg, "resend", transaction))
        self._ua.timers.arm(now, timing.patience, (self._leg, "unacknowledged", transaction))

    def acknowledged(self, ack: Request) -> bool:
        """Whether this is the ACK that was waited for; none is any more."""
        if not self._transaction or ack.cseq != self._sequence:
            return False
        self.drop()
        return True

    def drop(self) -> None:
        """Wait no longer: it was acknowledged, or the dialog has ended."""
        self._ua.layer.settle(self._transaction)
        self._transaction = ""

    def concerns(self, transaction: str) -> bool:
        return self._transaction == transaction

    def resend(self, now: float) -> list[Transmit]:
        """The gap has passed: once more, and the next gap is twice as long, up to T2."""
        self._gap = min(self._gap * 2, self._ua.layer.timing.t2)
        self._ua.timers.arm(now, self._gap, (self._leg, "resend", self._transaction))
        return self._ua.layer.repeat(self._transaction, now)
