"""One confirmed dialog of a leg. Here are the peer's requests inside it: BYE, re-INVITE, UPDATE, INFO, ACK; ours are
in `asking`.

What changes the session or informs the other side is not answered here: it crosses the call as an exchange of its own,
named by the transaction it came in, and comes back by `reply`. A 2xx of ours to an INVITE is sent again until its ACK
(RFC 3261 §13.3.1.4), on every transport, because the ACK is end to end.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trunkline.call.leg.acceptance import Acceptance
from trunkline.call.leg.asking import SESSION, Asking, Outs
from trunkline.call.leg.credentials import Credentials
from trunkline.call.leg.events import Acknowledged, Asked, Disconnected, Lost, Withdrawn
from trunkline.call.leg.gate import KNOWN, uninformed, unreadable
from trunkline.call.leg.headers import content_type, crossing, subscribing
from trunkline.call.leg.headers import reason as reason_line
from trunkline.call.leg.question import Question
from trunkline.call.leg.route import latest
from trunkline.call.leg.user_agent import ALLOW, CAPABLE, CHANGES, SUBSCRIBING, UserAgent
from trunkline.model.trunk import TlsProfile
from trunkline.sip.dialog.dialog import Dialog
from trunkline.sip.dialog.session_timer import NOTHING, Said, SessionTimer, said
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response

TRYING: Final = "trying"
"""The wait after which a re-INVITE that has no answer yet is told that it came."""
_SOON: Final = 0.2
LATE: Final = "late"
"""The wait after which an UPDATE, or an offer in a PRACK, that has no answer yet gets 504, before its sender gives up
the dialog for it: it may have crossed as a re-INVITE, which somebody has to agree to (RFC 3311 §5.2)."""
_MOST_WAITING: Final = 16
"""Requests of one peer that cross at the same time; more of them are a flood."""


class _Waiting(NamedTuple):
    """A request of the peer's that waits for the other leg's answer."""

    method: str
    sequence: int
    said: Said
    """What it says of the session timer."""


class Session:
    """One leg's confirmed dialog."""

    __slots__ = (
        "_acceptance",
        "_ending",
        "_incoming",
        "_nat",
        "allow",
        "asking",
        "call",
        "dialog",
        "ended",
        "invite",
        "leg",
        "ua",
    )

    def __init__(
        self,
        ua: UserAgent,
        leg: str,
        call: str,
        dialog: Dialog,
        nat: bool,
        credentials: Credentials | None,
        tls: TlsProfile | None = None,
        timer: SessionTimer | None = None,
    ) -> None:
        self.ua = ua
        self.leg = leg
        self.call = call
        self.dialog = dialog
        timer = timer or SessionTimer(ua.extensions.session_expires, ua.extensions.min_se)
        self.asking = Asking(ua, leg, call, dialog, nat, credentials, tls, timer)
        """Our requests to the peer."""
        self.invite = dialog.remote_sequence or 0
        """The CSeq number of the peer's INVITE, where that made the dialog."""
        self.ended = False
        """Nothing but the end of the end is awaited."""
        self.allow: str | None = None
        """The peer's Allow, as it was said when the dialog was made; None when it was not."""
        self._nat = nat
        self._acceptance = Acceptance(ua, leg)
        self._ending: str | None = None
        self._incoming: dict[str, _Waiting] = {}
        """By server transaction."""
        ua.know(dialog, leg)

    @property
    def gone(self) -> bool:
        """Nothing is awaited."""
        return self.asking.over

    @property
    def changing(self) -> bool:
        """Whether a change of the session is open, either way, or waits for its ACK."""
        if self.asking.changing or self._acceptance.pending:
            return True
        return any(waiting.method in CHANGES or waiting.method == "PRACK" for waiting in self._incoming.values())

    def belong(self, call: str) -> None:
        """Its leg is in another call from now on."""
        self.call = call
        self.asking.call = call

    # ── made ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def met(self, message: Request | Response, flow: Flow) -> Outs:
        """Take from the message that made the dialog what the peer can do, and decide the flow for our requests."""
        allow = message.headers("allow")
        self.allow = ", ".join(allow) if allow else None
        self.asking.allows_update = self.allow is not None and "UPDATE" in self.allow
        return self.asking.route(flow)

    def accepted(self, transaction: str, sequence: int, exchange: str, now: float) -> None:
        """A 2xx of ours went out; it is sent again until its ACK."""
        self._acceptance.begin(transaction, sequence, exchange, now)

    # ── from the peer ─────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request, flow: Flow, now: float) -> Outs:
        """A request inside the dialog."""
        method = request.method
        if method == "ACK":
            self.dialog.flow = latest(self.dialog.flow, flow)
            return self.acknowledged(request, now)
        layer = self.ua.layer
        key = layer.open(request, flow, self.leg, self.call).key
        if not self.dialog.in_order(request):
            return [*layer.respond(key, 500, now, headers=f'Warning: 399 {self.ua.brand} "out of order"\r\n')]
        self.dialog.flow = latest(self.dialog.flow, flow)
        if method == "BYE":
            return self._bye_received(request, key, now)
        if self.ended:
            return self._answer(key, 481, now)
        return self._asked(request, key, flow, now)

    def _asked(self, request: Request, key: str, flow: Flow, now: float) -> Outs:
        """A request that wants an answer, of us or of the other side."""
        method = request.method
        if method == "OPTIONS":
            return self._answer(key, 200, now, f"{ALLOW}Accept: application/sdp\r\n")
        if method == "PRACK":
            # Of no provisional response that waits for one (RFC 3262 §3).
            return self._answer(key, 481, now)
        if method not in CHANGES and method != "INFO" and method not in SUBSCRIBING:
            return self._answer(key, 405 if method in KNOWN else 501, now, ALLOW)
        if method == "INFO" and (refused := uninformed(request)) is not None:
            return self._answer(key, refused.status, now, refused.headers)
        if len(self._incoming) >= _MOST_WAITING:
            return self._answer(key, 500, now, "Retry-After: 3\r\n")
        outs: Outs = []
        told = NOTHING
        if method in CHANGES:
            refusal = unreadable(request) if request.body else None
            if refusal is not None:
                return self._answer(key, refusal.status, now, refusal.headers)
            if self.asking.changing or self._acceptance.pending:
                # Glare, or a change that overtook the ACK of the one before (RFC 5407 §3.1).
                return self._answer(key, 491, now)
            if self.changing:
                return self._answer(key, 500, now, "Retry-After: 3\r\n")
            told = said(request)
            if self.asking.timer.too_short(told):
                return self._answer(key, 422, now, self.asking.timer.minimum)
        if method != "INFO" and method != "NOTIFY":
            if flow.transport != "udp" or self._nat:
                self.dialog.flow = flow
            if self.dialog.refresh(request):
                outs += self.asking.route(self.dialog.flow)
        if method == "INVITE":
            # What is answered sooner needs no 100 (§17.2.1); what is not gets one before it is sent again.
            self.ua.timers.arm(now, _SOON, (self.leg, TRYING, key))
        return outs + self.take(request, key, now, told)

    def take(self, request: Request, key: str, now: float, told: Said = NOTHING) -> Outs:
        """A request goes on to the other side; its server transaction waits for `reply`."""
        method = request.method
        if method == "UPDATE" or method == "PRACK":
            timing = self.ua.layer.timing
            wait = max(timing.patience - timing.t2, timing.patience / 2)
            self.ua.timers.arm(now, wait, (self.leg, LATE, key))
        self._incoming[key] = _Waiting(method, request.cseq, told)
        headers = crossing(request, f"x-{self.ua.brand.lower()}-")
        if method in SUBSCRIBING:
            headers = (*subscribing(request), *headers)
        return [Asked(self.leg, key, method, request.body, content_type(request), headers)]

    def acknowledged(self, request: Request, now: float) -> Outs:
        """The ACK of a 2xx of ours. One for another, or a repeat, does nothing."""
        acceptance = self._acceptance
        if not acceptance.acknowledged(request):
            return []
        outs: Outs = [Acknowledged(self.leg, request.body, acceptance.exchange)]
        if self._ending is not None:
            outs += self.asking.send(Question("BYE", "", self._ending), now)
            self._ending = None
        return outs

    def cancelled(self, transaction: str, now: float) -> Outs:
        """A CANCEL of a re-INVITE."""
        return self._give_up(transaction, 487, now)

    def expire(self, what: str, transaction: str, now: float) -> Outs:
        """A wait of this session's is over."""
        if what == SESSION:
            return self._session_due(now)
        if what == TRYING:
            return self._answer(transaction, 100, now) if transaction in self._incoming else []
        if what == LATE:
            return self._give_up(transaction, 504, now)
        acceptance = self._acceptance
        if not acceptance.concerns(transaction):
            return []
        if what == "resend":
            return [*acceptance.resend(now)]
        acceptance.drop()
        reason = 'Reason: SIP;cause=408;text="no ACK"\r\n'
        outs = self._leave(now)
        outs += self.asking.send(Question("BYE", "", self._ending or reason), now)
        if self._ending is None:
            outs.append(Disconnected(self.leg, "no-ack", 'SIP;cause=408;text="no ACK"'))
        self._ending = None
        self.ended = True
        return outs

    # ── from the call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def reply(
        self, exchange: str, status: int, phrase: str, body: bytes, content_type: str, headers: str, now: float
    ) -> Outs:
        """Answer what the peer asked, as the other leg answered it."""
        waiting = self._incoming.get(exchange)
        if waiting is None:
            return []
        method = waiting.method
        if status >= 200:
            del self._incoming[exchange]
        if status < 300 and method != "INFO":
            headers += self.ua.contact_in(self.dialog) + CAPABLE
            if status >= 200 and method in CHANGES:
                headers += self.begin(waiting.said, now)
            if status >= 200 and body:
                self.asking.description = body
        if body:
            headers += f"Content-Type: {content_type or 'application/sdp'}\r\n"
        if method == "INVITE" and 200 <= status < 300:
            self.accepted(exchange, waiting.sequence, exchange, now)
        return self._answer(exchange, status, now, headers, body, phrase)

    def bye(self, reason: str, now: float) -> Outs:
        """End the dialog. Before the ACK of our 2xx a BYE must wait (§15)."""
        if self.ended:
            return []
        self.ended = True
        headers = reason_line(reason)
        outs = self._leave(now)
        outs += self.asking.acknowledge()
        if self._acceptance.pending:
            self._ending = headers
            return outs
        return outs + self.asking.send(Question("BYE", "", headers), now)

    def begin(self, told: Said, now: float) -> str:
        """A 2xx of ours goes out to a request that said this of the session timer; the lines for it."""
        lines = self.asking.timer.accept(told, now)
        self.asking.watch()
        return lines

    def drop(self, now: float) -> Outs:
        """An early dialog comes to nothing; what its peer asked in it has no answer."""
        self.ended = self.asking.over = True
        return self._leave(now)

    def close(self) -> None:
        """Forget the dialog."""
        self.ua.alarms.clear((self.leg, SESSION))
        self.ua.forget([self.dialog.key])

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _session_due(self, now: float) -> Outs:
        """The session is to be refreshed, or nobody refreshed it."""
        asking = self.asking
        if self.ended:
            return []
        timing = self.ua.layer.timing
        last = asking.timer.end + timing.patience
        if self.changing and now < last:
            # What is under way refreshes the session as well. But a re-INVITE may be worked on for ever.
            self.ua.alarms.set((self.leg, SESSION), min(now + timing.t2, last))
            return []
        due = asking.timer.expire(now)
        if due == "expired":
            return [Lost(self.leg, "session-expired", 'SIP;cause=408;text="session expired"')]
        asking.watch()
        return asking.refresh(now) if due == "refresh" else []

    def _give_up(self, transaction: str, status: int, now: float) -> Outs:
        """The other side's answer to a request is not waited for any more."""
        if self._incoming.pop(transaction, None) is None:
            return []
        return [*self._answer(transaction, status, now), Withdrawn(self.leg, transaction)]

    def _leave(self, now: float) -> Outs:
        """The dialog ends: nothing that is open in it, either way, stays so."""
        self.ua.alarms.clear((self.leg, SESSION))
        outs: Outs = []
        for transaction in self._incoming:
            outs += self._answer(transaction, 487, now)
        self._incoming.clear()
        self.asking.abandon(now)
        return outs

    def _answer(
        self, key: str, status: int, now: float, headers: str = "", body: bytes = b"", words: str | None = None
    ) -> Outs:
        return [*self.ua.layer.respond(key, status, now, self.dialog.local_tag, headers, body, words)]

    def _bye_received(self, request: Request, key: str, now: float) -> Outs:
        outs = self._answer(key, 200, now) + self._leave(now)
        self._acceptance.drop()
        if self._ending is not None:
            # The BYE that waited for the ACK has nobody to go to any more.
            self._ending = None
            self.asking.over = True
        if not self.ended:
            outs.append(Disconnected(self.leg, "normal", request.get("reason") or ""))
            self.ended = self.asking.over = True
        return outs
