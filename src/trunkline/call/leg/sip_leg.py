"""What every leg that speaks SIP does once its dialog is confirmed, whoever sent its INVITE: it passes things on to its
session."""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.early import EarlyDialog
from trunkline.call.leg.session import Session
from trunkline.call.leg.user_agent import UserAgent
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response


class SipLeg:
    """A leg; `UasLeg` and `UacLeg` add what comes before the session."""

    __slots__ = ("call", "id", "session", "ua")

    def __init__(self, ua: UserAgent, leg: str, call: str) -> None:
        self.ua = ua
        self.id = leg
        self.call = call
        self.session: Session | None = None
        """The confirmed dialog; None before the answer."""

    @property
    def current(self) -> Session | None:
        """The dialog that a change of the session goes by: the confirmed one, or before the answer the only early one
        in which offer and answer are agreed on."""
        if self.session is not None:
            return self.session
        earlies = self.earlies()
        return earlies[0].session if len(earlies) == 1 and earlies[0].settled else None

    @property
    def searching(self) -> bool:
        """Whether it is being asked where the peer of an early dialog is."""
        return any(early.session.asking.resolving for early in self.earlies())

    def earlies(self) -> list[EarlyDialog]:
        """The early dialogs with reliable provisional responses."""
        return []

    def belong(self, call: str) -> None:
        """It is in another call from now on."""
        self.call = call
        if self.session is not None:
            self.session.belong(call)

    # ── from the call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def acknowledge(self, body: bytes, now: float) -> Outs:
        """The other side's answer to the offer that the peer's 2xx brought."""
        return self.session.asking.acknowledge(body=body) if self.session is not None else []

    def ask(
        self,
        exchange: str,
        method: str,
        body: bytes,
        content_type: str,
        headers: tuple[tuple[str, str], ...],
        now: float,
    ) -> Outs:
        """Put a request of the other leg's to the peer."""
        session = self.current
        if session is None:
            return []
        return session.asking.ask(exchange, method, body, content_type, headers, now)

    # ── from the network ──────────────────────────────────────────────────────────────────────────────────────────────

    def cancelled(self, transaction: str, request: Request, now: float) -> Outs:
        """A CANCEL of an INVITE that this leg has."""
        return self.session.cancelled(transaction, now) if self.session is not None else []

    def answered(self, transaction: str, response: Response, now: float) -> Outs:
        session = self._asked(transaction)
        return session.asking.answered(transaction, response, now) if session is not None else []

    def failed(self, transaction: str, status: int, phrase: str, now: float, why: str = "") -> Outs:
        """`why`: what the transport says, for the call log and not for the other leg."""
        session = self._asked(transaction)
        return session.asking.failed(transaction, status, phrase, now) if session is not None else []

    def resolved(self, flows: tuple[Flow, ...], now: float) -> Outs:
        if self.searching:
            for early in self.earlies():
                if early.session.asking.resolving:
                    return early.session.asking.resolved(flows, now)
        return self.session.asking.resolved(flows, now) if self.session is not None else []

    def unresolvable(self, reason: str, now: float) -> Outs:
        return SipLeg.resolved(self, (), now)

    def _asked(self, transaction: str) -> Session | None:
        """Whose request a client transaction is."""
        for early in self.earlies():
            if early.session.asking.knows(transaction):
                return early.session
        return self.session

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        if self.session is not None:
            return self.session.expire(what, transaction, now)
        # An early dialog's: it knows its own by their transaction.
        return [out for early in self.earlies() if transaction for out in early.session.expire(what, transaction, now)]
