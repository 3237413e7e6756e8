"""Requests that cross a call while it is up: re-INVITE, UPDATE, INFO.

One change of the session at a time: while it is open, a second is told 491 (RFC 3261 §14, glare). An UPDATE for a peer
that does not know UPDATE crosses as a re-INVITE; one that carries nothing only says "still here" and is answered here.
INFO crosses at any time.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from trunkline.call.b2bua.hunt import crossed as crossed_refusal
from trunkline.call.b2bua.media_plan import End, MediaPlan
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Acknowledged, Asked, Refreshed, Replied, Withdrawn
from trunkline.call.leg.headers import warning as warning_line
from trunkline.call.leg.session import Session
from trunkline.sdp.multipart import find_sdp
from trunkline.sdp.refusal import Refusal, refuse_answer

REFRESHED = "refreshed"
"""The exchange of an offer that nobody asked for: an answer to a refresh brought it."""


class Party(Protocol):
    """A connected leg, as far as exchanges need it."""

    @property
    def id(self) -> str: ...

    @property
    def session(self) -> Session | None: ...

    @property
    def current(self) -> Session | None: ...

    @property
    def gone(self) -> bool: ...

    def acknowledge(self, body: bytes, now: float) -> Outs: ...

    def disconnect(self, reason: str, now: float) -> Outs: ...

    def close(self) -> Outs: ...

    def belong(self, call: str) -> None: ...

    def ask(
        self,
        exchange: str,
        method: str,
        body: bytes,
        content_type: str,
        headers: tuple[tuple[str, str], ...],
        now: float,
    ) -> Outs: ...


class _Open(NamedTuple):
    """A change of the session that waits for its answer, or for the ACK that brings it."""

    exchange: str
    side: End
    """Who asked."""
    offered: bool
    """Whether the asking side's request carried the offer."""
    invite: bool
    """Whether the asking side sent a re-INVITE, whose ACK may bring the answer."""


class _Withdrawn(NamedTuple):
    """An offer that its asker took back while the other side may have taken it."""

    exchange: str
    side: End
    body: bytes
    """What the other side was sent before it."""


class Exchanges:
    """Those of one call."""

    __slots__ = ("_infos", "_open", "_plan", "_withdrawn")

    def __init__(self, plan: MediaPlan) -> None:
        self._plan = plan
        self._open: _Open | None = None
        self._infos: dict[str, End] = {}
        self._withdrawn: _Withdrawn | None = None

    @property
    def quiet(self) -> bool:
        """Whether no change of the session is open."""
        return self._open is None

    def asked(self, event: Asked, side: End, asker: Party, other: Party, now: float) -> Outs:
        session = asker.current
        if session is None:
            return []
        if event.method == "INFO":
            self._infos[event.exchange] = side
            return other.ask(event.exchange, "INFO", event.body, event.content_type, event.headers, now)
        if self._open is not None or self._plan.offerer is not None:
            return session.reply(event.exchange, 491, "Request Pending", b"", "", "", now)
        method = event.method
        # Without a session description in it a body (ISUP, a location) is no offer, and nothing that must cross.
        body = event.body if find_sdp(event.content_type or None, event.body) is not None else b""
        if self._repeats(event, side, session):
            # A refresh of the session (RFC 4028): of one leg, so not for the other.
            same = session.asking.description if body else b""
            return session.reply(event.exchange, 200, "OK", same, "", "", now)
        if other.current is not None and other.current.asking.changing:
            return session.reply(event.exchange, 491, "Request Pending", b"", "", "", now)
        if method == "PRACK":
            method = "UPDATE"
        if method == "UPDATE" and (other.current is None or not other.current.asking.allows_update):
            if not body:
                return session.reply(event.exchange, 200, "OK", b"", "", "", now)
            if other.session is None and other.current is not None:
                return _too_soon(event, session, now)
            method = "INVITE"
        if body:
            crossed = self._plan.offer(side, body, event.content_type)
            if isinstance(crossed, Refusal):
                return session.reply(
                    event.exchange, crossed.status, crossed.phrase, b"", "", crossed.line(session.ua.brand), now
                )
            body = crossed
        self._open = _Open(event.exchange, side, bool(body), event.method == "INVITE")
        return other.ask(event.exchange, method, body, "", event.headers, now)

    def _repeats(self, event: Asked, side: End, session: Session) -> bool:
        """Whether a request says nothing that is new to the other side."""
        if event.body:
            return bool(session.asking.description) and self._plan.unchanged(side, event.body)
        return event.method == "UPDATE" and not event.headers

    def refreshed(self, event: Refreshed, side: End, other: Party, now: float) -> Outs:
        """A refresh of ours was answered. Who answers with something new has changed its end of the session: that
        crosses as an offer."""
        if self._open is not None or self._plan.offerer is not None or self._plan.unchanged(side, event.body):
            return []
        if other.current is not None and other.current.asking.changing:
            return []
        crossed = self._plan.offer(side, event.body, event.content_type)
        if isinstance(crossed, Refusal):
            return []
        self._open = _Open(REFRESHED, side, True, False)
        update = other.current is not None and other.current.asking.allows_update
        return other.ask(REFRESHED, "UPDATE" if update else "INVITE", crossed, "", (), now)

    def replied(self, event: Replied, asker: Party, other: Party, now: float) -> Outs:
        """`asker` is the leg that asked; the event comes from the other."""
        session = asker.current
        status, words = event.status, event.phrase
        if status >= 300:
            status, words = crossed_refusal(status, words)
        if self._infos.pop(event.exchange, None) is not None:
            if session is None:
                return []
            return session.reply(event.exchange, status, words, event.body, event.content_type, event.taken, now)
        current = self._open
        if current is None or current.exchange != event.exchange:
            return self._restored(event, other, now)
        body = event.body
        if event.status < 300 and current.offered and not body:
            # Who offered must have an answer in a 2xx (RFC 3264 §5): without one nothing was agreed.
            return self._unusable(current, refuse_answer("The answer holds no session description"), asker, other, now)
        if event.status >= 300 or not body or not (current.offered or current.invite):
            # Refused, or a change of no session: what was agreed before holds on, and no description crosses.
            self._open = None
            if current.offered:
                self._plan.withdraw(current.side)
            body = b""
        else:
            answering: End = "agent" if current.side == "caller" else "caller"
            if current.offered:
                self._open = None
                crossed = self._plan.answer(answering, body, event.content_type)
            else:
                crossed = self._plan.offer(answering, body, event.content_type)
            if isinstance(crossed, Refusal):
                return self._unusable(current, crossed, asker, other, now)
            body = crossed
        if session is None:
            return []
        said = warning_line(event.warning, session.ua.brand) if event.warning else event.taken
        return session.reply(event.exchange, status, words, body, "", said, now)

    def _unusable(self, current: _Open, refusal: Refusal, asker: Party, other: Party, now: float) -> Outs:
        """The other side agreed with a session description that cannot cross: what was agreed before holds on."""
        self._open = None
        outs: Outs = []
        if current.offered:
            self._plan.withdraw(current.side)
        else:
            # Its offer stays unanswered, but its 2xx must have an ACK.
            outs += other.acknowledge(b"", now)
        if asker.current is None:
            return outs
        status = refusal.status if refusal.status == 488 else 502
        words = refusal.phrase if status == refusal.status else "Bad Gateway"
        warning = refusal.line(asker.current.ua.brand)
        return outs + asker.current.reply(current.exchange, status, words, b"", "", warning, now)

    def acknowledged(self, event: Acknowledged, other: Party, now: float) -> Outs:
        """The ACK that brings the answer to an offer of the other side's."""
        current = self._open
        if current is None or current.exchange != event.exchange or current.offered:
            return []
        self._open = None
        crossed = self._plan.answer(current.side, event.body)
        if isinstance(crossed, Refusal):
            # The offer stays unanswered, but the 2xx that brought it must have an ACK.
            self._plan.withdraw("agent" if current.side == "caller" else "caller")
            return other.acknowledge(b"", now)
        return other.acknowledge(crossed, now)

    def withdrawn(self, event: Withdrawn, other: Party, now: float) -> Outs:
        """The asking side took its re-INVITE back: so do we. What the other side answers to it changes nothing."""
        current = self._open
        if current is None or current.exchange != event.exchange:
            return []
        self._open = None
        if current.offered:
            self._plan.withdraw(current.side)
        if other.current is None:
            return []
        if current.offered:
            self._withdrawn = _Withdrawn(event.exchange, current.side, other.current.asking.description)
        return other.current.asking.withdraw(event.exchange, now)

    def _restored(self, event: Replied, other: Party, now: float) -> Outs:
        """An answer to what was withdrawn. A 2xx crossed the CANCEL: that side has the new session, the other the old
        one, which it is offered again."""
        withdrawn = self._withdrawn
        if withdrawn is None or withdrawn.exchange != event.exchange:
            return []
        self._withdrawn = None
        if event.status >= 300 or not withdrawn.body or self._open is not None or other.current is None:
            return []
        body = self._plan.again(withdrawn.side, withdrawn.body)
        if body is None:
            return []
        self._open = _Open(REFRESHED, withdrawn.side, True, False)
        method = "UPDATE" if other.current.asking.allows_update else "INVITE"
        return other.ask(REFRESHED, method, body, "", (), now)

    def abandon(self, side: End, asker: Party, now: float) -> Outs:
        """The other side is gone: what `asker` asked it is told so, and may be asked again."""
        current, self._open = self._open, None
        asked = [exchange for exchange, whose in self._infos.items() if whose == side]
        self._infos.clear()
        if current is not None and current.side == side:
            asked.append(current.exchange)
        outs: Outs = []
        if asker.current is not None:
            for exchange in asked:
                headers = "Retry-After: 3\r\n"
                outs += asker.current.reply(exchange, 500, "Server Internal Error", b"", "", headers, now)
        return outs

    def lost(self, exchange: str, status: int) -> bool:
        """Whether the answer to an exchange says that the other side's dialog is gone (§12.2.1.2). Silence says so to a
        change of the session, and not to an INFO, nor to what somebody asked who has been replaced since."""
        if status != 408:
            return status == 481
        return any(one is not None and one.exchange == exchange for one in (self._open, self._withdrawn))


def _too_soon(event: Asked, session: Session, now: float) -> Outs:
    """No INVITE goes into an early dialog (RFC 3261 §14.1), so that a peer without UPDATE is asked after its answer."""
    if event.method == "PRACK":
        return session.reply(event.exchange, 488, "Not Acceptable Here", b"", "", "", now)
    return session.reply(event.exchange, 504, "Server Time-out", b"", "", "", now)
